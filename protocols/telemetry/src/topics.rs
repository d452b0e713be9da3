//! Where messages go: MQTT topics whose every level is legal.

mod sparkplug;

use std::fmt;

use forehearth_model::{CatalogueHash, Lane};

pub use sparkplug::{
    MessageType, SPARKPLUG_NAMESPACE, SparkplugTopic, SparkplugTopics, host_state,
};

/// Longest level accepted, in bytes. Chosen: seven levels stay far below the
/// 65,535 bytes of an MQTT string (MQTT 3.1.1, 1.5.3).
const LONGEST_LEVEL: usize = 255;

/// Why text is not a topic level.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicError {
    /// Nothing there.
    #[error("a topic level must not be empty")]
    Empty,
    /// MQTT wildcards, the separator, control characters.
    #[error("{character:?} is not allowed in the topic level {level:?}")]
    Character {
        /// The text.
        level: String,
        /// What offends.
        character: char,
    },
    /// Too long.
    #[error("a topic level of {0} bytes is longer than {LONGEST_LEVEL}")]
    Long(usize),
}

/// One level of a topic: not empty, no `+ # /`, no control character, at most
/// 255 bytes. Sparkplug ids are such levels (Sparkplug 3.0, 4.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Level(String);

impl Level {
    /// Checks the text.
    ///
    /// # Errors
    /// Says what offends.
    pub fn new(text: impl Into<String>) -> Result<Self, TopicError> {
        let level = text.into();
        let offends = |c: &char| matches!(c, '+' | '#' | '/') || c.is_control();
        match level.chars().find(offends) {
            Some(character) => Err(TopicError::Character { level, character }),
            None if level.is_empty() => Err(TopicError::Empty),
            None if level.len() > LONGEST_LEVEL => Err(TopicError::Long(level.len())),
            None => Ok(Self(level)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Topics of a destination with the native format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeTopics {
    prefix: String,
}

impl NativeTopics {
    /// Topics below `prefix`, for example `fh/v1/smelter/line-3/gw-7`.
    ///
    /// # Errors
    /// When a level of the prefix is not legal.
    pub fn new(prefix: &str) -> Result<Self, TopicError> {
        prefix.split('/').try_for_each(|level| Level::new(level).map(drop))?;
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// Where batches of a lane go.
    #[must_use]
    pub fn batch(&self, lane: Lane) -> String {
        format!("{}/batch/{}", self.prefix, lane.name())
    }

    /// Where a catalogue is kept, retained.
    #[must_use]
    pub fn catalogue(&self, hash: CatalogueHash) -> String {
        format!("{}/catalogue/{hash}", self.prefix)
    }

    /// Where a baseline is kept, retained.
    #[must_use]
    pub fn baseline(&self, slot: u8) -> String {
        format!("{}/baseline/{slot}", self.prefix)
    }

    /// Where gap records go.
    #[must_use]
    pub fn gap(&self) -> String {
        format!("{}/gap", self.prefix)
    }

    /// Where health is kept, retained; also the topic of the will.
    #[must_use]
    pub fn health(&self) -> String {
        format!("{}/health", self.prefix)
    }
}

/// Topics of a destination that gets JSON, from a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonTopics {
    template: String,
}

/// Where a template takes the device's and the tag's name.
const DEVICE: &str = "{device}";
const TAG: &str = "{tag}";

impl JsonTopics {
    /// Topics as `template` has them, with `{device}` and `{tag}` in it; what
    /// is not in it follows as levels of its own.
    ///
    /// # Errors
    /// When a level of the template is not legal.
    pub fn new(template: &str) -> Result<Self, TopicError> {
        template.split('/').try_for_each(|level| Level::new(level).map(drop))?;
        let mut template = template.to_owned();
        if !template.contains(DEVICE) {
            template = format!("{template}/{DEVICE}");
        }
        Ok(Self { template })
    }

    /// Where all readings of a device go.
    #[must_use]
    pub fn device(&self, device: &Level) -> String {
        self.template.replace(DEVICE, device.as_str())
    }

    /// Where one tag goes.
    #[must_use]
    pub fn tag(&self, device: &Level, tag: &Level) -> String {
        let topic = self.device(device);
        if self.template.contains(TAG) {
            topic.replace(TAG, tag.as_str())
        } else {
            format!("{topic}/{tag}")
        }
    }

    /// Topics of the gateway itself: what stands before the first blank, and
    /// the gateway as the last level.
    #[must_use]
    pub fn of_gateway(&self, gateway: &str) -> String {
        let mut levels: Vec<_> =
            self.template.split('/').take_while(|level| !level.contains('{')).collect();
        if levels.last() != Some(&gateway) {
            levels.push(gateway);
        }
        levels.join("/")
    }

    /// Where gap records go: `gap` beside the devices.
    #[must_use]
    pub fn gap(&self) -> String {
        let levels = self.template.split('/').take_while(|level| !level.contains('{'));
        levels.chain(["gap"]).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        Level::new(text).unwrap()
    }

    #[test]
    fn json_topics_put_names_where_the_template_has_them() {
        let (device, tag) = (level("cell-006"), level("voltage"));
        for (template, per_device, per_tag, gap) in [
            ("fh/v1/a", "fh/v1/a/cell-006", "fh/v1/a/cell-006/voltage", "fh/v1/a/gap"),
            ("fh/v1/a/{device}", "fh/v1/a/cell-006", "fh/v1/a/cell-006/voltage", "fh/v1/a/gap"),
            ("x/{device}/now", "x/cell-006/now", "x/cell-006/now/voltage", "x/gap"),
        ] {
            let topics = JsonTopics::new(template).unwrap();
            assert_eq!(topics.device(&device), per_device, "{template}");
            assert_eq!(topics.tag(&device, &tag), per_tag, "{template}");
            assert_eq!(topics.gap(), gap, "{template}");
        }
        let topics = JsonTopics::new("x/{device}/{tag}/now").unwrap();
        assert_eq!(topics.tag(&device, &tag), "x/cell-006/voltage/now");
    }

    #[test]
    fn what_mqtt_forbids_is_no_level() {
        assert_eq!(Level::new(""), Err(TopicError::Empty));
        for text in ["a+", "#", "a/b", "a\0", "a\n"] {
            assert!(matches!(Level::new(text), Err(TopicError::Character { .. })), "{text:?}");
        }
        assert_eq!(Level::new("x".repeat(256)), Err(TopicError::Long(256)));
        assert_eq!(level("电解-3 №1").as_str(), "电解-3 №1");
    }

    #[test]
    fn native_topics_are_as_the_schema_says() {
        let topics = NativeTopics::new("fh/v1/smelter/line-3/gw-7").unwrap();
        assert_eq!(topics.batch(Lane::Alarm), "fh/v1/smelter/line-3/gw-7/batch/alarm");
        assert_eq!(
            topics.catalogue(CatalogueHash(0xab)),
            "fh/v1/smelter/line-3/gw-7/catalogue/00000000000000ab"
        );
        assert_eq!(topics.gap(), "fh/v1/smelter/line-3/gw-7/gap");
        assert_eq!(topics.health(), "fh/v1/smelter/line-3/gw-7/health");
        assert_eq!(NativeTopics::new("fh//gw"), Err(TopicError::Empty));
    }
}
