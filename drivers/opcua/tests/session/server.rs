//! The asyncua server of one test, driven over its stdin.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How the server is started.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) secured: bool,
    pub(crate) items: u32,
    pub(crate) history: bool,
    /// With a tree, arrays, a structure, units and events.
    pub(crate) rich: bool,
    /// Its certificate is of the past.
    pub(crate) expired: bool,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    /// SHA-256 of its certificate, in hexadecimal; empty without security.
    pub(crate) fingerprint: String,
    pub(crate) folder: TempDir,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Server {
    pub(crate) async fn start(how: How) -> Self {
        let python = root().join(".venv/bin/python");
        assert!(python.exists(), "{} is missing: run `make test` once", python.display());
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        command
            .arg(root().join("tests/peers/opcua_server.py"))
            .arg("--folder")
            .arg(folder.path())
            .args(["--items", &how.items.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if how.history {
            command.arg("--history");
        }
        for (wanted, flag) in [(how.rich, "--rich"), (how.expired, "--expired")] {
            if wanted {
                command.arg(flag);
            }
        }
        if how.secured {
            command.arg("--secured");
        }
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let hello: Value =
            serde_json::from_str(&stdout.next_line().await.unwrap().expect("a greeting")).unwrap();
        let port = u16::try_from(hello["port"].as_u64().unwrap()).unwrap();
        let fingerprint = hello["fingerprint"].as_str().unwrap().to_owned();
        Self { port, fingerprint, folder, stdin, stdout, _child: child }
    }

    /// One command and its answer.
    pub(crate) async fn command(&mut self, command: Value) -> Value {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let line = self.stdout.next_line().await.unwrap().expect("the server ended");
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    }

    pub(crate) async fn doing(&mut self, what: &str) -> Value {
        self.command(json!({ "do": what })).await
    }

    /// The counter grows by one every `millis`.
    pub(crate) async fn count(&mut self, millis: u32) {
        self.command(json!({ "do": "count", "every": f64::from(millis) / 1000.0 })).await;
    }

    /// The last value of the counter.
    pub(crate) async fn stop_counting(&mut self) -> u64 {
        self.doing("stop-counting").await["counter"].as_u64().unwrap()
    }

    pub(crate) async fn write(&mut self, name: &str, value: impl Into<Value>) {
        let value: Value = value.into();
        self.command(json!({ "do": "write", "name": name, "value": value })).await;
    }
}
