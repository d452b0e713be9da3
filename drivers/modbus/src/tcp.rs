//! The driver of a Modbus TCP link: one socket, the devices behind it, their groups.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_modbus::{Learned, ReadPlan, Transactions};
use forehearth_model::{GroupId, Quality, Scan, Stamp};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::lessons::Lessons;
use crate::quality;
use crate::report::{Report, ReportReader, ReportWriter};
use crate::session::{Books, Group, Lost, Pace, Pause, Session};
use crate::silence::Silence;
use crate::trouble::Trouble;
use crate::{GroupSettings, Reading, SetupError, TcpSettings, Writable, Writing};

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
            self.report.write(Report { learned: self.learned(), units: Vec::new() });
        }
        match result {
            Ok(()) => {
                self.session = Some(session);
                Ok(())
            }
            Err(reason) => Err(self.lost(reason)),
        }
    }

    async fn read(&mut self, id: GroupId, out: &mut Vec<Scan>) -> Result<(), LinkError>
    where
        M: Send,
    {
        let mut session = self.begin(id, out)?;
        let result = self.read_on(&mut session, id, None, &mut || false, out).await;
        self.end(session, id, result.map(|_| ()), out)
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
        let mut samples = Vec::with_capacity(group.tags);
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
        let known = learned.unit(group.unit).cloned().unwrap_or_default();
        let limits = settings.limits();
        // What is learned never refuses a tag: a value wider than the unit's
        // limit is asked for as the map says.
        let plan = ReadPlan::avoiding(&group.tags, known.narrow(limits), &known.barred)
            .or_else(|_| ReadPlan::avoiding(&group.tags, limits, &known.barred))
            .map_err(|error| SetupError::Tag { group: GroupId(id), error })?;
        let trouble = Trouble::default();
        Ok(Group { device: group.device, unit: group.unit, tags: group.tags.len(), plan, trouble })
    };
    (0..).zip(groups).map(plan_one).collect()
}

fn no_answer(limit: Duration) -> String {
    format!("no answer within {} ms", limit.as_millis())
}

/// A clock before 1970 reads as 1970; the daemon knows that it is unset.
pub(crate) fn wall_clock() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
