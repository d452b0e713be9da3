//! Proof of completeness: from the messages alone, whether anything is missing, was repeated or came late.
//!
//! Each batch carries (gateway, epoch, number), and the numbers of an epoch
//! have no holes. What a destination may not see is announced as skipped, and
//! what is lost is declared in a gap record; so a number that is none of these
//! is missing, or still on its way. Sparkplug numbers its messages instead
//! (`seq`), and names the batch in `uuid`.

mod node;
mod numbers;
mod stream;

use std::collections::BTreeMap;
use std::fmt;

use forehearth_model::BatchId;

use crate::native::Baselines;
use crate::render::RenderError;
use crate::sparkplug;
use crate::topics::SparkplugTopic;
use crate::{gap, native};

pub use node::NodeReport;
pub use stream::StreamReport;

use node::Node;
use stream::Stream;

/// One destination's batches: topic prefix and gateway.
type StreamName = (String, String);

/// Listens to messages and keeps account. Memory grows with the streams heard
/// and the holes in them, not with the batches.
#[derive(Default, Debug)]
pub struct Proof {
    streams: BTreeMap<StreamName, Stream>,
    nodes: BTreeMap<StreamName, Node>,
    baselines: Baselines,
}

impl Proof {
    /// Has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one message in the order it came. Messages that prove nothing
    /// (catalogues, health, JSON) are passed over.
    ///
    /// # Errors
    /// When the bytes are not what the topic says; nothing is noted then.
    pub fn hear(&mut self, topic: &str, payload: &[u8]) -> Result<(), RenderError> {
        if let Some(topic) = SparkplugTopic::parse(topic) {
            let payload = sparkplug::decode(payload)?;
            let name = (topic.group.to_owned(), topic.node.to_owned());
            self.nodes.entry(name).or_default().hear(topic.kind, &payload);
        } else if let Some(prefix) = before(topic, &["/batch/live", "/batch/alarm"]) {
            let decoded = native::decode_with(payload, &self.baselines)?;
            let stream = self.stream(prefix, &decoded.gateway);
            for skipped in &decoded.skipped {
                stream.skip(skipped);
            }
            let readings = decoded.batch.readings.len() as u64;
            // Compared as readings: a repeat may be packed another way.
            let content = native::encode(&decoded.gateway, &decoded.batch, &[]);
            stream.batch(decoded.batch.id, readings, crc32c::crc32c(&content));
        } else if let Some((_, "baseline")) = topic
            .rsplit_once('/')
            .map(|(above, slot)| (slot, above.rsplit('/').next().unwrap_or_default()))
        {
            self.baselines.learn(payload)?;
        } else if let Some(prefix) = before(topic, &["/gap"]) {
            let (gateway, record) = gap::decode(payload)?;
            self.stream(prefix, &gateway).gap(&record);
        }
        Ok(())
    }

    fn stream(&mut self, prefix: &str, gateway: &str) -> &mut Stream {
        self.streams.entry((prefix.to_owned(), gateway.to_owned())).or_default()
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let streams = self.streams.iter().flat_map(|((prefix, gateway), stream)| {
            stream.reports().map(|report| StreamReport {
                topic: prefix.clone(),
                gateway: gateway.clone(),
                ..report
            })
        });
        let nodes = self.nodes.iter().map(|((group, node), account)| NodeReport {
            group: group.clone(),
            node: node.clone(),
            ..account.report()
        });
        Report { streams: streams.collect(), nodes: nodes.collect() }
    }
}

/// The part of a topic before one of these endings.
fn before<'a>(topic: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| topic.strip_suffix(ending))
}

/// What a proof found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// One per destination, gateway and epoch of native batches.
    pub streams: Vec<StreamReport>,
    /// One per Sparkplug node.
    pub nodes: Vec<NodeReport>,
}

impl Report {
    /// Whether nothing is missing that was not declared, and every repeat is exact.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.streams.iter().all(StreamReport::is_complete)
            && self.nodes.iter().all(NodeReport::is_complete)
    }
}

/// One line per stream and node.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stream in &self.streams {
            writeln!(f, "{stream}")?;
        }
        for node in &self.nodes {
            writeln!(f, "{node}")?;
        }
        Ok(())
    }
}

/// `gateway/epoch/number`, as `uuid` of a Sparkplug payload says it.
fn batch_of(uuid: &str) -> Option<BatchId> {
    let mut parts = uuid.rsplit('/');
    let number = parts.next()?.parse().ok()?;
    let epoch = parts.next()?.parse().ok()?;
    Some(BatchId::new(forehearth_model::Epoch(epoch), number))
}

/// `1 batch`, `2 batches`.
fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
