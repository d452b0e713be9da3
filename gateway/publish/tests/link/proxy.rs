//! A TCP proxy between link and broker that can cut, swallow and hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// They pass.
    Open,
    /// Connections are closed, new ones too.
    Cut,
    /// Bytes of the link vanish; nothing is closed.
    Swallow,
    /// Bytes of the link pass, answers of the broker wait.
    HoldAnswers,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    way: watch::Sender<Way>,
    poison: Arc<Mutex<Option<Vec<u8>>>>,
    swallowed: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn start(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (way, watch) = watch::channel(Way::Open);
        let poison = Arc::new(Mutex::new(None));
        let marker = Arc::clone(&poison);
        let swallowed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&swallowed);
        tokio::spawn(async move {
            while let Ok((link, _)) = listener.accept().await {
                if *watch.borrow() == Way::Cut {
                    continue;
                }
                let (watch, marker) = (watch.clone(), Arc::clone(&marker));
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, broker));
                    if let Ok(broker) = TcpStream::connect(address).await {
                        carry(link, broker, watch, marker, count).await;
                    }
                });
            }
        });
        Self { port, way, poison, swallowed }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Bytes of the link that vanished.
    pub(crate) fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::Relaxed)
    }

    /// A connection that carries these bytes towards the broker is closed.
    pub(crate) fn close_on(&self, bytes: &[u8]) {
        *self.poison.lock().unwrap() = Some(bytes.to_vec());
    }
}

async fn carry(
    link: TcpStream,
    broker: TcpStream,
    mut watch: watch::Receiver<Way>,
    poison: Arc<Mutex<Option<Vec<u8>>>>,
    swallowed: Arc<AtomicUsize>,
) {
    let (mut link_in, mut link_out) = link.into_split();
    let (mut broker_in, mut broker_out) = broker.into_split();
    let mut up = vec![0; 64 * 1024];
    let mut down = vec![0; 64 * 1024];
    loop {
        let way = *watch.borrow_and_update();
        if way == Way::Cut {
            return;
        }
        tokio::select! {
            _ = watch.changed() => {}
            count = link_in.read(&mut up) => {
                let Ok(count @ 1..) = count else { return };
                let marker = poison.lock().unwrap().clone();
                if let Some(marker) = marker
                    && up[..count].windows(marker.len()).any(|window| window == marker)
                {
                    return;
                }
                if way == Way::Swallow {
                    swallowed.fetch_add(count, Ordering::Relaxed);
                } else if broker_out.write_all(&up[..count]).await.is_err() {
                    return;
                }
            }
            count = broker_in.read(&mut down), if way != Way::HoldAnswers => {
                let Ok(count @ 1..) = count else { return };
                if link_out.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
