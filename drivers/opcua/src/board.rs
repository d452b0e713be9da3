//! What was last said of each tag, as a core: values in, samples out.
//!
//! It drops what was said before, repeats what still holds when a tag has
//! been quiet for long, and declares tags Bad that can't be vouched for.

use std::ops::Range;
use std::time::{Duration, Instant};

use forehearth_model::{DeviceId, Quality, Sample, Scan, Severity, Stamp, Value};
use opcua::types::DataValue;

use crate::event::Event;
use crate::quality;
use crate::settings::{Group, Item};
use crate::value;

/// 2020-01-01: a source that is older never had its clock set (ARCHITECTURE.md, Time).
const OLDEST: Stamp = Stamp(1_577_836_800_000_000);
/// A source further ahead than a day has no clock either.
const DAY: i64 = 86_400_000_000;

/// The tags of one link.
#[derive(Debug)]
pub(crate) struct Board {
    device: DeviceId,
    items: Vec<Item>,
    groups: Vec<Range<usize>>,
    /// Per item: how many in a row share its node and are asked for as one,
    /// counted from the first of them; 0 for the others.
    spans: Vec<usize>,
    slots: Vec<Slot>,
    restate: Duration,
    next_restate: Instant,
    /// What did not go as it should.
    pub(crate) tally: Tally,
}

/// What did not go as it should; counters never go back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Values that came again and were dropped.
    pub repeats: u64,
    /// Values of no item of ours.
    pub strays: u64,
    /// Source times before 2020 or more than a day ahead, replaced by gateway time.
    pub absurd_times: u64,
    /// Values lost in the server's own queues, each marked by a Bad sample.
    pub overflows: u64,
    /// Messages that were missing, asked for and got.
    pub recovered: u64,
    /// Values taken from the server's history.
    pub backfilled: u64,
    /// Times a group was declared Bad.
    pub declared: u64,
}

/// How a value came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// It is the newest the server has.
    Live,
    /// It comes from the server's history, oldest first, before the
    /// subscription goes on.
    Archive,
    /// The server kept it while we were away, and newer ones may follow; when
    /// all have come, what was declared Bad is read once.
    Kept,
    /// It was read to learn whether what was said before still holds. What
    /// has changed since comes by the subscription, in order with all else.
    Confirmed,
}

#[derive(Clone, Copy, Debug)]
struct Declared {
    quality: Quality,
    at: Stamp,
    /// Nothing was said after it, not even an older value.
    last_word: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    /// As it was read last.
    value: Value,
    quality: Quality,
    /// Time of the newest value, in the source's words.
    source: Stamp,
    /// Everything up to this time was taken from the server's history.
    archived: Stamp,
    /// Declared Bad by us since.
    declared: Option<Declared>,
    /// When it was last said; `None`: never.
    said: Option<Instant>,
}

/// Scans under way to the gateway.
#[derive(Debug, Default)]
pub(crate) struct Pile {
    pub(crate) scans: Vec<Scan>,
}

impl Pile {
    fn push(&mut self, device: DeviceId, stamp: Stamp, sample: Sample) {
        match self.scans.last_mut() {
            Some(scan) if scan.stamp == stamp => scan.samples.push(sample),
            _ => self.scans.push(Scan { device, stamp, samples: vec![sample] }),
        }
    }
}

/// The two clocks, read once per message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) stamp: Stamp,
}

impl Board {
    pub(crate) fn new(device: DeviceId, groups: &[Group], restate: Duration, now: Instant) -> Self {
        let mut items = Vec::new();
        let mut ranges = Vec::new();
        for group in groups {
            let start = items.len();
            items.extend(group.items.iter().cloned());
            ranges.push(start..items.len());
        }
        let slot = Slot {
            value: Value::Null,
            quality: Quality::BadWaitingForFirstValue,
            source: Stamp(i64::MIN),
            archived: Stamp(i64::MIN),
            declared: None,
            said: None,
        };
        let slots = vec![slot; items.len()];
        let next_restate = now + restate / 4;
        let spans = ranges.iter().flat_map(|range| spans(&items[range.clone()])).collect();
        Self {
            device,
            items,
            groups: ranges,
            spans,
            slots,
            restate,
            next_restate,
            tally: Tally::default(),
        }
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The places of a group's items.
    pub(crate) fn group(&self, group: usize) -> Range<usize> {
        self.groups[group].clone()
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether the tags of a group differ from what was read, because we said so.
    #[cfg(test)]
    fn is_declared(&self, place: usize) -> bool {
        self.slots[place].declared.is_some()
    }

    /// How many items from `place` on are asked for as one; 0 when it is asked
    /// for with one before it.
    pub(crate) fn span(&self, place: usize) -> usize {
        self.spans[place]
    }

    /// A value came for the item at `place`, and for those that share it.
    pub(crate) fn take(
        &mut self,
        place: usize,
        data: &DataValue,
        origin: Origin,
        now: Now,
        pile: &mut Pile,
    ) {
        let Some(span) = self.spans.get(place).copied().filter(|span| *span > 0) else {
            self.tally.strays += 1;
            return;
        };
        for item in place..place + span {
            self.take_one(item, data, origin, now, pile);
        }
    }

    /// An event came: it is said as it is, once, and never repeated.
    pub(crate) fn event(&mut self, place: usize, event: &Event, now: Now, pile: &mut Pile) {
        let Some(item) = self.items.get(place).filter(|item| item.events.is_some()) else {
            self.tally.strays += 1;
            return;
        };
        if item.events.is_some_and(|least| event.severity < least) {
            return; // a server that can't filter sends them all
        }
        let stamp = if is_sane(event.time, now.stamp) {
            event.time
        } else {
            self.tally.absurd_times += 1;
            now.stamp
        };
        let value = Value::Text(event.text.as_str().into());
        pile.push(self.device, stamp, Sample { tag: item.tag, quality: Quality::Good, value });
        self.slots[place].said = Some(now.instant);
    }

    /// The server tells its events from now on: an empty text says so.
    pub(crate) fn listening(&mut self, place: usize, now: Now, pile: &mut Pile) {
        let slot = &mut self.slots[place];
        slot.declared = None;
        (slot.quality, slot.value) = (Quality::Good, Value::Text("".into()));
        (slot.said, slot.source) = (Some(now.instant), now.stamp);
        let (quality, value) = (slot.quality, slot.value.clone());
        pile.push(self.device, now.stamp, Sample { tag: self.items[place].tag, quality, value });
    }

    fn take_one(
        &mut self,
        place: usize,
        data: &DataValue,
        origin: Origin,
        now: Now,
        pile: &mut Pile,
    ) {
        let (slot, item) = (&mut self.slots[place], &self.items[place]);
        let code = data.status.map_or(0, |status| status.bits());
        let time = data.source_timestamp.or(data.server_timestamp);
        let stamp = match time.map(|time| value::stamp(&time)) {
            Some(stamp) if is_sane(stamp, now.stamp) => stamp,
            Some(_) => {
                self.tally.absurd_times += 1;
                now.stamp
            }
            None => now.stamp,
        };
        let (quality, value) = judge(code, data, item);
        let same = slot.quality == quality && slot.value.same(&value);
        let known = slot.source > Stamp(i64::MIN);
        if origin == Origin::Confirmed && known {
            if same && slot.declared.take().is_some() {
                slot.said = Some(now.instant);
                let tag = item.tag;
                pile.push(self.device, now.stamp, Sample { tag, quality, value });
            }
            return;
        }
        let new = match origin {
            Origin::Archive => stamp > slot.source,
            _ => stamp > slot.archived && (stamp > slot.source || !same),
        };
        if !new && (slot.declared.is_none() || !same || origin == Origin::Archive) {
            self.tally.repeats += 1;
            return;
        }
        let sample = |quality, value| Sample { tag: item.tag, quality, value };
        if new && quality::overflowed(code) {
            self.tally.overflows += 1;
            let lost = sample(Quality::BadDataLost, Value::Null);
            pile.push(self.device, Stamp(stamp.micros() - 1), lost);
        }
        if new {
            pile.push(self.device, stamp, sample(quality, value.clone()));
        }
        match slot.declared {
            // Newer than what we declared: that is over.
            Some(declared) if new && stamp > declared.at => slot.declared = None,
            // Older, and it holds now.
            Some(_) if !matches!(origin, Origin::Kept | Origin::Archive) => {
                slot.declared = None;
                pile.push(self.device, now.stamp, sample(quality, value.clone()));
            }
            Some(mut declared) => {
                declared.last_word = false;
                slot.declared = Some(declared);
            }
            None => {}
        }
        slot.source = slot.source.max(stamp);
        if origin == Origin::Archive {
            slot.archived = slot.source;
            self.tally.backfilled += 1;
        }
        slot.value = value;
        slot.quality = quality;
        slot.said = Some(now.instant);
    }

    /// None of the group's tags can be vouched for any more.
    pub(crate) fn declare(&mut self, group: usize, quality: Quality, now: Now, pile: &mut Pile) {
        self.tally.declared += 1;
        for place in self.group(group) {
            self.declare_one(place, quality, now, pile);
        }
    }

    /// This tag can't be vouched for any more. Says nothing when that was
    /// said already.
    pub(crate) fn declare_one(
        &mut self,
        place: usize,
        quality: Quality,
        now: Now,
        pile: &mut Pile,
    ) {
        let slot = &mut self.slots[place];
        if slot.declared.is_some_and(|said| said.quality == quality && said.last_word) {
            return;
        }
        slot.declared = Some(Declared { quality, at: now.stamp, last_word: true });
        slot.said = Some(now.instant);
        let sample = Sample { tag: self.items[place].tag, quality, value: Value::Null };
        pile.push(self.device, now.stamp, sample);
    }

    /// When [`repeat`](Self::repeat) has something to do.
    pub(crate) fn next_restate(&self) -> Instant {
        self.next_restate
    }

    /// Says again what holds of tags that have been quiet for long. `alive`
    /// tells of a group whether its subscription just proved that it would
    /// have spoken, and the server's time then.
    pub(crate) fn repeat(
        &mut self,
        now: Now,
        alive: impl Fn(usize) -> Option<Stamp>,
        pile: &mut Pile,
    ) {
        self.next_restate = now.instant + self.restate / 4;
        for (group, range) in self.groups.iter().enumerate() {
            let server = alive(group).filter(|stamp| is_sane(*stamp, now.stamp));
            for place in range.clone() {
                let slot = &mut self.slots[place];
                let quiet = slot.said.is_some_and(|said| now.instant - said >= self.restate);
                if !quiet {
                    continue;
                }
                let (stamp, quality, value) = match (slot.declared, server) {
                    (Some(declared), _) => (now.stamp, declared.quality, Value::Null),
                    (None, Some(server)) => {
                        (server.max(slot.source), slot.quality, slot.value.clone())
                    }
                    (None, None) => continue,
                };
                slot.said = Some(now.instant);
                let sample = Sample { tag: self.items[place].tag, quality, value };
                pile.push(self.device, stamp, sample);
            }
        }
    }
}

fn judge(code: u32, data: &DataValue, item: &Item) -> (Quality, Value) {
    let quality = quality::quality(code);
    if quality.severity() == Severity::Bad {
        return (quality, Value::Null);
    }
    let Some(whole) = &data.value else { return (Quality::BadDeviceFailure, Value::Null) };
    let found = match &item.address.part {
        Some(part) => value::part(whole, part).ok_or(Quality::BadConfiguration),
        None => Ok(whole),
    };
    match found.and_then(|variant| value::value(variant, item.data_type)) {
        Ok(value) => (quality, value),
        Err(quality) => (quality, Value::Null),
    }
}

/// One value as a sample, without memory: what polling needs.
pub(crate) fn sample(data: &DataValue, item: &Item) -> Sample {
    let code = data.status.map_or(0, |status| status.bits());
    let (quality, value) = judge(code, data, item);
    Sample { tag: item.tag, quality, value }
}

/// Runs of items that share a node.
fn spans(items: &[Item]) -> Vec<usize> {
    let mut spans = vec![0; items.len()];
    let mut first = 0;
    for place in 0..items.len() {
        if !items[first].shares_with(&items[place]) {
            first = place;
        }
        spans[first] += 1;
    }
    spans
}

fn is_sane(stamp: Stamp, now: Stamp) -> bool {
    stamp >= OLDEST && stamp.micros() <= now.micros().saturating_add(DAY)
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "reads better in the tests")]
mod tests {
    use super::{Board, Now, Origin, Pile, sample};
    use crate::node::NodeRef;
    use crate::settings::{Group, Item};
    use crate::value::date_time;
    use forehearth_model::{DeviceId, Quality, Stamp, TagId, Value};
    use opcua::types::{DataValue, StatusCode, Variant};
    use std::time::{Duration, Instant};

    /// 2026-11-24, in µs.
    const START: i64 = 1_795_500_000_000_000;
    const RESTATE: Duration = Duration::from_secs(30);

    struct Bench {
        board: Board,
        now: Now,
    }

    fn bench() -> Bench {
        let item = |tag| Item::new(TagId(tag), NodeRef::parse(&format!("i={tag}")).unwrap(), None);
        let group =
            Group { period: Duration::from_secs(1), sampling: None, items: vec![item(0), item(1)] };
        let instant = Instant::now();
        let board = Board::new(DeviceId(3), &[group], RESTATE, instant);
        Bench { board, now: Now { instant, stamp: Stamp(START) } }
    }

    fn data(value: i32, at: i64) -> DataValue {
        DataValue {
            value: Some(Variant::Int32(value)),
            source_timestamp: Some(date_time(Stamp(at))),
            ..Default::default()
        }
    }

    type Said = Vec<(i64, Quality, Value)>;

    fn said(pile: Pile) -> Said {
        let scans = pile.scans.into_iter();
        let flat = scans.flat_map(|scan| {
            let at = scan.stamp.micros() - START;
            scan.samples.into_iter().map(move |sample| (at, sample.quality, sample.value))
        });
        flat.collect()
    }

    impl Bench {
        fn take(&mut self, data: DataValue) -> Said {
            let mut pile = Pile::default();
            self.board.take(0, &data, Origin::Live, self.now, &mut pile);
            said(pile)
        }

        fn take_from(&mut self, origin: Origin, data: DataValue) -> Said {
            let mut pile = Pile::default();
            self.board.take(0, &data, origin, self.now, &mut pile);
            said(pile)
        }

        fn take_kept(&mut self, data: DataValue) -> Said {
            self.take_from(Origin::Kept, data)
        }

        fn declare(&mut self) -> Said {
            let mut pile = Pile::default();
            self.board.declare(0, Quality::BadNoCommunication, self.now, &mut pile);
            said(pile)
        }

        fn wait(&mut self, seconds: u64) {
            self.now.instant += Duration::from_secs(seconds);
            self.now.stamp = Stamp(self.now.stamp.micros() + seconds as i64 * 1_000_000);
        }

        fn repeat(&mut self, alive: Option<Stamp>) -> Said {
            let mut pile = Pile::default();
            self.board.repeat(self.now, |_| alive, &mut pile);
            said(pile)
        }
    }

    fn good(at: i64, value: i64) -> (i64, Quality, Value) {
        (at, Quality::Good, Value::Int(value))
    }

    #[test]
    fn each_value_is_said_once_with_its_own_time() {
        let mut bench = bench();
        assert_eq!(bench.take(data(1, START - 50)), vec![good(-50, 1)]);
        assert_eq!(bench.take(data(1, START - 50)), vec![], "the same again");
        assert_eq!(bench.take(data(2, START - 40)), vec![good(-40, 2)]);
        assert_eq!(bench.take(data(2, START - 30)), vec![good(-30, 2)], "sampled anew");
        assert_eq!(bench.board.tally.repeats, 1);
    }

    #[test]
    fn a_value_that_comes_late_is_said_all_the_same() {
        let mut bench = bench();
        bench.take(data(5, START - 10));
        assert_eq!(bench.take(data(4, START - 20)), vec![good(-20, 4)]);
    }

    #[test]
    fn values_of_one_moment_share_a_scan() {
        let mut bench = bench();
        let mut pile = Pile::default();
        bench.board.take(0, &data(1, START), Origin::Live, bench.now, &mut pile);
        bench.board.take(1, &data(2, START), Origin::Live, bench.now, &mut pile);
        assert_eq!(pile.scans.len(), 1);
        assert_eq!(pile.scans[0].device, DeviceId(3));
    }

    #[test]
    fn an_unchanged_value_is_good_again_now_after_it_was_declared_bad() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        let bad = (0, Quality::BadNoCommunication, Value::Null);
        assert_eq!(bench.declare(), vec![bad.clone(), bad], "both tags, also the one never read");
        assert_eq!(bench.declare(), vec![], "said once");
        bench.wait(10);
        assert_eq!(bench.take(data(1, START - 50)).last(), Some(&good(10_000_000, 1)));
        assert!(!bench.board.is_declared(0));
        assert_eq!(bench.take(data(1, START - 50)), vec![], "once");
    }

    #[test]
    fn what_was_kept_during_an_outage_comes_in_order_with_its_own_time() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.declare();
        bench.wait(10);
        assert_eq!(bench.take_kept(data(2, START - 10)), vec![good(-10, 2)], "on its way then");
        assert!(bench.board.is_declared(0), "the Bad one is newer");
        let again = bench.declare();
        assert_eq!(again.len(), 1, "so that Bad has the last word when the link dies again");
        bench.wait(1);
        let later = START + 10_500_000;
        assert_eq!(bench.take_kept(data(3, later)), vec![good(10_500_000, 3)]);
        assert!(!bench.board.is_declared(0));
        assert_eq!(bench.take(data(3, later)), vec![], "read once, nothing new");
    }

    #[test]
    fn a_value_that_is_read_to_confirm_never_overtakes_what_is_on_its_way() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.declare();
        bench.wait(10);
        let newer = data(3, START + 6_000_000);
        assert_eq!(bench.take_from(Origin::Confirmed, newer), vec![], "2 and 3 are on their way");
        assert!(bench.board.is_declared(0));
        assert_eq!(bench.take(data(2, START + 5_000_000)), vec![good(5_000_000, 2)]);
    }

    #[test]
    fn an_unchanged_value_is_confirmed_whatever_time_the_server_gives_it() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.declare();
        bench.wait(10);
        let unchanged = data(1, START + 10_000_000);
        let confirmed = bench.take_from(Origin::Confirmed, unchanged.clone());
        assert_eq!(confirmed, vec![good(10_000_000, 1)]);
        assert_eq!(bench.take_from(Origin::Confirmed, unchanged), vec![], "once");
    }

    #[test]
    fn a_tag_that_was_never_read_is_said_when_it_is_read_to_confirm() {
        let mut bench = bench();
        bench.declare();
        bench.wait(10);
        let got = bench.take_from(Origin::Confirmed, data(1, START - 50));
        assert_eq!(got.last(), Some(&good(10_000_000, 1)));
    }

    #[test]
    fn what_changed_at_a_source_with_a_slow_clock_has_the_last_word() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.declare();
        bench.wait(10);
        let got = bench.take(data(2, START - 10));
        assert_eq!(got, vec![good(-10, 2), good(10_000_000, 2)]);
    }

    #[test]
    fn a_quiet_tag_is_said_again_only_while_its_subscription_lives() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.wait(29);
        assert_eq!(bench.repeat(Some(bench.now.stamp)), vec![], "not quiet for long");
        bench.wait(1);
        assert_eq!(bench.repeat(None), vec![], "nothing proves it");
        let server = Stamp(bench.now.stamp.micros() - 500);
        assert_eq!(bench.repeat(Some(server)), vec![good(29_999_500, 1)], "in the server's time");
        assert_eq!(bench.repeat(Some(server)), vec![], "once per period");
    }

    #[test]
    fn a_tag_that_was_declared_bad_is_repeated_without_a_server() {
        let mut bench = bench();
        bench.declare();
        bench.wait(30);
        let bad = (30_000_000, Quality::BadNoCommunication, Value::Null);
        assert_eq!(bench.repeat(None), vec![bad.clone(), bad]);
    }

    #[test]
    fn an_absurd_source_time_is_replaced_and_counted() {
        let mut bench = bench();
        assert_eq!(bench.take(data(1, 0)), vec![good(0, 1)]);
        assert_eq!(bench.take(data(2, START + 2 * super::DAY)), vec![good(0, 2)]);
        assert_eq!(bench.board.tally.absurd_times, 2);
    }

    #[test]
    fn values_lost_in_the_servers_queue_are_marked() {
        let mut bench = bench();
        let lossy = DataValue { status: Some(StatusCode::from(0x0000_0480)), ..data(9, START) };
        let lost = (-1, Quality::BadDataLost, Value::Null);
        assert_eq!(bench.take(lossy), vec![lost, good(0, 9)]);
        assert_eq!(bench.board.tally.overflows, 1);
    }

    #[test]
    fn a_bad_status_never_carries_a_value() {
        let mut bench = bench();
        let bad = DataValue { status: Some(StatusCode::BadSensorFailure), ..data(9, START) };
        assert_eq!(bench.take(bad.clone()), vec![(0, Quality::BadSensorFailure, Value::Null)]);
        assert_eq!(sample(&bad, &bench.board.items()[0]).value, Value::Null);
        let empty = DataValue { value: None, ..data(9, START) };
        assert_eq!(sample(&empty, &bench.board.items()[0]).quality, Quality::BadDeviceFailure);
    }

    #[test]
    fn what_came_from_the_archive_does_not_come_again_by_the_subscription() {
        let mut bench = bench();
        bench.take(data(1, START - 50));
        bench.declare();
        bench.wait(10);
        let from = |bench: &mut Bench, value, at| {
            bench.take_from(Origin::Archive, data(value, START + at))
        };
        assert_eq!(from(&mut bench, 1, -50), vec![], "known");
        assert_eq!(from(&mut bench, 2, 1_000), vec![good(1_000, 2)]);
        assert_eq!(from(&mut bench, 3, 2_000), vec![good(2_000, 3)]);
        assert_eq!(
            bench.take(data(2, START + 1_000)),
            vec![],
            "queued before the archive was read"
        );
        assert_eq!(bench.take(data(3, START + 2_000)), vec![]);
        assert_eq!(bench.take(data(4, START + 3_000)), vec![good(3_000, 4)]);
        assert_eq!(bench.board.tally.backfilled, 2);
    }

    #[test]
    fn a_value_of_no_item_of_ours_is_counted() {
        let mut bench = bench();
        let mut pile = Pile::default();
        bench.board.take(99, &data(1, START), Origin::Live, bench.now, &mut pile);
        assert!(pile.scans.is_empty());
        assert_eq!(bench.board.tally.strays, 1);
    }
}
