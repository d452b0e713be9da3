//! A mosquitto of our own on a free loopback port, ended with the test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian and Ubuntu put it, then where others do.
const BINARIES: [&str; 3] =
    ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];

pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    pub(crate) fn start() -> Self {
        Self::start_with("allow_anonymous true")
    }

    /// With further lines of mosquitto.conf.
    pub(crate) fn start_with(lines: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let conf = format!("listener {port} 127.0.0.1\npersistence false\n{lines}\n");
        std::fs::write(folder.path().join("mosquitto.conf"), conf).unwrap();
        let mut broker = Self { port, folder, child: None };
        broker.up();
        broker
    }

    /// Starts it (again) on the same port, and waits until it accepts.
    pub(crate) fn up(&mut self) {
        let binary = BINARIES.iter().find(|path| Path::new(path).exists()).unwrap_or_else(|| {
            panic!("mosquitto is not installed; `make test` installs it (apt: mosquitto)")
        });
        let child = Command::new(binary)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not accept within 10 s");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it; sessions are lost.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.down();
    }
}

/// A port nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    listener.local_addr().unwrap().port()
}
