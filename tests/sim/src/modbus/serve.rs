//! The serving side: connections or a port, each request answered in turn as the mood has it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::device::Device;
use super::faults::{ALL, Fault, FaultError, Place};
use super::frames::{Framing, take};
use super::hostile::{Act, Hostile, Mood, Stat};
use super::wire::Wire;

/// Between the bytes of an answer that drips.
const DRIP: Duration = Duration::from_micros(300);

/// What kind of device, and how it misbehaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How its frames look.
    pub framing: Framing,
    /// At a serial port instead of a socket.
    pub at_port: bool,
    /// Port to listen on, 0 for a free one.
    pub port: u16,
    /// What it knows.
    pub device: Device,
    /// How it misbehaves at first.
    pub mood: Mood,
    /// Time before each answer.
    pub delay: Duration,
    /// Time after which late answers come.
    pub late: Duration,
    /// Of the random choices.
    pub seed: u64,
}

/// What the device says when it is ready.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    ready: &'static str,
    url: String,
    seed: u64,
}

/// A device at work; gone when dropped.
#[derive(Debug)]
pub struct Server {
    framing: Framing,
    hostile: Arc<Mutex<Hostile>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// Begins to answer.
    ///
    /// # Errors
    /// When a fault does not happen on such a link, or a port is taken.
    pub async fn start(options: &Options) -> io::Result<(Self, Ready)> {
        suits(options.framing, &options.mood.faults).map_err(io::Error::other)?;
        let hostile =
            Hostile::new(options.framing, options.mood.clone(), options.late, options.seed);
        let hostile = Arc::new(Mutex::new(hostile));
        let desk = Desk {
            framing: options.framing,
            device: options.device.clone(),
            delay: options.delay,
            hostile: Arc::clone(&hostile),
        };
        let mode = if options.framing == Framing::Ascii { "ascii" } else { "rtu" };
        let (serving, url) = if options.at_port {
            let (mut wire, path) = Wire::port()?;
            let serving = tokio::spawn(async move {
                // A port is never closed; silence for good is silence.
                let _ = desk.serve(&mut wire).await;
                std::future::pending().await
            });
            (serving, format!("serial://{path}?baud=115200&mode={mode}"))
        } else {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
            let address = listener.local_addr()?;
            let scheme = match options.framing {
                Framing::Tcp => "tcp".to_owned(),
                _ => format!("{mode}+tcp"),
            };
            (tokio::spawn(accept(listener, desk)), format!("{scheme}://{address}"))
        };
        let ready = Ready { ready: "modbus", url, seed: options.seed };
        Ok((Self { framing: options.framing, hostile, serving }, ready))
    }

    /// What it did so far.
    #[must_use]
    pub fn stat(&self) -> Stat {
        lock(&self.hostile).stat()
    }

    /// Misbehaves like this from now on.
    ///
    /// # Errors
    /// When a fault does not happen on such a link.
    pub fn turn(&self, mood: Mood) -> Result<(), FaultError> {
        suits(self.framing, &mood.faults)?;
        lock(&self.hostile).turn(mood);
        Ok(())
    }
}

fn suits(framing: Framing, faults: &[Fault]) -> Result<(), FaultError> {
    let not = if framing == Framing::Tcp { Place::Line } else { Place::Tcp };
    let wrong = ALL.iter().find(|one| one.place == not && faults.contains(&one.fault));
    wrong.map_or(Ok(()), |one| Err(FaultError::Elsewhere(one.name)))
}

async fn accept(listener: TcpListener, desk: Desk) {
    let mut connections = JoinSet::new();
    loop {
        // Ended ones are let go of, so that thousands leave nothing behind.
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let desk = desk.clone();
        connections.spawn(async move {
            // An error is the other side closing.
            let _ = desk.serve(&mut Wire::Tcp(stream)).await;
        });
    }
}

/// Answers what comes in on one wire.
#[derive(Clone)]
struct Desk {
    framing: Framing,
    device: Device,
    delay: Duration,
    hostile: Arc<Mutex<Hostile>>,
}

impl Desk {
    async fn serve(&self, wire: &mut Wire) -> io::Result<()> {
        let mut inbox = Vec::new();
        while let Some(bytes) = wire.read().await? {
            inbox.extend(lock(&self.hostile).hear(&bytes));
            while let Some(request) = take(self.framing, &mut inbox) {
                if !self.delay.is_zero() {
                    sleep(self.delay).await;
                }
                let answer = match self.device.answer(request.unit, &request.pdu, now()) {
                    Some(pdu) => pdu,
                    // A gateway says so; on a line nobody feels meant.
                    None if self.framing == Framing::Tcp => {
                        vec![request.pdu.first().copied().unwrap_or(0) | 0x80, 11]
                    }
                    None => continue,
                };
                let acts = lock(&self.hostile).answer(&request, &answer);
                for act in acts {
                    if !self.act(wire, act).await? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the wire is still there.
    async fn act(&self, wire: &mut Wire, act: Act) -> io::Result<bool> {
        match act {
            Act::Send(bytes) => wire.write(&bytes).await?,
            Act::Drip(bytes) => {
                for byte in bytes {
                    wire.write(&[byte]).await?;
                    sleep(DRIP).await;
                }
            }
            Act::Pause(time) => sleep(time).await,
            Act::Close => return Ok(matches!(wire, Wire::Port(_))),
            Act::FallSilent => {
                while wire.read().await?.is_some() {}
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn lock(hostile: &Mutex<Hostile>) -> std::sync::MutexGuard<'_, Hostile> {
    hostile.lock().unwrap_or_else(PoisonError::into_inner)
}
