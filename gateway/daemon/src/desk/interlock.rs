//! The condition of a tag's `write`: a formula over other tags, judged by what is known of them now.

use forehearth_command::{Inputs, Interlock};
use forehearth_config::{InterlockPlan, Plan};
use forehearth_model::{Severity, TagId};
use std::time::Duration;

/// See the module.
pub struct Condition {
    plan: InterlockPlan,
    /// Of each input: its name and for how long a value of it is fresh.
    inputs: Vec<(TagId, String, Duration)>,
}

impl Condition {
    /// The condition of `tag`, if it has one.
    pub fn of(plan: &Plan, tag: TagId) -> Option<Self> {
        let found = plan.interlocks.iter().find(|interlock| interlock.tag == tag)?;
        let inputs = found.formula.inputs.iter().map(|input| {
            let name = super::doors::name(plan, *input);
            (*input, format!("{}/{}", name.0, name.1), super::doors::fresh_for(plan, *input))
        });
        Some(Self { inputs: inputs.collect(), plan: found.clone() })
    }
}

impl Interlock for Condition {
    fn holds(&self, inputs: &dyn Inputs) -> Result<(), String> {
        let mut values = Vec::with_capacity(self.inputs.len());
        for (tag, name, fresh_for) in &self.inputs {
            let known = inputs.known(*tag).ok_or_else(|| format!("{name} was never read"))?;
            if known.severity != Severity::Good {
                return Err(format!("{name} is not Good"));
            }
            if known.age > *fresh_for {
                return Err(format!("{name} is {} s old", known.age.as_secs()));
            }
            let value = known.value.as_f64().ok_or_else(|| format!("{name} has no value"))?;
            values.push((value, known.age.as_secs_f64()));
        }
        let result = forehearth_pipeline::result_of(&self.plan.formula, &values);
        if result.is_finite() && result != 0.0 {
            return Ok(());
        }
        Err(format!("`{}` does not hold", self.plan.text))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use forehearth_command::Known;
    use forehearth_model::{Formula, Step, Value};

    use super::*;

    struct Plant(HashMap<TagId, Known>);

    impl Inputs for Plant {
        fn known(&self, tag: TagId) -> Option<Known> {
            self.0.get(&tag).cloned()
        }
    }

    const DOOR: TagId = TagId(4);

    /// `door == 0`.
    fn judged(known: Option<(f64, Severity, u64)>) -> Result<(), String> {
        let steps = vec![Step::Input(0), Step::Number(0.0), Step::Equal];
        let formula = Formula { steps, inputs: vec![DOOR] };
        let plan = InterlockPlan { tag: TagId(1), formula, text: "door == 0".into() };
        let inputs = vec![(DOOR, "oven/door".to_owned(), Duration::from_secs(3))];
        let known = known.map(|(value, severity, age)| {
            let age = Duration::from_secs(age);
            (DOOR, Known { value: Value::F64(value), severity, age })
        });
        Condition { plan, inputs }.holds(&Plant(known.into_iter().collect()))
    }

    #[test]
    fn a_condition_holds_only_on_good_and_fresh_values() {
        assert_eq!(judged(Some((0.0, Severity::Good, 1))), Ok(()));
        assert_eq!(judged(Some((1.0, Severity::Good, 1))), Err("`door == 0` does not hold".into()));
        assert_eq!(judged(Some((0.0, Severity::Good, 9))), Err("oven/door is 9 s old".into()));
        assert_eq!(judged(Some((0.0, Severity::Bad, 1))), Err("oven/door is not Good".into()));
        assert_eq!(judged(None), Err("oven/door was never read".into()));
        assert!(judged(Some((f64::NAN, Severity::Good, 1))).is_err());
    }
}
