//! The periodic summary: one line in the log instead of one per poll.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::rooms::Rooms;

/// How often a summary is logged. Chosen: 1,440 lines a day fit any journal,
/// and a minute is soon enough to see that something got worse.
const EVERY: Duration = Duration::from_secs(60);

/// Logs a summary each minute until `stop` turns true.
pub async fn run(rooms: Arc<Rooms>, mut stop: watch::Receiver<bool>) {
    let mut last = rooms.snapshot();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = rooms.snapshot();
        let up = now.links.iter().filter(|link| link.state == "up").count();
        let online = now.brokers.iter().filter(|broker| broker.state == "online").count();
        tracing::info!(
            "acquired {} (+{}), waiting {}, shed {}, expired {}; links up {up}/{}, brokers online \
             {online}/{}; buffer {} KiB on disk",
            now.acquired,
            now.acquired - last.acquired,
            now.destinations.iter().map(|d| d.waiting).max().unwrap_or(0),
            now.destinations.iter().map(|d| d.shed).sum::<u64>(),
            now.destinations.iter().map(|d| d.expired).sum::<u64>(),
            now.links.len(),
            now.brokers.len(),
            now.buffer.disk_bytes / 1024,
        );
        for problem in &now.problems {
            tracing::warn!("{problem}");
        }
        last = now;
    }
}
