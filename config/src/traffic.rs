//! How much a link is asked for, against what it can answer.
//!
//! The model for TCP: a request costs its answer time, divided by what is in
//! flight, and the pause the map asks for. The model for a serial line: each
//! character of request and answer costs its time, and around them are the
//! line's silences and the time the unit takes. The answer time is not known
//! offline, so two are tried: one that no device beats, for the error, and
//! one that most devices need, for the warning.

use std::time::Duration;

use forehearth_modbus::{Framing, Join, Limits, Point, ReadPlan, Span, Timing};
use forehearth_model::TagId;

use crate::finding::{Finding, Log};
use crate::load::Field;
use crate::plan::{CarrierPlan, GroupPlan, LinePlan, LinkPlan, Transport};
use crate::quantity::show_duration;
use crate::source::Place;
use crate::texts::{self, CodeText};

/// No Modbus device answers faster than its network and its stack allow.
/// Chosen: 1 ms.
const BEST: f64 = 0.001;

/// A PLC answers once in a program cycle, 5 to 20 ms. Chosen: 10 ms.
const USUAL: f64 = 0.010;

/// Units of a serial line are meters and small controllers. Chosen: 20 ms.
const USUAL_ON_LINE: f64 = 0.020;

/// A link asked for exactly what it can answer is not refused: a budget of two
/// requests a second is meant for two requests a second. Chosen: 1 in 100.
const FULL: f64 = 1.01;

/// The line behind a serial server is taken to be as fast as lines usually
/// get, so that nothing is refused that could work. Chosen: 115,200 Bd, 11 bits.
const SERVER_BAUD: u32 = 115_200;
const SERVER_BITS: u8 = 11;

/// Within this the driver reads across registers nobody asked for, while it
/// doesn't know how long a unit takes; as in `drivers/modbus`, in µs.
const PLANNED_TURNAROUND: u64 = 10_000;

/// What one group asks for.
struct Share {
    requests: usize,
    /// Of requests and answers together; 0 where they cost nothing.
    characters: usize,
    period: Duration,
    place: Place,
}

/// What asking costs, in seconds.
#[derive(Clone, Copy)]
struct Cost {
    request: f64,
    character: f64,
}

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests and characters")]
    fn of(self, share: &Share) -> f64 {
        share.requests as f64 * self.request + share.characters as f64 * self.character
    }
}

/// What the shares of a link come to.
struct Load {
    /// 1 when the link has nothing else to do.
    load: f64,
    /// Where the rate that asks for most stands.
    place: Place,
    rate: Duration,
    requests: usize,
    characters: usize,
}

impl Load {
    /// `None` when nothing is read.
    fn new(shares: &[Share], cost: Cost) -> Option<Self> {
        let load_of = |share: &Share| cost.of(share) / share.period.as_secs_f64();
        let period_load = |period: Duration| -> f64 {
            shares.iter().filter(|share| share.period == period).map(load_of).sum()
        };
        let heaviest =
            shares.iter().max_by(|a, b| period_load(a.period).total_cmp(&period_load(b.period)))?;
        Some(Self {
            load: shares.iter().map(load_of).sum(),
            place: heaviest.place,
            rate: heaviest.period,
            requests: shares.iter().map(|share| share.requests).sum(),
            characters: shares.iter().map(|share| share.characters).sum(),
        })
    }

    fn is_too_much(&self) -> bool {
        self.load > FULL
    }

    /// The rate that the link could keep, all rates stretched alike.
    fn needed(&self) -> Duration {
        Duration::from_secs_f64((self.load * self.rate.as_secs_f64()).min(1e6))
    }

    fn finding(&self, code: &'static CodeText, link: &LinkPlan) -> Finding {
        Finding::new(code, self.place)
            .with("link", link.name.as_str())
            .with("rate", show_duration(self.rate))
            .with("needed", show_seconds(self.needed()))
            .with("requests", self.requests)
            .with("load", format!("{:.0}%", self.load * 100.0))
    }
}

/// Reports links that are asked for more than they can answer.
pub(crate) fn check(log: &Log, field: &Field) {
    for (link, places) in field.links.iter().zip(&field.rate_places) {
        let speed = match &link.plan.transport {
            // The server is asked for what it has, and says so when it can't.
            Transport::OpcUa(_) | Transport::Plugin(_) | Transport::House(_) => continue,
            Transport::ModbusTcp { .. } => None,
            Transport::ModbusLine(line) => Some(Speed::of(line)),
        };
        let groups = link.plan.groups.iter().zip(places);
        let shares: Vec<Share> = groups
            .map(|(group, place)| share(field, &link.plan, speed.as_ref(), group, *place))
            .collect();
        match speed {
            None => check_socket(log, &link.plan, &shares),
            Some(speed) => check_line(log, &link.plan, &speed, &shares),
        }
    }
}

/// Modbus TCP.
fn check_socket(log: &Log, link: &LinkPlan, shares: &[Share]) {
    let pause = link.pause_between.as_secs_f64();
    for (code, answer) in [(&texts::RATE_UNREACHABLE, BEST), (&texts::LINK_BUSY, USUAL)] {
        let request = answer / f64::from(link.inflight) + pause;
        let load = Load::new(shares, Cost { request, character: 0.0 });
        if let Some(load) = load.filter(Load::is_too_much) {
            let finding =
                load.finding(code, link).with("answer", format!("{} ms", answer * 1000.0));
            log.report(finding.with("pause", show_duration(link.pause_between)));
            return;
        }
    }
}

/// A serial line: what it needs is told as usual units would have it, an error
/// only when not even the quickest could do it.
fn check_line(log: &Log, link: &LinkPlan, speed: &Speed, shares: &[Share]) {
    let silence = speed.timing.silence as f64 / 1e6;
    let pause = silence.max(link.pause_between.as_secs_f64());
    let character = speed.timing.character_nanos as f64 / 1e9;
    let load_at =
        |answer: f64| Load::new(shares, Cost { request: answer + silence + pause, character });
    let (Some(best), Some(usual)) = (load_at(BEST), load_at(USUAL_ON_LINE)) else { return };
    if !usual.is_too_much() {
        return;
    }
    let code = if best.is_too_much() { &texts::LINE_UNREACHABLE } else { &texts::LINE_BUSY };
    let wire = Duration::from_secs_f64((usual.characters as f64 * character).min(1e6));
    let finding = usual.finding(code, link);
    log.report(
        finding
            .with("wire", show_seconds(wire))
            .with("characters", usual.characters)
            .with("baud", speed.shown.as_str())
            .with("least", show_seconds(best.needed())),
    );
}

/// How fast characters go over a line.
struct Speed {
    timing: Timing,
    framing: Framing,
    /// `9600 8E1`.
    shown: String,
}

impl Speed {
    fn of(line: &LinePlan) -> Self {
        let (baud, bits, shown) = match &line.carrier {
            CarrierPlan::Serial(port) => {
                (port.baud, port.format.bits(), format!("{} {}", port.baud, port.format))
            }
            CarrierPlan::Tcp { .. } => (SERVER_BAUD, SERVER_BITS, format!("{SERVER_BAUD} Bd")),
        };
        let character_nanos = u64::from(bits) * 1_000_000_000 / u64::from(baud);
        let timing = Timing { character_nanos, ..Timing::serial(baud) };
        Self { timing, framing: line.framing, shown }
    }

    /// Of a request and its answer with so many bytes of data: 8 and 5 in RTU
    /// (unit, function, address, count, CRC; unit, function, length, CRC); in
    /// ASCII two digits a byte, LRC, colon, CR and LF.
    const fn characters(&self, data: usize) -> usize {
        match self.framing {
            Framing::Rtu => 8 + 5 + data,
            Framing::Ascii => 17 + 11 + 2 * data,
        }
    }
}

fn share(
    field: &Field,
    link: &LinkPlan,
    speed: Option<&Speed>,
    group: &GroupPlan,
    place: Place,
) -> Share {
    let point = |tag: &TagId| Some((*tag, field.tags[tag.index()].point.modbus()?));
    let points: Vec<(TagId, Point)> = group.tags.iter().filter_map(point).collect();
    let join = match &link.transport {
        _ if !link.join => Join::Never,
        Transport::ModbusTcp { .. }
        | Transport::OpcUa(_)
        | Transport::Plugin(_)
        | Transport::House(_) => Join::DEFAULT,
        Transport::ModbusLine(line) => {
            Join::Gap(timing_of_driver(line).break_even(PLANNED_TURNAROUND))
        }
    };
    let limits = Limits { max_words: link.max_words, max_bits: link.max_bits, join };
    let plan = ReadPlan::new(&points, limits);
    // A point that fits no request is reported by `widths`; here it counts as one.
    let requests = plan.as_ref().map_or(points.len(), |plan| plan.spans().len());
    let characters = match (speed, &plan) {
        (Some(speed), Ok(plan)) => {
            plan.spans().iter().map(|span| speed.characters(data_bytes(span))).sum()
        }
        _ => 0,
    };
    Share { requests, characters, period: group.period, place }
}

/// The times by which the driver joins reads on this line.
fn timing_of_driver(line: &LinePlan) -> Timing {
    match &line.carrier {
        CarrierPlan::Serial(port) => Timing::serial(port.baud),
        CarrierPlan::Tcp { .. } => Timing::tcp(),
    }
}

fn data_bytes(span: &Span) -> usize {
    let request = span.request();
    let count = usize::from(request.count());
    if request.table().is_bits() { count.div_ceil(8) } else { 2 * count }
}

/// The digits that matter: `5.6 s`, `1.02 s`, `230 ms`.
fn show_seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 2.0 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}
