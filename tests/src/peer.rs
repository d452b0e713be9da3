//! A peer: a process of its own that says JSON lines and takes orders. Killed when dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

/// How long a peer may take to start or to carry out an order. Python on a
/// busy machine needs seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// A process that is spoken with over its standard input and output.
pub struct Peer {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    what: String,
}

impl Peer {
    /// Starts a script of `tests/peers` with the Python of `.venv`.
    ///
    /// # Panics
    /// When there is no `.venv` or the script doesn't start.
    #[must_use]
    pub fn python(script: &str, arguments: &[&str]) -> Self {
        let python = root().join(".venv/bin/python");
        assert!(python.exists(), "no {}: run tests/setup/install.sh test", python.display());
        let mut command = bound(&python);
        command.arg(root().join("tests/peers").join(script)).args(arguments);
        Self::start(command, script)
    }

    /// Starts a part of the simulator.
    ///
    /// # Panics
    /// When it is not built or doesn't start.
    #[must_use]
    pub fn sim(part: &str, arguments: &[&str]) -> Self {
        let mut command = bound(&binary("forehearth-sim"));
        command.arg(part).args(arguments);
        Self::start(command, part)
    }

    fn start(mut command: Command, what: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
        let stdin = child.stdin.take().expect("stdin was piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout was piped"));
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, what: what.to_owned() }
    }

    /// Its next line.
    ///
    /// # Panics
    /// When it says nothing for long or ended.
    pub fn line(&self) -> String {
        self.lines
            .recv_timeout(ANSWERS_WITHIN)
            .unwrap_or_else(|error| panic!("{} said nothing: {error}", self.what))
    }

    /// Its next line, if it says one within this time.
    pub fn try_line(&self, within: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(within)
    }

    /// Its next line as JSON.
    ///
    /// # Panics
    /// When it says nothing for long or says no JSON.
    pub fn json(&self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {line}: {error}", self.what))
    }

    /// Gives an order and returns the answer.
    ///
    /// # Panics
    /// When the peer doesn't answer in JSON.
    pub fn ask(&mut self, order: &str) -> Value {
        writeln!(self.stdin, "{order}").expect("the peer lives");
        self.json()
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Panics
    /// When the peer refuses it.
    pub fn order(&mut self, order: &str) {
        writeln!(self.stdin, "{order}").expect("the peer lives");
        let reply = self.line();
        assert_eq!(reply, "ok", "{} refuses `{order}`", self.what);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command whose process dies with this test, even when the test itself is
/// killed and drops nothing. `setpriv` is part of util-linux, which every
/// Debian has.
#[must_use]
pub fn bound(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// A program of the workspace: beside the running test, whose executable is
/// `target/<profile>/deps/<test>`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let path = profile.join(name);
    assert!(path.exists(), "no {}: run `cargo build -p {name}` first", path.display());
    path
}

/// A port that was free a moment ago, for those who take only a number.
///
/// # Panics
/// When loopback has no free port.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    listener.local_addr().expect("it is bound").port()
}
