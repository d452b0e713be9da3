//! The task of the desk: one command after the other, orders side by side.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_command::{AuditError, Command, Gate, KEY, Now, Order, Refusal};
use forehearth_driver::{WriteError, WriteOrder};
use forehearth_model::{Stamp, TagId, Value};
use forehearth_publish::{Incoming, Outcome, ReplyTo, Request};
use forehearth_source::Slip;
use serde_json::{Map, Value as Json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::audit::Audit;
use super::counts::Counts;
use super::doors::{Doors, Place};
use super::facts;
use super::throttle::{PERIOD, Throttle};
use crate::clock;

/// A Sparkplug command has no expiry, but says when it was sent; after this
/// it is too old. Chosen: an operator waits a few seconds for an effect.
const FRESH_FOR_MICROS: i64 = 10_000_000;

/// Longest time an order waits for its link. Chosen: longer than any request,
/// shorter than an operator's patience.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// Longest time until the answer of a link is no longer waited for. Above
/// what a poller lets its driver take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// See the module.
pub struct Desk {
    gate: Gate,
    doors: Option<Doors>,
    audit: Audit,
    throttle: Throttle,
    counts: Arc<Counts>,
    orders: JoinSet<Ended>,
}

/// An order that came back from its link.
struct Ended {
    place: Place,
    facts: Map<String, Json>,
    end: Result<Value, WriteError>,
    reply: ReplyTo,
}

impl Desk {
    /// A desk whose audit is in `state`. Until it is given doors everything is refused.
    pub fn new(state: PathBuf, counts: Arc<Counts>) -> Self {
        Self {
            gate: Gate::new([]),
            doors: None,
            audit: Audit::of(state),
            throttle: Throttle::new(Instant::now()),
            counts,
            orders: JoinSet::new(),
        }
    }

    /// Runs until every sender of commands is gone, then waits for the orders
    /// that are on their way. Not cancel safe: an order at work would end
    /// without a line in the audit.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Incoming>,
        mut plans: mpsc::Receiver<Doors>,
    ) {
        if let Err(error) = self.recall().await {
            tracing::error!("commands are refused until this is mended: {error}");
        }
        let mut minute = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                biased;
                Some(doors) = plans.recv() => self.renew(doors),
                Some(ended) = self.orders.join_next() => self.ended(ended.ok()).await,
                incoming = commands.recv() => match incoming {
                    Some(incoming) => self.take(incoming).await,
                    None => break,
                },
                _ = minute.tick() => self.write_unwritten().await,
            }
        }
        while let Some(ended) = self.orders.join_next().await {
            self.ended(ended.ok()).await;
        }
        self.write_unwritten().await;
    }

    /// What an earlier run received must not fire again.
    ///
    /// # Errors
    /// When the audit can't be opened.
    async fn recall(&mut self) -> Result<(), AuditError> {
        if self.audit.is_absent() {
            return Ok(());
        }
        self.audit.open().await?;
        self.gate.remember(self.audit.keys(), now());
        Ok(())
    }

    /// Takes up another plan. A tag is the same if its names are.
    fn renew(&mut self, mut doors: Doors) {
        let rules = std::mem::take(&mut doors.rules);
        let old = self.doors.take();
        let was = |tag: TagId| {
            let name = doors.places.iter().find(|(_, place)| place.tag == tag)?.0;
            old.as_ref()?.places.get(name).map(|place| place.tag)
        };
        self.gate.renew(rules, was);
        self.doors = Some(doors);
    }

    /// One command: refused and answered, or on its way to a link.
    async fn take(&mut self, incoming: Incoming) {
        let Incoming { broker, request, reply } = incoming;
        let now = now();
        let judged = self.judge(&broker, &request, now);
        let facts = facts::asked("command", now.stamp, &broker, &request);
        match judged {
            Ok((place, order, left)) => {
                let key = id(&request);
                self.send((place, order, left), key, facts, reply).await;
            }
            Err(refusal) => self.refuse(now.instant, facts, reply, &refusal).await,
        }
    }

    fn judge(
        &mut self,
        broker: &str,
        request: &Request,
        now: Now,
    ) -> Result<(Place, Order, Duration), Refusal> {
        let name = (request.device.clone(), request.tag.clone());
        let doors = self.doors.as_ref().ok_or(Refusal::NotWritable)?;
        let place = doors.places.get(&name).ok_or(Refusal::NotWritable)?;
        let expires = expiry(request).ok_or(Refusal::Expired)?;
        let command = Command {
            id: id(request),
            broker: broker.to_owned(),
            tag: place.tag,
            value: request.value.clone(),
            expires,
        };
        let order = self.gate.judge(&command, now, &*doors.inputs)?;
        let left = expires.micros().saturating_sub(now.stamp.micros());
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        Ok((place.clone(), order, left.min(SENT_WITHIN)))
    }

    /// Writes the order down, and only then hands it to the link.
    async fn send(
        &mut self,
        (place, order, left): (Place, Order, Duration),
        key: String,
        mut facts: Map<String, Json>,
        reply: ReplyTo,
    ) {
        facts.insert("raw".to_owned(), facts::plain(&order.raw));
        facts.insert(KEY.to_owned(), key.into());
        let until = Instant::now() + left;
        if let Err(error) = self.audit.write(facts.clone(), &self.counts).await {
            self.gate.finished(place.tag, Instant::now(), None);
            let refusal = Refusal::NoAudit(error.to_string());
            tracing::error!("{refusal}");
            self.counts.refused();
            return reply.send(Outcome::Refused, &refusal.to_string(), None);
        }
        let (answer, answered) = oneshot::channel();
        let order = WriteOrder { tag: place.for_driver, value: order.raw };
        let refused = place.orders.try_send(Slip { order, until, reply: answer }).is_err();
        self.orders.spawn(async move {
            let end = match (refused, tokio::time::timeout(ANSWERED_WITHIN, answered).await) {
                (true, _) => Err(not_sent("too many orders wait for this link, or it is stopping")),
                (false, Ok(Ok(end))) => end,
                (false, _) => Err(unknown("the link gave no answer")),
            };
            Ended { place, facts, end, reply }
        });
    }

    /// An order came back: into the audit, and to whoever asked.
    async fn ended(&mut self, ended: Option<Ended>) {
        let Some(Ended { place, mut facts, end, reply }) = ended else { return };
        // Under another plan it is the tag of the same name whose door opens.
        let tag = facts.get("tag").and_then(Json::as_str).and_then(|name| name.split_once('/'));
        let name = tag.map(|(device, tag)| (device.to_owned(), tag.to_owned()));
        let places = self.doors.as_ref().map(|doors| &doors.places);
        let now = name.and_then(|name| places?.get(&name)).map(|place| place.tag);
        let (outcome, reason, value) = told(end);
        let value = value.map(|raw| place.scaling.engineering(&raw));
        self.gate.finished(now.unwrap_or(place.tag), Instant::now(), value.clone());
        facts.insert("event".to_owned(), "end".into());
        facts.remove(KEY); // the line before it has it
        facts.insert("time".to_owned(), clock::now().to_string().into());
        let facts = facts::ended(facts, outcome, &reason, value.as_ref());
        if let Err(error) = self.audit.write(facts, &self.counts).await {
            tracing::error!("the end of a command is not in the audit: {error}");
        }
        match outcome {
            Outcome::Done => self.counts.done(),
            Outcome::Refused | Outcome::Expired => self.counts.refused(),
            Outcome::Unverified | Outcome::Failed => self.counts.failed(),
        }
        reply.send(outcome, &reason, value);
    }

    async fn refuse(
        &mut self,
        now: Instant,
        facts: Map<String, Json>,
        reply: ReplyTo,
        refusal: &Refusal,
    ) {
        self.counts.refused();
        let outcome = match refusal {
            Refusal::Expired => Outcome::Expired,
            _ => Outcome::Refused,
        };
        let reason = format!("{}: {refusal}", refusal.code());
        reply.send(outcome, &reason, None);
        if self.throttle.admits(now) {
            let facts = facts::ended(facts, outcome, &reason, None);
            if let Err(error) = self.audit.write(facts, &self.counts).await {
                tracing::error!("a refusal is not in the audit: {error}");
            }
        }
    }

    async fn write_unwritten(&mut self) {
        let refusals = self.throttle.take_unwritten();
        if refusals == 0 {
            return;
        }
        tracing::warn!("{refusals} commands were refused beyond those in the audit");
        let facts = facts::unwritten(clock::now(), refusals);
        if let Err(error) = self.audit.write(facts, &self.counts).await {
            tracing::error!("{refusals} refusals are not in the audit: {error}");
        }
    }
}

/// Both clocks, as the gate wants them.
fn now() -> Now {
    Now { instant: Instant::now(), stamp: clock::now(), clock: clock::state() }
}

/// When a command is too old; `None` when it does not say.
fn expiry(request: &Request) -> Option<Stamp> {
    let sent = || Some(Stamp(request.sent?.micros().saturating_add(FRESH_FOR_MICROS)));
    request.expires_at.or_else(sent)
}

/// What a client named is one command over whichever broker it comes: two may
/// share a topic. Sparkplug has no ids: there the same value for the same tag
/// with the same time is the same command.
fn id(request: &Request) -> String {
    if request.id.is_empty() {
        let Request { device, tag, value, sent, .. } = request;
        let mut same = DefaultHasher::new();
        (device, tag, value.to_string(), sent.map(Stamp::micros)).hash(&mut same);
        return format!("#{:016x}", same.finish());
    }
    request.id.clone()
}

/// What is said of an end, and the raw value that was read back.
fn told(end: Result<Value, WriteError>) -> (Outcome, String, Option<Value>) {
    let outcome = match &end {
        Ok(_) => Outcome::Done,
        Err(WriteError::ReadBackDiffers { .. }) => Outcome::Unverified,
        Err(
            WriteError::NotWritable
            | WriteError::Unfit { .. }
            | WriteError::Refused { .. }
            | WriteError::NotSent { .. },
        ) => Outcome::Refused,
        Err(WriteError::Unknown { .. } | WriteError::Link(_)) => Outcome::Failed,
    };
    match end {
        Ok(value) => (outcome, String::new(), Some(value)),
        Err(error) => {
            let reason = error.to_string();
            let read = match error {
                WriteError::ReadBackDiffers { read } => Some(read),
                _ => None,
            };
            (outcome, reason, read)
        }
    }
}

fn not_sent(reason: &str) -> WriteError {
    WriteError::NotSent { reason: reason.to_owned() }
}

fn unknown(reason: &str) -> WriteError {
    WriteError::Unknown { reason: reason.to_owned() }
}
