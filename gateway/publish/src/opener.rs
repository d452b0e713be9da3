//! The opener: knows a destination's format and opens a session of it for each connection.

use std::sync::Arc;

use forehearth_model::{Catalogue, CatalogueHash};
use forehearth_telemetry::topics::{JsonTopics, NativeTopics};

use crate::json::{Json, JsonSession, Shape};
use crate::native::{Native, NativeSession, Packing};
use crate::session::{Keep, Now, Remains, Session};
use crate::settings::{DestinationSettings, Format, SettingsError};
use crate::sparkplug::{Node, SparkplugSession, Walk};
use crate::suspicion::Pace;
use crate::text_commands::CommandTopics;
use crate::view::Filter;

/// What a new session is told.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// Birth/death number, where [`Opener::needs_bd_seq`].
    pub(crate) bd_seq: Option<u8>,
    pub(crate) pace: Pace,
    pub(crate) now: Now,
}

enum Kind {
    Sparkplug(Arc<Node>),
    Native(Arc<Native>),
    Json(Arc<Json>),
}

/// Opens sessions.
pub(crate) struct Opener {
    client_id: String,
    kind: Kind,
    remains: Remains,
}

impl Opener {
    /// # Errors
    /// When a name or filter of the settings is not usable.
    pub(crate) fn new(
        settings: &DestinationSettings,
        plan: &Arc<Catalogue>,
        hash: CatalogueHash,
    ) -> Result<Self, SettingsError> {
        let filter = Filter::new(settings.grades.as_deref(), settings.devices.as_deref())?;
        let limit = settings.packet_limit;
        let on = settings.commands.is_some();
        let kind = match &settings.format {
            Format::Native { topic, baseline } => {
                let topics = NativeTopics::new(topic)
                    .map_err(|error| SettingsError::name("topic", topic, &error))?;
                let name = settings.name.clone();
                let health = settings.health.clone();
                let native = Native::new(topics, name, filter, plan, hash, limit, health);
                let commands = on.then(|| CommandTopics::new(topic));
                let packing = if *baseline { Packing::Baseline } else { Packing::Whole };
                Kind::Native(Arc::new(native.with_commands(commands).packed(packing)))
            }
            Format::Sparkplug { group, primary_host } => {
                let host = primary_host.as_deref();
                let walk = if settings.servers.len() > 1 { Walk::Others } else { Walk::Alone };
                let node = Node::new(group, host, walk, filter, plan, hash, limit)?;
                Kind::Sparkplug(Arc::new(if on { node.with_commands() } else { node }))
            }
            Format::Json { topic, per_tag, retain } => {
                let topics = JsonTopics::new(topic)
                    .map_err(|error| SettingsError::name("topic", topic, &error))?;
                let keep = if *retain { Keep::Retained } else { Keep::Passing };
                let shape = if *per_tag { Shape::PerTag } else { Shape::PerDevice };
                let commands = on.then(|| CommandTopics::new(&topics.of_gateway(&plan.gateway)));
                let json = Json::new(topics, shape, filter, plan, hash)?;
                Kind::Json(Arc::new(json.with_commands(commands).kept(keep)))
            }
        };
        let client_id = format!("{}-{}", plan.gateway, settings.name);
        Ok(Self { client_id, kind, remains: Remains::default() })
    }

    /// Unique per gateway and destination: a broker ends the half-dead
    /// connection of the same id when a new one comes.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether a session uses up a birth/death number.
    pub(crate) const fn needs_bd_seq(&self) -> bool {
        matches!(self.kind, Kind::Sparkplug(_))
    }

    /// A session for the next connection.
    pub(crate) fn open(&mut self, start: Start) -> Box<dyn Session> {
        match &self.kind {
            Kind::Sparkplug(node) => Box::new(SparkplugSession::new(
                Arc::clone(node),
                start.bd_seq.unwrap_or_default(),
                std::mem::take(&mut self.remains),
                start.pace,
                start.now,
            )),
            Kind::Json(json) => Box::new(JsonSession::new(Arc::clone(json), start.pace)),
            Kind::Native(native) => {
                let remains = std::mem::take(&mut self.remains);
                Box::new(NativeSession::new(Arc::clone(native), remains, start.pace, start.now))
            }
        }
    }

    /// Takes over what an ended session leaves.
    pub(crate) fn inherit(&mut self, remains: Remains) {
        self.remains = remains;
    }
}
