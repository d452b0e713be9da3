//! Insight: what the gateway tells of itself, of its links and of the units behind them.

use forehearth_driver::LinkCounters;
use forehearth_house::{LinkFigure, UnitFigure};
use forehearth_modbus::UnitMeter;
use forehearth_model::{ClockState, Quality, Value};

/// Asked at each scan. Must not block.
pub trait Insight: Send + Sync {
    /// The gateway now.
    fn gateway(&self) -> GatewayFigures;

    /// A link now; `None` when it has none of this name.
    fn link(&self, name: &str) -> Option<LinkFigures>;

    /// What happened with one unit of a link and whether it answers; `None`
    /// before it was asked.
    fn unit(&self, link: &str, unit: u8) -> Option<(UnitMeter, bool)>;
}

/// The gateway at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatewayFigures {
    /// Resident memory in bytes; 0 where the system does not tell.
    pub memory: u64,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Seconds since it was started.
    pub uptime: u64,
    /// Whether its wall clock can be trusted.
    pub clock: ClockState,
}

/// A link at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkFigures {
    /// Whether it is open.
    pub is_up: bool,
    /// Scans of a group.
    pub polls: u64,
    /// Scans that gave Bad readings because the link was or went down.
    pub failures: u64,
    /// Scans that were left out.
    pub overruns: u64,
    /// What its driver counted.
    pub counters: LinkCounters,
}

impl LinkFigures {
    pub(crate) fn value(&self, figure: LinkFigure) -> Value {
        let LinkCounters { requests, answers, timeouts, late, stray, exceptions, connects } =
            self.counters;
        Value::UInt(match figure {
            LinkFigure::Up => return Value::Bool(self.is_up),
            LinkFigure::Polls => self.polls,
            LinkFigure::Failures => self.failures,
            LinkFigure::Overruns => self.overruns,
            LinkFigure::Connects => connects,
            LinkFigure::Requests => requests,
            LinkFigure::Answers => answers,
            LinkFigure::Timeouts => timeouts,
            LinkFigure::Late => late,
            LinkFigure::Stray => stray,
            LinkFigure::Exceptions => exceptions,
        })
    }
}

/// A unit's figure. A time that was never measured is not 0.
pub(crate) fn of_unit(
    meter: &UnitMeter,
    is_up: bool,
    figure: UnitFigure,
) -> Result<Value, Quality> {
    Ok(Value::UInt(match figure {
        UnitFigure::Up => return Ok(Value::Bool(is_up)),
        UnitFigure::Requests => meter.requests,
        UnitFigure::Answers => meter.answers,
        UnitFigure::Timeouts => meter.timeouts,
        UnitFigure::Late => meter.late,
        UnitFigure::Noise => meter.noise,
        UnitFigure::Exceptions => meter.exceptions,
        UnitFigure::CrcErrors => meter.damaged,
        UnitFigure::DamagePpm => meter.damage_ppm(),
        UnitFigure::Surprises => meter.surprises,
        UnitFigure::Refuted => meter.refuted,
        UnitFigure::RoundTripP50 => return round_trip(meter, 500),
        UnitFigure::RoundTripP99 => return round_trip(meter, 990),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "at most 4 s in microseconds fit 24 bits")]
fn round_trip(meter: &UnitMeter, permille: u32) -> Result<Value, Quality> {
    let micros = meter.round_trips.quantile(permille).ok_or(Quality::BadWaitingForFirstValue)?;
    Ok(Value::F32(micros as f32 / 1000.0))
}
