//! A Modbus device written by hand: it knows the bytes of a request and does
//! to its answers whatever a script says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// One request, as its bytes say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) raw: [u8; 12],
    pub(crate) transaction: u16,
    pub(crate) unit: u8,
    pub(crate) function: u8,
    pub(crate) start: u16,
    pub(crate) count: u16,
    /// 0, 1, 2, … over all connections.
    pub(crate) nth: usize,
}

impl Request {
    fn parse(raw: [u8; 12], nth: usize) -> Self {
        let word = |at: usize| u16::from_be_bytes([raw[at], raw[at + 1]]);
        assert_eq!(word(2), 0, "protocol id");
        assert_eq!(word(4), 6, "length of a read request");
        assert!((1..=4).contains(&raw[7]), "only reads ever leave: function {}", raw[7]);
        Self {
            raw,
            transaction: word(0),
            unit: raw[6],
            function: raw[7],
            start: word(8),
            count: word(10),
            nth,
        }
    }

    /// A frame around `pdu` that answers this request.
    pub(crate) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        frame(self.transaction, self.unit, pdu)
    }

    /// The correct PDU. Registers hold [`register`]; bits [`bit`].
    pub(crate) fn pdu(&self, generation: u8) -> Vec<u8> {
        let addresses = self.start..self.start + self.count;
        let data: Vec<u8> = if self.function <= 2 {
            let mut bytes = vec![0; usize::from(self.count).div_ceil(8)];
            for (n, address) in addresses.enumerate() {
                bytes[n / 8] |= u8::from(bit(address, generation)) << (n % 8);
            }
            bytes
        } else {
            addresses.flat_map(|address| register(address, generation).to_be_bytes()).collect()
        };
        [vec![self.function, data.len() as u8], data].concat()
    }

    /// The correct answer.
    pub(crate) fn answer(&self, generation: u8) -> Vec<u8> {
        self.frame(&self.pdu(generation))
    }

    pub(crate) fn exception(&self, code: u8) -> Vec<u8> {
        self.frame(&[self.function | 0x80, code])
    }
}

/// What the register at an address below 256 holds; another thing in each
/// generation, so that a stale answer shows.
pub(crate) fn register(address: u16, generation: u8) -> u16 {
    address << 8 | u16::from(generation)
}

pub(crate) fn bit(address: u16, generation: u8) -> bool {
    (address + u16::from(generation)).is_multiple_of(3)
}

pub(crate) fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = transaction.to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend((pdu.len() as u16 + 1).to_be_bytes());
    bytes.push(unit);
    bytes.extend(pdu);
    bytes
}

/// What the device does next.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Byte by byte, with a pause between.
    Drip(Vec<u8>, Duration),
    Wait(Duration),
    /// Sends this over and over until the other side closes.
    Flood(Vec<u8>),
    Close,
    /// Swallows everything from here on and never answers again.
    Swallow,
}

/// A device on a free loopback port; gone when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    open: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Peer {
    pub(crate) async fn start(
        script: impl FnMut(Request) -> Vec<Act> + Send + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let (open_there, asked_there) = (open.clone(), asked.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                open_there.fetch_add(1, Ordering::SeqCst);
                let (open, asked) = (open_there.clone(), asked_there.clone());
                let script = script.clone();
                connections.spawn(async move {
                    // An error is the other side closing.
                    let _ = serve(stream, script, &asked).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, open, asked, _tasks: tasks }
    }

    pub(crate) fn open_links(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    mut script: impl FnMut(Request) -> Vec<Act>,
    asked: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut raw = [0; 12];
        stream.read_exact(&mut raw).await?;
        let request = Request::parse(raw, asked.fetch_add(1, Ordering::SeqCst));
        for act in script(request) {
            match act {
                Act::Send(bytes) => stream.write_all(&bytes).await?,
                Act::Drip(bytes, pause) => {
                    for byte in bytes {
                        stream.write_all(&[byte]).await?;
                        sleep(pause).await;
                    }
                }
                Act::Wait(time) => sleep(time).await,
                Act::Flood(bytes) => loop {
                    stream.write_all(&bytes).await?;
                },
                Act::Close => return Ok(()),
                Act::Swallow => loop {
                    if stream.read(&mut [0; 64]).await? == 0 {
                        return Ok(());
                    }
                },
            }
        }
    }
}

/// A port on which nothing listens.
pub(crate) async fn absent() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
