//! The proxy: a stretch of network between gateway and broker that can be cut, swallow packets or add delay.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::console::{OrderError, parse_time};

/// Chunks on their way in one direction: 256 of at most 16 KiB fill a link of
/// 80 ms at 50 MB/s; beyond that the sender is held back as by TCP itself.
const CHUNKS_IN_FLIGHT: usize = 256;
const CHUNK_BYTES: usize = 16 * 1024;

/// How long a broken upstream connect keeps its client waiting.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What the network does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    /// Carries bytes, each after this delay per direction.
    Up(Duration),
    /// Refuses connections and resets those there are.
    Cut,
    /// Takes every byte and delivers none: a half-open link. New connections
    /// are accepted and swallowed too.
    Swallow,
}

/// A proxy on a loopback port. Dropping it cuts everything.
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Carries connections to `port` of the loopback interface (0 for a free
    /// one) on to `to`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16, to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (network, state) = watch::channel(Network::Up(Duration::ZERO));
        let accepting = tokio::spawn(accept(listener, address, to, state));
        Ok(Self { address, network, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the network does, from the next byte on.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Carries out an order from the console: `cut`, `swallow`, `restore`, `delay 80ms`.
    ///
    /// # Errors
    /// When the order is not one of these.
    pub fn order(&self, words: &[String]) -> Result<(), OrderError> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let network = match words[..] {
            ["cut"] => Network::Cut,
            ["swallow"] => Network::Swallow,
            ["restore"] => Network::Up(Duration::ZERO),
            ["delay", time] => Network::Up(parse_time(time)?),
            _ => return Err(OrderError::Unknown(words.join(" "))),
        };
        self.set(network);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts while the network is not cut. Connections live in this task's set
/// and so end with it.
async fn accept(
    first: TcpListener,
    address: SocketAddr,
    to: SocketAddr,
    mut state: watch::Receiver<Network>,
) {
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    loop {
        let cut = *state.borrow_and_update() == Network::Cut;
        if cut {
            listener = None;
        } else if listener.is_none() {
            match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => tracing::error!(%error, %address, "cannot listen again"),
            }
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
            Ok((client, _)) = next_client(listener.as_ref()) => {
                connections.spawn(connection(client, to, state.clone()));
            }
        }
    }
}

async fn next_client(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One connection until it ends by itself, is cut, or was swallowed and the
/// network came back: what was lost in between can't be made up.
async fn connection(client: TcpStream, to: SocketAddr, mut state: watch::Receiver<Network>) {
    let carried = carry(client, to, state.clone());
    let outage = async {
        let mut swallowed = *state.borrow() == Network::Swallow;
        loop {
            if state.changed().await.is_err() {
                return;
            }
            match *state.borrow_and_update() {
                Network::Cut => return,
                Network::Swallow => swallowed = true,
                Network::Up(_) if swallowed => return,
                Network::Up(_) => {}
            }
        }
    };
    tokio::select! {
        () = outage => {}
        carried = carried => if let Err(error) = carried {
            tracing::debug!(%error, "connection ended");
        }
    }
}

async fn carry(
    client: TcpStream,
    to: SocketAddr,
    state: watch::Receiver<Network>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    if *state.borrow() == Network::Swallow {
        return swallow(client).await;
    }
    let server = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(to)).await??;
    server.set_nodelay(true)?;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        up = one_way(client_read, server_write, state.clone()) => up,
        down = one_way(server_read, client_write, state) => down,
    }
}

/// Reads into the void until the peer closes.
async fn swallow(mut client: TcpStream) -> io::Result<()> {
    let mut void = vec![0; CHUNK_BYTES];
    while client.read(&mut void).await? > 0 {}
    Ok(())
}

/// Carries one direction until it ends; an end of one direction ends both.
async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: watch::Receiver<Network>,
) -> io::Result<()> {
    let (on_the_way, mut due) = mpsc::channel::<(Instant, Bytes)>(CHUNKS_IN_FLIGHT);
    let take_in = async move {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            if from.read_buf(&mut chunk).await? == 0 {
                return Ok::<_, io::Error>(());
            }
            let delay = match *state.borrow() {
                Network::Up(delay) => delay,
                Network::Cut | Network::Swallow => continue,
            };
            if on_the_way.send((Instant::now() + delay, chunk.freeze())).await.is_err() {
                return Ok(());
            }
        }
    };
    let give_out = async move {
        while let Some((at, chunk)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            to.write_all(&chunk).await?;
        }
        Ok::<_, io::Error>(())
    };
    tokio::try_join!(take_in, give_out).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::{Network, Proxy};
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// A server that sends back what it gets.
    async fn echo() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn ask(client: &mut TcpStream) -> std::io::Result<[u8; 2]> {
        client.write_all(b"hi").await?;
        let mut answer = [0; 2];
        client.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_refuses_new_ones_until_restored() {
        let proxy = Proxy::start(0, echo().await).await.unwrap();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut client).await.unwrap(), *b"hi");
        proxy.set(Network::Cut);
        assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0);
        assert!(TcpStream::connect(proxy.address()).await.is_err());
        proxy.set(Network::Up(Duration::ZERO));
        let mut client = reconnect(&proxy).await;
        assert_eq!(ask(&mut client).await.unwrap(), *b"hi");
    }

    /// The port opens when the proxy's task has heard the order.
    async fn reconnect(proxy: &Proxy) -> TcpStream {
        loop {
            match TcpStream::connect(proxy.address()).await {
                Ok(client) => return client,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn a_swallowing_link_takes_bytes_answers_none_and_dies_when_restored() {
        let proxy = Proxy::start(0, echo().await).await.unwrap();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut client).await.unwrap(), *b"hi");
        proxy.set(Network::Swallow);
        let silence = tokio::time::timeout(Duration::from_millis(200), ask(&mut client)).await;
        assert!(silence.is_err(), "an answer came through");
        let mut newcomer = TcpStream::connect(proxy.address()).await.unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(200), ask(&mut newcomer)).await;
        assert!(silence.is_err(), "an answer came through");
        proxy.set(Network::Up(Duration::ZERO));
        assert_eq!(client.read(&mut [0; 2]).await.unwrap_or(0), 0);
        assert_eq!(newcomer.read(&mut [0; 2]).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn delay_counts_in_both_directions() {
        let proxy = Proxy::start(0, echo().await).await.unwrap();
        proxy.set(Network::Up(Duration::from_millis(40)));
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        let asked = Instant::now();
        ask(&mut client).await.unwrap();
        assert!(asked.elapsed() >= Duration::from_millis(80));
    }
}
