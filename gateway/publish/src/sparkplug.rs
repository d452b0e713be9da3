//! Sparkplug B 3.0: births, data and deaths of one edge node, confirmed by a fence.
//!
//! The standard demands QoS 0 and a clean session, so no PUBACK ever says
//! that data arrived. The fence does: the SUBSCRIBE to our own command topic
//! is repeated after the data, and since a broker reads one connection in
//! order, its SUBACK confirms everything written before it.

mod births;
mod commands;
mod fence;
mod host;
mod layout;
mod life;
mod overlap;
mod pieces;
mod session;
mod source;

use std::sync::Arc;

use forehearth_model::{Catalogue, CatalogueHash};
use forehearth_telemetry::topics::{Level, SparkplugTopics, host_state};

use crate::settings::SettingsError;
use crate::view::{Filter, View, name_of};

use layout::Layout;
pub(crate) use overlap::Overlap;
pub(crate) use session::SparkplugSession;

/// Whether there are other servers to look for the primary host on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Walk {
    /// One server: the host is waited for there.
    Alone,
    /// Several: where the host is not online, the node leaves.
    Others,
}

/// What a Sparkplug destination is, whatever connection it has.
pub(crate) struct Node {
    nbirth: Arc<str>,
    ndeath: Arc<str>,
    ndata: Arc<str>,
    ncmd: Arc<str>,
    /// What a fence subscribes to: `ncmd`.
    fence: Arc<[Arc<str>]>,
    /// Commands to any of our devices, where commands are on.
    dcmd: Option<Arc<str>>,
    /// STATE of the primary host, where one is awaited.
    state: Option<Arc<str>>,
    walk: Walk,
    topics: SparkplugTopics,
    filter: Filter,
    /// The plan's own catalogue: batches in memory speak of it.
    plan: Arc<Catalogue>,
    view: View,
    layout: Layout,
    packet_limit: usize,
}

impl Node {
    /// # Errors
    /// When an id is not legal in a Sparkplug topic.
    pub(crate) fn new(
        group: &str,
        primary_host: Option<&str>,
        walk: Walk,
        filter: Filter,
        plan: &Arc<Catalogue>,
        hash: CatalogueHash,
        packet_limit: usize,
    ) -> Result<Self, SettingsError> {
        let topics =
            SparkplugTopics::new(level("group", group)?, level("gateway id", &plan.gateway)?);
        let state = primary_host
            .map(|host| level("primary host", host).map(|host| host_state(&host).into()))
            .transpose()?;
        let view = View::new(&filter, plan, hash, name_of);
        let layout = Layout::new(&topics, &view.catalogue, packet_limit)?;
        let ncmd: Arc<str> = topics.ncmd().into();
        Ok(Self {
            nbirth: topics.nbirth().into(),
            ndeath: topics.ndeath().into(),
            ndata: topics.ndata().into(),
            fence: [Arc::clone(&ncmd)].into(),
            ncmd,
            dcmd: None,
            state,
            walk,
            topics,
            filter,
            plan: Arc::clone(plan),
            view,
            layout,
            packet_limit,
        })
    }

    /// The same, listening to commands to its devices.
    pub(crate) fn with_commands(self) -> Self {
        Self { dcmd: Some(any_dcmd(&self.topics)), ..self }
    }
}

impl Node {
    /// Whether a topic's group and node are ours.
    pub(crate) fn is_named_by(&self, group: &str, node: &str) -> bool {
        self.ncmd.split('/').nth(1) == Some(group) && self.plan.gateway == node
    }
}

/// The command topic of every device: the node's with DCMD, one level deeper.
fn any_dcmd(topics: &SparkplugTopics) -> Arc<str> {
    format!("{}/+", topics.ncmd().replacen("/NCMD/", "/DCMD/", 1)).into()
}

fn level(what: &'static str, name: &str) -> Result<Level, SettingsError> {
    Level::new(name).map_err(|error| SettingsError::name(what, name, &error))
}
