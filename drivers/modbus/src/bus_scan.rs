//! One scan of one group on a bus: what is asked of the unit, and what its tags become.

use forehearth_modbus::surprise::{Bits, Second, Surprise};
use forehearth_modbus::{Micros, Question, ReadRequest, ResponseError, Turn};
use forehearth_model::{GroupId, Quality, Sample, Scan, Value};

use crate::bus::{BusGroup, Doubt, ModbusBus};
use crate::conversation::{Conversation, Ended, Lost, Reply, micros};
use crate::lessons::Lessons;
use crate::quality;
use crate::session::Pause;

/// From so much damage on, bits that change are read again: one in 10,000.
const NOISY_PPM: u64 = 100;

/// A scan at work.
pub(crate) struct BusScan<'a, M> {
    pub(crate) bus: &'a mut ModbusBus<M>,
    group: usize,
    pub(crate) conversation: &'a mut Conversation,
    out: &'a mut Vec<Scan>,
    /// The span that is asked for; all before it have their samples.
    next: usize,
    lessons: Lessons,
    /// Whether so many answers are missing that the link may be dead.
    is_doubtful: bool,
}

/// How far a scan has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Done,
    /// It pauses between two spans, to be gone on with.
    Paused,
}

/// What a read of a span brought.
enum Read {
    Samples(Vec<Sample>),
    Refused(ResponseError),
    /// It was asked for, damaged or not answered.
    Nothing(Quality),
    /// The unit is asleep now.
    Asleep,
}

impl<'a, M> BusScan<'a, M> {
    pub(crate) fn new(
        bus: &'a mut ModbusBus<M>,
        group: GroupId,
        conversation: &'a mut Conversation,
        out: &'a mut Vec<Scan>,
    ) -> Self {
        Self {
            bus,
            group: group.index(),
            conversation,
            out,
            next: 0,
            lessons: Lessons::default(),
            is_doubtful: false,
        }
    }

    /// However it went: every tag has its one sample afterwards.
    pub(crate) fn finish(mut self) {
        self.fail_rest();
        self.learn();
    }

    /// Reads span after span until all are read, or `pause` says so between
    /// two. Ends by itself. Not cancel safe.
    pub(crate) async fn go_on(&mut self, pause: Pause<'_>) -> Result<Progress, Lost> {
        if !self.is_awake().await? {
            self.doubt_link()?;
            return Ok(Progress::Done);
        }
        let first = self.next;
        while self.next < self.group().plan.spans().len() {
            if self.next > first && pause() {
                return Ok(Progress::Paused);
            }
            let read = self.read_surely().await?;
            let span = self.group().plan.spans()[self.next].clone();
            match read {
                Read::Samples(samples) => self.push(samples),
                Read::Nothing(quality) => self.fail(quality),
                Read::Asleep => {
                    self.doubt_link()?;
                    return Ok(Progress::Done);
                }
                Read::Refused(error) => {
                    let place = self.next;
                    let may_halve = self.lessons.may_halve(&error);
                    let plan = &mut self.bus.groups[self.group].plan;
                    match may_halve.then(|| plan.bisect(place)).flatten() {
                        Some(halves) => {
                            self.lessons.halved(halves);
                            continue;
                        }
                        None => self.refuse(span.request(), error),
                    }
                }
            }
            self.next += 1;
        }
        Ok(Progress::Done)
    }

    /// Whether the unit is to be scanned; one that is asleep is probed when
    /// it is time.
    async fn is_awake(&mut self) -> Result<bool, Lost> {
        let timeout = micros(self.bus.settings.timeout);
        let unit = &self.bus.units[self.group().unit];
        let (id, usual) = (unit.id, unit.patience.usual());
        match self.bus.isolation.turn(id, usual, timeout, self.conversation.now()) {
            Turn::Scan => Ok(true),
            Turn::Rest => Ok(false),
            Turn::Probe(patience) => {
                let Some(first) = self.group().plan.spans().first().map(|span| span.request())
                else {
                    return Ok(false);
                };
                let small = ReadRequest::new(first.table(), first.start(), 1).unwrap_or(first);
                let question = self.conversation.line().safe(id, Question::Read(small));
                let ended = self.ask(question, patience).await?;
                Ok(matches!(ended.reply, Reply::Answered { .. } | Reply::Damaged))
            }
        }
    }

    /// On a socket silence of all units may mean that it is dead.
    fn doubt_link(&self) -> Result<(), Lost> {
        let is_socket = matches!(self.bus.settings.carrier, crate::Carrier::Tcp { .. });
        if is_socket && self.is_doubtful && self.bus.isolation.are_all_asleep() {
            return Err("no unit answers any more".to_string());
        }
        Ok(())
    }

    /// A span, read again where its values are surprising.
    async fn read_surely(&mut self) -> Result<Read, Lost> {
        let first = match self.read_whole().await? {
            Read::Samples(samples) => samples,
            other => return Ok(other),
        };
        let unit = self.group().unit;
        let is_noisy = self.bus.units[unit].meter.damage_ppm() >= NOISY_PPM;
        let bits = if is_noisy { Bits::Doubted } else { Bits::Believed };
        let Some(memory) = &mut self.bus.groups[self.group].memory else {
            return Ok(Read::Samples(first));
        };
        if memory.first(&first, bits) == Surprise::None {
            return Ok(Read::Samples(first));
        }
        self.bus.units[unit].meter.surprises += 1;
        match self.read_whole().await? {
            Read::Samples(second) => Ok(Read::Samples(self.compare(&first, second))),
            other => Ok(other),
        }
    }

    /// The values of the second read, as far as both together are believed.
    fn compare(&mut self, first: &[Sample], mut second: Vec<Sample>) -> Vec<Sample> {
        let unit = self.group().unit;
        let Some(memory) = &mut self.bus.groups[self.group].memory else {
            return second;
        };
        let mut refuted = false;
        for (before, now) in first.iter().zip(&mut second) {
            match memory.second(now.tag, &before.value, &now.value) {
                Second::Counts => {}
                Second::FirstWasWrong => refuted = true,
                Second::Undecided => {
                    refuted = true;
                    now.value = Value::Null;
                    now.quality = Quality::BadNoCommunication;
                }
            }
        }
        self.bus.units[unit].meter.refuted += u64::from(refuted);
        second
    }

    /// A span, asked for again where its answer was damaged.
    async fn read_whole(&mut self) -> Result<Read, Lost> {
        let mut tries = 1 + u32::from(self.bus.settings.retries);
        loop {
            tries -= 1;
            match self.read_once().await? {
                Read::Nothing(_) if tries > 0 && !self.is_asleep() => {}
                other => return Ok(other),
            }
        }
    }

    /// A span, asked for once, with a fence before it if need be.
    async fn read_once(&mut self) -> Result<Read, Lost> {
        let request = self.group().plan.spans()[self.next].request();
        let wanted = Question::Read(request);
        let unit = &self.bus.units[self.group().unit];
        let id = unit.id;
        let safe = self.conversation.line().safe(id, wanted);
        if safe != wanted {
            let ended = self.ask(safe, self.patience()).await?;
            if !matches!(ended.reply, Reply::Answered { .. }) {
                return Ok(self.nothing());
            }
        }
        let ended = self.ask(wanted, self.patience()).await?;
        if !matches!(ended.reply, Reply::Answered { .. }) {
            return Ok(self.nothing());
        }
        let group = &self.bus.groups[self.group];
        let span = &group.plan.spans()[self.next];
        let mut samples = Vec::with_capacity(span.tags());
        match group.plan.decode(span, self.conversation.pdu(), &mut samples) {
            Ok(()) => {
                self.lessons.answered(&request);
                Ok(Read::Samples(samples))
            }
            Err(error) => Ok(Read::Refused(error)),
        }
    }

    fn nothing(&self) -> Read {
        if self.is_asleep() { Read::Asleep } else { Read::Nothing(Quality::BadNoCommunication) }
    }

    fn is_asleep(&self) -> bool {
        self.bus.isolation.is_asleep(self.bus.units[self.group().unit].id)
    }

    fn patience(&self) -> Micros {
        let unit = &self.bus.units[self.group().unit];
        unit.patience.wait(micros(self.bus.settings.timeout))
    }

    /// Asks and enters into the books how it ended.
    async fn ask(&mut self, question: Question, patience: Micros) -> Result<Ended, Lost> {
        let place = self.group().unit;
        let asked = self.bus.ask(self.conversation, place, question, patience).await;
        let (ended, doubt) = asked?;
        self.is_doubtful |= doubt == Doubt::Link;
        Ok(ended)
    }

    fn push(&mut self, samples: Vec<Sample>) {
        let (device, stamp) = (self.group().device, (self.bus.clock)());
        self.out.push(Scan { device, stamp, samples });
    }

    fn fail(&mut self, quality: Quality) {
        let group = self.group();
        let span = &group.plan.spans()[self.next];
        let mut samples = Vec::with_capacity(span.tags());
        group.plan.fail(span, quality, &mut samples);
        self.push(samples);
    }

    /// The unit refuses what cannot be asked for in a smaller piece.
    fn refuse(&mut self, request: ReadRequest, error: ResponseError) {
        self.fail(quality::of_failure(&error));
        let group = &mut self.bus.groups[self.group];
        group.trouble.tell(self.bus.units[group.unit].id.get(), request, error);
        self.lessons.refused(request, &error);
    }

    fn fail_rest(&mut self) {
        while self.next < self.group().plan.spans().len() {
            self.fail(Quality::BadNoCommunication);
            self.next += 1;
        }
    }

    fn learn(&mut self) {
        if !self.lessons.is_empty() {
            let id = self.bus.units[self.group().unit].id.get();
            self.lessons.teach(self.bus.learned.unit_mut(id));
        }
    }

    fn group(&self) -> &BusGroup {
        &self.bus.groups[self.group]
    }
}
