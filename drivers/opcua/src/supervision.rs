//! Doubt, as a core: is each subscription still delivering, and is anything missing?
//!
//! An open connection proves nothing, a green keep-alive of the session
//! proves nothing; only a message of the subscription itself does. A
//! subscription that is silent for longer than it promised is asked again,
//! then rebuilt, then the whole session is. A hole in the sequence numbers is
//! asked for (Republish); what the server no longer has is declared lost.
//!
//! Rules are those of OPC 10000-4, 5.14.1.1 (sequence numbers count from 1,
//! a keep-alive carries the next one without using it up) and 5.14.6.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use forehearth_model::Quality;

/// Slack on what a subscription promised, for network and server. Chosen:
/// 500 ms keeps the whole chain within the 5 s in which data must flow again.
const SLACK: Duration = Duration::from_millis(500);

/// Shortest time an asked-again subscription gets. Chosen: a round trip on a
/// slow radio link, see [`SLACK`].
const GRACE: Duration = Duration::from_secs(1);

/// A hole of more messages than this is not asked for. Chosen: servers keep
/// some tens of messages per subscription.
const LARGEST_HOLE: u32 = 100;

/// Number the server gave a subscription.
pub(crate) type SubscriptionId = u32;

/// What the shell must do, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Top up the publish requests.
    Publish,
    /// Send one publish request more, in case those under way were lost.
    AskAgain,
    /// Ask for one message again and report with [`Supervision::republished`].
    Republish {
        /// Of which subscription.
        subscription: SubscriptionId,
        /// Which message.
        sequence: u32,
    },
    /// Delete the subscription of this group and make a new one.
    RebuildSubscription(usize),
    /// Drop the session with all subscriptions and make a new one.
    RebuildSession,
    /// Values of this group are lost for the subscription: look for them in
    /// the server's history.
    Recover(usize),
    /// Read every item of this group once: what was said before and declared
    /// Bad since may still hold.
    Confirm(usize),
    /// Read every item of this group once: what changed may have been lost.
    ReadAll(usize),
    /// Every tag of this group is Bad from now on.
    DeclareBad(usize, Quality),
}

/// What a message held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Notifications; `more` are waiting at the server.
    Data {
        /// Whether the server has more right now.
        more: bool,
    },
    /// Nothing: the subscription lives.
    KeepAlive,
}

/// What to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is the next one.
    Deliver,
    /// Messages before it are missing: do the actions that came along, and
    /// what [`Supervision::republished`] says then, before it is delivered.
    RepairFirst,
    /// It was delivered before, or belongs to no subscription of ours.
    Drop,
}

/// The doubted subscriptions of one session.
#[derive(Debug, Default)]
pub(crate) struct Supervision {
    lines: BTreeMap<SubscriptionId, Line>,
    /// Groups whose subscription was rebuilt and has not been heard since.
    unproven: BTreeMap<usize, ()>,
}

#[derive(Debug)]
struct Line {
    group: usize,
    silence: Duration,
    grace: Duration,
    heard: Instant,
    asked_again: Option<Instant>,
    /// The next sequence number.
    expected: u32,
    repair: Option<Repair>,
    /// What was recovered last, lest a message that was merely late is
    /// delivered twice.
    recovered: Option<(u32, u32)>,
    refresh: Option<Action>,
}

#[derive(Clone, Copy, Debug)]
struct Repair {
    next: u32,
    /// `None`: as far as the server has any (after a reconnect).
    until: Option<u32>,
    lost: bool,
}

impl Line {
    fn deadline(&self) -> Instant {
        match self.asked_again {
            Some(asked) => asked + self.grace,
            None => self.heard + self.silence,
        }
    }
}

impl Supervision {
    /// A subscription was made; `interval` and `keep_alive` as the server revised them.
    pub(crate) fn created(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        group: usize,
        interval: Duration,
        keep_alive: u32,
    ) {
        self.forget(group);
        let line = Line {
            group,
            silence: interval.saturating_mul(keep_alive.saturating_add(1)) + SLACK,
            grace: interval.max(GRACE),
            heard: now,
            asked_again: None,
            expected: 1,
            repair: None,
            recovered: None,
            refresh: None,
        };
        self.lines.insert(id, line);
    }

    /// The subscription of a group is gone.
    pub(crate) fn forget(&mut self, group: usize) {
        self.lines.retain(|_, line| line.group != group);
    }

    /// The subscription of a group.
    pub(crate) fn subscription(&self, group: usize) -> Option<SubscriptionId> {
        self.lines.iter().find(|(_, line)| line.group == group).map(|(id, _)| *id)
    }

    /// The group of a subscription.
    pub(crate) fn group(&self, id: SubscriptionId) -> Option<usize> {
        self.lines.get(&id).map(|line| line.group)
    }

    /// Whether newer messages than the next may be waiting at the server,
    /// because the connection was away.
    pub(crate) fn is_draining(&self, id: SubscriptionId) -> bool {
        self.lines.get(&id).is_some_and(|line| line.refresh.is_some())
    }

    /// Whether a group's subscription was heard within its word.
    pub(crate) fn is_alive(&self, group: usize, now: Instant) -> bool {
        let line = self.lines.values().find(|line| line.group == group);
        line.is_some_and(|line| line.asked_again.is_none() && line.deadline() > now)
    }

    /// All subscriptions.
    pub(crate) fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.lines.keys().copied().collect()
    }

    /// A message came. Appends what must be done.
    pub(crate) fn message(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        sequence: u32,
        kind: Kind,
        actions: &mut Vec<Action>,
    ) -> Verdict {
        actions.push(Action::Publish);
        let Some(line) = self.lines.get_mut(&id) else { return Verdict::Drop };
        line.heard = now;
        line.asked_again = None;
        self.unproven.remove(&line.group);
        let drained = kind != Kind::Data { more: true };
        let verdict = match (kind, ahead(line.expected, sequence)) {
            (Kind::Data { .. }, 0) => {
                line.expected = after(sequence);
                Verdict::Deliver
            }
            (Kind::KeepAlive, 0) => Verdict::Deliver,
            // Some servers name the last message in a keep-alive, not the next.
            (Kind::KeepAlive, -1) => Verdict::Deliver,
            (Kind::Data { .. }, hole) if hole > 0 => {
                let verdict = line.missing(id, sequence, hole, actions);
                line.expected = after(sequence);
                verdict
            }
            (Kind::KeepAlive, hole) if hole > 0 => {
                let verdict = line.missing(id, sequence, hole, actions);
                line.expected = sequence;
                verdict
            }
            (Kind::Data { .. }, _) if line.was_recovered(sequence) => Verdict::Drop,
            _ => {
                // It counts anew or backwards: this is not the subscription
                // we know, and what it says next can't be checked.
                actions.push(Action::DeclareBad(line.group, Quality::BadDataLost));
                actions.push(Action::RebuildSubscription(line.group));
                Verdict::RepairFirst
            }
        };
        if verdict == Verdict::Deliver && drained {
            actions.extend(line.refresh.take());
        }
        verdict
    }

    /// A message that was asked for again came, or the server no longer has it.
    /// Gives the next action of the repair.
    pub(crate) fn republished(
        &mut self,
        id: SubscriptionId,
        sequence: u32,
        found: bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let Some(mut repair) = line.repair.filter(|repair| repair.next == sequence) else { return };
        repair.next = after(sequence);
        if !found && repair.until.is_some() && !std::mem::replace(&mut repair.lost, true) {
            line.declare_lost(actions);
        }
        let ended = match repair.until {
            Some(until) => repair.next == until,
            None => !found,
        };
        if repair.until.is_none() && found {
            line.expected = repair.next;
        }
        line.repair = (!ended).then_some(repair);
        if !ended {
            actions.push(Action::Republish { subscription: id, sequence: repair.next });
        }
    }

    /// The session goes on over a new connection: whatever was sent into the
    /// dead one is asked for, then everything is read once the queue is drained.
    pub(crate) fn resumed(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for (id, line) in &mut self.lines {
            line.heard = now;
            line.asked_again = None;
            line.refresh = Some(Action::Confirm(line.group));
            line.repair = Some(Repair { next: line.expected, until: None, lost: false });
            line.recovered = None;
            actions.push(Action::Republish { subscription: *id, sequence: line.expected });
        }
        actions.push(Action::Publish);
    }

    /// The server says that a subscription ended, or that there is none.
    pub(crate) fn ended(&mut self, id: Option<SubscriptionId>, actions: &mut Vec<Action>) {
        for (line_id, line) in &self.lines {
            if id.is_none_or(|id| id == *line_id) {
                actions.push(Action::DeclareBad(line.group, Quality::BadNoCommunication));
                actions.push(Action::RebuildSubscription(line.group));
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.lines.values().map(Line::deadline).min()
    }

    /// Looks for subscriptions that broke their word.
    pub(crate) fn tick(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for line in self.lines.values_mut().filter(|line| line.deadline() <= now) {
            if line.asked_again.is_none() {
                line.asked_again = Some(now);
                actions.push(Action::AskAgain);
                continue;
            }
            line.heard = now;
            line.asked_again = None;
            actions.push(Action::DeclareBad(line.group, Quality::BadNoCommunication));
            if self.unproven.insert(line.group, ()).is_some() {
                actions.push(Action::RebuildSession);
                return;
            }
            actions.push(Action::RebuildSubscription(line.group));
        }
    }
}

impl Line {
    fn missing(
        &mut self,
        id: SubscriptionId,
        sequence: u32,
        hole: i64,
        actions: &mut Vec<Action>,
    ) -> Verdict {
        if hole > i64::from(LARGEST_HOLE) {
            self.declare_lost(actions);
            return Verdict::RepairFirst;
        }
        let next = self.expected;
        self.repair = Some(Repair { next, until: Some(sequence), lost: false });
        self.recovered = Some((next, sequence));
        actions.push(Action::Republish { subscription: id, sequence: next });
        Verdict::RepairFirst
    }

    /// Every tag is read anew as soon as the messages under way are delivered.
    fn declare_lost(&mut self, actions: &mut Vec<Action>) {
        actions.push(Action::DeclareBad(self.group, Quality::BadDataLost));
        actions.push(Action::Recover(self.group));
        self.refresh = Some(Action::ReadAll(self.group));
    }

    fn was_recovered(&self, sequence: u32) -> bool {
        self.recovered
            .is_some_and(|(from, until)| ahead(from, sequence) >= 0 && ahead(sequence, until) > 0)
    }
}

/// The sequence number after one: 0 is never used.
fn after(sequence: u32) -> u32 {
    sequence.checked_add(1).unwrap_or(1)
}

/// How many messages `sequence` is ahead of `expected`; negative: behind.
fn ahead(expected: u32, sequence: u32) -> i64 {
    /// Sequence numbers that exist: all but 0.
    const RING: i64 = u32::MAX as i64;
    let distance = (i64::from(sequence) - i64::from(expected)).rem_euclid(RING);
    if distance > RING / 2 { distance - RING } else { distance }
}

#[cfg(test)]
mod tests {
    use super::{Action, Kind, Supervision, Verdict, after, ahead};
    use forehearth_model::Quality;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const DATA: Kind = Kind::Data { more: false };
    const SUB: u32 = 7;
    const GROUP: usize = 0;

    struct Bench {
        core: Supervision,
        now: Instant,
    }

    /// One subscription: 1 s, keep-alive after 1 more, so silent for 2.5 s at most.
    fn bench() -> Bench {
        let mut core = Supervision::default();
        let now = Instant::now();
        core.created(now, SUB, GROUP, Duration::from_secs(1), 1);
        Bench { core, now }
    }

    impl Bench {
        fn message(&mut self, sequence: u32, kind: Kind) -> (Verdict, Vec<Action>) {
            let mut actions = Vec::new();
            let verdict = self.core.message(self.now, SUB, sequence, kind, &mut actions);
            actions.retain(|action| *action != Action::Publish);
            (verdict, actions)
        }

        fn republished(&mut self, sequence: u32, found: bool) -> Vec<Action> {
            let mut actions = Vec::new();
            self.core.republished(SUB, sequence, found, &mut actions);
            actions
        }

        fn wait(&mut self, millis: u64) -> Vec<Action> {
            self.now += Duration::from_millis(millis);
            let mut actions = Vec::new();
            self.core.tick(self.now, &mut actions);
            actions
        }
    }

    fn republish(sequence: u32) -> Vec<Action> {
        vec![Action::Republish { subscription: SUB, sequence }]
    }

    fn lost() -> Vec<Action> {
        vec![Action::DeclareBad(GROUP, Quality::BadDataLost), Action::Recover(GROUP)]
    }

    #[test]
    fn messages_in_order_are_delivered() {
        let mut bench = bench();
        assert_eq!(bench.message(1, Kind::KeepAlive), (Verdict::Deliver, vec![]));
        assert_eq!(bench.message(1, DATA), (Verdict::Deliver, vec![]));
        assert_eq!(bench.message(2, DATA), (Verdict::Deliver, vec![]));
        assert_eq!(bench.message(3, Kind::KeepAlive), (Verdict::Deliver, vec![]));
        assert_eq!(bench.message(3, DATA), (Verdict::Deliver, vec![]));
    }

    #[test]
    fn a_keep_alive_that_names_the_last_message_is_no_alarm() {
        let mut bench = bench();
        bench.message(1, DATA);
        assert_eq!(bench.message(1, Kind::KeepAlive), (Verdict::Deliver, vec![]));
    }

    #[test]
    fn a_hole_is_asked_for_before_what_follows_is_delivered() {
        let mut bench = bench();
        bench.message(1, DATA);
        assert_eq!(bench.message(4, DATA), (Verdict::RepairFirst, republish(2)));
        assert_eq!(bench.republished(2, true), republish(3));
        assert_eq!(bench.republished(3, true), vec![], "nothing was lost");
        assert_eq!(bench.message(5, DATA), (Verdict::Deliver, vec![]));
    }

    #[test]
    fn a_message_that_was_only_late_is_not_delivered_twice() {
        let mut bench = bench();
        bench.message(1, DATA);
        bench.message(3, DATA);
        bench.republished(2, true);
        assert_eq!(bench.message(2, DATA), (Verdict::Drop, vec![]));
        assert_eq!(bench.message(4, DATA), (Verdict::Deliver, vec![]));
    }

    #[test]
    fn what_the_server_no_longer_has_is_declared_lost_and_read_anew() {
        let mut bench = bench();
        bench.message(1, DATA);
        bench.message(4, DATA);
        let mut expected = lost();
        expected.extend(republish(3)); // the rest may still be there
        assert_eq!(bench.republished(2, false), expected);
        assert_eq!(bench.republished(3, true), vec![]);
        let read = vec![Action::ReadAll(GROUP)];
        assert_eq!(bench.message(5, Kind::KeepAlive), (Verdict::Deliver, read));
    }

    #[test]
    fn a_keep_alive_shows_a_hole_too() {
        let mut bench = bench();
        assert_eq!(bench.message(2, Kind::KeepAlive), (Verdict::RepairFirst, republish(1)));
        assert_eq!(bench.republished(1, true), vec![]);
        assert_eq!(bench.message(2, DATA), (Verdict::Deliver, vec![]));
    }

    #[test]
    fn a_huge_hole_is_not_asked_for() {
        let mut bench = bench();
        assert_eq!(bench.message(1_000_000, DATA), (Verdict::RepairFirst, lost()));
        let read = vec![Action::ReadAll(GROUP)];
        assert_eq!(bench.message(1_000_001, DATA), (Verdict::Deliver, read));
    }

    #[test]
    fn a_subscription_that_counts_anew_is_not_trusted() {
        let mut bench = bench();
        for sequence in 1..=5 {
            bench.message(sequence, DATA);
        }
        let (_, actions) = bench.message(1, DATA);
        assert!(actions.contains(&Action::RebuildSubscription(GROUP)));
    }

    #[test]
    fn a_silent_subscription_is_asked_then_rebuilt_then_the_session_is() {
        let mut bench = bench();
        assert_eq!(bench.wait(2_400), vec![], "within its word");
        assert_eq!(bench.wait(100), vec![Action::AskAgain]);
        assert_eq!(bench.wait(900), vec![]);
        let bad = Action::DeclareBad(GROUP, Quality::BadNoCommunication);
        assert_eq!(bench.wait(100), vec![bad, Action::RebuildSubscription(GROUP)]);
        bench.core.created(bench.now, 8, GROUP, Duration::from_secs(1), 1);
        assert_eq!(bench.wait(2_500), vec![Action::AskAgain]);
        assert_eq!(bench.wait(1_000), vec![bad, Action::RebuildSession]);
    }

    #[test]
    fn a_subscription_that_speaks_after_its_rebuild_is_trusted_again() {
        let mut bench = bench();
        bench.wait(2_500);
        bench.wait(1_000);
        bench.core.created(bench.now, SUB, GROUP, Duration::from_secs(1), 1);
        bench.message(1, DATA);
        bench.wait(2_500);
        assert!(bench.wait(1_000).contains(&Action::RebuildSubscription(GROUP)));
    }

    #[test]
    fn after_a_reconnect_everything_the_server_kept_is_asked_for_and_then_read_once() {
        let mut bench = bench();
        bench.message(1, DATA);
        let mut actions = Vec::new();
        bench.core.resumed(bench.now, &mut actions);
        assert_eq!(actions, [republish(2), vec![Action::Publish]].concat());
        assert_eq!(bench.republished(2, true), republish(3));
        assert_eq!(bench.republished(3, false), vec![], "that was all; nothing is lost");
        let more = Kind::Data { more: true };
        assert_eq!(bench.message(3, more), (Verdict::Deliver, vec![]), "not drained yet");
        assert_eq!(bench.message(4, DATA), (Verdict::Deliver, vec![Action::Confirm(GROUP)]));
        assert_eq!(bench.message(5, DATA), (Verdict::Deliver, vec![]), "once");
    }

    #[test]
    fn a_subscription_the_server_ended_is_rebuilt_at_once() {
        let mut bench = bench();
        let mut actions = Vec::new();
        bench.core.ended(Some(SUB), &mut actions);
        let bad = Action::DeclareBad(GROUP, Quality::BadNoCommunication);
        assert_eq!(actions, vec![bad, Action::RebuildSubscription(GROUP)]);
    }

    #[test]
    fn a_message_of_a_stranger_is_dropped() {
        let mut bench = bench();
        let mut actions = Vec::new();
        let verdict = bench.core.message(bench.now, 99, 1, DATA, &mut actions);
        assert_eq!((verdict, actions), (Verdict::Drop, vec![Action::Publish]));
    }

    #[test]
    fn sequence_numbers_roll_over_past_zero() {
        assert_eq!(after(u32::MAX), 1);
        assert_eq!(ahead(u32::MAX, 1), 1);
        assert_eq!(ahead(1, u32::MAX), -1);
        assert_eq!(ahead(5, 5), 0);
    }

    proptest! {
        /// Whatever is lost on the way and found again: each message is
        /// delivered exactly once and in order.
        #[test]
        fn every_message_is_delivered_once_and_in_order(lost in proptest::collection::vec(any::<bool>(), 1..60)) {
            let mut bench = bench();
            let mut got = Vec::new();
            let last = lost.len() as u32;
            for (sequence, lost) in (1..).zip(lost) {
                if lost && sequence != last {
                    continue;
                }
                let (verdict, mut actions) = bench.message(sequence, DATA);
                while let Some(Action::Republish { sequence, .. }) = actions.pop() {
                    got.push(sequence);
                    actions = bench.republished(sequence, true);
                }
                prop_assert!(verdict != Verdict::Drop);
                got.push(sequence);
            }
            prop_assert_eq!(got, (1..=last).collect::<Vec<_>>());
        }
    }
}
