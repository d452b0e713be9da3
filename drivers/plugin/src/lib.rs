//! Runs drivers in processes of their own, in any language.
//!
//! [`PluginPoller`] asks a plugin, [`PluginPusher`] listens to one. Both start
//! the process, speak `forehearth.plugin.v1` over its stdin and stdout, and
//! take nothing on trust: a crash, a hang, a flood, a slow reader or a lying
//! sequence ends the process and makes its tags Bad. It is never a fault of
//! the gateway.
//!
//! The process has its own working directory and process group, an empty
//! environment but `PATH` and `LANG`, no descriptor but the three pipes (what
//! the gateway opens is close-on-exec), and on request another user and a
//! bound on its memory.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod chatter;
mod conversation;
pub mod kit;
mod poller;
mod process;
mod pusher;
mod readings;
mod refusal;
mod settings;
pub mod template;

pub use forehearth_plugin_protocol::v1;

pub use conversation::{Conversation, Fault};
pub use poller::PluginPoller;
pub use process::{Program, SpawnError};
pub use pusher::PluginPusher;
pub use refusal::refusal;
pub use settings::{Clock, GroupSettings, Origin, PluginSettings, TagSettings};
