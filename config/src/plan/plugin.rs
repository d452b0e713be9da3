//! What the map asks of a driver in a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use crate::source::Place;

/// One plugin, at work for one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginPlan {
    /// Name of its folder.
    pub name: String,
    /// What is run; relative to the working directory only if the map's
    /// directory was.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How values arrive.
    pub mode: PluginMode,
    /// Most bytes of address space; `None`: unbounded.
    pub memory: Option<u64>,
    /// User and group it runs as; `None`: those of the gateway.
    pub user: Option<(u32, u32)>,
    /// `[device.settings]`, checked against the manifest.
    pub given: Vec<GivenPlan>,
}

/// How values arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PluginMode {
    /// It is asked.
    Poll,
    /// It sends what comes up.
    Push,
}

/// One setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenPlan {
    /// Its key.
    pub key: String,
    /// What it is.
    pub kind: SettingKind,
    /// Its value as text, which is one of the kind.
    pub value: String,
    /// Where it is written.
    pub origin: OriginPlan,
}

/// What a setting is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A whole number, not negative.
    Uint,
    /// A number.
    Double,
    /// A text.
    Text,
}

/// A tag of a plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtPlan {
    /// Its address; the manifest's grammar takes it.
    pub at: Arc<str>,
    /// Where it is written.
    pub origin: OriginPlan,
}

/// Where in the map something was written. Two of them are always equal: what
/// moved to another line is still the same.
#[derive(Clone, Debug)]
pub struct OriginPlan {
    /// File, relative to the map's directory.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column of the value's first character, from 1.
    pub column: u32,
    pub(crate) place: Place,
}

impl PartialEq for OriginPlan {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for OriginPlan {}
