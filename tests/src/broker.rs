//! Mosquitto on a free loopback port, with a configuration of its own and no memory.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::peer::{bound, free_port};

/// A running mosquitto. Killed when dropped.
pub struct Mosquitto {
    port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one.
    ///
    /// # Panics
    /// When mosquitto is not installed or doesn't listen.
    #[must_use]
    pub fn start() -> Self {
        let dir = TempDir::with_prefix("forehearth-broker-").expect("a temporary directory");
        let mut broker = Self { port: free_port(), dir, child: None };
        broker.restart();
        broker
    }

    /// Its port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Kills it if it runs, and starts it again on the same port with nothing
    /// remembered.
    ///
    /// # Panics
    /// When it doesn't listen.
    pub fn restart(&mut self) {
        self.stop();
        let config = self.dir.path().join("mosquitto.conf");
        fs::write(&config, self.config()).expect("the directory is ours");
        let log = fs::File::create(self.dir.path().join("log")).expect("the directory is ours");
        let child = bound(Path::new(program()))
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("mosquitto is missing: run tests/setup/install.sh test");
        self.child = Some(child);
        eventually(Duration::from_secs(10), "mosquitto listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()
        });
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops its process without closing its sockets: the broker hangs.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).expect("mosquitto runs");
        }
    }

    /// Queues without limit, so that a slow consumer of a test loses nothing.
    /// Started by root it stays root: a change of user would forget that it
    /// has to die with the test.
    fn config(&self) -> String {
        format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n\
             max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n",
            self.port
        )
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian keeps it in /usr/sbin, which is not on everybody's PATH.
fn program() -> &'static str {
    let debian = "/usr/sbin/mosquitto";
    if Path::new(debian).exists() { debian } else { "mosquitto" }
}
