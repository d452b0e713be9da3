//! The parts of a row: mosquitto, the simulated load and the gateway, each ended when dropped.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::Process;

/// A child that is killed when dropped.
pub struct Part(Child);

impl Part {
    pub fn process(&self) -> Process {
        Process(self.0.id())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where `cargo build --release` puts programs: two folders above this one's.
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("own path");
    let release = here.parent().and_then(Path::parent).expect("target/release/deps");
    let program = release.join(name);
    assert!(program.exists(), "{} is missing; use `make bench`", program.display());
    program
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// A mosquitto without persistence that drops nothing for a slow consumer.
pub fn mosquitto(dir: &Path, port: u16) -> Part {
    let config = dir.join("mosquitto.conf");
    fs::write(
        &config,
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             max_queued_messages 0\nmax_inflight_messages 0\nlog_dest none\n"
        ),
    )
    .expect("temp dir is writable");
    let child = Command::new("mosquitto")
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("PATH", format!("/usr/sbin:{}", std::env::var("PATH").unwrap_or_default()))
        .spawn()
        .expect("mosquitto is installed by make");
    let part = Part(child);
    await_port(port);
    part
}

pub fn await_port(port: u16) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The simulated load, which writes the devices of the configuration.
pub fn load(config: &Path, devices: u16, period: Duration) -> Part {
    let mut child = Command::new(program("forehearth-sim"))
        .args(["load", "--devices", &devices.to_string(), "--tags", "1000"])
        .args(["--period", &format!("{}ms", period.as_millis()), "--config-out"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("simulator starts");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("simulator is ready");
    assert!(line.contains("ready"), "simulator said {line}");
    Part(child)
}

/// Appends what the load leaves to others: broker and status page.
pub fn complete(config: &Path, broker: u16, format: &str, status: u16) {
    let path = config.join("gateway.toml");
    let mut file = fs::File::options().append(true).open(path).expect("the load wrote it");
    let group = if format == "sparkplug" { "group = \"bench\"\n" } else { "" };
    write!(
        file,
        "\n[[broker]]\nname = \"bench\"\nurl = \"mqtt://127.0.0.1:{broker}\"\n\
         format = \"{format}\"\n{group}\n[status]\nlisten = \"127.0.0.1:{status}\"\n"
    )
    .expect("written");
}

pub fn gateway(dir: &Path) -> Part {
    let log = fs::File::create(dir.join("gateway.log")).expect("log");
    let child = Command::new(program("forehearth"))
        .arg("run")
        .arg("--config")
        .arg(dir.join("config"))
        .arg("--state")
        .arg(dir.join("state"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("gateway starts");
    Part(child)
}

/// `/healthz` of the gateway as JSON.
pub fn health(port: u16) -> serde_json::Value {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).expect("status page");
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    serde_json::from_str(body).expect("JSON")
}
