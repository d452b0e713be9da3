//! The scene: all processes of the demo, what can be done to them, and the books that are kept meanwhile.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use forehearth_publish::listen::Heard;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::child::{Child, ChildError, Ready};
use super::ear::{self, Understanding};
use super::health::{self, Health};
use super::proof::Proof;
use crate::clock;

/// How long the gateway may take to say goodbye.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// How long a backlog may take to drain at the end.
const DRAINS_WITHIN: Duration = Duration::from_secs(20);

/// Why the demo can't be played.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A process is not there.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The simulator is not beside this program.
    #[error(
        "{0} is not there; the demo needs the simulator beside this program (make demo builds both)"
    )]
    NoSimulator(PathBuf),
    /// Something the system refused.
    #[error("cannot set up the demo: {0}")]
    System(#[from] std::io::Error),
    /// The simulator speaks another language.
    #[error("the simulator said `{0}`; it is of another version")]
    Stranger(String),
}

#[derive(Deserialize)]
struct PlantReady {
    counter: String,
    plcs: Vec<PlcReady>,
}

#[derive(Deserialize)]
struct PlcReady {
    name: String,
}

#[derive(Deserialize)]
struct AddressReady {
    address: SocketAddr,
}

/// Everything of a running demo.
pub struct Scene {
    dir: Folder,
    plant: Child,
    network: Child,
    _broker: Child,
    gateway: Child,
    program: PathBuf,
    status: SocketAddr,
    plcs: Vec<String>,
    heard: mpsc::Receiver<Heard>,
    understanding: Understanding,
    proof: Proof,
    books: Books,
    started: Instant,
    first_value: Option<Duration>,
}

/// The gateway's books over all its runs.
#[derive(Default)]
struct Books {
    /// Of the runs that ended.
    before: Totals,
    /// Of the run that lives.
    now: Health,
    worst_imbalance: u64,
}

#[derive(Clone, Copy, Default)]
struct Totals {
    acquired: u64,
    suppressed: u64,
    delivered: u64,
    stored: u64,
    dropped: u64,
}

/// How the demo ended.
pub struct Verdict {
    /// One line for people and scripts.
    pub line: String,
    /// Nothing lost and the books balanced.
    pub passed: bool,
}

impl Scene {
    /// Starts everything. Ports are free ones, or follow `port_base`.
    ///
    /// # Errors
    /// When a process can't be started, with its name.
    pub async fn set(port_base: Option<u16>) -> Result<Self, SceneError> {
        let started = Instant::now();
        let program = std::env::current_exe()?;
        let simulator = program.with_file_name("forehearth-sim");
        if !simulator.exists() {
            return Err(SceneError::NoSimulator(simulator));
        }
        let dir = Folder::create()?;
        let log = dir.path.join("simulator.log");
        let port = |offset: u16| port_base.map_or(0, |base| base + offset).to_string();
        let config = dir.path.join("config");

        let broker_arguments = ["broker", "--port", &port(2)].map(str::to_owned);
        let plant_arguments =
            ["plant", "--port-base", &port(10), "--config-out", &config.to_string_lossy()]
                .map(str::to_owned);
        let (broker, plant) = tokio::join!(
            Child::start(&simulator, &broker_arguments, &log, Ready::Line),
            Child::start(&simulator, &plant_arguments, &log, Ready::Line),
        );
        let ((broker, broker_line), (plant, plant_line)) = (broker?, plant?);
        let direct = parse::<AddressReady>(&broker_line)?.address;
        let PlantReady { counter, plcs } = parse(&plant_line)?;

        let proxy_arguments =
            ["proxy", "--port", &port(1), "--to", &direct.to_string()].map(str::to_owned);
        let (network, line) = Child::start(&simulator, &proxy_arguments, &log, Ready::Line).await?;
        let through = parse::<AddressReady>(&line)?.address;

        let status = match port_base {
            Some(base) => SocketAddr::from((Ipv4Addr::LOCALHOST, base)),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?,
        };
        complete_configuration(&config, through, status)?;
        let heard = ear::listen(direct);
        let gateway = start_gateway(&program, &dir).await?;
        Ok(Self {
            dir,
            plant,
            network,
            _broker: broker,
            gateway,
            program,
            status,
            plcs: plcs.into_iter().map(|plc| plc.name).collect(),
            heard,
            understanding: Understanding::new(counter),
            proof: Proof::default(),
            books: Books::default(),
            started,
            first_value: None,
        })
    }

    /// Lets the demo go on for `time`: hears what arrives and reads the books.
    pub async fn watch(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        loop {
            tokio::select! {
                Some(heard) = self.heard.recv() => {
                    self.understanding.hear(&heard, &mut self.proof);
                    if self.first_value.is_none() && self.understanding.last().is_some() {
                        self.first_value = Some(self.started.elapsed());
                    }
                }
                () = tokio::time::sleep_until(until) => break,
            }
        }
        if let Some(now) = health::ask(self.status).await {
            self.books.worst_imbalance = self.books.worst_imbalance.max(now.imbalance);
            self.books.now = now;
        }
    }

    /// Cuts the gateway off from its broker, or lets it back.
    pub async fn network(&mut self, up: bool) {
        self.network.say(if up { "restore" } else { "cut" }).await;
    }

    /// Kills the last PLC, or brings it back.
    pub async fn plc(&mut self, alive: bool) {
        if let Some(plc) = self.plcs.last() {
            let order = format!("{} {plc}", if alive { "revive" } else { "kill" });
            self.proof.killed(clock::now());
            self.plant.say(&order).await;
        }
    }

    /// kill -9 for the gateway, and a new one in its place.
    ///
    /// # Errors
    /// When the new one can't be started.
    pub async fn kill_gateway(&mut self) -> Result<(), SceneError> {
        if let Some(last) = health::ask(self.status).await {
            self.books.now = last;
        }
        self.proof.killed(clock::now());
        self.gateway.kill().await;
        self.books.turn_page();
        self.gateway = start_gateway(&self.program, &self.dir).await?;
        Ok(())
    }

    /// The line: what was read, did not change and so was not sent, was ever
    /// written to disk, delivered, waits, and was lost so far.
    ///
    /// A hole counts as lost only when nothing waits any more: until then it
    /// may be filled from the buffer.
    pub fn line(&self) -> String {
        let totals = self.books.totals();
        let waiting = self.books.now.waiting();
        let lost = if waiting == 0 { self.proof.missing().lost } else { 0 } + totals.dropped;
        format!(
            "read {}   unchanged {}   stored {}   delivered {}   waiting {}   lost {lost}",
            grouped(totals.acquired),
            grouped(totals.suppressed),
            grouped(totals.stored),
            grouped(totals.delivered),
            grouped(waiting),
        )
    }

    /// A recent value in words; `None` before the first.
    pub fn last_value(&self) -> Option<&str> {
        self.understanding.last()
    }

    /// Where the status page is.
    pub const fn status(&self) -> SocketAddr {
        self.status
    }

    /// Waits until nothing waits, stops the gateway politely and judges.
    pub async fn close(mut self) -> Verdict {
        self.network(true).await;
        let drained_by = Instant::now() + DRAINS_WITHIN;
        loop {
            self.watch(Duration::from_millis(200)).await;
            let at_rest = self.books.now.acquired > 0 && self.books.now.waiting() == 0;
            if at_rest || Instant::now() > drained_by {
                break;
            }
        }
        self.gateway.stop(STOPS_WITHIN).await;
        self.watch(Duration::from_millis(300)).await;
        self.judge()
    }

    fn judge(&self) -> Verdict {
        let totals = self.books.totals();
        let missing = self.proof.missing();
        let lost = missing.lost + totals.dropped;
        let (repeated, garbled) = (self.proof.repeated(), self.understanding.garbled());
        let imbalance = self.books.worst_imbalance;
        let passed = lost == 0
            && imbalance == 0
            && repeated == 0
            && garbled == 0
            && self.proof.heard() > 0
            && self.books.now.waiting() == 0;
        let first = self
            .first_value
            .map_or("never".to_owned(), |after| format!("after {:.1} s", after.as_secs_f64()));
        let line = format!(
            "{}: {}; first value {first}; {} counted readings heard at the broker, {repeated} \
             repeated, {} in the moment of a kill, {garbled} garbled; books {}",
            if passed { "passed" } else { "FAILED" },
            self.line(),
            grouped(self.proof.heard()),
            missing.excused,
            if imbalance == 0 { "balance".to_owned() } else { format!("off by {imbalance}") },
        );
        Verdict { line, passed }
    }
}

impl Books {
    /// A run ended: what it counted is carried over.
    fn turn_page(&mut self) {
        self.before = self.totals();
        self.now = Health::default();
    }

    fn totals(&self) -> Totals {
        Totals {
            acquired: self.before.acquired + self.now.acquired,
            suppressed: self.before.suppressed + self.now.suppressed,
            delivered: self.before.delivered + self.now.delivered(),
            stored: self.before.stored + self.now.buffer.stored,
            dropped: self.before.dropped + self.now.dropped(),
        }
    }
}

async fn start_gateway(program: &std::path::Path, dir: &Folder) -> Result<Child, ChildError> {
    let arguments = [
        "run",
        "--config",
        &dir.path.join("config").to_string_lossy(),
        "--state",
        &dir.path.join("state").to_string_lossy(),
    ]
    .map(str::to_owned);
    let log = dir.path.join("gateway.log");
    Child::start(program, &arguments, &log, Ready::Silent).await.map(|(child, _)| child)
}

/// Adds brokers and the status page to the configuration that the simulator wrote.
fn complete_configuration(
    config: &std::path::Path,
    broker: SocketAddr,
    status: SocketAddr,
) -> Result<(), SceneError> {
    let path = config.join("gateway.toml");
    let mut text = std::fs::read_to_string(&path)?;
    text.push_str(&format!(
        "\n[[broker]]\nname = \"native\"\nurl = \"mqtt://{broker}\"\nformat = \"native\"\n\
         \n[[broker]]\nname = \"sparkplug\"\nurl = \"mqtt://{broker}\"\nformat = \"sparkplug\"\n\
         group = \"demo\"\n\n[status]\nlisten = \"{status}\"\n"
    ));
    std::fs::write(&path, text)?;
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, SceneError> {
    serde_json::from_str(line).map_err(|_| SceneError::Stranger(line.trim_end().to_owned()))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A folder that goes when the demo ends.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> std::io::Result<Self> {
        let name = format!("forehearth-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([grouped(0), grouped(999), grouped(1000)], ["0", "999", "1,000"]);
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
