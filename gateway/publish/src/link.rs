//! The link to one broker: connects, serves a connection until it dies, waits, and begins again.
//!
//! Each connection gets a client, an event loop and a session of its own, and
//! all three die with it: rumqttc keeps packets of a dead connection and mixes
//! up their ids on the next. Whatever was not settled goes back to the buffer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_model::BatchId;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::budget::Budget;
use crate::dial::{self, Connect, Credentials, NotReached};
use crate::dialect::{Dialect, Version};
use crate::intake::Hatch;
use crate::line::{Client, Events};
use crate::opener::{Opener, Start};
use crate::outbox::Outbox;
use crate::refusal::Fault;
use crate::route::Route;
use crate::session::{Distrust, Now, Will};
use crate::settings::{DestinationSettings, Mqtt, Server};
use crate::status::{Certificates, LinkState, LinkStatus, count};
use crate::suspicion::Suspicion;
use crate::talk::{End, Talk};
use crate::tls;

/// A connection that lived this long was a working one, whatever it carried.
const WORKING_AFTER: Duration = Duration::from_secs(10);

/// Where the link is in its life.
enum Mode {
    Connecting,
    Serving(Box<Serving>),
    Waiting(Duration),
    Stopped,
}

/// A connection the broker accepted.
struct Serving {
    events: Events,
    talk: Talk,
    since: Instant,
}

/// What outlives a connection and is shared with its conversation.
pub(crate) struct Desk<O> {
    pub(crate) settings: DestinationSettings,
    pub(crate) outbox: O,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) status: Arc<LinkStatus>,
    pub(crate) route: Route,
    pub(crate) dialect: Dialect,
    pub(crate) backoff: Backoff,
    /// Of connections that ended because the broker does not take what has to
    /// get there: others that it takes meanwhile make it no better.
    pub(crate) refusals: Backoff,
    pub(crate) budget: Budget,
    pub(crate) suspicion: Suspicion,
    /// Where commands are on.
    pub(crate) hatch: Option<Hatch>,
}

impl<O: Outbox> Desk<O> {
    pub(crate) fn now(&self) -> Now {
        Now { at: now_at(), wall: (self.settings.clock)() }
    }

    /// The server that is dialled or connected.
    pub(crate) fn server(&self) -> &Server {
        // `Destination::new` refuses an empty list, and a route stays inside it.
        &self.settings.servers[self.route.at()]
    }

    pub(crate) fn enter(&self, state: LinkState) {
        self.status.enter(state, (self.settings.clock)());
    }

    /// Gives a batch up; it becomes a gap record.
    pub(crate) fn refuse(&mut self, id: BatchId, reason: &str) {
        tracing::error!(broker = %self.settings.name, batch = %id, "batch given up: {reason}");
        count(&self.status.counters.refused, 1);
        self.outbox.refuse(id);
    }
}

/// One broker's link.
pub(crate) struct Link<O> {
    desk: Desk<O>,
    opener: Opener,
    /// A birth/death number that was taken and not written.
    spare_bd_seq: Option<u8>,
}

impl<O: Outbox> Link<O> {
    pub(crate) fn new(
        settings: DestinationSettings,
        opener: Opener,
        outbox: O,
        stop: watch::Receiver<bool>,
        status: Arc<LinkStatus>,
    ) -> Self {
        let budget = Budget::new(settings.backlog, now_at());
        let route = Route::new(settings.servers.len());
        // The Sparkplug session is written for 3.1.1: it settles by fences and
        // needs no PUBACK.
        let mqtt = if opener.needs_bd_seq() { Mqtt::Three } else { settings.mqtt };
        let dialect = Dialect::new(mqtt, settings.servers.len());
        let hatch = settings.commands.as_ref().map(|intake| intake.open(&settings.name));
        let desk = Desk {
            settings,
            outbox,
            stop,
            status,
            route,
            dialect,
            backoff: Backoff::default(),
            refusals: Backoff::default(),
            budget,
            suspicion: Suspicion::default(),
            hatch,
        };
        Self { desk, opener, spare_bd_seq: None }
    }

    /// Runs until told to stop. Dropping the future drops the connection
    /// without a goodbye; what was not settled stays with the outbox.
    pub(crate) async fn run(mut self) {
        let mut mode = Mode::Connecting;
        loop {
            mode = match mode {
                Mode::Connecting => self.connect().await,
                Mode::Serving(serving) => self.serve(serving).await,
                Mode::Waiting(pause) => self.wait(pause).await,
                Mode::Stopped => break,
            };
        }
        self.desk.enter(LinkState::Stopped);
    }

    async fn wait(&mut self, pause: Duration) -> Mode {
        self.desk.enter(LinkState::Offline);
        tokio::select! {
            () = sleep(pause) => Mode::Connecting,
            () = told_to_stop(&mut self.desk.stop) => Mode::Stopped,
        }
    }

    async fn connect(&mut self) -> Mode {
        self.desk.enter(LinkState::Connecting);
        self.desk.status.dial(self.desk.server());
        let mut stop = self.desk.stop.clone();
        let attempt = tokio::select! {
            biased;
            () = told_to_stop(&mut stop) => return Mode::Stopped,
            attempt = self.attempt() => attempt,
        };
        match attempt {
            Ok(serving) => {
                count(&self.desk.status.counters.connects, 1);
                tracing::info!(broker = %self.desk.settings.name, server = %self.desk.server(), "connected");
                Mode::Serving(Box::new(serving))
            }
            Err(error) => {
                self.desk.route.walk();
                self.fail(error.reason)
            }
        }
    }

    /// One connect.
    ///
    /// A birth/death number is taken just before and kept for the next
    /// attempt when the CONNECT was certainly not written. After a failure
    /// the broker is tried with a bare TCP connection first, so that an
    /// address that swallows everything uses up one number and not one per
    /// attempt. (rumqttc dials by itself; a number can't be taken between its
    /// TCP connect and its CONNECT.)
    async fn attempt(&mut self) -> Result<Serving, NotReached> {
        let credentials = self.credentials().await?;
        if self.desk.backoff.failing() {
            dial::probe(self.desk.server()).await?;
        }
        let bd_seq = self.bd_seq().await;
        let now = self.desk.now();
        let mut session = self.opener.open(Start { bd_seq, pace: self.desk.suspicion.pace(), now });
        let dialled = self.dial(&credentials, session.will()).await;
        self.look_at_certificates(&credentials);
        let (client, events) = match dialled {
            Ok(connected) => connected,
            Err(error) => {
                self.opener.inherit(session.bequeath());
                if error.connect == Connect::Unwritten {
                    self.spare_bd_seq = bd_seq;
                }
                return Err(error);
            }
        };
        let since = now_at();
        Ok(Serving { events, talk: Talk::new(client, session, since), since })
    }

    /// Dials in the version the server is known to speak; one that turns MQTT
    /// 5 down is spoken to in 3.1.1 at once.
    async fn dial(
        &mut self,
        credentials: &Credentials,
        will: Option<Will>,
    ) -> Result<(Client, Events), NotReached> {
        let at = self.desk.route.at();
        let mut version = self.desk.dialect.first(at);
        loop {
            let Desk { settings, status, .. } = &self.desk;
            let (server, id) = (self.desk.server(), self.opener.client_id());
            let dialled =
                dial::connect(version, settings, server, id, credentials, will.clone()).await;
            let Err(error) = dialled else {
                status.speaks(if version == Version::Five { "5" } else { "3.1.1" });
                return dialled;
            };
            let turned_down = error.turned_down;
            match turned_down.and_then(|how| self.desk.dialect.turned_down(at, how)) {
                Some(lower) => version = lower,
                None => return Err(error),
            }
        }
    }

    async fn bd_seq(&mut self) -> Option<u8> {
        if !self.opener.needs_bd_seq() {
            return None;
        }
        match self.spare_bd_seq.take() {
            Some(spare) => Some(spare),
            None => Some(self.desk.outbox.next_bd_seq().await),
        }
    }

    /// Password and certificates, read anew for each connect so that renewed
    /// ones are taken up.
    async fn credentials(&self) -> Result<Credentials, NotReached> {
        let DestinationSettings { password, tls, .. } = &self.desk.settings;
        let unread = NotReached::unwritten;
        let password = password.as_ref().map(|read| read()).transpose().map_err(unread)?;
        let secured = match tls {
            Some(tls) => Some(tls::prepare(tls).await.map_err(|fault| unread(fault.to_string()))?),
            None => None,
        };
        Ok(Credentials { password, secured })
    }

    /// Shows until when the certificates are valid, and tells the log in time.
    fn look_at_certificates(&self, credentials: &Credentials) {
        let Some(secured) = &credentials.secured else { return };
        let (broker, gateway) = (secured.doorman.until(), secured.ours_until);
        self.desk.status.certificates(Certificates { broker, gateway });
        for warning in self.desk.status.snapshot().warnings(self.desk.now().wall) {
            tracing::warn!(broker = %self.desk.settings.name, "{warning}");
        }
    }

    async fn serve(&mut self, serving: Box<Serving>) -> Mode {
        let Serving { events, mut talk, since } = *serving;
        let end = talk.until_end(events, &mut self.desk).await;
        self.settle_accounts(&mut talk, &end);
        match end {
            End::Stopped => Mode::Stopped,
            End::Distrust(Distrust::Refused { what, why, .. }) => {
                self.desk.status.refused(what, why);
                self.fail(end.to_string());
                Mode::Waiting(self.desk.refusals.fail(fastrand::f64()))
            }
            end => {
                let worked = now_at().saturating_duration_since(since) >= WORKING_AFTER;
                if worked {
                    self.desk.refusals.succeed();
                    self.desk.backoff.succeed();
                }
                // A server that takes connections and loses them is no better
                // than one that can't be reached.
                if matches!(end, End::HostOffline) || !(worked || talk.has_settled()) {
                    self.desk.route.walk();
                }
                self.fail(end.to_string())
            }
        }
    }

    /// Everything that is still out goes back, bar a batch found guilty.
    fn settle_accounts(&mut self, talk: &mut Talk, end: &End) {
        let unsettled = talk.unsettled();
        if matches!(end, End::HungUp(_))
            && let Some(guilty) = self.desk.suspicion.hung_up(&unsettled)
        {
            self.desk.refuse(guilty, "the broker closes the connection whenever it is sent");
        }
        if let End::Distrust(Distrust::Refused { why, batch: Some(id), .. }) = end
            && why.fault() == Fault::Message
            && let Some(guilty) = self.desk.suspicion.hung_up(&[*id])
        {
            self.desk.refuse(guilty, "the broker refuses it and takes others");
        }
        count(&self.desk.status.counters.returned, unsettled.len() as u64);
        self.desk.outbox.return_all();
        self.opener.inherit(talk.bequeath());
    }

    fn fail(&mut self, reason: String) -> Mode {
        let status = &self.desk.status;
        // One line when the broker goes, not one per attempt.
        if !self.desk.backoff.failing() || status.snapshot().last_error.as_ref() != Some(&reason) {
            tracing::warn!(broker = %self.desk.settings.name, "{reason}");
        }
        status.fail(reason);
        Mode::Waiting(self.desk.backoff.fail(fastrand::f64()))
    }
}

/// Ends when the gateway stops, or when nobody is left to tell us.
pub(crate) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // An error means the sender is gone: the daemon is going down.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The monotonic clock, tokio's, so that tests can hold it.
pub(crate) fn now_at() -> Instant {
    tokio::time::Instant::now().into_std()
}
