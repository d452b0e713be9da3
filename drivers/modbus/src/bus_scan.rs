//! One scan of one group on a bus: what is asked of the unit, and what its tags become.

use forehearth_driver::LinkCounters;
use forehearth_modbus::surprise::{Bits, Second, Surprise};
use forehearth_modbus::{Micros, Miss, Question, ReadRequest, ResponseError, Turn};
use forehearth_model::{GroupId, Quality, Sample, Scan, Value};

use crate::bus::{BusGroup, ModbusBus};
use crate::conversation::{Conversation, Ended, Lost, Reply, micros};
use crate::lessons::Lessons;
use crate::quality;

/// While nobody on it answers, a socket is opened anew after so many misses.
const MISSES_UNTIL_DOUBT: u64 = 8;

/// From so much damage on, bits that change are read again: one in 10,000.
const NOISY_PPM: u64 = 100;

/// A scan at work.
pub(crate) struct BusScan<'a> {
    bus: &'a mut ModbusBus,
    group: usize,
    conversation: &'a mut Conversation,
    out: &'a mut Vec<Scan>,
    /// The span that is asked for; all before it have their samples.
    next: usize,
    lessons: Lessons,
    /// Whether so many answers are missing that the link may be dead.
    is_doubtful: bool,
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

impl<'a> BusScan<'a> {
    pub(crate) fn new(
        bus: &'a mut ModbusBus,
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

    /// Ends by itself; every tag has its one sample afterwards, also after an
    /// error. Not cancel safe.
    pub(crate) async fn run(mut self) -> Result<(), Lost> {
        let result = self.visit().await;
        self.fail_rest();
        self.learn();
        result
    }

    async fn visit(&mut self) -> Result<(), Lost> {
        if !self.is_awake().await? {
            return self.doubt_link();
        }
        while self.next < self.group().plan.spans().len() {
            let read = self.read_surely().await?;
            let span = self.group().plan.spans()[self.next].clone();
            match read {
                Read::Samples(samples) => self.push(samples),
                Read::Nothing(quality) => self.fail(quality),
                Read::Asleep => return self.doubt_link(),
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
        Ok(())
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
        let id = self.bus.units[place].id;
        let ended = self.conversation.ask(id, question, patience).await?;
        let now = self.conversation.now();
        let ModbusBus { units, isolation, counters, .. } = &mut *self.bus;
        units[place].enter(&ended, counters);
        match ended.reply {
            Reply::Answered { .. } => {
                isolation.answered(id);
                enter_content(self.conversation.pdu(), &mut units[place].meter, counters);
            }
            Reply::Damaged => {
                isolation.answered(id);
            }
            Reply::Missing { .. } | Reply::Babble => {
                let silent = ended.reply == (Reply::Missing { noise: false });
                let miss = if silent { Miss::Silence } else { Miss::Noise };
                let fell_asleep = isolation.missed(id, miss, ended.held, now);
                let misses = units[place].meter.timeouts;
                self.is_doubtful |= fell_asleep || misses.is_multiple_of(MISSES_UNTIL_DOUBT);
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

/// Whether an answer is data or an exception.
fn enter_content(
    pdu: &[u8],
    meter: &mut forehearth_modbus::UnitMeter,
    counters: &mut LinkCounters,
) {
    if pdu.first().is_some_and(|function| function & 0x80 != 0) {
        meter.exceptions += 1;
        counters.exceptions += 1;
    } else {
        meter.answers += 1;
        counters.answers += 1;
    }
}
