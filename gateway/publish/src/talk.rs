//! The conversation on one connection: takes batches, does what the session orders, watches for silence.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use forehearth_model::BatchId;
use rumqttc::Outgoing;
use tokio::time::sleep_until;

use crate::broken::Broken;
use crate::intake::{Hatch, Reply, Request};
use crate::line::{Client, Event, Events};
use crate::link::{Desk, now_at, told_to_stop};
use crate::outbox::{Outbox, Parcel, Want};
use crate::refusal::Refusal;
use crate::session::{Answer, Delivery, Distrust, Heard, Message, Note, Order, Remains, Session};
use crate::status::{LinkState, count};
use crate::wire::{Answered, Gone, InOrder, Wire};

/// What is in flight when the gateway stops has this long to be confirmed.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How often an idle link looks for gap records and for backlog. Chosen:
/// backlog on an idle link is rare and a quarter second is no delay for it.
const IDLE_TURN: Duration = Duration::from_millis(250);

/// The same while backlog waits but is not in memory yet.
const BACKLOG_TURN: Duration = Duration::from_millis(5);

/// A silence is never shorter than this, however short the keep-alive.
const LEAST_SILENCE: Duration = Duration::from_secs(1);

/// Orders that wait for room on the connection; while there are more, what the
/// broker sends is not listened to. Far above what one batch makes us say, so
/// only a broker that floods us meets it.
const MOST_ORDERS: usize = 16 * 1024;

/// Why a conversation ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// We said goodbye.
    #[error("stopped")]
    Stopped,
    /// The session said goodbye by itself.
    #[error("the primary host is offline; births wait until it is back")]
    HostOffline,
    /// The broker closed the connection.
    #[error("{0}")]
    HungUp(String),
    /// The connection failed otherwise.
    #[error("{0}")]
    Failed(String),
    /// The oldest of what is out was not confirmed for too long.
    #[error("a message is not confirmed after {0:.1?}: the broker or the way to it is dead")]
    Silent(Duration),
    /// What the broker answered can't be.
    #[error(transparent)]
    Distrust(#[from] Distrust),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Failed("the connection's event loop ended".into())
    }
}

/// Whether the conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Talking,
    /// The goodbye has this long.
    Leaving {
        until: Instant,
    },
}

/// One connection's conversation.
pub(crate) struct Talk {
    wire: Wire,
    session: Box<dyn Session>,
    /// Ordered and not done yet; at most what one event makes a session say.
    orders: VecDeque<Order>,
    fresh: Vec<Order>,
    /// Taken from the outbox and not settled, oldest first.
    unsettled: VecDeque<BatchId>,
    /// Whether the broker confirmed a batch on this connection.
    settled: bool,
    gap_is_out: bool,
    phase: Phase,
    /// When the oldest of what is out became the oldest.
    progress: Instant,
    /// When gap records and backlog are looked for next.
    turn: Instant,
}

impl Talk {
    pub(crate) fn new(client: Client, session: Box<dyn Session>, now: Instant) -> Self {
        Self {
            wire: Wire::new(client),
            session,
            orders: VecDeque::new(),
            fresh: Vec::new(),
            unsettled: VecDeque::new(),
            settled: false,
            gap_is_out: false,
            phase: Phase::Talking,
            progress: now,
            turn: now,
        }
    }

    /// Whether this connection was good for anything.
    pub(crate) const fn has_settled(&self) -> bool {
        self.settled
    }

    /// What was taken and not settled.
    pub(crate) fn unsettled(&self) -> Vec<BatchId> {
        self.unsettled.iter().copied().collect()
    }

    /// What the next session has to know.
    pub(crate) fn bequeath(&mut self) -> Remains {
        self.session.bequeath()
    }

    /// Talks until the connection ends.
    ///
    /// Not cancel safe: dropping it drops the connection. Nothing is lost by
    /// that, since only what is settled leaves the outbox.
    pub(crate) async fn until_end<O: Outbox>(
        &mut self,
        mut events: Events,
        desk: &mut Desk<O>,
    ) -> End {
        self.session.connected(desk.now(), &mut desk.outbox, &mut self.fresh);
        loop {
            // A poll that is dropped half-way can forget a packet that it has
            // already reported as written. So it is polled to its end while
            // everything else goes on beside it.
            let polled = {
                let poll = events.poll();
                tokio::pin!(poll);
                loop {
                    match self.beside(poll.as_mut(), desk).await {
                        Ok(Some(polled)) => break polled,
                        Ok(None) => {}
                        Err(end) => return end,
                    }
                }
            };
            let outcome = match polled {
                Ok(event) => self.react(event, desk),
                Err(error) => Err(lost(desk, &error)),
            };
            if let Err(end) = outcome {
                return end;
            }
        }
    }

    /// Does everything there is to do, then waits for the poll or for
    /// something else to do. `None`: not the poll, go on.
    async fn beside<O: Outbox>(
        &mut self,
        poll: impl Future<Output = Result<Event, Broken>>,
        desk: &mut Desk<O>,
    ) -> Result<Option<Result<Event, Broken>>, End> {
        let wake = self.advance(desk)?;
        let hungry = self.takes(Want::Live);
        let talking = self.phase == Phase::Talking;
        let Desk { outbox, stop, hatch, .. } = desk;
        tokio::select! {
            biased;
            polled = poll => return Ok(Some(polled)),
            () = told_to_stop(stop), if talking => {}
            parcel = outbox.next(Want::Live), if hungry => {
                self.feed(parcel, Want::Live, desk);
                return Ok(None);
            }
            reply = next_answer(hatch) => {
                count(&desk.status.counters.replies, 1);
                self.session.reply(&reply, desk.now(), &mut self.fresh);
                return Ok(None);
            }
            () = sleep_until(wake.into()) => return Ok(None),
        }
        self.leave(desk);
        Ok(None)
    }

    fn leave<O: Outbox>(&mut self, desk: &Desk<O>) {
        let now = desk.now();
        desk.enter(LinkState::Draining);
        self.phase = Phase::Leaving { until: now.at + STOP_WITHIN };
        self.session.stop(now, &mut self.fresh);
    }

    /// Carries out orders and takes batches until nothing more can be done
    /// now. Returns when to look again at the latest.
    fn advance<O: Outbox>(&mut self, desk: &mut Desk<O>) -> Result<Instant, End> {
        loop {
            self.carry_out(desk)?;
            if !self.orders.is_empty() || !self.wire.has_room() {
                break;
            }
            let now = desk.now();
            self.session.more(now, &mut desk.outbox, &mut self.fresh);
            if self.fresh.is_empty() && !self.take_one(now.at, desk) {
                break;
            }
        }
        if self.phase == Phase::Talking {
            let online = self.session.is_online();
            desk.enter(if online { LinkState::Online } else { LinkState::Waiting });
        }
        self.next_wake(desk)
    }

    /// Takes the next batch or gap record the session has room for: live
    /// before gap records before backlog.
    fn take_one<O: Outbox>(&mut self, now: Instant, desk: &mut Desk<O>) -> bool {
        if self.takes(Want::Live)
            && let Some(parcel) = desk.outbox.try_next(Want::Live)
        {
            self.feed(parcel, Want::Live, desk);
            return true;
        }
        if now < self.turn {
            return false;
        }
        if self.session.appetite().gaps
            && self.phase == Phase::Talking
            && !self.gap_is_out
            && let Some(record) = desk.outbox.next_gap()
        {
            self.gap_is_out = true;
            self.session.gap(&record, desk.now(), &mut self.fresh);
            return true;
        }
        if self.takes(Want::Backlog) && desk.budget.ready_at(now) <= now {
            if let Some(parcel) = desk.outbox.try_next(Want::Backlog) {
                desk.budget.spend(parcel.bytes.len());
                self.feed(parcel, Want::Backlog, desk);
                return true;
            }
            let waits = desk.outbox.backlog() > 0;
            self.turn = now + if waits { BACKLOG_TURN } else { IDLE_TURN };
        }
        false
    }

    fn takes(&self, want: Want) -> bool {
        let appetite = self.session.appetite();
        let hungry = match want {
            Want::Live => appetite.live,
            Want::Backlog => appetite.backlog,
        };
        hungry && self.phase == Phase::Talking && self.orders.is_empty() && self.wire.has_room()
    }

    fn feed<O: Outbox>(&mut self, parcel: Parcel, want: Want, desk: &mut Desk<O>) {
        self.unsettled.push_back(parcel.id);
        self.session.parcel(parcel, want, desk.now(), &mut desk.outbox, &mut self.fresh);
    }

    /// When to look again; also the watch for silence.
    fn next_wake<O: Outbox>(&mut self, desk: &mut Desk<O>) -> Result<Instant, End> {
        let now = now_at();
        let mut wake = now + IDLE_TURN;
        if self.wire.outstanding() > 0 {
            let silence = desk.settings.keepalive.mul_f64(1.5).max(LEAST_SILENCE);
            if now >= self.progress + silence {
                return Err(End::Silent(silence));
            }
            wake = wake.min(self.progress + silence);
        }
        if let Phase::Leaving { until } = self.phase {
            if now >= until {
                return Err(End::Stopped);
            }
            wake = wake.min(until);
        }
        if self.takes(Want::Backlog) {
            wake = wake.min(self.turn.max(desk.budget.ready_at(now)));
        }
        if let Some(due) = self.session.due() {
            wake = wake.min(due);
        }
        Ok(wake)
    }

    /// Does what the session ordered, as far as the connection has room.
    fn carry_out<O: Outbox>(&mut self, desk: &mut Desk<O>) -> Result<(), End> {
        self.orders.extend(self.fresh.drain(..));
        while let Some(order) = self.orders.pop_front() {
            let writes =
                matches!(order, Order::Publish(_) | Order::Subscribe { .. } | Order::Disconnect);
            if writes && !self.wire.has_room() {
                self.orders.push_front(order);
                break;
            }
            self.do_one(order, desk)?;
        }
        Ok(())
    }

    fn do_one<O: Outbox>(&mut self, order: Order, desk: &mut Desk<O>) -> Result<(), End> {
        if self.wire.outstanding() == 0 {
            self.progress = now_at();
        }
        let counters = &desk.status.counters;
        match order {
            Order::Publish(message) => self.publish(message, desk)?,
            Order::Subscribe { filters, token } => {
                count(&counters.fences, 1);
                self.wire.subscribe(&filters, token)?;
            }
            Order::Backlog => desk.outbox.return_all(),
            Order::Disconnect => self.wire.disconnect()?,
            Order::Settle { id, filtered } => {
                count(&counters.settled, 1);
                count(&counters.filtered, u64::from(filtered));
                self.home(id);
                self.settled = true;
                desk.backoff.succeed();
                desk.suspicion.confirmed(id);
                desk.outbox.settle(id, filtered);
            }
            Order::Refuse { id, reason } => {
                self.home(id);
                desk.refuse(id, &reason);
            }
            Order::SettleGap { id } => {
                self.gap_is_out = false;
                self.turn = now_at();
                desk.outbox.settle_gap(id);
            }
            Order::Command(request) => self.hand_in(*request, desk),
            Order::Note(Note::Rebirth) => count(&counters.rebirths, 1),
            Order::Note(Note::Repeat) => count(&counters.repeated, 1),
            Order::Note(Note::Refused { what, why }) => {
                tracing::warn!(broker = %desk.settings.name, "the broker refuses {what}: {why}");
                desk.status.refused(what, why);
            }
            Order::Note(Note::IgnoredCommand) => count(&counters.ignored_commands, 1),
            Order::Note(Note::CommandsDenied) => {
                count(&counters.denied_commands, 1);
                tracing::warn!(
                    broker = %desk.settings.name,
                    "the broker lets this user hear no commands; values go on"
                );
            }
        }
        Ok(())
    }

    /// A command goes in, or its refusal goes out.
    fn hand_in<O: Outbox>(&mut self, request: Request, desk: &Desk<O>) {
        let counters = &desk.status.counters;
        match desk.hatch.as_ref().map(|hatch| hatch.hand_in(request)) {
            Some(Ok(())) => count(&counters.commands, 1),
            Some(Err(reply)) => {
                count(&counters.refused_commands, 1);
                self.session.reply(&reply, desk.now(), &mut self.fresh);
            }
            None => count(&counters.ignored_commands, 1),
        }
    }

    fn publish<O: Outbox>(&mut self, message: Message, desk: &Desk<O>) -> Result<(), End> {
        if let Err(why) = self.wire.fits(&message) {
            return self.not_sent(&message, why, desk);
        }
        count(&desk.status.counters.messages, 1);
        count(&desk.status.counters.bytes, message.payload.len() as u64);
        Ok(self.wire.publish(message)?)
    }

    /// A message that the broker said beforehand it will not take.
    fn not_sent<O: Outbox>(
        &mut self,
        message: &Message,
        why: Refusal,
        desk: &Desk<O>,
    ) -> Result<(), End> {
        let Delivery::Confirmed(token) = message.delivery else { return Ok(()) };
        let answer = Answer::Refused(why);
        Ok(self.session.answered(token, answer, desk.now(), &mut self.fresh)?)
    }

    /// Settled or given up: batches come home oldest first, nearly always.
    fn home(&mut self, id: BatchId) {
        if let Some(place) = self.unsettled.iter().position(|out| *out == id) {
            self.unsettled.remove(place);
        }
    }

    /// One event of the connection.
    fn react<O: Outbox>(&mut self, event: Event, desk: &mut Desk<O>) -> Result<(), End> {
        match event {
            Event::Written(Outgoing::Disconnect) => {
                return Err(match self.phase {
                    Phase::Talking => End::HostOffline,
                    Phase::Leaving { .. } => End::Stopped,
                });
            }
            Event::Written(outgoing) => self.wire.written(&outgoing),
            Event::Acknowledged { id, answer } => {
                if let Some(answered) = self.wire.puback(id) {
                    self.answered(answered, answer, desk)?;
                }
            }
            Event::Subscribed { id, answer } => {
                if let Some(answered) = self.wire.suback(id) {
                    self.answered(answered, answer, desk)?;
                }
            }
            Event::Heard { .. } if self.orders.len() > MOST_ORDERS => {
                count(&desk.status.counters.ignored_commands, 1);
            }
            Event::Heard { topic, payload, keep } => {
                let heard = Heard { topic: &topic, payload: &payload, keep };
                self.session.heard(heard, desk.now(), &mut desk.outbox, &mut self.fresh);
            }
            Event::Other => {}
        }
        Ok(())
    }

    fn answered<O: Outbox>(
        &mut self,
        Answered { token, order }: Answered,
        answer: Answer,
        desk: &Desk<O>,
    ) -> Result<(), End> {
        let now = desk.now();
        // An answer that overtook an older one is no progress: a message that
        // vanished must not stay out for as long as others are confirmed.
        if order == InOrder::Yes {
            self.progress = now.at;
        }
        count(&desk.status.counters.confirmations, 1);
        Ok(self.session.answered(token, answer, now, &mut self.fresh)?)
    }
}

/// The next answer to a command; never comes while commands are off.
async fn next_answer(hatch: &mut Option<Hatch>) -> Reply {
    match hatch {
        Some(hatch) => hatch.answer().await,
        None => std::future::pending().await,
    }
}

fn lost<O: Outbox>(desk: &Desk<O>, error: &Broken) -> End {
    let reason = error.explain(desk.server());
    if error.is_hang_up() { End::HungUp(reason) } else { End::Failed(reason) }
}
