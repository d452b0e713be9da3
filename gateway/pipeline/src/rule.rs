//! A rule: how one tag's samples are judged and when they are news.

use std::collections::HashMap;
use std::time::Duration;

use forehearth_model::{Lane, Scaling, Value};

/// When a sample becomes a reading.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Report {
    /// Always.
    EverySample,
    /// When it is news, and at least every so often.
    ByException {
        /// How far a number may move unreported, in engineering units; 0
        /// reports every change.
        deadband: f64,
        /// Longest silence.
        max_gap: Duration,
    },
}

/// What the map asks for one tag.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rule {
    /// Raw to engineering units.
    pub scaling: Scaling,
    /// Lowest and highest believable value, in engineering units.
    pub valid: Option<(f64, f64)>,
    /// When it is reported.
    pub report: Report,
    /// The one lane the tag lives in.
    pub lane: Lane,
}

/// A rule with everything worked out that does not depend on the sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    pub(crate) scaling: Scaling,
    /// Infinite where the map sets no limit.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) deadband: f64,
    /// Microseconds; 0 reports every sample.
    pub(crate) max_gap: u64,
    pub(crate) lane: Lane,
}

impl Prepared {
    pub(crate) fn new(rule: &Rule) -> Self {
        let (low, high) = rule.valid.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let (deadband, max_gap) = match rule.report {
            Report::EverySample => (0.0, 0),
            Report::ByException { deadband, max_gap } => {
                (deadband, u64::try_from(max_gap.as_micros()).unwrap_or(u64::MAX))
            }
        };
        Self { scaling: rule.scaling, low, high, deadband, max_gap, lane: rule.lane }
    }

    /// Whether a value moved so far from the reported one that it is news:
    /// numbers beyond the deadband, everything else on any change.
    pub(crate) fn moved(&self, reported: &Value, value: &Value) -> bool {
        if self.deadband > 0.0
            && !matches!(value, Value::Bool(_))
            && let (Some(from), Some(to)) = (reported.as_f64(), value.as_f64())
        {
            let (from, to) = (self.scaling.apply(from), self.scaling.apply(to));
            // Scaling rounds twice, so 955.1 - 955.0 is a hair more than 0.1.
            // A step of exactly the deadband must not depend on that hair.
            let rounding = 4.0 * f64::EPSILON * from.abs().max(to.abs());
            return (to - from).abs() > self.deadband + rounding;
        }
        !reported.same(value)
    }

    /// The rule's bits, to find tags that share one.
    fn key(&self) -> [u64; 9] {
        let (clamp_low, clamp_high) = self.scaling.clamp.unwrap_or((f64::NAN, f64::NAN));
        [
            self.scaling.scale.to_bits(),
            self.scaling.offset.to_bits(),
            clamp_low.to_bits(),
            clamp_high.to_bits(),
            self.low.to_bits(),
            self.high.to_bits(),
            self.deadband.to_bits(),
            self.max_gap,
            self.lane as u64,
        ]
    }
}

/// The distinct rules. Tags made from one profile share theirs: a plant of
/// 50,000 tags has some dozens, which stay in the processor's cache.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    rules: Vec<Prepared>,
    by_key: HashMap<[u64; 9], u32>,
}

impl RuleBook {
    /// The place of `rule`, which is added if it is new.
    pub(crate) fn place(&mut self, rule: &Rule) -> u32 {
        let prepared = Prepared::new(rule);
        *self.by_key.entry(prepared.key()).or_insert_with(|| {
            self.rules.push(prepared);
            u32::try_from(self.rules.len() - 1).unwrap_or(u32::MAX) // tag ids are u32
        })
    }

    /// The rules by place.
    pub(crate) fn finish(self) -> Vec<Prepared> {
        self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::{Prepared, Report, Rule, RuleBook};
    use forehearth_model::{Lane, Scaling, Value};
    use std::time::Duration;

    fn rule(scale: f64, deadband: f64) -> Rule {
        Rule {
            scaling: Scaling { scale, ..Scaling::NONE },
            valid: None,
            report: Report::ByException { deadband, max_gap: Duration::from_secs(60) },
            lane: Lane::Live,
        }
    }

    #[test]
    fn a_step_of_exactly_the_deadband_is_no_news_whatever_the_rounding() {
        let tenths = Prepared::new(&rule(0.1, 0.1));
        for raw in -30_000..30_000 {
            assert!(!tenths.moved(&Value::Int(raw), &Value::Int(raw + 1)), "raw {raw}");
            assert!(tenths.moved(&Value::Int(raw), &Value::Int(raw - 2)), "raw {raw}");
        }
    }

    #[test]
    fn the_deadband_is_in_engineering_units() {
        let hundredths = Prepared::new(&rule(-0.01, 0.5));
        assert!(!hundredths.moved(&Value::Int(1000), &Value::Int(1050)));
        assert!(hundredths.moved(&Value::Int(1000), &Value::Int(1051)));
        assert!(hundredths.moved(&Value::UInt(1000), &Value::Int(949)));
    }

    #[test]
    fn bits_and_text_are_news_on_any_change_however_wide_the_deadband() {
        let wide = Prepared::new(&rule(1.0, 1000.0));
        assert!(wide.moved(&Value::Bool(false), &Value::Bool(true)));
        assert!(wide.moved(&Value::Text("ab".into()), &Value::Text("ac".into())));
        assert!(!wide.moved(&Value::Text("ab".into()), &Value::Text("ab".into())));
        assert!(wide.moved(&Value::Null, &Value::Int(0)));
        assert!(!wide.moved(&Value::Null, &Value::Null));
    }

    #[test]
    fn tags_of_one_profile_share_one_rule() {
        let mut book = RuleBook::default();
        assert_eq!(book.place(&rule(0.1, 0.5)), 0);
        assert_eq!(book.place(&rule(0.1, 0.6)), 1);
        assert_eq!(book.place(&rule(0.1, 0.5)), 0);
        let valid = Rule { valid: Some((0.0, 1.0)), ..rule(0.1, 0.5) };
        assert_eq!(book.place(&valid), 2);
        let alarm = Rule { lane: Lane::Alarm, ..rule(0.1, 0.5) };
        assert_eq!(book.place(&alarm), 3);
        assert_eq!(book.finish().len(), 4);
    }
}
