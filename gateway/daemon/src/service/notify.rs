//! The service manager's socket: words of sd_notify(3), sent when there is one to hear them.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, or nobody when the gateway runs without one.
#[derive(Debug)]
pub struct Service {
    /// `None`: nobody listens.
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it must hear that we live; `None`: it does not ask.
    watchdog: Option<Duration>,
}

impl Service {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|name| connect(&name));
        let ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = text("WATCHDOG_USEC").filter(|_| ours).and_then(|usec| usec.parse().ok());
        Self { socket, watchdog: watchdog.filter(|usec| *usec > 0).map(Duration::from_micros) }
    }

    /// Nobody.
    #[cfg(test)]
    pub const fn nobody() -> Self {
        Self { socket: None, watchdog: None }
    }

    /// How often it must hear that we live.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// The gateway runs, or runs under the new configuration.
    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=running");
    }

    /// The files are taken up. `Type=notify-reload` wants to know when this
    /// was said, on the monotonic clock.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=taking files up"));
    }

    /// All that has to move moves.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The gateway writes down what waits and ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=writing down what waits");
    }

    /// A word that can't be delivered is lost: the manager may have gone, and
    /// nothing of ours depends on it.
    fn tell(&self, words: &str) {
        let Some((socket, manager)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), manager) {
            tracing::debug!("the service manager can't be told `{words}`: {error}");
        }
    }
}

/// The socket behind a name: a path, or with `@` first an abstract name.
fn connect(name: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
    let bytes = name.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name).ok()?,
        None if bytes.starts_with(b"/") => SocketAddr::from_pathname(name).ok()?,
        None => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    // A manager that reads nothing must not hold us up.
    socket.set_nonblocking(true).ok()?;
    Some((socket, address))
}

#[cfg(test)]
mod tests {
    use super::{Service, connect};
    use std::ffi::OsStr;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    #[test]
    fn a_manager_hears_of_a_start_a_reload_and_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let service = Service { socket: connect(path.as_os_str()), watchdog: None };
        service.ready();
        assert!(heard(&manager).starts_with("READY=1\n"));
        service.reloading();
        let words = heard(&manager);
        let micros = words.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(words.starts_with("RELOADING=1\n") && micros.unwrap().parse::<u64>().unwrap() > 0);
        service.stopping();
        assert!(heard(&manager).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn an_abstract_socket_is_a_socket_too() {
        let name = format!("forehearth-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let socket = connect(OsStr::new(&format!("@{name}")));
        Service { socket, watchdog: None }.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
    }

    #[test]
    fn without_a_manager_nothing_is_said() {
        Service { socket: connect(OsStr::new("relative")), watchdog: None }.ready();
        Service::nobody().ready();
    }
}
