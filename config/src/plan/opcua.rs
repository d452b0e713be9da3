//! What the map asks of an OPC UA server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forehearth_house::Fact;
use forehearth_modbus::Point;

use super::{AtPlan, PasswordSource};

/// One OPC UA server, reached by one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpcUaPlan {
    /// `opc.tcp://host:port/path`, at least one; several stand in for one another.
    pub urls: Vec<String>,
    /// Where servers call us, when they do.
    pub reverse: Option<SocketAddr>,
    /// As the map spells it: `None`, or `Policy/Mode` with one of the
    /// standard's policies.
    pub security: &'static str,
    /// Who we are to the server.
    pub user: UserPlan,
    /// Fingerprints of server certificates that are believed beside those in
    /// the folder.
    pub trust: Vec<String>,
    /// Folder with server certificates that are believed; need not exist.
    pub trust_folder: PathBuf,
    /// Aliases of namespaces and their URIs.
    pub namespaces: Vec<(String, String)>,
    /// How values arrive. Default: subscribed.
    pub mode: OpcUaMode,
    /// How often the server looks at a value; `None`: as often as it sends.
    pub sampling: Option<Duration>,
    /// Values the server keeps per item; `None`: what an outage needs.
    pub queue: Option<u32>,
    /// Whether the oldest value goes when a queue is full, or the newest.
    pub discard: DiscardPlan,
    /// What is found by browsing.
    pub browse: Vec<BrowsePlan>,
}

/// Who we are to a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UserPlan {
    /// Nobody.
    Anonymous,
    /// User name and where its password is read from.
    Name(String, PasswordSource),
    /// Files of a certificate and its key.
    Certificate(PathBuf, PathBuf),
}

/// Which value goes when a server's queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscardPlan {
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

/// `[[device.browse]]`: tags that are found below a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrowsePlan {
    /// Node or path.
    pub under: String,
    /// Glob over what is found: its identifier, or its names from `under` on
    /// joined by dots.
    pub pattern: String,
    /// How deep.
    pub depth: u32,
    /// How many must be found.
    pub expect: Option<u32>,
    /// Name of each tag; `{browse_name}`, `{path}` and `{parent}` are filled in.
    pub name: String,
}

impl BrowsePlan {
    /// The rule in one line: what was browsed by another one is out of date.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { under, pattern, depth, name, .. } = self;
        format!("under {under} match {pattern} depth {depth} name {name}")
    }
}

/// How values arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpcUaMode {
    /// The server sends what changes.
    Subscribe,
    /// The server is asked.
    Poll,
}

/// Where a tag lives on its device.
#[derive(Clone, PartialEq, Debug)]
pub enum PointPlan {
    /// In registers or bits.
    Modbus(Point),
    /// In a node.
    OpcUa(Arc<NodePlan>),
    /// The gateway tells it of itself.
    House(Fact),
    /// Wherever its plugin says.
    Plugin(Arc<AtPlan>),
    /// Nowhere: it is computed of other tags.
    Computed,
}

/// A tag of an OPC UA server.
#[derive(Clone, PartialEq, Debug)]
pub struct NodePlan {
    /// Node, or path when it starts with `/`, as the map writes it; the
    /// notation was checked.
    pub node: Arc<str>,
    /// Who says what type it has.
    pub type_from: TypeFrom,
    /// Field of a structure, dots between levels.
    pub field: Option<Arc<str>>,
    /// Element of an array.
    pub element: Option<u16>,
    /// How often the server looks at it; `None`: as the device says.
    pub sampling: Option<Duration>,
    /// What the server need not send.
    pub deadband: Option<ServerDeadband>,
    /// `Some`: its events from this severity on, not its value.
    pub events: Option<u16>,
}

/// Who says what type a tag has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeFrom {
    /// The map.
    Map,
    /// The server, when it was browsed.
    Server,
    /// Nobody yet; such a plan can only be browsed for.
    Nowhere,
}

/// How far a value must move before a server sends it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ServerDeadband {
    /// In the server's units.
    Absolute(f64),
    /// Of the node's EURange.
    Percent(f64),
}

impl PointPlan {
    /// Registers or bits; `None` for a node.
    #[must_use]
    pub const fn modbus(&self) -> Option<Point> {
        match self {
            Self::Modbus(point) => Some(*point),
            Self::OpcUa(_) | Self::Plugin(_) | Self::House(_) | Self::Computed => None,
        }
    }

    /// The node; `None` for registers and bits.
    #[must_use]
    pub fn node(&self) -> Option<&NodePlan> {
        match self {
            Self::Modbus(_) | Self::Plugin(_) | Self::House(_) | Self::Computed => None,
            Self::OpcUa(node) => Some(node),
        }
    }
}
