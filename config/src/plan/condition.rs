//! What is done to the samples of a tag beyond scaling, range and deadband.

use std::time::Duration;

use forehearth_model::{DataType, Formula, TagId};

/// Stages of a tag. Amounts are in engineering units.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ConditionPlan {
    /// `filter`, in no order: the pipeline has its own.
    pub filters: Vec<FilterPlan>,
    /// `swing`: the error of the swinging door. Its `max_gap` is the report's.
    pub swing: Option<f64>,
    /// `window`.
    pub window: Option<WindowPlan>,
    /// `total = true`.
    pub total: Option<TotalPlan>,
    /// `integrate`.
    pub integral: Option<IntegralPlan>,
    /// `duty`.
    pub duty: Option<DutyPlan>,
    /// `limits`.
    pub limits: Option<AlarmPlan>,
}

impl ConditionPlan {
    /// The same without its ids, which are positions and shift: to compare
    /// the conditions of two plans.
    #[must_use]
    pub fn without_ids(mut self) -> Self {
        let nowhere = TagId(0);
        for (_, tag) in self.window.iter_mut().flat_map(|window| &mut window.keep) {
            *tag = nowhere;
        }
        if let Some(total) = &mut self.total {
            total.tag = nowhere;
            total.interval.iter_mut().for_each(|(_, tag)| *tag = nowhere);
        }
        if let Some(integral) = &mut self.integral {
            integral.total = nowhere;
            integral.interval.iter_mut().for_each(|(_, tag)| *tag = nowhere);
        }
        if let Some(duty) = &mut self.duty {
            (duty.hours, duty.starts) = (nowhere, nowhere);
            if let Some(states) = &mut duty.states {
                states.unknown = nowhere;
                states.states.iter_mut().for_each(|(_, tag)| *tag = nowhere);
            }
        }
        if let Some(alarm) = &mut self.limits {
            alarm.tag = nowhere;
            alarm.state = alarm.state.map(|_| nowhere);
            alarm.group = alarm.group.map(|_| 0);
        }
        self
    }
}

/// `limits`, and the derived tags that tell of them.
#[derive(Clone, PartialEq, Debug)]
pub struct AlarmPlan {
    /// The limits.
    pub limits: LimitsPlan,
    /// Tells beyond which limit the value is: −2 ll, −1 l, 0 none, 1 h, 2 hh,
    /// 3 changing too fast.
    pub tag: TagId,
    /// `state = true`: tells what people did with the alarm.
    pub state: Option<TagId>,
    /// `group`: alarms of one device with this number tell which came first.
    pub group: Option<u32>,
}

/// `integrate = { per = "1h", every = "15m", gap = "30s" }`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IntegralPlan {
    /// The time in the unit of the source.
    pub per: Duration,
    /// Longest time between two samples that is integrated.
    pub gap: Duration,
    /// The derived tag that tells the total.
    pub total: TagId,
    /// Intervals of wall time, and the derived tag that tells each one's amount.
    pub interval: Option<(Duration, TagId)>,
}

/// `duty = { running = [1], every = "1h", gap = "30s" }`.
#[derive(Clone, PartialEq, Debug)]
pub struct DutyPlan {
    /// States in which the machine runs.
    pub running: Vec<i64>,
    /// Longest time between two samples that counts.
    pub gap: Duration,
    /// The derived tag that tells the hours run.
    pub hours: TagId,
    /// The derived tag that tells the starts.
    pub starts: TagId,
    /// With `every`: seconds in each state of `enum`.
    pub states: Option<StatesPlan>,
}

/// Time in states by interval of wall time.
#[derive(Clone, PartialEq, Debug)]
pub struct StatesPlan {
    /// Length of an interval, a part of a day.
    pub every: Duration,
    /// Each state, and the derived tag that tells the seconds in it.
    pub states: Vec<(i64, TagId)>,
    /// The derived tag that tells the seconds in no known state.
    pub unknown: TagId,
}

/// A tag that is computed of others.
#[derive(Clone, PartialEq, Debug)]
pub struct CalcPlan {
    /// Which tag.
    pub tag: TagId,
    /// How.
    pub formula: Formula,
    /// With `grid`: on which grid.
    pub set: Option<SetPlan>,
}

/// `grid = "1s"`, `stale = "3s"`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SetPlan {
    /// Period of the grid.
    pub every: Duration,
    /// An input older than this is Bad.
    pub stale: Duration,
    /// The derived tag that tells how far the inputs lie apart.
    pub skew: TagId,
    /// The derived tag that tells how old the oldest input was.
    pub age: TagId,
}

/// One key of `filter`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FilterPlan {
    /// `ne43 = true`: NAMUR NE 43, from the raw ends of the instrument sheet.
    Ne43 {
        /// Raw value at 4 mA.
        at_4: f64,
        /// Raw value at 20 mA.
        at_20: f64,
    },
    /// `stuck = "10m"`.
    Stuck(Duration),
    /// `hampel = { window = 7, sigmas = 3.0, least = 0.5, spike = "replace" }`.
    Hampel {
        /// Values that are looked at.
        window: usize,
        /// How far is far.
        sigmas: f64,
        /// A deviation up to this is no spike.
        least: f64,
        /// What becomes of a spike.
        spike: Spike,
    },
    /// `median = 5`.
    Median(usize),
    /// `max_rate = 2.5`, per second.
    MaxRate(f64),
    /// `smooth = "5s"`: time constant.
    Smooth(Duration),
    /// `debounce = "200ms"`.
    Debounce(Duration),
}

/// What becomes of a spike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spike {
    /// The median takes its place.
    Replace,
    /// It is Uncertain.
    Flag,
}

/// `window = { every = "1s", keep = ["min", "max"], samples = false }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowPlan {
    /// Length, a part of a day.
    pub every: Duration,
    /// `step`: how often it is told, for a sliding window; a part of `every`.
    pub step: Option<Duration>,
    /// How often a sample is expected.
    pub period: Duration,
    /// What is kept, and the derived tag that tells it.
    pub keep: Vec<(Keep, TagId)>,
}

/// `total = true`, `rollover = 1000000`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TotalPlan {
    /// What would follow the counter's largest value; `None` for 64 bits.
    pub rollover: Option<u64>,
    /// The derived tag that tells the total.
    pub tag: TagId,
    /// `interval`, and the derived tag that tells what was counted in each.
    pub interval: Option<(Duration, TagId)>,
    /// Counts over a longer time than this are spread evenly over intervals.
    pub gap: Duration,
}

/// What a window keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Mean.
    Mean,
    /// Effective value.
    Rms,
    /// Standard deviation.
    Std,
    /// First value.
    First,
    /// Last value.
    Last,
    /// Samples that were used.
    Count,
    /// Percent of the expected samples that were Good.
    Good,
}

impl Keep {
    /// Everything a window can keep, by the word of the map.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("min", Self::Min),
        ("max", Self::Max),
        ("mean", Self::Mean),
        ("rms", Self::Rms),
        ("std", Self::Std),
        ("first", Self::First),
        ("last", Self::Last),
        ("count", Self::Count),
        ("good", Self::Good),
    ];

    /// The word of the map, and the end of the derived tag's name.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, keep)| *keep == self).map_or("", |(word, _)| word)
    }

    /// Whether what is kept was a sample, and so is raw.
    #[must_use]
    pub const fn is_sample(self) -> bool {
        matches!(self, Self::Min | Self::Max | Self::First | Self::Last)
    }

    /// The type of the derived tag, for a source of type `source`: values
    /// that were samples stay raw, computed ones are in engineering units.
    #[must_use]
    pub const fn data_type(self, source: DataType) -> DataType {
        match self {
            Self::Min | Self::Max | Self::First | Self::Last => source,
            Self::Mean | Self::Rms | Self::Std => DataType::Lreal,
            Self::Count => DataType::Udint,
            Self::Good => DataType::Real,
        }
    }
}

/// `limits = { ll, l, h, hh, hysteresis, on_delay, off_delay }`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct LimitsPlan {
    /// Low low.
    pub ll: Option<f64>,
    /// Low.
    pub l: Option<f64>,
    /// High.
    pub h: Option<f64>,
    /// High high.
    pub hh: Option<f64>,
    /// Fastest change per second that is normal.
    pub rate: Option<f64>,
    /// How far a value must come back to leave a limit. Default 0.
    pub hysteresis: f64,
    /// How long it must be beyond. Default 0.
    pub on_delay: Duration,
    /// How long it must be back. Default 0.
    pub off_delay: Duration,
}
