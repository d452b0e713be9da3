//! The driver of a Modbus TCP link: one socket, the devices behind it, their groups.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_modbus::{
    Join, Learned, Limits, PlanError, Point, Question, ReadPlan, ReadRequest, Transactions, Turn,
};
use forehearth_model::{GroupId, Quality, Scan, Stamp, TagId};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::behind::Behind;
use crate::conversation::micros;
use crate::lessons::Lessons;
use crate::quality;
use crate::report::{Report, ReportReader, ReportWriter};
use crate::session::{Books, Group, Lost, Pace, Pause, Session};
use crate::silence::Silence;
use crate::trouble::Trouble;
use crate::{GroupSettings, Reading, SetupError, TcpSettings, Writable, Writing};

/// So many scans of a group lie between two looks at its plan. Chosen: what a
/// request costs is known by then.
const SCANS_UNTIL_DOUBT: u32 = 32;

/// One Modbus TCP connection and the groups read over it. What else it may
/// do is its mode `M`: nothing, unless it was made [`writing`](Self::writing).
#[derive(Debug)]
pub struct ModbusTcp<M = Reading> {
    settings: TcpSettings,
    pub(crate) pace: Pace,
    groups: Vec<Group>,
    pub(crate) books: Books,
    /// `None` while not connected, and while a scan has it.
    pub(crate) session: Option<Session>,
    report: ReportWriter,
    pub(crate) mode: M,
}

impl ModbusTcp {
    /// Plans the reading of `groups`; opens nothing. A group's place in the
    /// list is its [`GroupId`].
    ///
    /// # Errors
    /// The first tag that Modbus, or this link's limits, cannot read.
    pub fn new(
        settings: TcpSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
    ) -> Result<Self, SetupError> {
        Self::with_learned(settings, groups, Learned::default())
    }

    /// The same with what an earlier run has [`learned`](Self::learned).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_learned(
        settings: TcpSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
        learned: Learned,
    ) -> Result<Self, SetupError> {
        Self::in_mode(Reading, settings, groups, learned)
    }
}

impl ModbusTcp<Writing> {
    /// A driver that may also write to the tags `writable`, which are among
    /// those of `groups`.
    ///
    /// # Errors
    /// As [`new`](ModbusTcp::new); a tag that cannot be written or is not read.
    pub fn writing(
        settings: TcpSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
        learned: Learned,
        writable: impl IntoIterator<Item = Writable>,
    ) -> Result<Self, SetupError> {
        let groups: Vec<GroupSettings> = groups.into_iter().collect();
        let mode = Writing::new(&groups, writable)?;
        Self::in_mode(mode, settings, groups, learned)
    }
}

impl<M> ModbusTcp<M> {
    fn in_mode(
        mode: M,
        settings: TcpSettings,
        groups: impl IntoIterator<Item = GroupSettings>,
        learned: Learned,
    ) -> Result<Self, SetupError> {
        let groups = plan(&settings, &learned, groups)?;
        let books = Books {
            transactions: Transactions::new(settings.depth()),
            silence: Silence::new(groups.iter().map(|group| group.unit)),
            behind: Behind::new(groups.iter().map(|group| group.unit)),
            counters: LinkCounters::default(),
            refusals: Vec::new(),
            lessons: Lessons::default(),
            learned,
        };
        let pace = Pace {
            timeout: settings.timeout,
            pause_between: settings.pause_between,
            clock: wall_clock,
        };
        let report = ReportWriter::new(books.learned.clone());
        Ok(Self { settings, pace, groups, books, session: None, report, mode })
    }

    /// Stamps readings with `clock` instead of the system's wall clock.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Stamp) -> Self {
        self.pace.clock = clock;
        self
    }

    /// What the devices have taught so far; to be given to the next run.
    #[must_use]
    pub fn learned(&self) -> Learned {
        self.books.learned.clone()
    }

    /// Where the report of this link can be read once the driver is at work.
    #[must_use]
    pub fn report(&self) -> ReportReader {
        self.report.reader()
    }

    /// How many requests one scan of `group` takes.
    #[must_use]
    pub fn requests(&self, group: GroupId) -> usize {
        self.groups[group.index()].plan.spans().len()
    }

    fn peer(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    async fn open(&mut self) -> Result<(), LinkError> {
        self.session = None;
        let target = (self.settings.host.as_str(), self.settings.port);
        let limit = self.settings.connect_timeout;
        let stream = match timeout(limit, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.connect_error(error.to_string())),
            Err(_) => return Err(self.connect_error(no_answer(limit))),
        };
        // A request is one small segment: it must not wait for the next.
        stream.set_nodelay(true).map_err(|error| self.connect_error(error.to_string()))?;
        self.books.transactions.reconnected();
        self.books.silence.broken();
        self.books.refusals.clear();
        self.books.counters.connects += 1;
        self.session = Some(Session::new(stream, self.settings.pause_after_connect));
        Ok(())
    }

    /// The session, taken out for a scan of `id`. An error says that there is none.
    pub(crate) fn begin(&mut self, id: GroupId, out: &mut Vec<Scan>) -> Result<Session, LinkError>
    where
        M: Send,
    {
        self.books.lessons = Lessons::default();
        let session = self.session.take();
        session.ok_or_else(|| {
            self.fail(id, Quality::BadNoCommunication, out);
            self.lost("not connected".to_string())
        })
    }

    /// Reads the spans of `id` at the places `todo`, or all, until all are
    /// read or `pause` says so; the places of what is left.
    pub(crate) async fn read_on(
        &mut self,
        session: &mut Session,
        id: GroupId,
        mut todo: Option<Vec<usize>>,
        pause: Pause<'_>,
        out: &mut Vec<Scan>,
    ) -> Result<Vec<usize>, Lost> {
        loop {
            let group = &self.groups[id.index()];
            let (pace, books) = (&self.pace, &mut self.books);
            let left = session.scan(group, todo.as_deref(), pace, books, pause, out).await?;
            if self.books.refusals.is_empty() {
                return Ok(left);
            }
            todo = Some(self.halve(id, left, out));
        }
    }

    /// After a scan of `id`, however it ended: what it has taught is kept, and
    /// the session, if it is still one.
    pub(crate) fn end(
        &mut self,
        session: Session,
        id: GroupId,
        result: Result<(), Lost>,
        out: &mut Vec<Scan>,
    ) -> Result<(), LinkError> {
        self.put_aside_is_bad(id, out);
        if !self.books.lessons.is_empty() {
            let unit = self.groups[id.index()].unit;
            self.books.lessons.teach(self.books.learned.unit_mut(unit));
        }
        if self.report.is_due() || !self.books.lessons.is_empty() {
            let units = self.books.behind.report();
            self.report.write(Report { learned: self.learned(), units });
        }
        match result {
            Ok(()) => {
                self.session = Some(session);
                self.plan_anew(id);
                Ok(())
            }
            Err(reason) => Err(self.lost(reason)),
        }
    }

    /// Plans a group anew once it is measured that joining across other gaps
    /// is quicker: everything on a quick network, little where a serial line
    /// is behind the socket.
    fn plan_anew(&mut self, id: GroupId) {
        let group = &mut self.groups[id.index()];
        group.scans += 1;
        let (Join::Gap(gap), true) = (group.join, group.scans.is_multiple_of(SCANS_UNTIL_DOUBT))
        else {
            return;
        };
        let even = self.books.behind.break_even(group.unit);
        let Some(even) = even.filter(|even| even.abs_diff(gap) > gap / 4) else {
            return;
        };
        let (learned, join) = (&self.books.learned, Join::Gap(even));
        // What could be planned once can be planned again.
        if let Ok(plan) = plan_group(&self.settings, learned, group.unit, &group.tags, join) {
            (group.plan, group.join) = (plan, join);
        }
    }

    async fn read(&mut self, id: GroupId, out: &mut Vec<Scan>) -> Result<(), LinkError>
    where
        M: Send,
    {
        let mut session = self.begin(id, out)?;
        let result = self.read_whole(&mut session, id, out).await;
        self.end(session, id, result, out)
    }

    async fn read_whole(
        &mut self,
        session: &mut Session,
        id: GroupId,
        out: &mut Vec<Scan>,
    ) -> Result<(), Lost> {
        if self.is_awake(session, id, out).await? {
            self.read_on(session, id, None, &mut || false, out).await?;
        }
        Ok(())
    }

    /// Whether the unit of `id` is to be scanned; one that does not answer is
    /// probed when it is time, so that its neighbours don't wait for it. The
    /// tags of one that is not scanned are Bad.
    pub(crate) async fn is_awake(
        &mut self,
        session: &mut Session,
        id: GroupId,
        out: &mut Vec<Scan>,
    ) -> Result<bool, Lost> {
        let unit = self.groups[id.index()].unit;
        let found = match self.books.behind.turn(unit, micros(self.pace.timeout)) {
            Turn::Scan => return Ok(true),
            Turn::Rest => Ok(false),
            Turn::Probe(patience) => self.probe(session, id, Duration::from_micros(patience)).await,
        };
        if !matches!(found, Ok(true)) {
            self.fail_left(id, None, out);
        }
        found
    }

    /// Asks for the first register of `id`; whether there was an answer.
    async fn probe(
        &mut self,
        session: &mut Session,
        id: GroupId,
        patience: Duration,
    ) -> Result<bool, Lost> {
        let group = &self.groups[id.index()];
        let Some(first) = group.plan.spans().first().map(|span| span.request()) else {
            return Ok(false);
        };
        let small = ReadRequest::new(first.table(), first.start(), 1).unwrap_or(first);
        let (pace, books) = (&self.pace, &mut self.books);
        let question = Question::Read(small);
        Ok(session.ask_for(group.unit, question, patience, pace, books).await?.is_some())
    }

    /// Halves the spans that were refused and put aside, and tells the log of
    /// those that can't be halved. The places to ask for now, with those that
    /// are `left`.
    fn halve(&mut self, id: GroupId, left: Vec<usize>, out: &mut Vec<Scan>) -> Vec<usize> {
        let mut again = left;
        // From the back, so that the places before stay what they were.
        self.books.refusals.sort_unstable_by_key(|(span, _)| *span);
        while let Some((span, error)) = self.books.refusals.pop() {
            let was_put_aside = self.books.lessons.may_halve(&error);
            let group = &mut self.groups[id.index()];
            let request = group.plan.spans()[span].request();
            let halves = was_put_aside.then(|| group.plan.bisect(span)).flatten();
            if let Some(halves) = halves {
                self.books.lessons.halved(halves);
                again.iter_mut().filter(|place| **place > span).for_each(|place| *place += 1);
                again.extend([span, span + 1]);
                continue;
            }
            group.trouble.tell(group.unit, request, error);
            self.books.lessons.refused(request, &error);
            if was_put_aside {
                self.fail_span(id, span, quality::of_failure(&error), out);
            }
        }
        again
    }

    /// The link was lost before what was put aside could be asked for again.
    fn put_aside_is_bad(&mut self, id: GroupId, out: &mut Vec<Scan>) {
        while let Some((span, error)) = self.books.refusals.pop() {
            if self.books.lessons.may_halve(&error) {
                self.fail_span(id, span, quality::of_failure(&error), out);
            }
        }
    }

    /// The link was lost before these spans of `id`, or all, were asked for.
    pub(crate) fn fail_left(&self, id: GroupId, left: Option<Vec<usize>>, out: &mut Vec<Scan>) {
        let all = 0..self.groups[id.index()].plan.spans().len();
        for span in left.unwrap_or_else(|| all.collect()) {
            self.fail_span(id, span, Quality::BadNoCommunication, out);
        }
    }

    fn fail_span(&self, id: GroupId, span: usize, quality: Quality, out: &mut Vec<Scan>) {
        let group = &self.groups[id.index()];
        let mut samples = Vec::new();
        group.plan.fail(&group.plan.spans()[span], quality, &mut samples);
        out.push(Scan { device: group.device, stamp: (self.pace.clock)(), samples });
    }

    fn connect_error(&self, reason: String) -> LinkError {
        LinkError::Connect { peer: self.peer(), reason }
    }

    pub(crate) fn lost(&self, reason: String) -> LinkError {
        LinkError::Lost { peer: self.peer(), reason }
    }
}

impl<M: Send> Driver for ModbusTcp<M> {
    /// Resolves the name and opens the socket within `connect_timeout`.
    /// Cancel safe: a dropped future leaves the link closed.
    fn connect(&mut self) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(self.open())
    }

    /// Ends at the latest when every request has run into its deadline.
    /// A dropped future closes the socket, because half an answer may be in it.
    fn scan<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(self.read(group, out))
    }

    fn fail(&self, group: GroupId, quality: Quality, out: &mut Vec<Scan>) {
        let group = &self.groups[group.index()];
        let mut samples = Vec::with_capacity(group.tags.len());
        for span in group.plan.spans() {
            group.plan.fail(span, quality, &mut samples);
        }
        if !samples.is_empty() {
            out.push(Scan { device: group.device, stamp: (self.pace.clock)(), samples });
        }
    }

    fn counters(&self) -> LinkCounters {
        self.books.counters
    }
}

fn plan(
    settings: &TcpSettings,
    learned: &Learned,
    groups: impl IntoIterator<Item = GroupSettings>,
) -> Result<Vec<Group>, SetupError> {
    let plan_one = |(id, group): (u32, GroupSettings)| {
        let GroupSettings { device, unit, tags } = group;
        let join = settings.join;
        let plan = plan_group(settings, learned, unit, &tags, join)
            .map_err(|error| SetupError::Tag { group: GroupId(id), error })?;
        Ok(Group { device, unit, tags, join, scans: 0, plan, trouble: Trouble::default() })
    };
    (0..).zip(groups).map(plan_one).collect()
}

/// What is learned never refuses a tag: a value wider than the unit's limit is
/// asked for as the map says.
fn plan_group(
    settings: &TcpSettings,
    learned: &Learned,
    unit: u8,
    tags: &[(TagId, Point)],
    join: Join,
) -> Result<ReadPlan, PlanError> {
    let known = learned.unit(unit).cloned().unwrap_or_default();
    let limits = Limits { join, ..settings.limits() };
    ReadPlan::avoiding(tags, known.narrow(limits), &known.barred)
        .or_else(|_| ReadPlan::avoiding(tags, limits, &known.barred))
}

fn no_answer(limit: Duration) -> String {
    format!("no answer within {} ms", limit.as_millis())
}

/// A clock before 1970 reads as 1970; the daemon knows that it is unset.
pub(crate) fn wall_clock() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
