//! The messages of one Sparkplug node, and what their sequence numbers prove.

use std::fmt;

use forehearth_model::BatchId;

use super::{batch_of, plural};
use crate::sparkplug::Payload;
use crate::topics::MessageType;

/// Account of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Sequence number of the message before; `None` when the next one can't
    /// be foretold: before the first, and after an NDEATH.
    seq: Option<u64>,
    born: bool,
    newest: Option<BatchId>,
    counts: NodeReport,
}

impl Node {
    pub(super) fn hear(&mut self, kind: MessageType, payload: &Payload) {
        match kind {
            MessageType::Ncmd | MessageType::Dcmd => return,
            MessageType::Ndeath => {
                (self.seq, self.born) = (None, false);
                self.counts.deaths += 1;
                return;
            }
            MessageType::Nbirth => {
                self.counts.births += 1;
                self.born = true;
                self.counts.breaks += u64::from(payload.seq != Some(0));
            }
            _ => {
                let expected = self.seq.map(|seq| (seq + 1) % 256);
                let broken = expected.is_some() && payload.seq != expected;
                // A listener that came later did not hear the birth.
                let unborn = !self.born && self.counts.births > 0;
                self.counts.breaks += u64::from(broken || unborn || payload.seq.is_none());
            }
        }
        self.seq = payload.seq;
        self.counts.messages += 1;
        if let Some(batch) = payload.uuid.as_deref().and_then(batch_of) {
            self.counts.late += u64::from(self.newest.is_some_and(|newest| batch < newest));
            self.newest = self.newest.max(Some(batch));
        }
    }

    pub(super) fn report(&self) -> NodeReport {
        self.counts.clone()
    }
}

/// What the sequence numbers of a Sparkplug node prove.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeReport {
    /// Group id.
    pub group: String,
    /// Edge node id.
    pub node: String,
    /// Messages with a sequence number.
    pub messages: u64,
    /// NBIRTHs.
    pub births: u64,
    /// NDEATHs.
    pub deaths: u64,
    /// Messages that did not follow the one before, or came from a dead node:
    /// something between was lost on the way to this listener.
    pub breaks: u64,
    /// Messages of a batch before one that was heard already: backlog.
    pub late: u64,
}

impl NodeReport {
    /// Whether no message is missing between those heard.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.breaks == 0
    }
}

impl fmt::Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_complete() { "complete" } else { "INCOMPLETE" };
        write!(f, "{verdict}: Sparkplug node {}/{}: ", self.group, self.node)?;
        write!(f, "{}, ", plural(self.messages, "message", "messages"))?;
        write!(f, "{}, ", plural(self.births, "birth", "births"))?;
        write!(f, "{}", plural(self.deaths, "death", "deaths"))?;
        for (count, what) in [(self.late, "late"), (self.breaks, "BREAKS in the sequence")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
