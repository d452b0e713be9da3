//! A figure: one thing that can be told of the box, of a link or of a unit behind it.

use forehearth_model::{DataType, TagKind};

/// What every figure has.
pub trait Figure: Copy + 'static {
    /// All of them, as documented.
    const ALL: &'static [Self];

    /// Its word in a map.
    fn word(self) -> &'static str;

    /// The type of its value.
    fn data_type(self) -> DataType;

    /// Its unit as a map writes it; empty for a mere number.
    fn unit(self) -> &'static str;

    /// Whether it only grows.
    fn kind(self) -> TagKind;

    /// The figure of this word.
    #[must_use]
    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|figure| figure.word() == word)
    }
}

macro_rules! figures {
    ($(#[$about:meta])* $name:ident {
        $($(#[$doc:meta])* $figure:ident = $word:literal $type:ident $unit:literal $kind:ident,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$doc])* $figure,)*
        }

        impl Figure for $name {
            const ALL: &'static [Self] = &[$(Self::$figure),*];

            fn word(self) -> &'static str {
                match self { $(Self::$figure => $word),* }
            }

            fn data_type(self) -> DataType {
                match self { $(Self::$figure => DataType::$type),* }
            }

            fn unit(self) -> &'static str {
                match self { $(Self::$figure => $unit),* }
            }

            fn kind(self) -> TagKind {
                match self { $(Self::$figure => TagKind::$kind),* }
            }
        }
    };
}

figures! {
    /// Of the box the gateway runs on, and of the gateway's process.
    BoxFigure {
        /// The hottest thermal zone of the processor; of a box whose zones
        /// don't say which is the processor's, the hottest of all.
        CpuTemp = "cpu_temp" Real "degC" Gauge,
        /// Mean number of processes that run or wait, over 1 minute.
        Load1 = "load_1" Real "" Gauge,
        /// The same over 5 minutes.
        Load5 = "load_5" Real "" Gauge,
        /// The same over 15 minutes.
        Load15 = "load_15" Real "" Gauge,
        /// Memory of the box in bytes.
        MemoryTotal = "memory_total" Ulint "B" Gauge,
        /// Memory that programs could still have, in bytes.
        MemoryFree = "memory_free" Ulint "B" Gauge,
        /// Memory that programs can't have any more, in percent.
        MemoryUsed = "memory_used" Real "%" Gauge,
        /// Seconds since the box was started.
        Uptime = "uptime" Ulint "s" Gauge,
        /// Bytes free for the gateway on the volume of its state directory.
        DiskFree = "disk_free" Ulint "B" Gauge,
        /// Share of that volume that is in use, in percent.
        DiskUsed = "disk_used" Real "%" Gauge,
        /// Life of the worst eMMC chip that is used up, in steps of 10 %;
        /// 110 when it is beyond its end (JESD84-B51, 7.4.29 DEVICE_LIFE_TIME_EST).
        DiskWear = "disk_wear" Usint "%" Gauge,
        /// Whether a supply of the box is below its limit, as hwmon says.
        Undervoltage = "undervoltage" Bool "" Gauge,
        /// Whether the wall clock is kept right by somebody.
        ClockSynced = "clock_synced" Bool "" Gauge,
        /// `synced`, `holdover` or `unset`.
        Clock = "clock" String "" Gauge,
        /// Resident memory of the gateway in bytes.
        GatewayMemory = "gateway_memory" Ulint "B" Gauge,
        /// Processor time of the gateway in milliseconds.
        GatewayCpu = "gateway_cpu" Ulint "ms" Counter,
        /// Seconds since the gateway was started.
        GatewayUptime = "gateway_uptime" Ulint "s" Gauge,
    }
}

figures! {
    /// Of a link; counters are since the link was made.
    LinkFigure {
        /// Whether it is open.
        Up = "up" Bool "" Gauge,
        /// Scans of a group.
        Polls = "polls" Ulint "" Counter,
        /// Scans that gave Bad readings because the link was or went down.
        Failures = "failures" Ulint "" Counter,
        /// Scans that were left out because the one before still ran.
        Overruns = "overruns" Ulint "" Counter,
        /// Connections opened.
        Connects = "connects" Ulint "" Counter,
        /// Requests sent.
        Requests = "requests" Ulint "" Counter,
        /// Answers with data.
        Answers = "answers" Ulint "" Counter,
        /// Requests that got no answer in time.
        Timeouts = "timeouts" Ulint "" Counter,
        /// Answers after their deadline, dropped.
        Late = "late" Ulint "" Counter,
        /// Frames that belong to no request, or are damaged.
        Stray = "stray" Ulint "" Counter,
        /// Answers that said no.
        Exceptions = "exceptions" Ulint "" Counter,
    }
}

figures! {
    /// Of one Modbus unit behind a link.
    UnitFigure {
        /// Whether it answers; a unit that does not is only probed.
        Up = "up" Bool "" Gauge,
        /// Questions asked, probes included.
        Requests = "requests" Ulint "" Counter,
        /// Answers with data.
        Answers = "answers" Ulint "" Counter,
        /// Questions that got no answer in time.
        Timeouts = "timeouts" Ulint "" Counter,
        /// Answers after their deadline, dropped.
        Late = "late" Ulint "" Counter,
        /// Questions in whose place only noise was heard.
        Noise = "noise" Ulint "" Counter,
        /// Answers that said no.
        Exceptions = "exceptions" Ulint "" Counter,
        /// Answers with a wrong checksum, or cut off.
        CrcErrors = "crc_errors" Ulint "" Counter,
        /// Damaged answers among a million that came.
        DamagePpm = "damage_ppm" Ulint "" Gauge,
        /// Values that were read again because they were surprising.
        Surprises = "surprises" Ulint "" Counter,
        /// Those of them that the second read did not confirm.
        Refuted = "refuted" Ulint "" Counter,
        /// Half of its answers came within this time.
        RoundTripP50 = "round_trip_p50" Real "ms" Gauge,
        /// 99 of 100 answers came within this time.
        RoundTripP99 = "round_trip_p99" Real "ms" Gauge,
    }
}
