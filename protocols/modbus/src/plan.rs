//! The read plan: which requests fetch the tags of a group, and what each answer holds.
//!
//! Neighbours share a request, also across a small gap, because a request
//! costs a round trip and a gap only bytes. A value is never split: half of
//! it would be from another moment.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use forehearth_model::TagId;

use crate::decode::Step;
use crate::{Address, Barred, Point, PointError, Table};
use crate::{MAX_READ_BITS, MAX_READ_WORDS, ReadRequest};

/// Whether neighbours share a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Join {
    /// Across at most so many registers nobody asked for (in the bit tables:
    /// 16 bits for each).
    Gap(u16),
    /// One request for each tag.
    Never,
}

impl Join {
    /// Chosen: on TCP a gap of 16 registers costs 32 bytes where another
    /// request costs 12 bytes and a round trip; wider gaps more often hold
    /// addresses that a device refuses.
    pub const DEFAULT: Self = Self::Gap(16);
}

impl Default for Join {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What one request of a link may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Most registers, 1 to 125; more is cut to 125.
    pub max_words: u16,
    /// Most bits, 1 to 2,000; more is cut to 2,000.
    pub max_bits: u16,
    /// Whether neighbours share a request.
    pub join: Join,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_words: MAX_READ_WORDS, max_bits: MAX_READ_BITS, join: Join::DEFAULT }
    }
}

impl Limits {
    fn most(&self, table: Table) -> u32 {
        let most = if table.is_bits() {
            self.max_bits.min(MAX_READ_BITS)
        } else {
            self.max_words.min(MAX_READ_WORDS)
        };
        most.into()
    }

    fn gap(&self, table: Table) -> Option<u32> {
        match self.join {
            Join::Never => None,
            Join::Gap(registers) if table.is_bits() => Some(u32::from(registers) * 16),
            Join::Gap(registers) => Some(registers.into()),
        }
    }
}

/// A tag that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// Which tag.
    pub tag: TagId,
    /// Where it lives.
    pub address: Address,
    /// What is wrong with it.
    pub reason: PlanErrorReason,
}

/// What is wrong with a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanErrorReason {
    /// Address and type don't fit each other.
    Point(PointError),
    /// The value is wider than a request of this link may be.
    WiderThanRequest {
        /// Registers of the value.
        width: u16,
        /// Registers of a request.
        limit: u16,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            PlanErrorReason::Point(error) => error.fmt(f),
            PlanErrorReason::WiderThanRequest { width, limit } => write!(
                f,
                "the value at {} has {width} registers, a request of this link has at most {limit}",
                self.address
            ),
        }
    }
}

impl core::error::Error for PlanError {}

/// One request and the tags its answer holds. Only a planner makes one, so a
/// span always fits one request and holds each of its values whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    request: ReadRequest,
    steps: Range<usize>,
}

impl Span {
    /// What to ask.
    #[must_use]
    pub const fn request(&self) -> ReadRequest {
        self.request
    }

    /// How many tags its answer holds, at least 1.
    #[must_use]
    pub fn tags(&self) -> usize {
        self.steps.len()
    }
}

/// What a span was before it became two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Halves {
    /// The request that was refused.
    pub whole: ReadRequest,
    /// Start and size of the gap between the halves that nobody asks for.
    pub gap: Option<(u16, u16)>,
}

/// The requests of one group. Each of its tags is in exactly one span.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadPlan {
    spans: Vec<Span>,
    /// Ordered by span; `Span::steps` are ranges of it.
    steps: Vec<Step>,
}

impl ReadPlan {
    /// Plans the reading of `points`.
    ///
    /// # Errors
    /// The first tag that cannot be read at all.
    pub fn new(points: &[(TagId, Point)], limits: Limits) -> Result<Self, PlanError> {
        Self::avoiding(points, limits, &[])
    }

    /// The same, but nothing that is `barred` is part of a request for
    /// anything else: a tag in it has a request of its own.
    ///
    /// # Errors
    /// The first tag that cannot be read at all.
    pub fn avoiding(
        points: &[(TagId, Point)],
        limits: Limits,
        barred: &[Barred],
    ) -> Result<Self, PlanError> {
        for (tag, point) in points {
            check(*tag, point, limits)?;
        }
        let mut sorted: Vec<&(TagId, Point)> = points.iter().collect();
        sorted.sort_by_key(|(tag, point)| (point.address, point.width(), *tag));
        let mut plan = Self { spans: Vec::new(), steps: Vec::with_capacity(points.len()) };
        let mut rest = sorted.as_slice();
        while let Some(reach) = Reach::first(rest, limits, barred) {
            let (members, behind) = rest.split_at(reach.members);
            plan.push_span(reach.request, members);
            rest = behind;
        }
        Ok(plan)
    }

    fn push_span(&mut self, request: ReadRequest, members: &[&(TagId, Point)]) {
        let first = self.steps.len();
        self.steps
            .extend(members.iter().map(|(tag, point)| Step::new(*tag, point, request.start())));
        self.spans.push(Span { request, steps: first..self.steps.len() });
    }

    /// Asks for the stretches of a span one by one, leaving out the holes
    /// between them: what to do when a device refuses addresses nobody wants.
    /// How many requests the span has become; 1 when it had no hole.
    pub fn split_at_holes(&mut self, place: usize) -> usize {
        let span = self.spans[place].clone();
        let mut parts = Vec::new();
        let mut first = span.steps.start;
        while let Some(request) = self.stretch(&span.request, first, span.steps.end) {
            let behind = first + request.members;
            for step in &mut self.steps[first..behind] {
                let moved = request.request.start() - span.request.start();
                step.place(step.distance() - moved);
            }
            parts.push(Span { request: request.request, steps: first..behind });
            first = behind;
        }
        let count = parts.len();
        self.spans.splice(place..=place, parts);
        count
    }

    /// Makes two spans of one that a device refused, at a gap if it has one
    /// and else in the middle, never within a value. `None` when all its
    /// tags share their registers: then it is these that are refused.
    pub fn bisect(&mut self, place: usize) -> Option<Halves> {
        let Span { request: whole, steps } = self.spans.get(place)?.clone();
        let (cut, covered) = self.cut(&whole, &steps)?;
        let gap_start = whole.start() + covered;
        let second = self.steps[cut].distance();
        let gap = second.saturating_sub(covered);
        let end = steps.clone().map(|n| self.steps[n].distance() + self.steps[n].width()).max()?;
        let first = ReadRequest::new(whole.table(), whole.start(), covered)?;
        let rest = ReadRequest::new(whole.table(), whole.start() + second, end - second)?;
        for step in &mut self.steps[cut..steps.end] {
            step.place(step.distance() - second);
        }
        let halves = [
            Span { request: first, steps: steps.start..cut },
            Span { request: rest, steps: cut..steps.end },
        ];
        self.spans.splice(place..=place, halves);
        Some(Halves { whole, gap: (gap > 0).then_some((gap_start, gap)) })
    }

    /// The step that begins the second half, and how far the first reaches.
    fn cut(&self, whole: &ReadRequest, steps: &Range<usize>) -> Option<(usize, u16)> {
        let middle = whole.count() / 2;
        let mut covered = 0;
        let mut best: Option<((bool, u16), usize, u16)> = None;
        for n in steps.clone() {
            let at = self.steps[n].distance();
            let is_new = n > steps.start && at > self.steps[n - 1].distance();
            if is_new && at >= covered {
                let rank = (at == covered, at.abs_diff(middle));
                if best.is_none_or(|(known, ..)| rank < known) {
                    best = Some((rank, n, covered));
                }
            }
            covered = covered.max(at + self.steps[n].width());
        }
        best.map(|(_, step, covered)| (step, covered))
    }

    /// The stretch without holes that begins with step `first` of a span
    /// whose steps end before `end`. `None` when there is no such step.
    fn stretch(&self, whole: &ReadRequest, first: usize, end: usize) -> Option<Reach> {
        let steps = &self.steps[first..end];
        let begin = steps.first()?.distance();
        let mut covered = begin;
        let mut members = 0;
        for step in steps {
            if step.distance() > covered {
                break;
            }
            covered = covered.max(step.distance() + step.width());
            members += 1;
        }
        let request = ReadRequest::new(whole.table(), whole.start() + begin, covered - begin)?;
        Some(Reach { members, request })
    }

    /// The requests, ordered by address.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// How the answer of a span is taken apart.
    #[must_use]
    pub(crate) fn steps(&self, span: &Span) -> &[Step] {
        &self.steps[span.steps.clone()]
    }

    /// The tags of a span, in address order.
    pub fn tags(&self, span: &Span) -> impl Iterator<Item = TagId> {
        self.steps(span).iter().map(Step::tag)
    }
}

fn check(tag: TagId, point: &Point, limits: Limits) -> Result<(), PlanError> {
    let refuse = |reason| Err(PlanError { tag, address: point.address, reason });
    if let Err(error) = point.check() {
        return refuse(PlanErrorReason::Point(error));
    }
    let limit = limits.most(point.address.table);
    if u32::from(point.width()) > limit {
        let (width, limit) = (point.width(), limit as u16);
        return refuse(PlanErrorReason::WiderThanRequest { width, limit });
    }
    Ok(())
}

/// How far one request reaches over a sorted list of points.
struct Reach {
    members: usize,
    request: ReadRequest,
}

impl Reach {
    /// The request that begins at the first point and takes in as many of the
    /// following as the limits allow. `None` for an empty list.
    fn first(points: &[&(TagId, Point)], limits: Limits, barred: &[Barred]) -> Option<Self> {
        let (_, first) = points.first()?;
        let (table, start) = (first.address.table, u32::from(first.address.offset));
        let mut end = start + u32::from(first.width());
        let mut members = 1;
        for (_, point) in &points[1..] {
            let at = u32::from(point.address.offset);
            let new_end = end.max(at + u32::from(point.width()));
            let joins = limits.gap(table).is_some_and(|gap| at <= end + gap)
                && point.address.table == table
                && new_end - start <= limits.most(table)
                && !barred.iter().any(|barred| barred.touches(table, start, new_end));
            if !joins {
                break;
            }
            end = new_end;
            members += 1;
        }
        let count = u16::try_from(end - start).ok()?;
        Some(Self { members, request: ReadRequest::new(table, first.address.offset, count)? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Join, Limits, PlanErrorReason, ReadPlan};
    use crate::testing::{any_points, point};
    use alloc::vec;
    use alloc::vec::Vec;
    use forehearth_model::{DataType, Sample, TagId};
    use proptest::prelude::*;

    fn shapes(plan: &ReadPlan) -> Vec<(u16, u16)> {
        plan.spans().iter().map(|span| (span.request().start(), span.request().count())).collect()
    }

    fn plan(places: &[(&str, DataType)], limits: Limits) -> ReadPlan {
        let points: Vec<_> = places
            .iter()
            .zip(0..)
            .map(|((at, data_type), tag)| (TagId(tag), point(at, *data_type)))
            .collect();
        ReadPlan::new(&points, limits).unwrap()
    }

    /// Every value of a device whose registers and bits follow from `seed`.
    fn read_all(plan: &ReadPlan, seed: u8) -> Vec<Sample> {
        let mut out = Vec::new();
        for span in plan.spans() {
            let request = span.request();
            let at = usize::from(request.start());
            let noise = |n: usize| (n as u8).wrapping_mul(31) ^ seed;
            let mut pdu = vec![request.encode()[0], request.payload_len() as u8];
            if request.table().is_bits() {
                pdu.resize(2 + request.payload_len(), 0);
                for n in 0..usize::from(request.count()) {
                    pdu[2 + n / 8] |= (noise(at + n) >> 3 & 1) << (n % 8);
                }
            } else {
                pdu.extend((2 * at..2 * at + request.payload_len()).map(noise));
            }
            plan.decode(span, &pdu, &mut out).unwrap();
        }
        out.sort_by_key(|sample| sample.tag);
        out
    }

    #[test]
    fn a_refused_span_is_split_at_its_holes() {
        let places = [("hr:0", DataType::Real), ("hr:1", DataType::Int), ("hr:4", DataType::Int)];
        let mut plan = plan(&places, Limits::default());
        assert_eq!(shapes(&plan), [(0, 5)]);
        assert_eq!(plan.split_at_holes(0), 2);
        assert_eq!(shapes(&plan), [(0, 2), (4, 1)]);
        assert_eq!(plan.split_at_holes(1), 1);
    }

    #[test]
    fn a_refused_span_is_halved_down_to_the_registers_that_are_refused() {
        let places: Vec<_> = (0..16).map(|n| alloc::format!("hr:{n}")).collect();
        let mut places: Vec<_> = places.iter().map(|at| (at.as_str(), DataType::Int)).collect();
        places.extend([
            ("hr:20", DataType::Real),
            ("hr:20", DataType::Int),
            ("hr:16.3", DataType::Bool),
        ]);
        let mut plan = plan(&places, Limits::default());
        let before = read_all(&plan, 9);
        // Only the register 5 is refused.
        let mut asked = 0;
        let mut place = 0;
        let mut refused = Vec::new();
        while let Some(span) = plan.spans().get(place) {
            asked += 1;
            let request = span.request();
            if (request.start()..request.start() + request.count()).contains(&5) {
                if let Some(halves) = plan.bisect(place) {
                    assert_eq!(halves.whole, request);
                    assert_eq!(halves.gap, (asked == 1).then_some((17, 3)), "the gap first");
                    continue;
                }
                refused.push(request);
            }
            place += 1;
        }
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].start(), refused[0].count()), (5, 1));
        assert!(asked <= 11, "{asked} requests to find one of 17 registers");
        assert_eq!(read_all(&plan, 9), before, "and every tag reads what it read before");
    }

    #[test]
    fn what_is_barred_is_asked_for_alone_or_not_at_all() {
        let points: Vec<_> = [(0, "hr:0"), (1, "hr:4"), (2, "hr:5"), (3, "hr:6")]
            .map(|(tag, at)| (TagId(tag), point(at, DataType::Int)))
            .into();
        let bar =
            |start, count| crate::Barred { table: crate::Table::HoldingRegisters, start, count };
        let avoid =
            |barred: &[_]| shapes(&ReadPlan::avoiding(&points, Limits::default(), barred).unwrap());
        assert_eq!(avoid(&[]), [(0, 7)]);
        assert_eq!(avoid(&[bar(2, 1)]), [(0, 1), (4, 3)]);
        assert_eq!(avoid(&[bar(5, 1)]), [(0, 5), (5, 1), (6, 1)]);
    }

    #[test]
    fn neighbours_share_a_request_across_a_small_gap() {
        let places = [("hr:20", DataType::Real), ("hr:0", DataType::Real), ("hr:6", DataType::Int)];
        let limits = |join| Limits { join, ..Limits::default() };
        assert_eq!(shapes(&plan(&places, limits(Join::Gap(13)))), [(0, 22)]);
        assert_eq!(shapes(&plan(&places, limits(Join::Gap(12)))), [(0, 7), (20, 2)]);
        assert_eq!(shapes(&plan(&places, limits(Join::Gap(0)))), [(0, 2), (6, 1), (20, 2)]);
    }

    #[test]
    fn each_tag_has_its_own_request_where_joining_is_off() {
        let places = [("hr:0.1", DataType::Bool), ("hr:0.2", DataType::Bool)];
        let limits = Limits { join: Join::Never, ..Limits::default() };
        assert_eq!(shapes(&plan(&places, limits)), [(0, 1), (0, 1)]);
        assert_eq!(shapes(&plan(&places, Limits::default())), [(0, 1)]);
    }

    #[test]
    fn a_value_at_the_end_of_a_full_request_opens_the_next() {
        let places: Vec<_> =
            (0..63).map(|n| (alloc::format!("hr:{}", n * 2), DataType::Real)).collect();
        let places: Vec<_> = places.iter().map(|(at, t)| (at.as_str(), *t)).collect();
        assert_eq!(shapes(&plan(&places, Limits::default())), [(0, 124), (124, 2)]);
        let seven = Limits { max_words: 7, ..Limits::default() };
        assert_eq!(shapes(&plan(&places[..4], seven)), [(0, 6), (6, 2)]);
    }

    #[test]
    fn tables_are_never_joined_and_bits_count_in_bits() {
        let places = [
            ("co:0", DataType::Bool),
            ("co:256", DataType::Bool),
            ("di:0", DataType::Bool),
            ("ir:0", DataType::Int),
            ("hr:0", DataType::Int),
        ];
        let gap = Limits { join: Join::Gap(16), ..Limits::default() };
        assert_eq!(shapes(&plan(&places, gap)), [(0, 257), (0, 1), (0, 1), (0, 1)]);
    }

    #[test]
    fn a_value_wider_than_a_request_is_refused_with_its_tag() {
        let points = vec![
            (TagId(0), point("hr:0", DataType::Int)),
            (TagId(9), point("hr:4", DataType::Lreal)),
        ];
        let narrow = Limits { max_words: 3, ..Limits::default() };
        let error = ReadPlan::new(&points, narrow).unwrap_err();
        assert_eq!(error.tag, TagId(9));
        assert_eq!(error.reason, PlanErrorReason::WiderThanRequest { width: 4, limit: 3 });
    }

    proptest! {
        #[test]
        fn every_tag_is_in_exactly_one_span_that_fits_and_holds_it_whole(
            points in any_points(0..80),
            max_words in 125u16..=130, small_words in 4u16..=20, small: bool,
            max_bits in 1u16..=2100,
            gap in prop::option::of(0u16..40),
        ) {
            let max_words = if small { small_words } else { max_words };
            let join = gap.map_or(Join::Never, Join::Gap);
            let limits = Limits { max_words, max_bits, join };
            let points: Vec<_> =
                points.into_iter().filter(|(_, p)| p.width() <= max_words).collect();
            let plan = ReadPlan::new(&points, limits).unwrap();
            let mut seen = vec![0; points.len()];
            for span in plan.spans() {
                let request = span.request();
                let (start, end) =
                    (u32::from(request.start()), u32::from(request.start()) + u32::from(request.count()));
                let most = if request.table().is_bits() { max_bits.min(2000) } else { max_words.min(125) };
                prop_assert!(request.count() <= most);
                prop_assert!(span.tags() >= 1);
                prop_assert!(join != Join::Never || span.tags() == 1);
                let mut covered = start;
                for tag in plan.tags(span) {
                    let place = points.iter().position(|(t, _)| *t == tag).unwrap();
                    seen[place] += 1;
                    let p = &points[place].1;
                    let at = u32::from(p.address.offset);
                    prop_assert_eq!(p.address.table, request.table());
                    prop_assert!(at >= start && at + u32::from(p.width()) <= end, "held whole");
                    let hole = at.saturating_sub(covered);
                    let unit = if request.table().is_bits() { 16 } else { 1 };
                    prop_assert!(hole <= u32::from(gap.unwrap_or(0)) * unit, "no wider gap than allowed");
                    covered = covered.max(at + u32::from(p.width()));
                }
                prop_assert_eq!(covered, end, "ends with its last value");
            }
            prop_assert!(seen.iter().all(|times| *times == 1));
        }

        /// Split wherever there is a hole, the same answers give the same values.
        #[test]
        fn a_split_plan_reads_the_same_values_without_the_holes(points in any_points(1..60), seed: u8) {
            let plan = ReadPlan::new(&points, Limits::default()).unwrap();
            let mut split = plan.clone();
            for place in (0..split.spans().len()).rev() {
                let before = split.spans().len();
                let parts = split.split_at_holes(place);
                prop_assert_eq!(split.spans().len(), before + parts - 1);
            }
            prop_assert_eq!(read_all(&plan, seed), read_all(&split, seed));
            for (span, n) in split.clone().spans().iter().zip(0..) {
                prop_assert_eq!(split.split_at_holes(n), 1, "{:?}", span);
            }
            for span in split.spans() {
                let mut asked = vec![false; span.request().count().into()];
                for tag in split.tags(span) {
                    let p = &points.iter().find(|(t, _)| *t == tag).unwrap().1;
                    let at = usize::from(p.address.offset - span.request().start());
                    asked[at..at + usize::from(p.width())].fill(true);
                }
                prop_assert!(asked.iter().all(|wanted| *wanted), "no hole is asked for");
            }
        }

        /// A span begins where the one before it could not go on: nothing is
        /// read twice unless a value would be split otherwise.
        #[test]
        fn neighbours_are_read_twice_only_where_a_value_would_be_split(points in any_points(0..80)) {
            let plan = ReadPlan::new(&points, Limits::default()).unwrap();
            for pair in plan.spans().windows(2) {
                let (a, b) = (pair[0].request(), pair[1].request());
                if a.table() != b.table() {
                    continue;
                }
                let a_end = u32::from(a.start()) + u32::from(a.count());
                if u32::from(b.start()) < a_end {
                    let first = plan.tags(&pair[1]).next().unwrap();
                    let (_, p) = points.iter().find(|(tag, _)| *tag == first).unwrap();
                    let most = if a.table().is_bits() { 2000 } else { 125 };
                    let needed = u32::from(p.address.offset) + u32::from(p.width()) - u32::from(a.start());
                    prop_assert!(needed > most);
                }
            }
        }
    }
}
