//! What the gateway says of itself at `/healthz`, as far as the demo shows it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A gateway that does not answer in this time is shown as gone.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// The books of a gateway.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Health {
    /// Samples handed over by drivers.
    pub acquired: u64,
    /// Not sent on purpose, because nothing changed.
    pub suppressed: u64,
    /// By how many readings the books are off.
    pub imbalance: u64,
    /// One per broker.
    pub destinations: Vec<Destination>,
    /// The buffer on disk.
    pub buffer: Buffer,
}

/// A destination's side of the books.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Destination {
    /// Confirmed.
    pub delivered: u64,
    /// Still to be confirmed.
    pub waiting: u64,
    /// Dropped for want of room.
    pub shed: u64,
    /// Dropped for age.
    pub expired: u64,
}

/// The buffer on disk.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Buffer {
    /// Readings written.
    pub stored: u64,
}

impl Health {
    /// Readings that wait for the slowest destination.
    pub fn waiting(&self) -> u64 {
        self.destinations.iter().map(|d| d.waiting).max().unwrap_or(0)
    }

    /// Readings confirmed by the first destination.
    pub fn delivered(&self) -> u64 {
        self.destinations.first().map_or(0, |d| d.delivered)
    }

    /// Readings dropped, all of them declared.
    pub fn dropped(&self) -> u64 {
        self.destinations.iter().map(|d| d.shed + d.expired).sum()
    }
}

/// Asks the gateway. `None` while it is not there.
pub async fn ask(status: SocketAddr) -> Option<Health> {
    tokio::time::timeout(ANSWERS_WITHIN, get(status)).await.ok()?
}

/// One GET without keep-alive; the answer ends with the connection.
async fn get(status: SocketAddr) -> Option<Health> {
    let mut stream = TcpStream::connect(status).await.ok()?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}
