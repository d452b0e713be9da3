//! Messages of any format as lines for a person: what `forehearth decode` shows.

mod json;
mod native;
mod sparkplug;

use std::collections::HashMap;

use forehearth_model::{Catalogue, CatalogueHash, Stamp, Value};

use crate::native::{Baselines, DecodeError};
use crate::sparkplug::PayloadError;
use crate::topics::SPARKPLUG_NAMESPACE;
use crate::{catalogue, gap, health};

/// One line of output.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// A reading.
    Row(Row),
    /// Something else that was said: a birth, a death, a gap, health.
    Event {
        /// When, as far as the message says.
        time: Option<Stamp>,
        /// In words.
        text: String,
    },
}

/// One reading, in engineering units.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// When it was acquired.
    pub time: Stamp,
    /// Device name; `#3` when the catalogue or birth is not known.
    pub device: String,
    /// Tag name; `#17` when the catalogue or birth is not known.
    pub tag: String,
    /// Engineering value; raw when the catalogue is not known.
    pub value: Value,
    /// Unit, empty when there is none.
    pub unit: String,
    /// Quality in words.
    pub quality: &'static str,
    /// Sampled before the session of this message; `None` where the format
    /// doesn't tell (native, JSON).
    pub historical: Option<bool>,
    /// `gateway/epoch/number`, empty when the message doesn't say.
    pub batch: String,
}

/// Why a message can't be shown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RenderError {
    /// A native batch.
    #[error(transparent)]
    Batch(#[from] DecodeError),
    /// A catalogue.
    #[error(transparent)]
    Catalogue(#[from] catalogue::CatalogueError),
    /// A gap record.
    #[error(transparent)]
    Gap(#[from] gap::GapError),
    /// A health message.
    #[error(transparent)]
    Health(#[from] health::HealthError),
    /// A Sparkplug payload.
    #[error(transparent)]
    Sparkplug(#[from] PayloadError),
    /// No format that this gateway writes.
    #[error("neither Sparkplug B, nor native, nor JSON: topic {0}")]
    Format(String),
}

/// Turns messages into lines and remembers what later messages need: the
/// catalogues, and the metrics of each birth. Memory grows with the number of
/// gateways, devices and tags listened to.
#[derive(Default, Debug)]
pub struct Renderer {
    catalogues: HashMap<CatalogueHash, Catalogue>,
    nodes: HashMap<(String, String), sparkplug::Node>,
    baselines: Baselines,
}

impl Renderer {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a catalogue from another place than the broker.
    ///
    /// # Errors
    /// When the bytes are no catalogue.
    pub fn learn_catalogue(&mut self, encoded: &[u8]) -> Result<CatalogueHash, RenderError> {
        let hash = catalogue::hash(encoded);
        self.catalogues.insert(hash, catalogue::decode(encoded)?);
        Ok(hash)
    }

    /// Whether a batch with this catalogue can be shown with names.
    #[must_use]
    pub fn knows_catalogue(&self, hash: CatalogueHash) -> bool {
        self.catalogues.contains_key(&hash)
    }

    /// The lines of one message. Its format is told by the topic: Sparkplug by
    /// its namespace, native by its last levels; everything else must be JSON.
    ///
    /// # Errors
    /// When the bytes are not what the topic says.
    pub fn message(&mut self, topic: &str, payload: &[u8]) -> Result<Vec<Line>, RenderError> {
        if topic.strip_prefix(SPARKPLUG_NAMESPACE).is_some_and(|rest| rest.starts_with('/')) {
            return self.sparkplug(topic, payload);
        }
        let mut levels = topic.rsplit('/');
        match (levels.next().unwrap_or_default(), levels.next().unwrap_or_default()) {
            ("alarm" | "live", "batch") => self.native_batch(payload),
            (_, "catalogue") => self.native_catalogue(payload),
            (_, "baseline") => self.native_baseline(payload),
            ("gap", _) => native::gap_lines(payload),
            ("health", _) => native::health_lines(payload),
            (tag, device) => json::lines(topic, device, tag, payload),
        }
    }
}
