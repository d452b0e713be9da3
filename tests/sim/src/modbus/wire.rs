//! A wire to the hostile device: one connection, or the far end of a serial port.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Between two looks at a port that nobody has open.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Where bytes come from and go to.
#[derive(Debug)]
pub(super) enum Wire {
    /// A connection.
    Tcp(TcpStream),
    /// The far end of a pseudo-terminal.
    Port(AsyncFd<OwnedFd>),
}

impl Wire {
    /// A serial port that stands for this wire's near end, and its path.
    ///
    /// # Errors
    /// When the system has none to give.
    pub(super) fn port() -> io::Result<(Self, String)> {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&far)?;
        unlockpt(&far)?;
        let path = ptsname(&far, Vec::new())?.into_string().map_err(io::Error::other)?;
        fcntl_setfl(&far, OFlags::RDWR | OFlags::NONBLOCK)?;
        // `register`, its successor, is unsafe for types whose descriptor may
        // change; that of an `OwnedFd` never does.
        #[expect(deprecated, reason = "the safe one of the two")]
        let far = AsyncFd::new(far)?;
        Ok((Self::Port(far), path))
    }

    /// Some bytes; `None` when the connection is closed. Cancel safe.
    ///
    /// # Errors
    /// What the system said.
    pub(super) async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; 1024];
        let count = match self {
            Self::Tcp(stream) => stream.read(&mut bytes).await?,
            Self::Port(far) => loop {
                let mut ready = far.readable().await?;
                match rustix::io::read(far.get_ref(), &mut bytes) {
                    Ok(count @ 1..) => break count,
                    Err(Errno::AGAIN) => ready.clear_ready(),
                    // EIO: nobody has the port open.
                    _ => {
                        ready.clear_ready();
                        sleep(LOOK_AGAIN).await;
                    }
                }
            },
        };
        bytes.truncate(count);
        Ok((count > 0).then_some(bytes))
    }

    /// All of `bytes`; what a port can't take is lost, as on a line.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Port(far) => {
                let _ = rustix::io::write(far.get_ref(), bytes);
                Ok(())
            }
        }
    }
}
