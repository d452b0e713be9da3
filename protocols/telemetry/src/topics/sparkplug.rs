//! Topics of Sparkplug: namespace, group, type of message, edge node and device.

use super::Level;

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
