//! The link's status: what the page, the metrics and `/healthz` show of a broker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forehearth_model::Stamp;

use crate::settings::Server;

/// Where a link stands with its broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkState {
    /// No connection; the next attempt is waited for.
    #[default]
    Offline,
    /// A connection is being made.
    Connecting,
    /// The broker accepted us; births are under way or wait for the primary host.
    Waiting,
    /// Data flows.
    Online,
    /// The gateway stops; what is in flight is waited for.
    Draining,
    /// Ended for good.
    Stopped,
}

impl LinkState {
    /// Stable lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Online => "online",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counts since the daemon started.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct LinkCounts { $($(#[$doc])* pub $name: u64,)+ }

        /// The live side of [`LinkCounts`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)+ }

        impl Counters {
            fn read(&self) -> LinkCounts {
                LinkCounts { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Connections the broker accepted.
    connects,
    /// Connections that were lost or could not be made.
    failures,
    /// Messages written, fences not counted.
    messages,
    /// Payload bytes of these messages.
    bytes,
    /// Fences written.
    fences,
    /// PUBACKs and fences that came back.
    confirmations,
    /// Batches the destination confirmed.
    settled,
    /// Readings in them that were not meant for this destination.
    filtered,
    /// Batches given up because the broker will not have them.
    refused,
    /// Messages that the broker did not take, as it said in its PUBACK.
    refusals,
    /// Births repeated because a host asked.
    rebirths,
    /// Batches sent again because the primary host went away after them.
    repeated,
    /// Commands not acted on: commands are off, or it was garbage.
    ignored_commands,
    /// Commands handed in.
    commands,
    /// Commands refused because too many were under way.
    refused_commands,
    /// Answers to commands that were given to the session.
    replies,
    /// Connections on which the broker lets us hear no commands.
    denied_commands,
    /// Batches that went back to the buffer when a connection died.
    returned,
}

#[derive(Clone, Debug, Default)]
struct Words {
    state: LinkState,
    since: Stamp,
    server: String,
    certificates: Certificates,
    last_error: Option<String>,
    last_refusal: Option<String>,
    mqtt: &'static str,
}

/// A certificate that ends this soon is warned of. Chosen: a month is the
/// notice that maintenance plans work with.
const EXPIRY_NOTICE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Until when the certificates of the last TLS connection are valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Certificates {
    /// That of the broker's server.
    pub broker: Option<Stamp>,
    /// Ours, with mutual TLS.
    pub gateway: Option<Stamp>,
}

/// A copy of a link's status.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LinkSnapshot {
    /// Where the link stands.
    pub state: LinkState,
    /// Since when, wall time.
    pub since: Stamp,
    /// `host:port` of the server that is connected or was dialled last.
    pub server: String,
    /// Until when its certificate and ours are valid.
    pub certificates: Certificates,
    /// What ended the last connection or attempt, in words for the operator.
    pub last_error: Option<String>,
    /// What the broker last did not take, and why; kept until the gateway restarts.
    pub last_refusal: Option<String>,
    /// Version of MQTT on the connection: `5`, `3.1.1`, or empty before the
    /// first.
    pub mqtt: &'static str,
    /// Counts since start.
    pub counts: LinkCounts,
}

impl LinkSnapshot {
    /// What will break soon if nobody acts: certificates near their end.
    #[must_use]
    pub fn warnings(&self, now: Stamp) -> Vec<String> {
        let Certificates { broker, gateway } = self.certificates;
        let named = [("the broker", broker), ("this gateway (`cert`)", gateway)];
        let notice = i64::try_from(EXPIRY_NOTICE.as_micros()).unwrap_or(i64::MAX);
        named
            .into_iter()
            .filter_map(|(whose, until)| Some((whose, until?)))
            .filter(|(_, until)| until.0.saturating_sub(now.0) < notice)
            .map(|(whose, until)| {
                let verb = if until < now { "expired" } else { "expires" };
                format!("the certificate of {whose} {verb} at {until}; renew it")
            })
            .collect()
    }
}

/// Written by one link, read by anybody.
#[derive(Debug, Default)]
pub struct LinkStatus {
    words: Mutex<Words>,
    pub(crate) counters: Counters,
}

impl LinkStatus {
    /// A copy as of now.
    #[must_use]
    pub fn snapshot(&self) -> LinkSnapshot {
        let words = self.words().clone();
        LinkSnapshot {
            state: words.state,
            since: words.since,
            server: words.server,
            certificates: words.certificates,
            last_error: words.last_error,
            last_refusal: words.last_refusal,
            mqtt: words.mqtt,
            counts: self.counters.read(),
        }
    }

    /// Moves to a state; repeating the current one changes nothing.
    pub(crate) fn enter(&self, state: LinkState, now: Stamp) {
        let mut words = self.words();
        if words.state != state {
            words.state = state;
            words.since = now;
        }
    }

    /// This server is dialled.
    pub(crate) fn dial(&self, server: &Server) {
        self.words().server = server.to_string();
    }

    /// What the last TLS handshake showed.
    pub(crate) fn certificates(&self, certificates: Certificates) {
        self.words().certificates = certificates;
    }

    /// The broker accepted us.
    pub(crate) fn speaks(&self, mqtt: &'static str) {
        self.words().mqtt = mqtt;
    }

    /// The broker did not take something.
    pub(crate) fn refused(&self, what: &str, why: impl std::fmt::Display) {
        count(&self.counters.refusals, 1);
        self.words().last_refusal = Some(format!("{what}: {why}"));
    }

    /// Keeps the last error.
    pub(crate) fn fail(&self, error: String) {
        count(&self.counters.failures, 1);
        self.words().last_error = Some(error);
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        // Plain words: a panic while they were held left nothing half done.
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter that is only shown.
pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::{Certificates, LinkSnapshot, LinkState, LinkStatus, count};
    use forehearth_model::Stamp;

    #[test]
    fn a_certificate_is_warned_of_a_month_before_its_end() {
        let day = |days: i64| Stamp(days * 24 * 3600 * 1_000_000);
        let certificates = Certificates { broker: Some(day(100)), gateway: Some(day(50)) };
        let shown = LinkSnapshot { certificates, ..LinkSnapshot::default() };
        assert!(shown.warnings(day(20)).is_empty());
        let soon = shown.warnings(day(21));
        assert_eq!(
            soon,
            [
                "the certificate of this gateway (`cert`) expires at 1970-02-20T00:00:00.000Z; renew it"
            ]
        );
        let late = shown.warnings(day(101));
        assert!(late.iter().all(|text| text.contains("expired")) && late.len() == 2, "{late:?}");
    }

    #[test]
    fn a_state_keeps_the_time_it_was_entered() {
        let status = LinkStatus::default();
        status.enter(LinkState::Online, Stamp(5));
        status.enter(LinkState::Online, Stamp(9));
        status.fail("broker gone".into());
        count(&status.counters.messages, 3);
        let shown = status.snapshot();
        assert_eq!((shown.state, shown.since), (LinkState::Online, Stamp(5)));
        assert_eq!(shown.last_error.as_deref(), Some("broker gone"));
        assert_eq!((shown.counts.messages, shown.counts.failures), (3, 1));
    }
}
