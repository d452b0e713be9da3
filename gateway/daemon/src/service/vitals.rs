//! The vital signs: what of each room has to move, and the task that tells the service manager.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_config::{OpcUaMode, Plan, PluginMode, Transport};
use forehearth_publish::LinkState;
use tokio::sync::watch;

use super::notify::Service;
use super::pulse::{Part, Pulse};
use crate::rooms::Rooms;

/// What a poller may take besides two periods: a scan that hangs is broken
/// off after 60 s by the poller itself, and a link that was lost waits 5 s.
const POLLS_WITHIN: Duration = Duration::from_secs(90);

/// A link to a broker connects, sends or gives up within this time. Chosen:
/// twice what a broker is waited for with the default keep-alive.
const SERVES_WITHIN: Duration = Duration::from_secs(120);

/// The buffer's thread looks at what is due every 5 s. Chosen: a card that
/// hangs for a minute must not cost what is in memory, one that hangs for
/// good must be seen.
const WRITES_WITHIN: Duration = Duration::from_secs(120);

/// Feeds the watchdog as long as everything moves that has to, until `stop`
/// turns true. Ends at once when nobody asks.
pub async fn feed(rooms: Arc<Rooms>, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    let Some(within) = service.watchdog() else { return };
    let mut pulse = Pulse::default();
    loop {
        match pulse.look(vitals(&rooms), Instant::now()) {
            Ok(()) => service.alive(),
            Err(stalled) => tracing::error!(
                "{} stands still for {} s: the watchdog is not fed",
                stalled.name,
                stalled.since.as_secs()
            ),
        }
        tokio::select! {
            // sd_watchdog_enabled(3) recommends half of the time.
            () = tokio::time::sleep(within / 2) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Every part as it is now.
fn vitals(rooms: &Rooms) -> Vec<Part> {
    let plan = rooms.conditioner.plan();
    let slowest = patience(&plan);
    let mut parts = vec![Part {
        name: "the buffer's thread".to_owned(),
        progress: rooms.buffer.stats().turns,
        within: Some(WRITES_WITHIN),
    }];
    for (name, status) in rooms.links.get() {
        let now = status.snapshot();
        parts.push(Part {
            progress: now.polls + now.missed_polls + now.failed_connects,
            within: slowest.get(name.as_str()).copied().flatten(),
            name: format!("link {name}"),
        });
    }
    let ledger = rooms.buffer.ledger();
    for (name, status) in rooms.brokers.get() {
        let now = status.snapshot();
        let counts = now.counts;
        let owed = ledger.iter().any(|books| books.name == name && books.waiting > 0);
        let busy = match now.state {
            LinkState::Online => owed,
            // A primary host may stay away for as long as it likes.
            LinkState::Waiting | LinkState::Stopped | LinkState::Draining => false,
            LinkState::Offline | LinkState::Connecting => true,
        };
        parts.push(Part {
            progress: counts.connects + counts.failures + counts.messages + counts.confirmations,
            within: busy.then_some(SERVES_WITHIN),
            name: format!("broker {name}"),
        });
    }
    parts
}

/// By link: within which time it polls; `None` for one whose device speaks up
/// by itself, which may be silent.
fn patience(plan: &Plan) -> HashMap<&str, Option<Duration>> {
    let of = |link: &forehearth_config::LinkPlan| {
        let pushed = match &link.transport {
            Transport::OpcUa(server) => server.mode == OpcUaMode::Subscribe,
            Transport::Plugin(plugin) => plugin.mode == PluginMode::Push,
            _ => false,
        };
        let period = link.groups.iter().map(|group| group.period).min();
        period.filter(|_| !pushed).map(|period| POLLS_WITHIN + 2 * period)
    };
    plan.links.iter().map(|link| (link.name.as_str(), of(link))).collect()
}
