//! The gateway: the one place where all rooms are wired together.
//!
//! Queues and their bounds: each link hands scans to the conditioner over
//! one channel of [`SCANS`] polls; batches wait in the buffer, which bounds
//! itself in memory and on disk; each broker link bounds what it has in flight.
//!
//! Stopping goes the way of a reading: pollers first, then the conditioner
//! seals what is open, then the links say goodbye, then the buffer commits
//! what waits.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use forehearth_buffer::Buffer;
use forehearth_config::Plan;
use forehearth_model::CatalogueHash;
use forehearth_pipeline::Settings;
use forehearth_publish::HealthSource;
use forehearth_telemetry::catalogue;
use forehearth_telemetry::health::{Health, State};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::condition::Conditioner;
use crate::control::{self, Counter};
use crate::desk::Desk;
use crate::drivers::DriverError;
use crate::memory::Memory;
use crate::reload::{Ground, Overseer, Works, on_change, on_hangup};
use crate::rooms::Rooms;
use crate::service::{self, Service};
use crate::{clock, status, summary};

/// Polls that wait for the conditioner. Chosen: a second of the largest plant
/// (50 devices of 8 requests); a full queue means that the processor can't
/// keep up, which the pollers count as overruns.
const SCANS: usize = 400;

/// Commands of all brokers that wait for the desk. Chosen: each broker bounds
/// its own; a full queue is an answer at once.
const COMMANDS: usize = 64;

/// Orders that wait for the overseer, which carries out one after the other.
const ORDERS: usize = 4;

/// Why the gateway can't start, in words for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory can't be used at all.
    #[error(transparent)]
    Buffer(#[from] forehearth_buffer::OpenError),
    /// A device of the map can't be read.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A broker can't be served as it is written.
    #[error("broker `{broker}`: {reason}")]
    Broker {
        /// Which broker.
        broker: String,
        /// What is wrong with it.
        reason: forehearth_publish::SettingsError,
    },
    /// The gateway stopped while the disk took nothing.
    #[error(
        "stopped, and up to {waiting} readings that waited are LOST: the disk did not take them ({reason})"
    )]
    NotStored {
        /// Readings that no broker had confirmed.
        waiting: u64,
        /// What is wrong with the disk.
        reason: String,
    },
    /// Something the system refused.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs until `stop` turns true; returns when everything that waits is on
/// disk. `config` is where the plan was read, for reloads.
///
/// # Errors
/// Before anything runs: when the plan or the state directory can't be used.
///
/// Dropping the future stops it like a power cut: what is due on disk is
/// there, links say no goodbye.
pub async fn run(
    plan: Plan,
    config: &Path,
    state: &Path,
    stop: watch::Receiver<bool>,
) -> Result<(), StartError> {
    let started = Instant::now();
    let service = Arc::new(Service::from_environment());
    let encoded = Bytes::from(catalogue::encode(&plan.catalogue));
    let hash = catalogue::hash(&encoded);
    let buffer = Arc::new(open_buffer(&plan, state, (hash, encoded)).await?);
    let batch_within = plan.gateway.batch_within;
    let settings = Settings::new(buffer.epoch(), hash, clock::boot(), clock::state(), batch_within);
    let plan = Arc::new(plan);
    let conditioner = Arc::new(Conditioner::new(&plan, &settings, Arc::clone(&buffer)));
    let memory = recall(state, &conditioner).await?;
    let rooms = Arc::new(Rooms {
        gateway: plan.gateway.id.clone(),
        started,
        conditioner: Arc::clone(&conditioner),
        buffer: Arc::clone(&buffer),
        links: Default::default(),
        reports: Default::default(),
        brokers: Default::default(),
        standing: Default::default(),
        commands: Default::default(),
    });
    tracing::info!(
        "gateway {} starts epoch {}: {} tags of {} devices over {} links to {} brokers",
        plan.gateway.id,
        settings.epoch.0,
        plan.tags.len(),
        plan.devices.len(),
        plan.links.len(),
        plan.brokers.len(),
    );
    let (scans, queue) = mpsc::channel(SCANS);
    let (takeovers, changes) = mpsc::channel(1);
    let (commands, asked) = mpsc::channel(COMMANDS);
    let (doors, opened) = mpsc::channel(1);
    let desk = Desk::new(state.to_owned(), Arc::clone(&rooms.commands));
    let desk = tokio::spawn(desk.run(asked, opened));
    let ground = Ground {
        state: state.to_owned(),
        health: health(&plan, &settings, &conditioner),
        buffer: Arc::clone(&buffer),
        conditioner: Arc::clone(&conditioner),
        scans,
        takeovers,
        commands,
        doors,
        rooms: Arc::clone(&rooms),
    };
    let works = Works::start(ground, plan, hash).await?;
    rooms.standing.taken_up(clock::now(), None, Vec::new());
    let conditioning = tokio::spawn(memory.kept_while(Arc::clone(&conditioner), async move {
        conditioner.run(queue, changes).await;
    }));
    let overseer =
        Overseer::new(config.to_owned(), works, Arc::clone(&rooms), Arc::clone(&service));
    service.ready();
    let works = oversee(overseer, &rooms, &service, (config, state), stop).await;
    service.stopping();
    let conditioned = async {
        if let Err(error) = conditioning.await {
            tracing::error!("the conditioner ended with a panic: {error}");
        }
    };
    works.stop(conditioned).await;
    if let Err(error) = desk.await {
        tracing::error!("the command desk ended with a panic: {error}");
    }
    if tokio::task::spawn_blocking(move || buffer.close()).await.is_err() {
        tracing::error!("the buffer could not be closed in order");
    }
    farewell(&rooms.snapshot())
}

/// Takes orders from all sides until `stop` turns true.
async fn oversee(
    overseer: Overseer,
    rooms: &Arc<Rooms>,
    service: &Arc<Service>,
    (config, state): (&Path, &Path),
    stop: watch::Receiver<bool>,
) -> Works {
    let (orders, taken) = mpsc::channel(ORDERS);
    let mut beside = JoinSet::new();
    beside.spawn(on_hangup(orders.clone()));
    beside.spawn(on_change(config.to_owned(), orders.clone()));
    beside.spawn(summary::run(Arc::clone(rooms), stop.clone()));
    beside.spawn(service::feed(Arc::clone(rooms), Arc::clone(service), stop.clone()));
    let counter = Arc::new(Counter { rooms: Arc::clone(rooms), orders });
    beside.spawn(control::serve(state.to_owned(), counter, stop.clone()));
    let works = overseer.run(taken, stop).await;
    beside.shutdown().await;
    works
}

/// What became of the readings that still wait.
///
/// # Errors
/// When the disk did not take them: they end with this process.
fn farewell(last: &status::Snapshot) -> Result<(), StartError> {
    let waiting = last.destinations.iter().map(|books| books.waiting).max().unwrap_or(0);
    if last.buffer.state != "ok" && waiting > 0 {
        let reason = last.buffer.state.clone();
        return Err(StartError::NotStored { waiting, reason });
    }
    tracing::info!("gateway stopped; {waiting} readings wait on disk for a broker");
    Ok(())
}

/// Gives conditioning back what an earlier run kept of it.
async fn recall(state: &Path, conditioner: &Arc<Conditioner>) -> Result<Memory, StartError> {
    let (memory, conditioner) = (Memory::of(state), Arc::clone(conditioner));
    let recalled = tokio::task::spawn_blocking(move || {
        conditioner.recall(&memory.read());
        memory
    });
    recalled.await.map_err(|panic| StartError::System(std::io::Error::other(panic)))
}

/// Opens the buffer on a thread that may block: a worn card can take seconds.
async fn open_buffer(
    plan: &Plan,
    state: &Path,
    catalogue: (CatalogueHash, Bytes),
) -> Result<Buffer, StartError> {
    let settings = forehearth_buffer::Settings {
        dir: state.to_owned(),
        commit_within: plan.buffer.commit_within,
        max_size: plan.buffer.max_size,
        max_age: plan.buffer.max_age,
        reserve: plan.buffer.reserve,
        memory: forehearth_buffer::Settings::MEMORY,
    };
    let brokers = crate::brokers::destinations(&plan.brokers);
    let opened =
        tokio::task::spawn_blocking(move || Buffer::open(settings, &brokers, catalogue)).await;
    Ok(opened.map_err(|panic| StartError::System(std::io::Error::other(panic)))??)
}

/// What the health topic says, as of when it is asked.
fn health(plan: &Plan, settings: &Settings, conditioner: &Arc<Conditioner>) -> HealthSource {
    let (gateway, conditioner) = (plan.gateway.id.clone(), Arc::clone(conditioner));
    let Settings { epoch, boot, .. } = *settings;
    Arc::new(move || Health {
        gateway: gateway.clone(),
        state: State::Online,
        time: clock::now(),
        epoch,
        boot,
        clock: clock::state(),
        catalogue: conditioner.catalogue(),
        ledger: conditioner.ledger(),
    })
}
