//! The gateway under test: its configuration, its state, its process. Killed when dropped.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::eventually::{eventually, try_eventually};
use crate::peer::{binary, bound, free_port};

/// How long a start or a clean stop may take.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A gateway, running or not.
pub struct Gateway {
    dir: TempDir,
    state: PathBuf,
    status_port: u16,
    child: Option<Child>,
}

/// What the configuration says beyond the gateway and its status page.
#[derive(Default, Clone, Debug)]
pub struct Map {
    /// Keys of `[gateway]`.
    head: String,
    gateway: String,
    devices: String,
}

impl Map {
    /// Nothing to read and nobody to tell.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds these lines to `[gateway]`.
    #[must_use]
    pub fn head(mut self, lines: &str) -> Self {
        let _ = writeln!(self.head, "{lines}");
        self
    }

    /// Adds `[buffer]` with these lines.
    #[must_use]
    pub fn buffer(mut self, lines: &str) -> Self {
        let _ = write!(self.gateway, "\n[buffer]\n{lines}\n");
        self
    }

    /// Adds a broker with the native format.
    #[must_use]
    pub fn native(self, name: &str, port: u16) -> Self {
        self.broker(name, port, "format = \"native\"")
    }

    /// Adds a broker with the Sparkplug format in the group `test`.
    #[must_use]
    pub fn sparkplug(self, name: &str, port: u16) -> Self {
        self.broker(name, port, "format = \"sparkplug\"\ngroup  = \"test\"")
    }

    /// Adds a broker with these lines of its own.
    #[must_use]
    pub fn broker(mut self, name: &str, port: u16, format: &str) -> Self {
        let _ = write!(
            self.gateway,
            "\n[[broker]]\nname   = \"{name}\"\nurl    = \"mqtt://127.0.0.1:{port}\"\n{format}\n"
        );
        self
    }

    /// Adds a device with a port of its own and these lines under `[device.tags]`.
    #[must_use]
    pub fn device(mut self, name: &str, url: &str, rate: &str, tags: &str) -> Self {
        let _ = write!(
            self.devices,
            "\n[[device]]\nname   = \"{name}\"\ndriver = \"modbus\"\nurl    = \"{url}\"\n\
             unit   = 1\nrate   = \"{rate}\"\n[device.tags]\n{tags}\n"
        );
        self
    }

    /// Adds a link with these lines of its own, and a device for each name and
    /// unit, which all have these lines and these under `[device.tags]`.
    #[must_use]
    pub fn bus(
        mut self,
        url: &str,
        of_link: &str,
        devices: &[(String, u8)],
        of_device: &str,
        tags: &str,
    ) -> Self {
        let _ = write!(self.devices, "\n[[link]]\nname = \"bus\"\nurl  = \"{url}\"\n{of_link}\n");
        for (name, unit) in devices {
            let _ = write!(
                self.devices,
                "\n[[device]]\nname   = \"{name}\"\ndriver = \"modbus\"\nlink   = \"bus\"\n\
                 unit   = {unit}\n{of_device}\n[device.tags]\n{tags}\n"
            );
        }
        self
    }

    /// Adds devices as they are written.
    #[must_use]
    pub fn written(mut self, devices: &str) -> Self {
        let _ = write!(self.devices, "\n{devices}\n");
        self
    }

    /// Adds a device per port, `device-0` and so on, with the read counter of
    /// `modbus_server.py` as the tag `count`.
    #[must_use]
    pub fn counters(mut self, ports: &[u16], rate: &str) -> Self {
        for (number, port) in ports.iter().enumerate() {
            let url = format!("tcp://127.0.0.1:{port}");
            let tags = "count = { at = \"hr:0\", type = \"UDINT\", order = \"ABCD\" }";
            self = self.device(&device_name(number), &url, rate, tags);
        }
        self
    }
}

/// The name [`Map::counters`] gives a device.
#[must_use]
pub fn device_name(number: usize) -> String {
    format!("device-{number}")
}

impl Gateway {
    /// A gateway with this map that does not run yet.
    ///
    /// # Panics
    /// When the map can't be written.
    #[must_use]
    pub fn new(map: &Map) -> Self {
        let dir = TempDir::with_prefix("forehearth-gateway-").expect("a temporary directory");
        let state = dir.path().join("state");
        let gateway = Self { dir, state, status_port: free_port(), child: None };
        gateway.configure(map);
        gateway
    }

    /// Writes this map in place of the one before. Whether and when the
    /// gateway takes it up is another matter.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn configure(&self, map: &Map) {
        let config = self.config();
        fs::create_dir_all(config.join("devices")).expect("the directory is ours");
        let head = format!(
            "schema = 1\n\n[gateway]\nid   = \"gateway\"\npath = \"test/line-1\"\n{}{}\n\
             [status]\nlisten = \"127.0.0.1:{}\"\n",
            map.head, map.gateway, self.status_port
        );
        fs::write(config.join("gateway.toml"), head).expect("the directory is ours");
        let devices = format!("schema = 1\n{}", map.devices);
        fs::write(config.join("devices/devices.toml"), devices).expect("the directory is ours");
    }

    /// Runs a verb that asks the running gateway, to its end; its state
    /// directory is added.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("forehearth"));
        command.args(arguments).arg("--state").arg(&self.state);
        command.stdin(Stdio::null()).output().expect("the gateway is built")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the gateway runs");
        kill_process(Pid::from_child(child), signal).expect("it is our child");
    }

    /// The same with its state elsewhere.
    #[must_use]
    pub fn with_state(mut self, state: &Path) -> Self {
        state.clone_into(&mut self.state);
        self
    }

    /// The directory of its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// The directory of its state.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Starts it and waits until its status page answers.
    ///
    /// # Panics
    /// When it doesn't start; shows its log.
    pub fn start(&mut self) {
        self.start_as(self.command());
    }

    /// The same with this command.
    ///
    /// # Panics
    /// When it doesn't start; shows its log.
    pub fn start_as(&mut self, command: Command) {
        self.spawn(command);
        eventually(STARTS_WITHIN, "the status page answers", || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the gateway ended with {ended:?}:\n{}", self.log());
            self.health()
        });
    }

    /// `forehearth run` with its directories, its log appended to ours.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = bound(&binary("forehearth"));
        command.arg("run").arg("--config").arg(self.config()).arg("--state").arg(&self.state);
        command
    }

    /// Starts this command as the gateway, without waiting.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn spawn(&mut self, mut command: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .expect("the directory is ours");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the gateway is built");
        self.child = Some(child);
    }

    /// kill -9. Returns the moment, in UTC microseconds.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) -> i64 {
        let mut child = self.child.take().expect("the gateway runs");
        let at = now_micros();
        child.kill().expect("it is our child");
        let _ = child.wait();
        at
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Panics
    /// When it doesn't end in time; shows its log.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the gateway runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it is our child");
        let status = eventually(STOPS_WITHIN, "the gateway stops", || child.try_wait().ok()?);
        assert!(!self.log().contains("panicked"), "the gateway panicked:\n{}", self.log());
        status
    }

    /// Whether its process lives.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it doesn't.
    pub fn ends(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the gateway runs");
        eventually(STARTS_WITHIN, "the gateway ends", || child.try_wait().ok()?)
    }

    /// What it logged so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// `/healthz` as JSON, healthy or not. `None` while it doesn't answer.
    #[must_use]
    pub fn health(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/healthz")?).ok()
    }

    /// The body of a page. `None` while it doesn't answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.status_port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// Checks that the books balance. They do whenever the rooms are at rest,
    /// so a moment of motion is waited out.
    ///
    /// # Panics
    /// When they don't; shows them.
    pub fn assert_books_balance(&self) {
        let mut last = None;
        let balanced = try_eventually(Duration::from_secs(5), || {
            last = self.health();
            last.as_ref().filter(|health| health["imbalance"] == 0).map(drop)
        });
        assert!(balanced.is_some(), "the books don't balance: {last:#?}");
        assert!(!self.log().contains("panicked"), "the gateway panicked:\n{}", self.log());
    }

    /// Readings that wait for this broker.
    #[must_use]
    pub fn waiting(&self, broker: &str) -> Option<u64> {
        self.destination(broker, "waiting")
    }

    /// A figure of this broker's side of the books.
    #[must_use]
    pub fn destination(&self, broker: &str, figure: &str) -> Option<u64> {
        let health = self.health()?;
        let books = health["destinations"].as_array()?;
        books.iter().find(|books| books["name"] == broker)?[figure].as_u64()
    }

    /// Runs another verb of the program to its end.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn verb(arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("forehearth"));
        command.args(arguments).stdin(Stdio::null()).output().expect("the gateway is built")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln_log(&self.log());
        }
    }
}

/// A failed test shows what the gateway had to say.
#[expect(clippy::print_stderr, reason = "the test harness shows it with the failure")]
fn eprintln_log(log: &str) {
    eprintln!("--- log of the gateway ---\n{log}");
}

/// UTC microseconds.
///
/// # Panics
/// When the clock is before 1970.
#[must_use]
pub fn now_micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(now.as_micros()).expect("a clock before the year 292,000")
}
