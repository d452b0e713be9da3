//! Where messages go: MQTT topics whose every level is legal.

use std::fmt;

use forehearth_model::{CatalogueHash, Lane};

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

/// Topics of a destination that gets JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonTopics {
    prefix: String,
}

impl JsonTopics {
    /// Topics below `prefix`.
    ///
    /// # Errors
    /// When a level of the prefix is not legal.
    pub fn new(prefix: &str) -> Result<Self, TopicError> {
        prefix.split('/').try_for_each(|level| Level::new(level).map(drop))?;
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// Where all readings of a device go.
    #[must_use]
    pub fn device(&self, device: &Level) -> String {
        format!("{}/{device}", self.prefix)
    }

    /// Where one tag goes.
    #[must_use]
    pub fn tag(&self, device: &Level, tag: &Level) -> String {
        format!("{}/{device}/{tag}", self.prefix)
    }
}

/// First level of every Sparkplug B topic (Sparkplug 3.0, 4.1.1).
pub const SPARKPLUG_NAMESPACE: &str = "spBv1.0";

/// Kind of a Sparkplug message (Sparkplug 3.0, 4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageType {
    /// The node is there, with all its metrics.
    Nbirth,
    /// The node is gone.
    Ndeath,
    /// Metrics of the node changed.
    Ndata,
    /// A command to the node.
    Ncmd,
    /// A device is there, with all its metrics.
    Dbirth,
    /// A device is gone.
    Ddeath,
    /// Metrics of a device changed.
    Ddata,
    /// A command to a device.
    Dcmd,
}

impl MessageType {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Nbirth,
        Self::Ndeath,
        Self::Ndata,
        Self::Ncmd,
        Self::Dbirth,
        Self::Ddeath,
        Self::Ddata,
        Self::Dcmd,
    ];

    /// The word in the topic.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nbirth => "NBIRTH",
            Self::Ndeath => "NDEATH",
            Self::Ndata => "NDATA",
            Self::Ncmd => "NCMD",
            Self::Dbirth => "DBIRTH",
            Self::Ddeath => "DDEATH",
            Self::Ddata => "DDATA",
            Self::Dcmd => "DCMD",
        }
    }

    /// Whether the topic ends with a device.
    #[must_use]
    pub const fn names_a_device(self) -> bool {
        matches!(self, Self::Dbirth | Self::Ddeath | Self::Ddata | Self::Dcmd)
    }
}

/// Topics of one Sparkplug edge node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SparkplugTopics {
    group: Level,
    node: Level,
}

impl SparkplugTopics {
    /// Topics of `node` in `group`.
    #[must_use]
    pub const fn new(group: Level, node: Level) -> Self {
        Self { group, node }
    }

    /// NBIRTH of this node.
    #[must_use]
    pub fn nbirth(&self) -> String {
        self.of_node(MessageType::Nbirth)
    }

    /// NDEATH of this node; also the topic of the will.
    #[must_use]
    pub fn ndeath(&self) -> String {
        self.of_node(MessageType::Ndeath)
    }

    /// NDATA of this node.
    #[must_use]
    pub fn ndata(&self) -> String {
        self.of_node(MessageType::Ndata)
    }

    /// Commands to this node; subscribed, and subscribed again as the fence.
    #[must_use]
    pub fn ncmd(&self) -> String {
        self.of_node(MessageType::Ncmd)
    }

    /// DBIRTH of a device.
    #[must_use]
    pub fn dbirth(&self, device: &Level) -> String {
        self.of_device(MessageType::Dbirth, device)
    }

    /// DDEATH of a device.
    #[must_use]
    pub fn ddeath(&self, device: &Level) -> String {
        self.of_device(MessageType::Ddeath, device)
    }

    /// DDATA of a device.
    #[must_use]
    pub fn ddata(&self, device: &Level) -> String {
        self.of_device(MessageType::Ddata, device)
    }

    /// Commands to a device.
    #[must_use]
    pub fn dcmd(&self, device: &Level) -> String {
        self.of_device(MessageType::Dcmd, device)
    }

    fn of_node(&self, kind: MessageType) -> String {
        format!("{SPARKPLUG_NAMESPACE}/{}/{}/{}", self.group, kind.name(), self.node)
    }

    fn of_device(&self, kind: MessageType, device: &Level) -> String {
        format!("{}/{device}", self.of_node(kind))
    }
}

/// Where a host application keeps its state (Sparkplug 3.0, 4.2).
#[must_use]
pub fn host_state(host: &Level) -> String {
    format!("{SPARKPLUG_NAMESPACE}/STATE/{host}")
}

/// A Sparkplug topic taken apart, borrowed from its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SparkplugTopic<'a> {
    /// Group id.
    pub group: &'a str,
    /// Kind of message.
    pub kind: MessageType,
    /// Edge node id.
    pub node: &'a str,
    /// Device id, for the types that have one.
    pub device: Option<&'a str>,
}

impl<'a> SparkplugTopic<'a> {
    /// `None` when it is not the topic of a Sparkplug B message (STATE included).
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Self> {
        let mut levels = topic.split('/');
        if levels.next()? != SPARKPLUG_NAMESPACE {
            return None;
        }
        let group = levels.next()?;
        let word = levels.next()?;
        let kind = MessageType::ALL.into_iter().find(|kind| kind.name() == word)?;
        let node = levels.next()?;
        let device = levels.next();
        let whole = levels.next().is_none() && device.is_some() == kind.names_a_device();
        let named = ![group, node, device.unwrap_or("-")].contains(&"");
        (whole && named).then_some(Self { group, kind, node, device })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        Level::new(text).unwrap()
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

    #[test]
    fn device_messages_have_a_device_level_and_node_messages_none() {
        let topics = SparkplugTopics::new(level("Smelter"), level("gw-7"));
        assert_eq!(topics.nbirth(), "spBv1.0/Smelter/NBIRTH/gw-7");
        assert_eq!(topics.ddata(&level("cell-1")), "spBv1.0/Smelter/DDATA/gw-7/cell-1");
        assert_eq!(host_state(&level("scada")), "spBv1.0/STATE/scada");
    }

    #[test]
    fn every_topic_of_a_node_reads_back() {
        let topics = SparkplugTopics::new(level("G"), level("n"));
        let parsed = |topic: &str| {
            let t = SparkplugTopic::parse(topic)?;
            Some((t.group.to_owned(), t.kind, t.node.to_owned(), t.device.map(str::to_owned)))
        };
        for kind in MessageType::ALL {
            let device = kind.names_a_device().then(|| level("d"));
            let topic = match &device {
                Some(device) => topics.of_device(kind, device),
                None => topics.of_node(kind),
            };
            let device = device.map(|_| "d".to_owned());
            assert_eq!(parsed(&topic), Some(("G".to_owned(), kind, "n".to_owned(), device)));
        }
        for other in ["spBv1.0/STATE/h", "spBv1.0/G/NBIRTH/n/d", "spBv1.0/G/DDATA/n", "x", ""] {
            assert_eq!(SparkplugTopic::parse(other), None, "{other}");
        }
    }
}
