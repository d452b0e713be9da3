//! The far end of a line: the master side of a pseudo-terminal, or a listening socket.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use forehearth_driver_modbus::{Carrier, SerialSettings};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Where devices wait for bytes.
pub(crate) enum End {
    Pty { master: AsyncFd<OwnedFd>, path: PathBuf },
    Tcp { listener: TcpListener, address: SocketAddr, stream: Option<TcpStream> },
}

/// What came in.
pub(crate) enum Came {
    Bytes(Vec<u8>),
    /// The other side closed; it may open again.
    Closed,
}

impl End {
    pub(crate) fn pty() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
        // `register`, its successor, is unsafe for types whose descriptor may
        // change; that of an `OwnedFd` never does.
        #[expect(deprecated, reason = "the safe one of the two")]
        let master = AsyncFd::new(master).unwrap();
        Self::Pty { master, path: path.into() }
    }

    pub(crate) async fn tcp() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::Tcp { listener, address, stream: None }
    }

    /// How the driver reaches it.
    pub(crate) fn carrier(&self) -> Carrier {
        match self {
            Self::Pty { path, .. } => {
                let mut serial = SerialSettings::new(path.clone());
                serial.baud = 115_200;
                Carrier::Serial(serial)
            }
            Self::Tcp { address, .. } => {
                Carrier::Tcp { host: address.ip().to_string(), port: address.port() }
            }
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        match self {
            Self::Pty { path, .. } => path,
            Self::Tcp { .. } => panic!("a socket has no path"),
        }
    }

    /// Cancel safe.
    pub(crate) async fn read(&mut self) -> Came {
        let mut bytes = vec![0; 512];
        match self {
            Self::Pty { master, .. } => loop {
                let mut ready = master.readable().await.unwrap();
                match ready.try_io(|fd| Ok(rustix::io::read(fd, &mut bytes))) {
                    Ok(Ok(Ok(count @ 1..))) => {
                        bytes.truncate(count);
                        return Came::Bytes(bytes);
                    }
                    Ok(Ok(Err(Errno::AGAIN))) => ready.clear_ready(),
                    // EIO: nobody has the other side open.
                    Ok(_) => {
                        ready.clear_ready();
                        sleep(Duration::from_millis(1)).await;
                        return Came::Closed;
                    }
                    Err(_) => {}
                }
            },
            Self::Tcp { listener, stream, .. } => {
                if stream.is_none() {
                    *stream = Some(listener.accept().await.unwrap().0);
                    return Came::Bytes(Vec::new());
                }
                match stream.as_mut().unwrap().read(&mut bytes).await {
                    Ok(count @ 1..) => {
                        bytes.truncate(count);
                        Came::Bytes(bytes)
                    }
                    _ => {
                        *stream = None;
                        Came::Closed
                    }
                }
            }
        }
    }

    /// What does not fit is lost, as on a line.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::Pty { master, .. } => {
                let _ = rustix::io::write(master.get_ref(), bytes);
            }
            Self::Tcp { stream, .. } => {
                if let Some(stream) = stream {
                    let _ = stream.write_all(bytes).await;
                }
            }
        }
    }

    /// Drops a connection; a line has none.
    pub(crate) fn close(&mut self) {
        if let Self::Tcp { stream, .. } = self {
            *stream = None;
        }
    }
}
