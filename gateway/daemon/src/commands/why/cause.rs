//! A cause: why a value is missing or bad. A core: from what is known to the causes, the likeliest first.

use forehearth_buffer::inspect::GapStat;
use forehearth_model::Stamp;
use serde::Serialize;

/// What the running gateway knows of the tag.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Live {
    /// The link it is read over.
    pub link: String,
    /// `up`, `down`, `starting`, `stopped`.
    pub link_state: String,
    /// For so long.
    pub link_since_seconds: u64,
    /// What went wrong last.
    pub link_error: String,
    /// Unit id.
    pub unit: u64,
    /// Scan period; `None` for a tag that is computed.
    pub period_ms: Option<u64>,
    /// When it was sampled last.
    pub sampled: Option<Stamp>,
    /// Quality of that.
    pub quality: String,
    /// `good`, `uncertain` or `bad`.
    pub severity: String,
    /// Value of that, as text.
    pub value: String,
    /// `valid`, as text.
    pub valid: Option<String>,
    /// In engineering units; 0: any change is told.
    pub deadband: f64,
    /// The longest silence.
    pub max_gap_seconds: f64,
    /// Every sample is told.
    pub every_sample: bool,
    /// Brokers with their state, last error, and how many readings wait.
    pub brokers: Vec<(String, String, String, u64)>,
    /// The buffer's own trouble; empty when it has none.
    pub storage: String,
    /// When the gateway started.
    pub started: Stamp,
}

/// A reading of the tag that is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// When it was acquired.
    pub stamp: Stamp,
    /// Its quality.
    pub quality: String,
    /// Its value, as text.
    pub value: String,
}

/// Everything that is known.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// The moment asked about.
    pub at: Stamp,
    /// Whether a moment was asked about, not now.
    pub past: bool,
    /// `None`: no gateway runs.
    pub live: Option<Live>,
    /// Every declared loss of the state directory.
    pub gaps: Vec<GapStat>,
    /// The stored reading nearest to the moment.
    pub stored: Option<Stored>,
}

/// Why. Words are in `words.rs`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// No gateway runs; what follows is from the disk.
    NotRunning,
    /// The gateway was not running then, as far as it knows.
    BeforeStart { started: String },
    /// A declared loss covers the moment.
    Lost { gap: u64, why: &'static str, broker: String, readings: u64, from: String, to: String },
    /// The device can't be reached.
    LinkDown { link: String, seconds: u64, error: String },
    /// The link is up, the unit says nothing.
    NoAnswer { link: String, unit: u64, error: String },
    /// The device refuses it.
    Refused { link: String, unit: u64, quality: String },
    /// The device says that it, or its sensor, is faulty.
    Faulty { quality: String },
    /// Nothing was read yet.
    NotReadYet { period_ms: Option<u64> },
    /// Bad or uncertain for another reason.
    Quality { quality: String },
    /// Outside of `valid`.
    OutOfRange { value: String, valid: String },
    /// Nothing came lately though the link is up.
    Late { seconds: u64, period_ms: u64 },
    /// It is read and good, and didn't change enough to be told.
    NoNews { value: String, sampled: String, deadband: f64, max_gap_seconds: f64 },
    /// It is read, good and told.
    Told { value: String, sampled: String },
    /// It waits for a broker.
    BrokerAway { broker: String, state: String, waiting: u64, error: String },
    /// The disk takes nothing.
    Storage { error: String },
    /// It is there.
    Stored { at: String, value: String, quality: String },
    /// Nothing tells.
    Unknown,
}

/// A stored reading this near to the moment asked about answers it, at least:
/// the longest silence by default.
const NEAR_SECONDS: i64 = 60;

/// The causes, the likeliest first. Never empty.
pub fn causes(facts: &Facts) -> Vec<Cause> {
    let mut causes = Vec::new();
    if facts.live.is_none() {
        causes.push(Cause::NotRunning);
    }
    causes.extend(facts.gaps.iter().filter(|gap| concerns(gap, facts)).map(lost));
    if let Some(stored) = facts.stored.as_ref().filter(|stored| facts.past && near(stored, facts)) {
        causes.push(Cause::Stored {
            at: stored.stamp.to_string(),
            value: stored.value.clone(),
            quality: stored.quality.clone(),
        });
    }
    if let Some(live) = &facts.live {
        if facts.past {
            causes.extend(then(live, facts.at));
        } else {
            causes.extend(now(live, facts.at));
        }
        causes.extend(on_the_way(live));
    }
    if causes.is_empty() || causes == [Cause::NotRunning] {
        causes.push(Cause::Unknown);
    }
    causes
}

/// Whether a loss may have taken the reading: its times cover the moment, or
/// are not known and its end is. Without a moment those of the last hour.
fn concerns(gap: &GapStat, facts: &Facts) -> bool {
    const HOUR: i64 = 3_600_000_000;
    let at = facts.at.micros();
    if !facts.past {
        return facts.live.is_none() || gap.declared_us > at - HOUR;
    }
    match (gap.from_us, gap.to_us) {
        (Some(from), Some(to)) => (from..=to).contains(&at),
        // A crash: what was younger than `commit_within` at its end, which
        // nobody saw; it was declared at the start after it.
        (Some(from), None) => (from..=gap.declared_us).contains(&at),
        (None, to) => at <= to.unwrap_or(gap.declared_us),
    }
}

fn lost(gap: &GapStat) -> Cause {
    let when =
        |micros: Option<i64>| micros.map_or_else(|| "?".to_owned(), |at| Stamp(at).to_string());
    Cause::Lost {
        gap: gap.id,
        why: gap.cause,
        broker: gap.destination.clone(),
        readings: gap.readings,
        from: when(gap.from_us),
        to: when(gap.to_us),
    }
}

fn near(stored: &Stored, facts: &Facts) -> bool {
    let longest = facts.live.as_ref().map_or(0.0, |live| live.max_gap_seconds);
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    let reach = (longest as i64).max(NEAR_SECONDS) * 1_000_000;
    (stored.stamp.micros() - facts.at.micros()).abs() <= reach
}

/// What the state of now says of the value of now.
fn now(live: &Live, at: Stamp) -> Vec<Cause> {
    let quality = || live.quality.clone();
    if live.link_state != "up" && live.period_ms.is_some() {
        return vec![Cause::LinkDown {
            link: live.link.clone(),
            seconds: live.link_since_seconds,
            error: live.link_error.clone(),
        }];
    }
    let cause = match live.quality.as_str() {
        "bad(waiting for first value)" => Cause::NotReadYet { period_ms: live.period_ms },
        "bad(no communication)" => Cause::NoAnswer {
            link: live.link.clone(),
            unit: live.unit,
            error: live.link_error.clone(),
        },
        "bad(configuration)" => {
            Cause::Refused { link: live.link.clone(), unit: live.unit, quality: quality() }
        }
        "bad(device failure)" | "bad(sensor failure)" => Cause::Faulty { quality: quality() },
        "uncertain(out of range)" => Cause::OutOfRange {
            value: live.value.clone(),
            valid: live.valid.clone().unwrap_or_default(),
        },
        _ if live.severity != "good" => Cause::Quality { quality: quality() },
        _ => return vec![fresh(live, at)],
    };
    vec![cause]
}

/// What a good value has to say for itself.
fn fresh(live: &Live, at: Stamp) -> Cause {
    let sampled = live.sampled.unwrap_or(at);
    let age = u64::try_from((at.micros() - sampled.micros()) / 1000).unwrap_or(0);
    match live.period_ms {
        // Three slots without a sample are no accident of timing.
        Some(period_ms) if age > 3 * period_ms.max(1000) => {
            Cause::Late { seconds: age / 1000, period_ms }
        }
        _ if live.every_sample => {
            Cause::Told { value: live.value.clone(), sampled: sampled.to_string() }
        }
        _ => Cause::NoNews {
            value: live.value.clone(),
            sampled: sampled.to_string(),
            deadband: live.deadband,
            max_gap_seconds: live.max_gap_seconds,
        },
    }
}

/// What the state of now says of a moment that is past.
fn then(live: &Live, at: Stamp) -> Vec<Cause> {
    let mut causes = Vec::new();
    if at < live.started {
        causes.push(Cause::BeforeStart { started: live.started.to_string() });
    }
    if live.link_state == "down" && live.period_ms.is_some() {
        causes.push(Cause::LinkDown {
            link: live.link.clone(),
            seconds: live.link_since_seconds,
            error: live.link_error.clone(),
        });
    }
    causes
}

/// What stands between the gateway and its brokers.
fn on_the_way(live: &Live) -> Vec<Cause> {
    let mut causes = Vec::new();
    if !live.storage.is_empty() {
        causes.push(Cause::Storage { error: live.storage.clone() });
    }
    let away = live.brokers.iter().filter(|(_, state, ..)| state != "online");
    causes.extend(away.map(|(broker, state, error, waiting)| Cause::BrokerAway {
        broker: broker.clone(),
        state: state.clone(),
        waiting: *waiting,
        error: error.clone(),
    }));
    causes
}

#[cfg(test)]
mod tests {
    use super::{Cause, Facts, Live, Stored, causes};
    use forehearth_buffer::inspect::GapStat;
    use forehearth_model::Stamp;

    const SECOND: i64 = 1_000_000;
    const AT: Stamp = Stamp(1_800_000_000 * SECOND);

    fn live(quality: &str, severity: &str) -> Live {
        Live {
            link: "pump".to_owned(),
            link_state: "up".to_owned(),
            quality: quality.to_owned(),
            severity: severity.to_owned(),
            value: "4.2".to_owned(),
            period_ms: Some(1000),
            sampled: Some(Stamp(AT.0 - SECOND / 2)),
            max_gap_seconds: 60.0,
            ..Live::default()
        }
    }

    fn of_now(live: Live) -> Vec<Cause> {
        causes(&Facts { at: AT, live: Some(live), ..Facts::default() })
    }

    fn gap(cause: &'static str, from: Option<i64>, to: Option<i64>) -> GapStat {
        GapStat {
            id: 7,
            destination: "plant".to_owned(),
            cause,
            epoch: 1,
            first: 1,
            last: None,
            lane: None,
            readings: 30,
            from_us: from.map(|seconds| AT.0 + seconds * SECOND),
            to_us: to.map(|seconds| AT.0 + seconds * SECOND),
            declared_us: AT.0 + 100 * SECOND,
        }
    }

    #[test]
    fn a_link_that_is_down_explains_every_bad_tag_behind_it() {
        let mut down = live("bad(no communication)", "bad");
        down.link_state = "down".to_owned();
        assert!(matches!(&of_now(down)[..], [Cause::LinkDown { link, .. }] if link == "pump"));
    }

    #[test]
    fn a_quality_is_traced_to_who_has_to_act() {
        let first = |quality: &str, severity: &str| of_now(live(quality, severity)).remove(0);
        assert!(matches!(first("bad(no communication)", "bad"), Cause::NoAnswer { .. }));
        assert!(matches!(first("bad(configuration)", "bad"), Cause::Refused { .. }));
        assert!(matches!(first("bad(sensor failure)", "bad"), Cause::Faulty { .. }));
        assert!(matches!(first("bad(data lost)", "bad"), Cause::Quality { .. }));
        assert!(matches!(first("bad(waiting for first value)", "bad"), Cause::NotReadYet { .. }));
        assert!(matches!(first("uncertain(out of range)", "uncertain"), Cause::OutOfRange { .. }));
        assert!(matches!(first("good", "good"), Cause::NoNews { .. }));
    }

    #[test]
    fn a_good_value_that_is_old_is_late() {
        let mut old = live("good", "good");
        old.sampled = Some(Stamp(AT.0 - 30 * SECOND));
        assert_eq!(of_now(old), [Cause::Late { seconds: 30, period_ms: 1000 }]);
    }

    #[test]
    fn a_broker_that_is_away_is_named_with_what_waits_for_it() {
        let mut away = live("good", "good");
        let broker = |state: &str| ("plant".to_owned(), state.to_owned(), "refused".to_owned(), 9);
        away.brokers = vec![broker("offline"), broker("online")];
        let found = of_now(away);
        assert_eq!(found.len(), 2);
        assert!(matches!(&found[1], Cause::BrokerAway { waiting: 9, .. }));
    }

    #[test]
    fn a_dead_directory_tells_from_its_gap_records() {
        let facts = |at: i64, gaps: Vec<GapStat>| {
            let at = Stamp(AT.0 + at * SECOND);
            causes(&Facts { at, past: true, gaps, ..Facts::default() })
        };
        let shed = || vec![gap("shed", Some(-10), Some(10))];
        assert!(matches!(&facts(0, shed())[..], [Cause::NotRunning, Cause::Lost { gap: 7, .. }]));
        assert_eq!(facts(11, shed()), [Cause::NotRunning, Cause::Unknown]);
        // A crash has an open end: all until it was declared may be gone.
        let crash = || vec![gap("crash", Some(-1), None)];
        assert!(matches!(&facts(50, crash())[1], Cause::Lost { why: "crash", .. }));
        assert_eq!(facts(101, crash())[1], Cause::Unknown);
    }

    #[test]
    fn a_reading_that_is_stored_is_shown() {
        let stored = |at: i64| {
            let stamp = Stamp(AT.0 + at * SECOND);
            Some(Stored { stamp, quality: "good".to_owned(), value: "1".to_owned() })
        };
        let facts = |stored| causes(&Facts { at: AT, past: true, stored, ..Facts::default() });
        assert!(matches!(&facts(stored(-20))[1], Cause::Stored { .. }));
        assert_eq!(facts(stored(-120))[1], Cause::Unknown);
    }
}
