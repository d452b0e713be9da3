//! A tail: readings as rows, those that match a glob, with a word about those that were missed.

use forehearth_model::{Batch, Catalogue, Value as Raw};
use globset::{Glob, GlobMatcher};
use serde_json::{Value, json};

use super::wire::{Answer, Refusal};
use crate::tap::{Shown, Watching};

/// One client's view of the tap.
pub struct Tail {
    watching: Watching,
    glob: Option<GlobMatcher>,
}

impl Tail {
    /// Shows what matches `glob` over `device/tag`; all without one.
    ///
    /// # Errors
    /// When it is no glob.
    pub fn new(watching: Watching, glob: Option<&str>) -> Result<Self, Refusal> {
        let glob = glob.map(Glob::new).transpose().map_err(|error| {
            Refusal::new("glob", format!("{error}; `*` and `?` stand for any characters"))
        })?;
        Ok(Self { watching, glob: glob.map(|glob| glob.compile_matcher()) })
    }

    /// The rows of the next batch; `None` when the gateway ends. Cancel safe.
    pub async fn next(&mut self) -> Option<Vec<Answer>> {
        let shown = self.watching.next().await?;
        let mut answers = Vec::new();
        let missed = self.watching.missed();
        if missed > 0 {
            answers.push(Answer::Ok(json!({ "missed": missed })));
        }
        answers.extend(self.rows(&shown).into_iter().map(Answer::Ok));
        Some(answers)
    }

    fn rows(&self, (batch, catalogue): &Shown) -> Vec<Value> {
        rows(batch, catalogue, |name| self.glob.as_ref().is_none_or(|glob| glob.is_match(name)))
    }
}

/// The readings of a batch whose `device/tag` is wanted.
fn rows(batch: &Batch, catalogue: &Catalogue, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    let mut rows = Vec::new();
    for (run, readings) in batch.iter() {
        for reading in readings {
            let Some(tag) = catalogue.tags.get(reading.tag.index()) else { continue };
            let Some(device) = catalogue.devices.get(tag.device.index()) else { continue };
            let name = format!("{}/{}", device.name, tag.name);
            if wanted(&name) {
                rows.push(json!({
                    "time": run.stamp.to_string(),
                    "tag": name,
                    "value": engineering(&tag.scaling.engineering(&reading.value)),
                    "unit": tag.unit,
                    "quality": reading.quality.name(),
                    "lane": batch.lane.name(),
                    "id": batch.id.to_string(),
                }));
            }
        }
    }
    rows
}

/// A value as JSON. What JSON has no number for is text.
pub fn engineering(value: &Raw) -> Value {
    match value {
        Raw::Null => Value::Null,
        Raw::Bool(bit) => json!(bit),
        Raw::Int(int) => json!(int),
        Raw::UInt(int) => json!(int),
        Raw::F32(real) if real.is_finite() => json!(real),
        Raw::F64(real) if real.is_finite() => json!(real),
        Raw::F32(real) => json!(real.to_string()),
        Raw::F64(real) => json!(real.to_string()),
        Raw::Text(text) => json!(&**text),
    }
}
