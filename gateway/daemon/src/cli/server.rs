//! The command line of the verbs that look at OPC UA servers: browse, trust.

use std::path::PathBuf;

use clap::Args;

/// `forehearth browse`
#[derive(Args, Debug)]
pub struct BrowseArgs {
    /// The server: opc.tcp://HOST:PORT/PATH. Its security, user and trust are
    /// those of the map when the map has it, else none.
    #[arg(value_name = "URL", required_unless_present = "write", conflicts_with = "write")]
    pub url: Option<String>,
    /// Ask every OPC UA server of this map for what the map leaves open, and
    /// write browsed/DEVICE.toml into it.
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// Node or path to begin at.
    #[arg(long, value_name = "NODE", default_value = "/Objects")]
    pub under: String,
    /// How many levels deep.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub depth: u32,
    /// Only nodes whose identifier, or whose names joined by dots, are like this.
    #[arg(long = "match", value_name = "GLOB", default_value = "*")]
    pub pattern: String,
    /// Stop after this many nodes.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub most: usize,
    /// As a device of a map, ready for `check`.
    #[arg(long)]
    pub toml: bool,
    /// One JSON object per variable.
    #[arg(long, conflicts_with = "toml")]
    pub json: bool,
    /// Directory of the map whose devices tell how a server is reached.
    #[arg(long, value_name = "DIR", default_value = "/etc/forehearth")]
    pub config: PathBuf,
    /// Directory with the gateway's own certificate.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
}

/// `forehearth trust`
#[derive(Args, Debug)]
pub struct TrustArgs {
    /// The server: opc.tcp://HOST:PORT/PATH.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Directory of the map whose device tells how it is reached.
    #[arg(long, value_name = "DIR", default_value = "/etc/forehearth")]
    pub config: PathBuf,
    /// Directory with the gateway's own certificate.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/forehearth")]
    pub state: PathBuf,
}
