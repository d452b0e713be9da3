//! The task of one server that speaks up by itself: subscriptions, doubted.
//!
//! A mode machine: connect, live, down. Connecting first takes up the session
//! that the server may still keep, with everything it kept in it; only when
//! that fails is a new one made, and its predecessor's subscriptions are
//! transferred if the server can.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use forehearth_driver::{
    BoxFuture, LinkCounters, LinkError, LinkNews, NobodyListens, PushDriver, Sink,
};
use forehearth_model::{Quality, Stamp};
use opcua::core::ResponseMessage;
use opcua::types::{
    ByteString, DataChangeNotification, NodeId, NotificationMessage, StatusChangeNotification,
    StatusCode, SubscriptionAcknowledgement, VariableId,
};

use crate::backoff::Backoff;
use crate::board::{Board, Now, Origin, Pile, Tally};
use crate::fault::Fault;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::services::{self, History, Limits, Monitor};
use crate::session::{Session, Ticket};
use crate::settings::Settings;
use crate::supervision::{Action, Kind, Supervision, Verdict};
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
/// Most publish requests at once, whatever the number of subscriptions.
/// Chosen: more than servers queue is refused and costs a round trip.
const MOST_PUBLISHES: usize = 20;
/// How long a publish request may wait at the server. Keep-alives answer it
/// every few seconds; what is older was lost.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(60);
/// Publish requests refused in a row before the session is given up. Chosen:
/// a server that refuses as fast as we ask must not keep us busy.
const MOST_REFUSALS: u32 = 20;

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
const NAMESPACES: u32 = 0x7FFF_FFFF;

/// One server, subscribed.
pub struct OpcUaSubscriber {
    settings: Settings,
    clock: fn() -> Stamp,
    board: Board,
    core: Supervision,
    resolver: Resolver,
    table: NamespaceTable,
    /// Parallel to the board's items; `None`: not there today.
    nodes: Vec<Option<NodeId>>,
    limits: Limits,
    session: Option<Session>,
    ticket: Option<Ticket>,
    /// Times the ticket did not help although the server was there.
    resumes_failed: u32,
    /// What is to be done first on a new connection.
    pending: Vec<Action>,
    flight: Flight,
    acks: Vec<SubscriptionAcknowledgement>,
    /// Per group: the server's clock in its last message.
    server_times: Vec<Option<Stamp>>,
    /// Items that the server refused.
    refused: Vec<usize>,
    retry_at: Instant,
    backoff: Backoff,
    counters: LinkCounters,
    last_reason: String,
}

/// Why the live mode ended.
enum End {
    Fault(Fault),
    Nobody(NobodyListens),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NobodyListens> for End {
    fn from(nobody: NobodyListens) -> Self {
        Self::Nobody(nobody)
    }
}

impl OpcUaSubscriber {
    /// A link that is not connected yet. `clock` tells gateway time.
    #[must_use]
    pub fn new(settings: Settings, clock: fn() -> Stamp) -> Self {
        let now = instant();
        let board = Board::new(settings.device, &settings.groups, settings.restate, now);
        Self {
            resolver: Resolver::new(&settings.namespaces),
            nodes: vec![None; board.items().len()],
            server_times: vec![None; board.groups()],
            clock,
            board,
            settings,
            core: Supervision::default(),
            table: NamespaceTable::default(),
            limits: Limits::default(),
            session: None,
            ticket: None,
            resumes_failed: 0,
            pending: Vec::new(),
            flight: Flight::default(),
            acks: Vec::new(),
            refused: Vec::new(),
            retry_at: now,
            backoff: Backoff::default(),
            counters: LinkCounters::default(),
            last_reason: String::new(),
        }
    }

    /// What did not go as it should.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.board.tally
    }

    async fn work(&mut self, sink: &mut dyn Sink) -> NobodyListens {
        loop {
            let fault = match self.connect().await {
                Ok(()) => {
                    self.counters.connects += 1;
                    tracing::info!(link = self.settings.name, "connected");
                    self.last_reason.clear();
                    sink.link(LinkNews::Opened, &self.counters);
                    match self.live(sink).await {
                        End::Fault(fault) => fault,
                        End::Nobody(nobody) => return nobody,
                    }
                }
                Err(fault) => fault,
            };
            if let Err(nobody) = self.down(sink, &fault).await {
                return nobody;
            }
        }
    }

    // --- connecting ---

    async fn connect(&mut self) -> Result<(), Fault> {
        self.flight = Flight::default();
        self.acks.clear();
        if let Some(mut ticket) = self.ticket.take() {
            match self.resume(&mut ticket).await {
                Ok(()) => {
                    self.resumes_failed = 0;
                    self.ticket = Some(ticket);
                    return Ok(());
                }
                Err(fault) if fault.is_absent() => {
                    self.ticket = Some(ticket);
                    return Err(fault);
                }
                Err(fault @ (Fault::Lost(_) | Fault::Silent)) if self.resumes_failed == 0 => {
                    self.resumes_failed += 1;
                    self.ticket = Some(ticket);
                    return Err(fault);
                }
                Err(fault) => {
                    tracing::info!(link = self.settings.name, %fault, "the session before is gone");
                }
            }
        }
        self.resumes_failed = 0;
        self.create().await
    }

    /// Takes up the session before, if the server still has it.
    async fn resume(&mut self, ticket: &mut Ticket) -> Result<(), Fault> {
        let session = Session::resume(&self.settings, ticket).await?;
        let (table, limits) = services::introduce(&session).await?;
        if Resolver::is_stale(&self.table, &table) {
            session.close().await;
            return Err(Fault::Renumbered);
        }
        self.limits = limits;
        self.session = Some(session);
        self.plan();
        Ok(())
    }

    /// What a new connection starts with.
    fn plan(&mut self) {
        self.pending.clear();
        self.core.resumed(instant(), &mut self.pending);
        let core = &self.core;
        let missing = (0..self.board.groups()).filter(|group| core.subscription(*group).is_none());
        self.pending.extend(missing.map(Action::RebuildSubscription));
    }

    async fn create(&mut self) -> Result<(), Fault> {
        let (session, ticket) = Session::create(&self.settings).await?;
        let (table, limits) = services::introduce(&session).await?;
        self.limits = limits;
        let orphans = self.core.subscriptions();
        if Resolver::is_stale(&self.table, &table) {
            self.core = Supervision::default();
        } else if !orphans.is_empty() {
            let came = services::transfer(&session, &orphans).await?;
            for (id, _) in orphans.iter().zip(came).filter(|(_, came)| !came) {
                if let Some(group) = self.core.group(*id) {
                    self.core.forget(group);
                }
            }
        }
        self.table = table;
        self.resolve();
        self.session = Some(session);
        self.ticket = Some(ticket);
        self.plan();
        Ok(())
    }

    /// Looks every node up in today's namespaces.
    fn resolve(&mut self) {
        for (node, item) in self.nodes.iter_mut().zip(self.board.items()) {
            *node = match self.resolver.resolve(&item.node, &self.table) {
                Ok(id) => Some(id),
                Err(reason) => {
                    let node = item.node.to_string();
                    tracing::warn!(link = self.settings.name, node, %reason, "not read");
                    None
                }
            };
        }
    }

    // --- live ---

    async fn live(&mut self, sink: &mut dyn Sink) -> End {
        match self.listen(sink).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn listen(&mut self, sink: &mut dyn Sink) -> Result<std::convert::Infallible, End> {
        let pending = std::mem::take(&mut self.pending);
        self.perform(sink, pending).await?;
        loop {
            let mut wake = self.board.next_restate();
            if let Some(next) = self.core.next() {
                wake = wake.min(next);
            }
            if !self.refused.is_empty() {
                wake = wake.min(self.retry_at);
            }
            let Some(session) = &mut self.session else {
                return Err(Fault::Lost("no session".to_owned()).into());
            };
            tokio::select! {
                biased;
                answer = self.flight.next() => self.answered(sink, answer).await?,
                fault = session.closed() => return Err(fault.into()),
                () = tokio::time::sleep_until(wake.into()) => self.tick(sink).await?,
            }
        }
    }

    async fn tick(&mut self, sink: &mut dyn Sink) -> Result<(), End> {
        let now = self.now();
        let mut actions = Vec::new();
        self.core.tick(now.instant, &mut actions);
        self.perform(sink, actions).await?;
        if self.board.next_restate() <= now.instant {
            let mut pile = Pile::default();
            let (core, times) = (&self.core, &self.server_times);
            let alive = |group: usize| times[group].filter(|_| core.is_alive(group, now.instant));
            self.board.repeat(now, alive, &mut pile);
            sink.link(LinkNews::Alive, &self.counters);
            deliver(sink, pile).await?;
        }
        if !self.refused.is_empty() && self.retry_at <= now.instant {
            let refused = std::mem::take(&mut self.refused);
            for group in 0..self.board.groups() {
                let range = self.board.group(group);
                let places: Vec<_> =
                    refused.iter().copied().filter(|place| range.contains(place)).collect();
                self.monitor(sink, group, &places).await?;
            }
        }
        Ok(())
    }

    /// A publish request was answered.
    async fn answered(&mut self, sink: &mut dyn Sink, answer: Answer) -> Result<(), End> {
        let response = match answer.result.and_then(services::published) {
            Ok(response) => response,
            Err(fault) => return self.refused(sink, fault, answer.acks, answer.generation).await,
        };
        self.flight.refusals = 0;
        self.counters.answers += 1;
        self.backoff.reset();
        let (id, message) = (response.subscription_id, response.notification_message);
        let empty = message.notification_data.as_ref().is_none_or(Vec::is_empty);
        let kind =
            if empty { Kind::KeepAlive } else { Kind::Data { more: response.more_notifications } };
        let origin = if self.core.is_draining(id) { Origin::Kept } else { Origin::Live };
        if let Some(group) = self.core.group(id) {
            self.server_times[group] = Some(value::stamp(&message.publish_time));
        }
        let sequence = message.sequence_number;
        let mut actions = Vec::new();
        let verdict = self.core.message(instant(), id, sequence, kind, &mut actions);
        if verdict == Verdict::RepairFirst {
            self.perform(sink, std::mem::take(&mut actions)).await?;
        }
        if verdict != Verdict::Drop && kind != Kind::KeepAlive {
            let ended = self.values(sink, message, origin).await?;
            if ended {
                self.core.ended(Some(id), &mut actions);
            }
        }
        if kind != Kind::KeepAlive && self.core.group(id).is_some() {
            self.acknowledge(id, sequence);
        }
        self.perform(sink, actions).await
    }

    /// A publish request was refused.
    async fn refused(
        &mut self,
        sink: &mut dyn Sink,
        fault: Fault,
        acks: Vec<SubscriptionAcknowledgement>,
        generation: u64,
    ) -> Result<(), End> {
        self.acks.extend(acks);
        self.flight.refusals += 1;
        if matches!(fault, Fault::Silent) {
            // It was lost. Whether that matters is told by the silence of the
            // subscriptions, not by this.
            self.counters.timeouts += 1;
            self.publish()?;
            return Ok(());
        }
        let Some(code) = fault.code().filter(|_| self.flight.refusals < MOST_REFUSALS) else {
            return Err(fault.into());
        };
        self.counters.exceptions += 1;
        let mut actions = Vec::new();
        match code {
            StatusCode::BadTooManyPublishRequests => {
                self.flight.most = self.flight.waiting.len().max(1);
            }
            StatusCode::BadNoSubscription if generation == self.flight.generation => {
                self.core.ended(None, &mut actions);
            }
            StatusCode::BadNoSubscription => actions.push(Action::Publish),
            StatusCode::BadTimeout | StatusCode::BadRequestTimeout => actions.push(Action::Publish),
            _ => return Err(fault.into()),
        }
        self.perform(sink, actions).await
    }

    fn acknowledge(&mut self, subscription_id: u32, sequence_number: u32) {
        self.acks.push(SubscriptionAcknowledgement { subscription_id, sequence_number });
    }

    /// Hands over the values of a message. Tells whether the server says that
    /// the subscription ended.
    async fn values(
        &mut self,
        sink: &mut dyn Sink,
        message: NotificationMessage,
        origin: Origin,
    ) -> Result<bool, End> {
        let now = self.now();
        let mut pile = Pile::default();
        let mut ended = false;
        for notification in message.notification_data.unwrap_or_default() {
            if notification.inner_is::<StatusChangeNotification>() {
                ended = true;
                continue;
            }
            let Some(changes) = notification.into_inner_as::<DataChangeNotification>() else {
                self.counters.stray += 1;
                continue;
            };
            for item in changes.monitored_items.unwrap_or_default() {
                if item.client_handle == NAMESPACES {
                    self.check_namespaces(item.value.value.as_ref())?;
                    continue;
                }
                let place = (item.client_handle as usize).wrapping_sub(1);
                self.board.take(place, item.value, origin, now, &mut pile);
            }
        }
        deliver(sink, pile).await?;
        Ok(ended)
    }

    /// Nodes resolved against another table may be other nodes now.
    fn check_namespaces(&self, value: Option<&opcua::types::Variant>) -> Result<(), Fault> {
        let Some(table) = services::namespaces(value) else { return Ok(()) };
        let found = self.nodes.iter().any(Option::is_none) && table != self.table;
        if Resolver::is_stale(&self.table, &table) || found {
            return Err(Fault::Renumbered);
        }
        Ok(())
    }

    // --- doing what the core says ---

    async fn perform(&mut self, sink: &mut dyn Sink, actions: Vec<Action>) -> Result<(), End> {
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

    fn publish(&mut self) -> Result<(), Fault> {
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
                    self.board.take(place, value, Origin::Archive, now, &mut pile);
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
    async fn monitor(
        &mut self,
        sink: &mut dyn Sink,
        group: usize,
        places: &[usize],
    ) -> Result<(), End> {
        let Some(id) = self.core.subscription(group) else { return Ok(()) };
        let settings = &self.settings.groups[group];
        let sampling = settings.sampling.unwrap_or(settings.period);
        let queue = self.settings.outage.as_millis() / sampling.as_millis().max(1);
        let queue = queue.clamp(SHORTEST_QUEUE, LONGEST_QUEUE) as u32;
        let mut items = Vec::with_capacity(places.len() + 1);
        let (now, mut pile) = (self.now(), Pile::default());
        for place in places {
            match &self.nodes[*place] {
                Some(node) => items.push(Monitor {
                    handle: *place as u32 + 1,
                    node: node.clone(),
                    sampling,
                    queue,
                }),
                None => {
                    self.board.declare_one(*place, Quality::BadConfiguration, now, &mut pile);
                }
            }
        }
        if group == 0 && places.len() == self.board.group(0).len() {
            items.push(Monitor {
                handle: NAMESPACES,
                node: VariableId::Server_NamespaceArray.into(),
                sampling: SLOWEST_INTERVAL,
                queue: 1,
            });
        }
        if !items.is_empty() {
            let session = self.session.as_ref().ok_or(Fault::Mute)?;
            self.counters.requests += 1;
            let codes = services::monitor(session, &mut self.limits, id, &items).await?;
            self.counters.answers += 1;
            for (item, code) in items.iter().zip(codes).filter(|(_, code)| code.is_bad()) {
                self.refuse(item, code, now, &mut pile);
            }
        }
        deliver(sink, pile).await?;
        Ok(())
    }

    fn refuse(&mut self, item: &Monitor, code: StatusCode, now: Now, pile: &mut Pile) {
        if item.handle == NAMESPACES {
            return; // then they are looked at on each connect only
        }
        let place = item.handle as usize - 1;
        if self.refused.is_empty() {
            self.retry_at = now.instant + RETRY;
            let node = self.board.items()[place].node.to_string();
            tracing::warn!(link = self.settings.name, node, %code, "the server refuses a node");
        }
        self.refused.push(place);
        self.board.declare_one(place, quality::quality(code.bits()), now, pile);
    }

    async fn read_all(
        &mut self,
        sink: &mut dyn Sink,
        group: usize,
        origin: Origin,
    ) -> Result<(), End> {
        let session = self.session.as_ref().ok_or(Fault::Mute)?;
        let places: Vec<usize> =
            self.board.group(group).filter(|place| self.nodes[*place].is_some()).collect();
        let nodes: Vec<_> = places
            .iter()
            .filter_map(|place| self.nodes[*place].clone())
            .map(services::value_of)
            .collect();
        self.counters.requests += 1;
        let values = services::read(session, &mut self.limits, &nodes).await?;
        self.counters.answers += 1;
        let (now, mut pile) = (self.now(), Pile::default());
        for (place, value) in places.into_iter().zip(values) {
            self.board.take(place, value, origin, now, &mut pile);
        }
        deliver(sink, pile).await?;
        Ok(())
    }

    // --- down ---

    /// Every tag is Bad; waits before the next attempt.
    async fn down(&mut self, sink: &mut dyn Sink, fault: &Fault) -> Result<(), NobodyListens> {
        let opened = self.session.take();
        match fault {
            Fault::Absent(_) | Fault::Lost(_) | Fault::Silent => {}
            // What the server has of us is not to be trusted.
            _ => {
                self.ticket = None;
                self.core = Supervision::default();
                if let Some(session) = opened {
                    session.close().await;
                }
            }
        }
        if matches!(fault, Fault::Silent) {
            self.counters.timeouts += 1;
        }
        let reason = fault.to_string();
        if reason != self.last_reason {
            tracing::warn!(link = self.settings.name, reason, "no data");
            self.last_reason.clone_from(&reason);
        }
        let peer = self.settings.url.clone();
        let error = match fault {
            Fault::Absent(_) | Fault::Refused(_) => LinkError::Connect { peer, reason },
            _ => LinkError::Lost { peer, reason },
        };
        sink.link(LinkNews::Down(&error), &self.counters);
        let mut pile = Pile::default();
        let now = self.now();
        for group in 0..self.board.groups() {
            self.board.declare(group, Quality::BadNoCommunication, now, &mut pile);
        }
        deliver(sink, pile).await?;
        let until = instant() + self.backoff.after_failure();
        self.wait(sink, until).await
    }

    async fn wait(&mut self, sink: &mut dyn Sink, until: Instant) -> Result<(), NobodyListens> {
        loop {
            let wake = until.min(self.board.next_restate());
            tokio::time::sleep_until(wake.into()).await;
            let now = self.now();
            if self.board.next_restate() <= now.instant {
                let mut pile = Pile::default();
                self.board.repeat(now, |_| None, &mut pile);
                deliver(sink, pile).await?;
            }
            if until <= now.instant {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        Now { instant: instant(), stamp: (self.clock)() }
    }
}

impl PushDriver for OpcUaSubscriber {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = stop => {}
                _nobody = self.work(sink) => {}
            }
            if let Some(session) = self.session.take() {
                session.close().await;
            }
        })
    }
}

async fn deliver(sink: &mut dyn Sink, pile: Pile) -> Result<(), NobodyListens> {
    if pile.scans.is_empty() { Ok(()) } else { sink.deliver(pile.scans).await }
}

fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Publish requests that wait at the server, oldest first.
struct Flight {
    waiting: VecDeque<Waiting>,
    /// Grows with each subscription made: an answer to an older request says
    /// nothing of it.
    generation: u64,
    most: usize,
    refusals: u32,
}

struct Waiting {
    generation: u64,
    acks: Vec<SubscriptionAcknowledgement>,
    answer: BoxFuture<'static, Result<ResponseMessage, Fault>>,
}

struct Answer {
    generation: u64,
    acks: Vec<SubscriptionAcknowledgement>,
    result: Result<ResponseMessage, Fault>,
}

impl Default for Flight {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), generation: 0, most: MOST_PUBLISHES, refusals: 0 }
    }
}

impl Flight {
    /// The oldest answer that is there. Answers may overtake each other only
    /// between two looks; the sequence numbers tell then.
    ///
    /// Cancel safe.
    async fn next(&mut self) -> Answer {
        poll_fn(|context| {
            for place in 0..self.waiting.len() {
                if let Poll::Ready(result) = self.waiting[place].answer.as_mut().poll(context)
                    && let Some(Waiting { generation, acks, .. }) = self.waiting.remove(place)
                {
                    return Poll::Ready(Answer { generation, acks, result });
                }
            }
            Poll::Pending
        })
        .await
    }
}
