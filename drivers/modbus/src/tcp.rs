//! The driver of a Modbus TCP link: one socket, the devices behind it, their groups.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_driver::{BoxFuture, Driver, LinkCounters, LinkError};
use forehearth_modbus::{ReadPlan, ResponseError, Transactions};
use forehearth_model::{GroupId, Quality, Scan, Stamp};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::{Books, Group, Pace, Session};
use crate::silence::Silence;
use crate::trouble::Trouble;
use crate::{GroupSettings, SetupError, TcpSettings};

/// One Modbus TCP connection and the groups read over it. Reads only.
#[derive(Debug)]
pub struct ModbusTcp {
    settings: TcpSettings,
    pace: Pace,
    groups: Vec<Group>,
    books: Books,
    /// `None` while not connected, and while a scan has it.
    session: Option<Session>,
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
        let groups = plan(&settings, groups)?;
        let books = Books {
            transactions: Transactions::new(settings.depth()),
            silence: Silence::new(groups.iter().map(|group| group.unit)),
            counters: LinkCounters::default(),
            refusals: Vec::new(),
        };
        let pace = Pace {
            timeout: settings.timeout,
            pause_between: settings.pause_between,
            clock: wall_clock,
        };
        Ok(Self { settings, pace, groups, books, session: None })
    }

    /// Stamps readings with `clock` instead of the system's wall clock.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Stamp) -> Self {
        self.pace.clock = clock;
        self
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

    async fn read(&mut self, id: GroupId, out: &mut Vec<Scan>) -> Result<(), LinkError> {
        let Some(mut session) = self.session.take() else {
            self.fail(id, Quality::BadNoCommunication, out);
            return Err(self.lost("not connected".to_string()));
        };
        let group = &self.groups[id.index()];
        let result = session.scan(group, &self.pace, &mut self.books, out).await;
        self.learn(id);
        match result {
            Ok(()) => {
                self.session = Some(session);
                Ok(())
            }
            Err(reason) => Err(self.lost(reason)),
        }
    }

    /// Tells the log why reads were refused, and leaves out the holes of
    /// those whose addresses were. A device may refuse a request only because
    /// of what lies between two tags; nothing is asked for in smaller pieces
    /// than the tags themselves.
    fn learn(&mut self, id: GroupId) {
        let group = &mut self.groups[id.index()];
        // From the back, so that the places before stay what they were.
        self.books.refusals.sort_unstable_by_key(|(span, _)| *span);
        while let Some((span, error)) = self.books.refusals.pop() {
            let request = group.plan.spans()[span].request();
            group.trouble.tell(group.unit, request, error);
            if matches!(error, ResponseError::Exception(why) if why.refuses_addresses()) {
                group.plan.split_at_holes(span);
            }
        }
    }

    fn connect_error(&self, reason: String) -> LinkError {
        LinkError::Connect { peer: self.peer(), reason }
    }

    fn lost(&self, reason: String) -> LinkError {
        LinkError::Lost { peer: self.peer(), reason }
    }
}

impl Driver for ModbusTcp {
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
    groups: impl IntoIterator<Item = GroupSettings>,
) -> Result<Vec<Group>, SetupError> {
    let plan_one = |(id, group): (u32, GroupSettings)| {
        let plan = ReadPlan::new(&group.tags, settings.limits())
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
