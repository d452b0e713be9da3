//! The gateway: the one place where all rooms are wired together.
//!
//! Queues and their bounds: each link hands scans to the conditioner over
//! one channel of [`SCANS`] polls; batches wait in the buffer, which bounds
//! itself in memory and on disk; each broker link bounds what it has in flight.
//!
//! Stopping goes the way of a reading: pollers first, then the conditioner
//! seals what is open, then the links say goodbye, then the buffer commits
//! what waits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_buffer::Buffer;
use forehearth_config::Plan;
use forehearth_model::CatalogueHash;
use forehearth_pipeline::Settings;
use forehearth_publish::{Destination, HealthSource};
use forehearth_source::Polled;
use forehearth_telemetry::catalogue;
use forehearth_telemetry::health::{Health, State};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::condition::Conditioner;
use crate::drivers::{self, DriverError, LinkTask};
use crate::outbox::BufferOutbox;
use crate::rooms::Rooms;
use crate::{brokers, clock, status, summary};

/// Polls that wait for the conditioner. Chosen: a second of the largest plant
/// (50 devices of 8 requests); a full queue means that the processor can't
/// keep up, which the pollers count as overruns.
const SCANS: usize = 400;

/// How long broker links may take to say goodbye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);

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

/// Runs until `stop` turns true; returns when everything that waits is on disk.
///
/// # Errors
/// Before anything runs: when the plan or the state directory can't be used.
///
/// Dropping the future stops it like a power cut: what is due on disk is
/// there, links say no goodbye.
pub async fn run(plan: Plan, state: &Path, stop: watch::Receiver<bool>) -> Result<(), StartError> {
    let started = Instant::now();
    let encoded = Bytes::from(catalogue::encode(&plan.catalogue));
    let hash = catalogue::hash(&encoded);
    let buffer = open_buffer(&plan, state, (hash, encoded)).await?;
    let settings = Settings::new(
        buffer.epoch(),
        hash,
        clock::boot(),
        clock::state(),
        plan.gateway.batch_within,
    );
    let buffer = Arc::new(buffer);
    let conditioner = Arc::new(Conditioner::new(&plan, &settings, Arc::clone(&buffer)));

    let plan = Arc::new(plan);
    let (scans, queue) = mpsc::channel(SCANS);
    let pollers = link_tasks(&plan, state, scans, started).await?;
    let destinations = destinations(&plan, hash, &health(&plan, &settings, &conditioner))?;
    let rooms = Rooms {
        gateway: plan.gateway.id.clone(),
        started,
        conditioner: Arc::clone(&conditioner),
        buffer: Arc::clone(&buffer),
        links: plan
            .links
            .iter()
            .map(|l| l.name.clone())
            .zip(pollers.iter().map(LinkTask::status))
            .collect(),
        brokers: plan.brokers.iter().map(|broker| (broker.name.clone(), Arc::default())).collect(),
    };
    tracing::info!(
        "gateway {} starts epoch {}: {} tags of {} devices over {} links to {} brokers",
        plan.gateway.id,
        settings.epoch.0,
        plan.tags.len(),
        plan.devices.len(),
        plan.links.len(),
        plan.brokers.len(),
    );
    let listen = plan.status.map(|status| status.listen);
    drop(plan); // each room has its own part of it
    let rooms = Arc::new(rooms);
    serve(Arc::clone(&rooms), pollers, queue, destinations, listen, stop).await;
    farewell(&rooms.snapshot())
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

/// Starts every task, waits for `stop`, and stops in the order of the way of
/// a reading.
async fn serve(
    rooms: Arc<Rooms>,
    pollers: Vec<LinkTask>,
    queue: mpsc::Receiver<Polled>,
    destinations: Vec<Destination>,
    listen: Option<SocketAddr>,
    mut stop: watch::Receiver<bool>,
) {
    // One switch for the pollers, one for what comes after them.
    let (stop_pollers, pollers_stop) = watch::channel(false);
    let (stop_links, links_stop) = watch::channel(false);

    let mut polling = JoinSet::new();
    for poller in pollers {
        polling.spawn(poller.run(pollers_stop.clone()));
    }
    let conditioner = Arc::clone(&rooms.conditioner);
    let conditioning = tokio::spawn(async move { conditioner.run(queue).await });
    let mut links = JoinSet::new();
    for (index, destination) in destinations.into_iter().enumerate() {
        let outbox = BufferOutbox::new(rooms.buffer.outbox(index), Arc::clone(&rooms.conditioner));
        let status = Arc::clone(&rooms.brokers[index].1);
        links.spawn(destination.run(outbox, links_stop.clone(), status));
    }
    let mut beside = JoinSet::new();
    beside.spawn(summary::run(Arc::clone(&rooms), links_stop.clone()));
    if let Some(listen) = listen {
        beside.spawn(show_status(listen, Arc::clone(&rooms), links_stop));
    }

    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        // A task that panicked has logged so; its link stays down and is
        // counted in /healthz, the others go on.
        () = report_ends(&mut polling, "poller") => {}
    }
    let _ = stop.wait_for(|stop| *stop).await;

    let _ = stop_pollers.send(true);
    while polling.join_next().await.is_some() {}
    if let Err(error) = conditioning.await {
        tracing::error!("the conditioner ended with a panic: {error}");
    }
    let _ = stop_links.send(true);
    let goodbyes = async { while links.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE_WITHIN, goodbyes).await.is_err() {
        tracing::warn!("a broker link did not say goodbye in time; nothing is lost by that");
        links.shutdown().await;
    }
    beside.shutdown().await;
    let buffer = Arc::clone(&rooms.buffer);
    if tokio::task::spawn_blocking(move || buffer.close()).await.is_err() {
        tracing::error!("the buffer could not be closed in order");
    }
}

/// Says so when a task ends before it was told to.
async fn report_ends(tasks: &mut JoinSet<()>, what: &str) {
    while let Some(end) = tasks.join_next().await {
        match end {
            Ok(()) => tracing::error!("a {what} ended without being told to"),
            Err(error) => tracing::error!("a {what} ended with a panic: {error}"),
        }
    }
}

/// The status page; a port that is taken is logged and costs nothing else.
async fn show_status(listen: SocketAddr, rooms: Arc<Rooms>, stop: watch::Receiver<bool>) {
    let source = Arc::new(move || rooms.snapshot());
    if let Err(error) = status::serve(listen, source, stop).await {
        tracing::error!("{error}");
    }
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
    let names: Vec<String> = plan.brokers.iter().map(|broker| broker.name.clone()).collect();
    let opened =
        tokio::task::spawn_blocking(move || Buffer::open(settings, &names, catalogue)).await;
    Ok(opened.map_err(|panic| StartError::System(std::io::Error::other(panic)))??)
}

/// A task per link, made on a thread that may block: at the first start the
/// certificate for OPC UA is made.
async fn link_tasks(
    plan: &Arc<Plan>,
    state: &Path,
    scans: mpsc::Sender<Polled>,
    start: Instant,
) -> Result<Vec<LinkTask>, StartError> {
    let (plan, state) = (Arc::clone(plan), state.to_owned());
    let made = tokio::task::spawn_blocking(move || drivers::tasks(&plan, &state, &scans, start));
    Ok(made.await.map_err(|panic| StartError::System(std::io::Error::other(panic)))??)
}

/// What the health topic says, as of when it is asked.
fn health(plan: &Plan, settings: &Settings, conditioner: &Arc<Conditioner>) -> HealthSource {
    let (gateway, conditioner) = (plan.gateway.id.clone(), Arc::clone(conditioner));
    let Settings { epoch, boot, catalogue, .. } = *settings;
    Arc::new(move || Health {
        gateway: gateway.clone(),
        state: State::Online,
        time: clock::now(),
        epoch,
        boot,
        clock: clock::state(),
        catalogue,
        ledger: conditioner.ledger(),
    })
}

/// A destination per broker.
fn destinations(
    plan: &Plan,
    hash: CatalogueHash,
    health: &HealthSource,
) -> Result<Vec<Destination>, StartError> {
    plan.brokers
        .iter()
        .map(|broker| {
            Destination::new(brokers::settings(broker, health), &plan.catalogue, hash)
                .map_err(|reason| StartError::Broker { broker: broker.name.clone(), reason })
        })
        .collect()
}
