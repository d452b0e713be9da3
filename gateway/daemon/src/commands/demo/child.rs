//! A child process of the demo: started, spoken to over its standard input, and never left behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};

/// How long a simulator may take to say where it listens.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Why a child is not there.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program could not be started.
    #[error("cannot start {program}: {reason}")]
    Start {
        /// Path of the program.
        program: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// It said nothing in time, or ended.
    #[error("{program} did not say that it is ready; its log is {log}")]
    Silent {
        /// Path of the program.
        program: PathBuf,
        /// Where its stderr went.
        log: PathBuf,
    },
}

/// A running child. Killed when dropped.
pub struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts `program` with its stderr in `log`. When `await_ready` is
    /// [`Ready::Line`], returns its first line on stdout too.
    ///
    /// # Errors
    /// When it can't be started or does not say that it is ready.
    pub async fn start(
        program: &Path,
        arguments: &[String],
        log: &Path,
        await_ready: Ready,
    ) -> Result<(Self, String), ChildError> {
        let failed = |reason| ChildError::Start { program: program.to_owned(), reason };
        let stderr =
            std::fs::File::options().create(true).append(true).open(log).map_err(failed)?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(if await_ready == Ready::Line { Stdio::piped() } else { Stdio::null() })
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdin = process.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            let mut reader = BufReader::new(stdout);
            let read = tokio::time::timeout(READY_WITHIN, reader.read_line(&mut line)).await;
            if !matches!(read, Ok(Ok(1..))) {
                return Err(ChildError::Silent {
                    program: program.to_owned(),
                    log: log.to_owned(),
                });
            }
            tokio::spawn(drain(reader));
        }
        Ok((Self { process, stdin }, line))
    }

    /// Says one line to the child. A child that is gone hears nothing, which
    /// shows on the screen as what it no longer does.
    pub async fn say(&mut self, line: &str) {
        use tokio::io::AsyncWriteExt as _;
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
            let _ = stdin.flush().await;
        }
    }

    /// kill -9, and waits until the system has buried it.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Asks politely (SIGTERM) and waits up to `within`, then kills.
    pub async fn stop(&mut self, within: Duration) {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(within, self.process.wait()).await.is_err() {
            self.kill().await;
        }
    }
}

/// What a child says when it is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    /// One line on stdout.
    Line,
    /// Nothing; it is asked in another way.
    Silent,
}

/// Keeps the pipe of a child empty so that it never blocks on its own words.
async fn drain(mut reader: BufReader<tokio::process::ChildStdout>) {
    let mut line = String::new();
    while matches!(reader.read_line(&mut line).await, Ok(1..)) {
        line.clear();
    }
}
