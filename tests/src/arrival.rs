//! An arrival: one reading as a consumer got it, whatever the format.

use serde_json::Value;

/// One reading at the consumer.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrival {
    /// Name of the device.
    pub device: String,
    /// Name of the tag.
    pub tag: String,
    /// Value in engineering units; null when there is none.
    pub value: Value,
    /// When it was acquired, UTC microseconds.
    pub micros: i64,
    /// Whether it may be used.
    pub good: bool,
    /// Id of the batch, `epoch/number`: a repeat with the same id is marked.
    pub batch: String,
    /// Only Sparkplug tells; `false` otherwise.
    pub historical: bool,
}

impl Arrival {
    /// The value as a count, of a tag that holds one and is good.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.value.as_u64().filter(|_| self.good)
    }
}
