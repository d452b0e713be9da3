//! From TOML files to a complete plan, or to every mistake with its place.
//!
//! [`load`] reads a directory (`gateway.toml`, `profiles/*.toml`,
//! `devices/*.toml`) into a [`Plan`] and [`Findings`]; [`render`] and
//! [`to_json`] say what was found, [`explain`] what a code means, [`show`]
//! how one device looks when everything is merged.
//!
//! The way of a map: `files` reads and parses, `tree` keeps the place of
//! every key and value, `load` expands `for` and lays profile,
//! device and override over one another, `tag` reads each tag, and what
//! only shows in the whole (overlaps, load, names) is checked at the end.
//! Nothing stops at the first mistake, and no key is ignored: unknown keys
//! are findings, known keys without effect are warnings.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod broker;
mod browsed;
mod builtin;
mod calc;
mod collisions;
mod counter;
mod derived;
mod device;
mod dialect;
mod diff;
mod duty;
mod each;
mod events;
mod expr;
mod files;
mod filter;
mod finding;
mod foreign;
mod gateway;
mod house;
#[cfg(test)]
mod ignored;
mod integrate;
mod json;
mod keys;
mod limits;
mod line;
mod link;
mod load;
mod mask;
mod names;
mod nearest;
mod node;
mod one_link;
mod opcua;
mod outage;
mod overlap;
mod plan;
mod plugin;
mod point;
mod profile;
mod quantity;
mod reader;
mod reference;
mod render;
mod rows;
mod scaling;
mod schema;
mod sharing;
mod sheet;
mod show;
mod source;
mod standard;
mod succession;
mod swing;
mod syntax;
mod tag;
mod texts;
mod traffic;
mod tree;
mod trial;
mod units;
mod url;
mod versions;
mod window;
mod write;

pub use diff::{LoadChange, PlanDiff, Renamed, TopicChange, diff};
pub use finding::{Findings, Lang, Severity};
pub use foreign::{Around, import_kepware, import_neuron, import_telegraf};
pub use json::to_json;
pub use keys::MapFile;
pub use load::{Loaded, load, load_to_browse};
pub use one_link::{link_of, occupied};
pub use plan::{
    AlarmPlan, AtPlan, BrokerFormat, BrokerPlan, BrowsePlan, BufferPlan, CalcPlan, CarrierPlan,
    ConditionPlan, Deadband, DevicePlan, DiscardPlan, DutyPlan, FilterPlan, FormatPlan,
    GatewayPlan, GivenPlan, GroupPlan, IntegralPlan, InterlockPlan, Keep, LimitsPlan, LinePlan,
    LinkPlan, MqttPlan, NodePlan, OpcUaMode, OpcUaPlan, OriginPlan, ParityPlan, PartPlan,
    PasswordSource, Plan, PluginMode, PluginPlan, PointPlan, Report, Rs485Plan, SerialPlan,
    ServerDeadband, ServerPlan, SetPlan, SettingKind, Spike, StatesPlan, StatusPlan, TagPlan,
    TlsPlan, TotalPlan, Transport, TypeFrom, UserPlan, WindowPlan, WritePlan,
};
pub use reference::{findings_reference, map_reference};
pub use render::render;
pub use rows::{Row, SheetError, decode_sheet, export_csv, import_csv, rows, to_map};
pub use schema::schema;
pub use show::{nearest_device, show};
pub use succession::{Succession, succession};
pub use texts::{codes, explain};
pub use trial::{Trial, try_map};
