//! A network that can be cut: a TCP proxy in front of a server.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weather {
    /// Everything passes.
    Fair,
    /// Connections are reset, new ones too.
    Cut,
    /// Connections stay open and nothing passes: half-open.
    Swallow,
}

/// The weather, and how often it has swallowed: a connection from before the
/// last time is dead for ever.
#[derive(Clone, Copy)]
struct Sky {
    weather: Weather,
    swallowed: u32,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    sky: Arc<watch::Sender<Sky>>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let sky = Arc::new(watch::Sender::new(Sky { weather: Weather::Fair, swallowed: 0 }));
        let told = Arc::clone(&sky);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let told = told.subscribe();
                if told.borrow().weather == Weather::Cut {
                    reset(&client);
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    tokio::spawn(carry(client, server, told));
                }
            }
        });
        Self { port, sky }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.sky.send_modify(|sky| {
            sky.weather = weather;
            sky.swallowed += u32::from(weather == Weather::Swallow);
        });
    }
}

fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn carry(mut client: TcpStream, mut server: TcpStream, told: watch::Receiver<Sky>) {
    let mut cut = told.clone();
    {
        let (client_in, client_out) = client.split();
        let (server_in, server_out) = server.split();
        tokio::select! {
            _ = pass(client_in, server_out, told.clone()) => {}
            _ = pass(server_in, client_out, told) => {}
            _ = cut.wait_for(|sky| sky.weather == Weather::Cut) => {}
        }
    }
    reset(&client);
    reset(&server);
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    told: watch::Receiver<Sky>,
) -> std::io::Result<()> {
    let opened = told.borrow().swallowed;
    let mut buffer = vec![0; 65_536];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let sky = *told.borrow();
        if sky.weather == Weather::Swallow || sky.swallowed != opened {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
