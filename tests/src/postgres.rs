//! A PostgreSQL of our own on a free loopback port, in a temporary directory, ended with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::peer::free_port;

/// Where Debian and Ubuntu put it, newest last.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A running server with an empty database.
pub struct Postgres {
    port: u16,
    dir: TempDir,
    server: Option<Child>,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or doesn't come up.
    #[must_use]
    pub fn start() -> Self {
        let dir = TempDir::with_prefix("forehearth-postgres-").expect("a temporary directory");
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(dir.path()));
        }
        let mut postgres = Self { port: free_port(), dir, server: None };
        let data = postgres.data();
        run(command("initdb").arg("-D").arg(&data).args(["-U", "ingest", "-A", "trust", "-N"]));
        let server = command("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(postgres.dir.path())
            .args(["-h", "127.0.0.1", "-p", &postgres.port.to_string()])
            // What the test asks for is kept over a kill of the client, not of the machine.
            .args(["-c", "fsync=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("PostgreSQL is missing: run tests/setup/install.sh test");
        postgres.server = Some(server);
        eventually(Duration::from_secs(20), "PostgreSQL answers", || postgres.ask("SELECT 1").ok());
        postgres
    }

    /// For clients.
    #[must_use]
    pub fn database(&self) -> String {
        format!("host=127.0.0.1 port={} dbname=postgres user=ingest", self.port)
    }

    /// The answer of one statement, columns divided by `|`.
    ///
    /// # Errors
    /// With what the server says.
    pub fn ask(&self, statement: &str) -> Result<String, String> {
        let output = command("psql")
            .args(["-AtX", "-v", "ON_ERROR_STOP=1", "-d", &self.database(), "-c", statement])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        if let Some(pid) = Pid::from_raw(server.id().cast_signed()) {
            // Immediate shutdown: its own children end with it.
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = server.wait();
    }
}

/// A program of PostgreSQL; it refuses to be run as root.
fn command(program: &str) -> Command {
    let folders = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = folders.map(|entry| entry.path().join("bin")).max();
    let program = newest.map_or_else(|| program.into(), |folder| folder.join(program));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir(Path::new("/"));
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("PostgreSQL is missing: run tests/setup/install.sh test");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
