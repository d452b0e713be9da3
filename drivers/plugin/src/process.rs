//! The process of a plugin: how it is started, what it may not have, and that it ends.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::chatter;

/// What a plugin finds in its environment beside `LANG`: nothing of the gateway's.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Executable, absolute.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working directory; made if it is not there.
    pub directory: PathBuf,
    /// User and group it runs as; `None`: those of the gateway.
    pub user: Option<(u32, u32)>,
    /// Most bytes of address space; `None`: unbounded.
    pub memory: Option<u64>,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` does not start: {reason}")]
pub struct SpawnError {
    /// What was to be run.
    pub command: String,
    /// What the system said.
    pub reason: String,
}

/// A process that runs. Dropping it kills it and all it has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
}

/// The two directions.
pub(crate) struct Pipes {
    pub(crate) to: ChildStdin,
    pub(crate) from: ChildStdout,
}

impl Process {
    /// Starts it. Its stderr goes into the log under `name`.
    pub(crate) fn start(name: &str, program: &Program) -> Result<(Self, Pipes), SpawnError> {
        let refused = |reason: std::io::Error| SpawnError {
            command: program.command.display().to_string(),
            reason: reason.to_string(),
        };
        std::fs::create_dir_all(&program.directory).map_err(refused)?;
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .current_dir(&program.directory)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some((user, group)) = program.user {
            command.gid(group).uid(user);
        }
        let mut child = command.spawn().map_err(refused)?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let piped = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Self { child, group };
        let (Some(to), Some(from), Some(stderr)) = piped else {
            return Err(refused(std::io::Error::other("no pipes")));
        };
        process.bound(program.memory).map_err(refused)?;
        tokio::spawn(chatter::listen(name.to_owned(), stderr));
        Ok((process, Pipes { to, from }))
    }

    /// Bounds its memory. It has run for some microseconds by then, which is
    /// too short to take much; between fork and exec there is no way to do it
    /// without unsafe code.
    fn bound(&mut self, memory: Option<u64>) -> std::io::Result<()> {
        if let Some(memory) = memory {
            let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
            prlimit(self.group, Resource::As, limit)?;
        }
        Ok(())
    }

    /// Its number, and that of its group.
    pub(crate) const fn pid(&self) -> Option<Pid> {
        self.group
    }

    /// Waits until it has ended by itself, and says how.
    pub(crate) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group outlives its leader while anything in it runs; tokio reaps
        // the leader.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
