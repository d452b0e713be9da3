//! What carries the bytes of a line: a serial port, or a socket to a serial server.

use std::time::Duration;

use serial2_tokio::SerialPort;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Carrier;

/// An open port or socket.
#[derive(Debug)]
pub(crate) enum Wire {
    Serial(SerialPort),
    Tcp(TcpStream),
    /// A line in memory, for tests in virtual time.
    #[cfg(test)]
    Memory(tokio::io::DuplexStream),
}

impl Wire {
    /// Opens it within `limit`; the words are for the operator.
    pub(crate) async fn open(carrier: &Carrier, limit: Duration) -> Result<Self, String> {
        match carrier {
            Carrier::Serial(settings) => {
                settings.open().map(Self::Serial).map_err(|error| error.to_string())
            }
            Carrier::Tcp { host, port } => {
                let connect = TcpStream::connect((host.as_str(), *port));
                let stream = match timeout(limit, connect).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => return Err(error.to_string()),
                    Err(_) => return Err(format!("no answer within {} ms", limit.as_millis())),
                };
                // A request is one small segment: it must not wait for the next.
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    /// At least one byte. Cancel safe.
    pub(crate) async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, String> {
        let read = match self {
            Self::Serial(port) => port.read(bytes).await,
            Self::Tcp(stream) => stream.read(bytes).await,
            #[cfg(test)]
            Self::Memory(stream) => stream.read(bytes).await,
        };
        match read {
            Ok(0) => Err("closed by the other side".to_string()),
            Ok(count) => Ok(count),
            Err(error) => Err(format!("cannot receive: {error}")),
        }
    }

    /// All of `bytes`. Not cancel safe: a part of them may have gone.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = match self {
            Self::Serial(port) => port.write_all(bytes).await,
            Self::Tcp(stream) => stream.write_all(bytes).await,
            #[cfg(test)]
            Self::Memory(stream) => stream.write_all(bytes).await,
        };
        written.map_err(|error| format!("cannot send: {error}"))
    }
}
