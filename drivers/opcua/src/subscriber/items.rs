//! What the supervision of a subscribed server asks for: subscriptions made, items added, holes filled.

use std::collections::VecDeque;
use std::time::Duration;

use forehearth_driver::Sink;
use forehearth_model::{Quality, Stamp};
use opcua::types::{ByteString, NodeId, StatusCode, VariableId};

use super::{End, OpcUaSubscriber, deliver, instant};
use crate::board::{Now, Origin, Pile};
use crate::fault::Fault;
use crate::flight::{MOST_PUBLISHES, Waiting};
use crate::services::{self, History, Monitor};
use crate::supervision::Action;
use crate::{quality, value};

/// How often a subscription sends at least; a slower tag only samples slower.
/// Chosen: the silence of a dead subscription is noticed within 3 s.
const SLOWEST_INTERVAL: Duration = Duration::from_secs(1);

/// Fastest sending asked for; most servers revise below 50 ms anyway.
const FASTEST_INTERVAL: Duration = Duration::from_millis(10);

/// A subscription without news says so after this time. Chosen: see
/// [`SLOWEST_INTERVAL`].
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Publish requests waiting at the server per subscription: one is answered
/// while the next is under way. Like the library's own.
const PUBLISHES_PER_SUBSCRIPTION: usize = 2;

/// How long a publish request may wait at the server. Keep-alives answer it
/// every few seconds; what is older was lost.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(60);

/// Values the server keeps per item at most. Chosen: 1,000 items × 1,000
/// values of 16 bytes are 16 MiB at the server.
const LONGEST_QUEUE: u128 = 1000;

/// At least the newest and the one before.
const SHORTEST_QUEUE: u128 = 2;

/// Nodes that the server refused are asked for again after this time: a
/// server is often up before the devices behind it.
const RETRY: Duration = Duration::from_secs(30);

/// Longest time the history of a group may take before live data goes on; what
/// is left stays declared. Chosen: within the 5 s in which data must flow.
const HISTORY_PATIENCE: Duration = Duration::from_secs(2);

/// How much earlier than the last message history is read, in µs: a value may
/// have been sampled well before it was sent.
const HISTORY_MARGIN: i64 = 5_000_000;

/// The handle of the item that watches the server's namespaces. Items have
/// their place and one. Chosen: away from 0 and `u32::MAX`, which are likely
/// to mean "none" somewhere in a server.
pub(super) const NAMESPACES: u32 = 0x7FFF_FFFF;

/// The same of the item that watches how well the server is.
pub(super) const SERVICE_LEVEL: u32 = 0x7FFF_FFFE;

impl OpcUaSubscriber {
    pub(super) async fn perform(
        &mut self,
        sink: &mut dyn Sink,
        actions: Vec<Action>,
    ) -> Result<(), End> {
        let mut todo = VecDeque::from(actions);
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Publish => self.publish()?,
                Action::AskAgain if self.flight.waiting.len() < MOST_PUBLISHES * 2 => {
                    self.publish_one()?;
                }
                Action::AskAgain => {}
                Action::Republish { subscription, sequence } => {
                    let found = self.republish(sink, subscription, sequence).await?;
                    let mut next = Vec::new();
                    self.core.republished(subscription, sequence, found, &mut next);
                    next.into_iter().rev().for_each(|action| todo.push_front(action));
                }
                Action::RebuildSubscription(group) => self.rebuild(sink, group).await?,
                Action::RebuildSession => return Err(Fault::Mute.into()),
                Action::Confirm(group) => self.read_all(sink, group, Origin::Confirmed).await?,
                Action::Recover(group) => self.backfill(sink, group).await?,
                Action::ReadAll(group) => self.read_all(sink, group, Origin::Live).await?,
                Action::DeclareBad(group, quality) => {
                    let (now, mut pile) = (self.now(), Pile::default());
                    self.board.declare(group, quality, now, &mut pile);
                    deliver(sink, pile).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn publish(&mut self) -> Result<(), Fault> {
        let subscriptions = self.core.subscriptions().len();
        let wanted = (subscriptions * PUBLISHES_PER_SUBSCRIPTION).min(self.flight.most);
        while self.flight.waiting.len() < wanted {
            self.publish_one()?;
        }
        Ok(())
    }

    fn publish_one(&mut self) -> Result<(), Fault> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let acks = std::mem::take(&mut self.acks);
        let request = services::publish(session, acks.clone(), PUBLISH_PATIENCE);
        let answer = session.ask_later(request, PUBLISH_PATIENCE);
        let generation = self.flight.generation;
        self.flight.waiting.push_back(Waiting { generation, acks, answer });
        self.counters.requests += 1;
        Ok(())
    }

    async fn republish(
        &mut self,
        sink: &mut dyn Sink,
        id: u32,
        sequence: u32,
    ) -> Result<bool, End> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        self.counters.requests += 1;
        let Some(message) = services::republish(session, id, sequence).await? else {
            return Ok(false);
        };
        self.counters.answers += 1;
        self.board.tally.recovered += 1;
        self.values(sink, message, Origin::Kept).await?;
        self.acknowledge(id, sequence);
        Ok(true)
    }

    /// Makes the subscription of a group anew, with all its items.
    async fn rebuild(&mut self, sink: &mut dyn Sink, group: usize) -> Result<(), End> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        if let Some(old) = self.core.subscription(group) {
            // Forgotten only when it is gone: a connection that dies in this
            // moment must not cost what the server still keeps in it.
            services::unsubscribe(session, old).await?;
            self.core.forget(group);
            self.acks.retain(|ack| ack.subscription_id != old);
        }
        let period = self.settings.groups[group].period;
        let interval = period.clamp(FASTEST_INTERVAL, SLOWEST_INTERVAL);
        let keep_alive = KEEP_ALIVE.as_millis().div_ceil(interval.as_millis());
        let keep_alive = u32::try_from(keep_alive).unwrap_or(u32::MAX);
        let made = services::subscribe(session, interval, keep_alive).await?;
        self.core.created(instant(), made.id, group, made.interval, made.keep_alive);
        self.flight.generation += 1;
        let places: Vec<_> = self.board.group(group).collect();
        self.monitor(sink, group, &places).await?;
        // Before the first message is taken, so that each tag stays in order.
        self.backfill(sink, group).await?;
        self.publish()?;
        Ok(())
    }

    /// Fills the hole since the group was last heard of from the server's history.
    async fn backfill(&mut self, sink: &mut dyn Sink, group: usize) -> Result<(), End> {
        let Some(heard) = self.server_times[group].filter(|_| self.settings.history) else {
            return Ok(());
        };
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let from = value::date_time(Stamp(heard.micros().saturating_sub(HISTORY_MARGIN)));
        let until = value::date_time(Stamp((self.clock)().micros().saturating_add(HISTORY_MARGIN)));
        let mut asked: Vec<History> = self
            .board
            .group(group)
            .filter(|place| self.is_read(*place))
            .filter_map(|place| {
                let node = self.nodes[place].clone()?;
                Some(History { place, node, continuation: ByteString::null() })
            })
            .collect();
        let end = instant() + HISTORY_PATIENCE;
        while !asked.is_empty() && instant() < end {
            self.counters.requests += 1;
            let found = services::history(session, self.limits, from, until, &mut asked).await?;
            self.counters.answers += 1;
            if found.is_empty() {
                break;
            }
            let (now, mut pile) = (self.now(), Pile::default());
            for (place, values) in found {
                for value in values {
                    self.board.take(place, &value, Origin::Archive, now, &mut pile);
                }
            }
            deliver(sink, pile).await?;
        }
        if !asked.is_empty() {
            tracing::debug!(link = self.settings.name, left = asked.len(), "history not read");
        }
        Ok(())
    }

    /// Adds items to the subscription of their group.
    pub(super) async fn monitor(
        &mut self,
        sink: &mut dyn Sink,
        group: usize,
        places: &[usize],
    ) -> Result<(), End> {
        let Some(id) = self.core.subscription(group) else { return Ok(()) };
        let mut items = Vec::with_capacity(places.len() + 2);
        let (now, mut pile) = (self.now(), Pile::default());
        for place in places.iter().copied() {
            if self.board.span(place) == 0 {
                continue; // comes with one before it
            }
            match &self.nodes[place] {
                Some(node) => items.push(self.monitored(group, place, node.clone())),
                None => {
                    for place in place..place + self.board.span(place) {
                        self.board.declare_one(place, Quality::BadConfiguration, now, &mut pile);
                    }
                    if self.refused.is_empty() {
                        self.retry_at = now.instant + RETRY;
                    }
                    self.refused.push(place);
                }
            }
        }
        if group == 0 && places.len() == self.board.group(0).len() {
            let namespaces = VariableId::Server_NamespaceArray.into();
            items.push(Monitor::watch(NAMESPACES, namespaces, SLOWEST_INTERVAL));
            if self.servers.are_several() {
                let level = VariableId::Server_ServiceLevel.into();
                items.push(Monitor::watch(SERVICE_LEVEL, level, SLOWEST_INTERVAL));
            }
        }
        if !items.is_empty() {
            let session = self.session.as_ref().ok_or(Fault::Mute)?;
            self.counters.requests += 1;
            let mut codes = services::monitor(session, &mut self.limits, id, &items).await?;
            self.counters.answers += 1;
            self.without_filters(id, &mut items, &mut codes).await?;
            for (item, code) in items.iter().zip(codes) {
                let place = (item.handle as usize).wrapping_sub(1);
                if code.is_bad() {
                    self.refuse(item, code, now, &mut pile);
                } else if item.events.is_some() {
                    self.board.listening(place, now, &mut pile);
                }
            }
        }
        deliver(sink, pile).await?;
        Ok(())
    }

    fn refuse(&mut self, item: &Monitor, code: StatusCode, now: Now, pile: &mut Pile) {
        if item.handle == NAMESPACES || item.handle == SERVICE_LEVEL {
            return; // then they are looked at on each connect only
        }
        let place = item.handle as usize - 1;
        if self.refused.is_empty() {
            self.retry_at = now.instant + RETRY;
            let node = self.board.items()[place].address.to_string();
            tracing::warn!(link = self.settings.name, node, %code, "the server refuses a node");
        }
        self.refused.push(place);
        for place in place..place + self.board.span(place) {
            self.board.declare_one(place, quality::quality(code.bits()), now, pile);
        }
    }

    /// How one item is asked for.
    fn monitored(&self, group: usize, place: usize, node: NodeId) -> Monitor {
        let (settings, item) = (&self.settings, &self.board.items()[place]);
        let group = &settings.groups[group];
        let sampling = item.sampling.or(group.sampling).unwrap_or(group.period);
        let queue = settings.outage.as_millis() / sampling.as_millis().max(1);
        let queue = queue.clamp(SHORTEST_QUEUE, LONGEST_QUEUE) as u32;
        Monitor {
            handle: place as u32 + 1,
            node,
            // Events are not sampled (OPC 10000-4, 7.21).
            sampling: if item.events.is_some() { Duration::ZERO } else { sampling },
            queue: settings.queue.unwrap_or(queue),
            discard: settings.discard,
            deadband: item.deadband,
            events: item.events,
        }
    }

    /// Asks again without a filter for items whose filter the server does not
    /// know: more comes than was asked for, which is no loss.
    async fn without_filters(
        &mut self,
        id: u32,
        items: &mut [Monitor],
        codes: &mut [StatusCode],
    ) -> Result<(), End> {
        let unknown = |code: StatusCode| {
            matches!(
                code,
                StatusCode::BadMonitoredItemFilterUnsupported
                    | StatusCode::BadMonitoredItemFilterInvalid
                    | StatusCode::BadFilterNotAllowed
                    | StatusCode::BadDeadbandFilterInvalid
            )
        };
        let mut again = Vec::new();
        for (place, item) in items.iter_mut().enumerate().filter(|(at, _)| unknown(codes[*at])) {
            if item.deadband.take().is_some() || item.events.is_some_and(|least| least > 1) {
                item.events = item.events.map(|_| 1);
                again.push(place);
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        let link = &self.settings.name;
        tracing::warn!(link, items = again.len(), "the server can't filter; it sends every change");
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let asked: Vec<Monitor> = again.iter().map(|place| items[*place].clone()).collect();
        self.counters.requests += 1;
        let answers = services::monitor(session, &mut self.limits, id, &asked).await?;
        self.counters.answers += 1;
        for (place, code) in again.into_iter().zip(answers) {
            codes[place] = code;
        }
        Ok(())
    }

    /// Whether the value at `place` is asked for by itself.
    fn is_read(&self, place: usize) -> bool {
        self.nodes[place].is_some()
            && self.board.span(place) > 0
            && self.board.items()[place].events.is_none()
    }

    async fn read_all(
        &mut self,
        sink: &mut dyn Sink,
        group: usize,
        origin: Origin,
    ) -> Result<(), End> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let places: Vec<usize> =
            self.board.group(group).filter(|place| self.is_read(*place)).collect();
        let nodes: Vec<_> = places
            .iter()
            .filter_map(|place| self.nodes[*place].clone())
            .map(services::value_of)
            .collect();
        self.counters.requests += 1;
        let values = services::read(session, &mut self.limits, &nodes).await?;
        self.counters.answers += 1;
        let (now, mut pile) = (self.now(), Pile::default());
        for place in self.board.group(group) {
            if self.board.items()[place].events.is_some() && self.nodes[place].is_some() {
                self.board.listening(place, now, &mut pile);
            }
        }
        for (place, value) in places.into_iter().zip(values) {
            self.board.take(place, &value, origin, now, &mut pile);
        }
        deliver(sink, pile).await?;
        Ok(())
    }
}
