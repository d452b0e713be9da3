//! Repeats of a session: what the primary host may have missed, sent again before any backlog.

use std::time::Instant;

use forehearth_model::BatchId;

use super::SparkplugSession;
use crate::outbox::{Parcel, Want};
use crate::session::{Memory, Note, Now, Order};
use crate::sparkplug::overlap::Kept;
use crate::unpack::unpack;

impl SparkplugSession {
    /// A batch went out; it may be needed again.
    pub(super) fn remember(&mut self, parcel: &Parcel) {
        if self.node.state.is_some() {
            self.sent.push_back(Kept::new(parcel));
        }
    }

    /// The broker has it, and for a while the host may not.
    pub(super) fn reached_broker(&mut self, id: BatchId, now: Instant) {
        // Confirmed in the order of sending, so nearly always the first.
        if let Some(place) = self.sent.iter().position(|kept| kept.id() == id)
            && let Some(kept) = self.sent.remove(place)
        {
            self.overlap.confirm(kept, now);
        }
    }

    /// Repeats that a fence confirmed. The host may go away once more.
    pub(super) fn repeated(&mut self, repeats: Vec<(Kept, usize)>, now: Instant) {
        for (kept, bytes) in repeats {
            self.window.free(bytes);
            self.overlap.confirm(kept, now);
        }
    }

    /// The next repeat, if there is one and it fits.
    pub(super) fn repeat_one(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>) {
        if !self.window.appetite().backlog {
            return;
        }
        let Some(kept) = self.overlap.next() else { return };
        let Ok(batch) = unpack(&kept.parcel()) else { return };
        let Some(source) = self.source_of(&batch, now, memory, out) else { return };
        let (bytes, _) = self.data(&batch, Want::Backlog, source, now, memory, out);
        self.window.take(bytes);
        self.fences.repeat(kept, bytes);
        out.push(Order::Note(Note::Repeat));
    }
}
