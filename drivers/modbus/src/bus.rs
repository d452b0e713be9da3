//! The driver of a serial line, on a port of its own or behind a serial server: one line, many units.

use core::num::NonZeroU8;

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_modbus::surprise::Memory;
use forehearth_modbus::{
    Framing, Isolation, Join, Learned, Limits, Line, Micros, Miss, Question, ReadPlan, Timing,
    UnitMeter,
};
use forehearth_model::{DeviceId, GroupId, Quality, Scan, Stamp};
use tokio::time::{Instant, sleep};

use crate::bus_scan::BusScan;
use crate::conversation::{Conversation, Ended, Lost, Reply, micros};
use crate::report::{Report, ReportReader, ReportWriter, UnitReport};
use crate::tcp::wall_clock;
use crate::trouble::Trouble;
use crate::unit::Unit;
use crate::wire::Wire;
use crate::{BusSettings, Carrier, Confirm, GroupSettings, Reading, SetupError, Writable, Writing};

/// Before a unit has answered it is taken to need this long, for the plan
/// only. Chosen: what a small PLC needs.
const USUAL_TURNAROUND: u64 = 10_000;

/// So many scans of a group lie between two looks at its plan. Chosen: the
/// estimate of how long the unit takes has settled by then.
const SCANS_UNTIL_DOUBT: u32 = 32;

/// While nobody on it answers, a socket is opened anew after so many misses.
const MISSES_UNTIL_DOUBT: u64 = 8;

/// Whether the link itself may be dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doubt {
    None,
    Link,
}

/// A serial line and the units on it. What else it may do with them is its
/// mode `M`: nothing, unless it was made [`writing`](Self::writing).
#[derive(Debug)]
pub struct ModbusBus<M = Reading> {
    pub(crate) settings: BusSettings,
    pub(crate) clock: fn() -> Stamp,
    pub(crate) groups: Vec<BusGroup>,
    pub(crate) units: Vec<Unit>,
    pub(crate) isolation: Isolation,
    pub(crate) counters: LinkCounters,
    pub(crate) learned: Learned,
    report: ReportWriter,
    /// Origin of time, also over reconnects: the isolation goes on.
    origin: Instant,
    /// `None` while not open, and while a scan has it.
    pub(crate) conversation: Option<Conversation>,
    pub(crate) mode: M,
}

/// Tags of one unit that are read together, planned.
#[derive(Debug)]
pub(crate) struct BusGroup {
    pub(crate) device: DeviceId,
    /// Its place in [`ModbusBus::units`].
    pub(crate) unit: usize,
    pub(crate) settings: GroupSettings,
    /// The gap across which the plan joins.
    pub(crate) gap: u16,
    /// Scans since it was planned.
    pub(crate) scans: u32,
    pub(crate) plan: ReadPlan,
    pub(crate) trouble: Trouble,
    /// What is known of its values; `None` where surprises are believed.
    pub(crate) memory: Option<Memory>,
}

impl ModbusBus {
    /// Plans the reading of `groups`; opens nothing. A group's place in the
    /// list is its [`GroupId`].
    ///
    /// # Errors
    /// The first tag that Modbus, or this line's limits, cannot read, or a
    /// group of unit 0, to which nobody answers.
    pub fn new(
        settings: BusSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
    ) -> Result<Self, SetupError> {
        Self::with_learned(settings, groups, Learned::default())
    }

    /// The same with what an earlier run has [`learned`](Self::learned).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_learned(
        settings: BusSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
        learned: Learned,
    ) -> Result<Self, SetupError> {
        Self::in_mode(Reading, settings, groups.into_iter().collect(), learned)
    }
}

impl ModbusBus<Writing> {
    /// A driver that may also write to the tags `writable`, which are among
    /// those of `groups`.
    ///
    /// # Errors
    /// As [`new`](ModbusBus::new); a tag that cannot be written or is not read.
    pub fn writing(
        settings: BusSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
        learned: Learned,
        writable: impl IntoIterator<Item = Writable>,
    ) -> Result<Self, SetupError> {
        let groups: Vec<GroupSettings> = groups.into_iter().collect();
        let mode = Writing::new(&groups, writable)?;
        Self::in_mode(mode, settings, groups, learned)
    }
}

impl<M> ModbusBus<M> {
    fn in_mode(
        mode: M,
        settings: BusSettings,
        groups: Vec<GroupSettings>,
        learned: Learned,
    ) -> Result<Self, SetupError> {
        let mut ids = Vec::with_capacity(groups.len());
        for (place, group) in (0..).zip(&groups) {
            ids.push(
                NonZeroU8::new(group.unit)
                    .ok_or(SetupError::Broadcast { group: GroupId(place) })?,
            );
        }
        let isolation = Isolation::new(ids.iter().copied());
        ids.sort_unstable();
        ids.dedup();
        let takes = |id: NonZeroU8| learned.unit(id.get()).and_then(|unit| unit.takes);
        let units: Vec<Unit> = ids.iter().map(|id| Unit::new(*id, takes(*id))).collect();
        let mut planned = Vec::with_capacity(groups.len());
        for (place, group) in (0..).map(GroupId).zip(groups) {
            let unit = ids.iter().position(|id| id.get() == group.unit).unwrap_or(0);
            planned.push(plan(&settings, &learned, place, unit, group)?);
        }
        Ok(Self {
            settings,
            clock: wall_clock,
            groups: planned,
            units,
            isolation,
            counters: LinkCounters::default(),
            report: ReportWriter::new(learned.clone()),
            learned,
            origin: Instant::now(),
            conversation: None,
            mode,
        })
    }

    /// Stamps readings with `clock` instead of the system's wall clock.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Stamp) -> Self {
        self.clock = clock;
        self
    }

    /// What the line has taught so far; to be given to the next run.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let mut learned = self.learned.clone();
        for unit in &self.units {
            if let Some(usual) = unit.patience.usual() {
                learned.unit_mut(unit.id.get()).takes = Some(usual);
            }
        }
        learned
    }

    /// Where the report of this line can be read once the driver is at work.
    #[must_use]
    pub fn report(&self) -> ReportReader {
        self.report.reader()
    }

    fn report_now(&self) -> Report {
        let units = self.units.iter().map(|unit| UnitReport {
            unit: unit.id.get(),
            is_asleep: self.isolation.is_asleep(unit.id),
            meter: unit.meter.clone(),
        });
        Report { learned: self.learned(), units: units.collect() }
    }

    /// What happened with each unit, in ascending order.
    pub fn meters(&self) -> impl Iterator<Item = (NonZeroU8, &UnitMeter)> {
        self.units.iter().map(|unit| (unit.id, &unit.meter))
    }

    /// Units that do not answer and are only probed.
    pub fn asleep(&self) -> impl Iterator<Item = NonZeroU8> {
        self.isolation.asleep()
    }

    /// How many requests one scan of `group` takes.
    #[must_use]
    pub fn requests(&self, group: GroupId) -> usize {
        self.groups[group.index()].plan.spans().len()
    }

    async fn open(&mut self) -> Result<(), LinkError> {
        self.conversation = None;
        let wire =
            Wire::open(&self.settings.carrier, self.settings.connect_timeout).await.map_err(
                |reason| LinkError::Connect { peer: self.settings.carrier.to_string(), reason },
            )?;
        sleep(self.settings.pause_after_connect).await;
        self.begin(wire);
        Ok(())
    }

    /// Talks over `wire` from now on.
    fn begin(&mut self, wire: Wire) {
        let now = micros(self.origin.elapsed());
        let line =
            Line::new(self.settings.framing, timing(&self.settings), self.settings.echo, now);
        self.counters.connects += 1;
        self.conversation = Some(Conversation::new(wire, line, self.origin));
    }

    /// The conversation, taken out for a scan of `id`. An error says that
    /// there is none.
    pub(crate) fn begin_scan(
        &mut self,
        id: GroupId,
        out: &mut Vec<Scan>,
    ) -> Result<Conversation, LinkError>
    where
        M: Send,
    {
        let conversation = self.conversation.take();
        conversation.ok_or_else(|| {
            self.fail(id, Quality::BadNoCommunication, out);
            self.lost("not open".to_string())
        })
    }

    /// After a scan of `id`: the report is written and the conversation kept,
    /// if it is still one.
    pub(crate) fn end_scan(
        &mut self,
        conversation: Conversation,
        id: GroupId,
        result: Result<(), Lost>,
    ) -> Result<(), LinkError> {
        if self.report.is_due() {
            let report = self.report_now();
            self.report.write(report);
        }
        match result {
            Ok(()) => {
                self.conversation = Some(conversation);
                self.plan_anew(id);
                Ok(())
            }
            Err(reason) => Err(self.lost(reason)),
        }
    }

    async fn read(&mut self, id: GroupId, out: &mut Vec<Scan>) -> Result<(), LinkError>
    where
        M: Send,
    {
        let mut conversation = self.begin_scan(id, out)?;
        let mut scan = BusScan::new(self, id, &mut conversation, out);
        let result = scan.go_on(&mut || false).await;
        scan.finish();
        self.end_scan(conversation, id, result.map(|_| ()))
    }

    /// Asks a unit and enters into the books how it ended; the end, and
    /// whether so many answers are missing that the link may be dead.
    pub(crate) async fn ask(
        &mut self,
        conversation: &mut Conversation,
        place: usize,
        question: Question,
        patience: Micros,
    ) -> Result<(Ended, Doubt), Lost> {
        let ended = conversation.ask(self.units[place].id, question, patience).await?;
        let doubt = self.enter(place, &ended, conversation);
        Ok((ended, doubt))
    }

    pub(crate) fn enter(
        &mut self,
        place: usize,
        ended: &Ended,
        conversation: &Conversation,
    ) -> Doubt {
        let id = self.units[place].id;
        let now = conversation.now();
        let Self { units, isolation, counters, .. } = self;
        units[place].enter(ended, counters);
        let mut doubt = Doubt::None;
        match ended.reply {
            Reply::Answered { .. } => {
                isolation.answered(id);
                enter_content(conversation.pdu(), &mut units[place].meter, counters);
            }
            Reply::Damaged => {
                isolation.answered(id);
            }
            Reply::Missing { .. } | Reply::Babble => {
                let silent = ended.reply == (Reply::Missing { noise: false });
                let miss = if silent { Miss::Silence } else { Miss::Noise };
                let fell_asleep = isolation.missed(id, miss, ended.held, now);
                let misses = units[place].meter.timeouts;
                if fell_asleep || misses.is_multiple_of(MISSES_UNTIL_DOUBT) {
                    doubt = Doubt::Link;
                }
                if fell_asleep {
                    tracing::warn!(unit = id, "does not answer; its neighbours go first");
                }
            }
        }
        for late in &ended.late {
            counters.late += 1;
            isolation.answered(*late);
            if let Some(unit) = units.iter_mut().find(|unit| unit.id == *late) {
                unit.meter.late += 1;
            }
        }
        doubt
    }

    /// Plans a group anew once it is known that its unit takes much more or
    /// less time to answer than its plan was made for: then it is quicker to
    /// join across larger gaps, or only across smaller ones.
    fn plan_anew(&mut self, id: GroupId) {
        let group = &mut self.groups[id.index()];
        group.scans += 1;
        let usual = self.units[group.unit].patience.usual();
        let Some(usual) = usual.filter(|_| group.scans.is_multiple_of(SCANS_UNTIL_DOUBT)) else {
            return;
        };
        let gap = timing(&self.settings).break_even(usual);
        if self.settings.join.is_some() || gap.abs_diff(group.gap) <= group.gap / 4 {
            return;
        }
        let (unit, settings) = (group.unit, group.settings.clone());
        let learned = self.learned();
        // What could be planned once can be planned again.
        if let Ok(planned) = plan(&self.settings, &learned, id, unit, settings) {
            let group = &mut self.groups[id.index()];
            (group.plan, group.gap) = (planned.plan, planned.gap);
        }
    }

    pub(crate) fn lost(&self, reason: String) -> LinkError {
        LinkError::Lost { peer: self.settings.carrier.to_string(), reason }
    }
}

impl<M: Send> Driver for ModbusBus<M> {
    /// Opens the port, or connects to the serial server within
    /// `connect_timeout`. Cancel safe: a dropped future leaves it closed.
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(self.open())
    }

    /// Ends by itself: each question has a deadline, and a unit that does not
    /// answer is asked at most twice. A dropped future closes the port.
    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(self.read(group, out))
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        let group = &self.groups[group.index()];
        let mut samples = Vec::with_capacity(group.settings.tags.len());
        for span in group.plan.spans() {
            group.plan.fail(span, quality, &mut samples);
        }
        if !samples.is_empty() {
            out.push(Scan { device: group.device, stamp: (self.clock)(), samples });
        }
    }

    fn counters(&self) -> LinkCounters {
        self.counters
    }
}

/// Whether an answer is data or an exception.
fn enter_content(pdu: &[u8], meter: &mut UnitMeter, counters: &mut LinkCounters) {
    if pdu.first().is_some_and(|function| function & 0x80 != 0) {
        meter.exceptions += 1;
        counters.exceptions += 1;
    } else {
        meter.answers += 1;
        counters.answers += 1;
    }
}

/// A device that wants to rest between requests makes the silence longer.
fn timing(settings: &BusSettings) -> Timing {
    let mut timing = match &settings.carrier {
        Carrier::Serial(serial) => Timing::serial(serial.baud),
        Carrier::Tcp { .. } => Timing::tcp(),
    };
    timing.silence = timing.silence.max(micros(settings.pause_between));
    timing
}

fn plan(
    settings: &BusSettings,
    learned: &Learned,
    id: GroupId,
    unit: usize,
    group: GroupSettings,
) -> Result<BusGroup, SetupError> {
    let known = learned.unit(group.unit).cloned().unwrap_or_default();
    let usual = known.takes.unwrap_or(USUAL_TURNAROUND);
    let gap = timing(settings).break_even(usual);
    let join = settings.join.unwrap_or(Join::Gap(gap));
    let limits = Limits { max_words: settings.max_words, max_bits: settings.max_bits, join };
    // What is learned never refuses a tag: a value wider than the unit's
    // limit is asked for as the map says.
    let plan = ReadPlan::avoiding(&group.tags, known.narrow(limits), &known.barred)
        .or_else(|_| ReadPlan::avoiding(&group.tags, limits, &known.barred))
        .map_err(|error| SetupError::Tag { group: id, error })?;
    let is_doubted = match settings.confirm {
        Confirm::Always => true,
        Confirm::Never => false,
        Confirm::Serial => {
            settings.framing == Framing::Ascii || matches!(settings.carrier, Carrier::Serial(_))
        }
    };
    let memory = is_doubted.then(|| Memory::new(group.tags.iter().map(|(tag, _)| *tag)));
    Ok(BusGroup {
        device: group.device,
        unit,
        settings: group,
        gap,
        scans: 0,
        plan,
        trouble: Trouble::default(),
        memory,
    })
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "seeds and measurements")]
mod tests;
