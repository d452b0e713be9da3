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

pub(crate) struct Proxy {
    pub(crate) port: u16,
    weather: Arc<watch::Sender<Weather>>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let told = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let told = told.subscribe();
                if *told.borrow() == Weather::Cut {
                    reset(&client);
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    tokio::spawn(carry(client, server, told));
                }
            }
        });
        Self { port, weather }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn carry(mut client: TcpStream, mut server: TcpStream, told: watch::Receiver<Weather>) {
    let mut cut = told.clone();
    {
        let (client_in, client_out) = client.split();
        let (server_in, server_out) = server.split();
        tokio::select! {
            _ = pass(client_in, server_out, told.clone()) => {}
            _ = pass(server_in, client_out, told) => {}
            _ = cut.wait_for(|weather| *weather == Weather::Cut) => {}
        }
    }
    reset(&client);
    reset(&server);
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    told: watch::Receiver<Weather>,
) -> std::io::Result<()> {
    let mut swallowed = false;
    let mut buffer = vec![0; 65_536];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // A stream that lost bytes stays dead when the weather clears.
        swallowed |= *told.borrow() == Weather::Swallow;
        if swallowed {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
