//! The native format: the stored batch as it is, QoS 1, settled by its PUBACK.

mod economy;
mod session;

use std::sync::Arc;

use bytes::Bytes;
use forehearth_model::{Catalogue, CatalogueHash};
use forehearth_telemetry::catalogue;
use forehearth_telemetry::health::{self, Health, State};
use forehearth_telemetry::topics::NativeTopics;

use crate::session::Now;
use crate::settings::HealthSource;
use crate::text_commands::CommandTopics;
use crate::view::{Filter, View, name_of};

pub(crate) use session::NativeSession;

/// What a native destination is, whatever connection it has.
pub(crate) struct Native {
    topics: NativeTopics,
    /// Name of the destination, for its own part of the books.
    name: String,
    filter: Filter,
    view: Arc<View>,
    /// `view.catalogue`, encoded.
    catalogue: Bytes,
    packet_limit: usize,
    health: Option<HealthSource>,
    commands: Option<CommandTopics>,
    packing: Packing,
}

/// How batches are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Packing {
    /// Each stands for itself: the stored bytes where nothing is hidden.
    #[default]
    Whole,
    /// Against values that were told before.
    Baseline,
}

impl Native {
    pub(crate) fn new(
        topics: NativeTopics,
        name: String,
        filter: Filter,
        plan: &Arc<Catalogue>,
        hash: CatalogueHash,
        packet_limit: usize,
        health: Option<HealthSource>,
    ) -> Self {
        let view = View::new(&filter, plan, hash, name_of);
        let catalogue = catalogue::encode(&view.catalogue).into();
        let view = Arc::new(view);
        let (commands, packing) = (None, Packing::Whole);
        Self { topics, name, filter, view, catalogue, packet_limit, health, commands, packing }
    }

    /// The same, listening to commands.
    pub(crate) fn with_commands(self, commands: Option<CommandTopics>) -> Self {
        Self { commands, ..self }
    }

    /// The same, with batches packed so.
    pub(crate) fn packed(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// The health message, with this destination's side of the books only.
    fn health(&self, state: State, now: Now) -> Option<Bytes> {
        let mut report = self.health.as_ref()?();
        report.ledger.destinations.retain(|books| books.name == self.name);
        let report = Health { state, time: now.wall, catalogue: self.view.hash, ..report };
        Some(health::encode(&report).into())
    }
}
