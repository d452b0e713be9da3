//! An OPC UA server as a tool reaches it: by the device of a map that has it, or by its URL alone.

use std::path::Path;
use std::sync::Arc;

use forehearth_config::{LinkPlan, OpcUaPlan, Plan, Transport};
use forehearth_driver_opcua::{Security, Settings};
use forehearth_model::DeviceId;

use super::say_error;
use crate::opcua;

/// How a server is reached.
pub struct Reached {
    /// As a link would.
    pub settings: Settings,
    /// The device of the map that says so.
    pub device: Option<String>,
}

/// Finds `url` in the map of `config`; without it nothing is secured.
///
/// # Errors
/// What is wrong with the device's settings, in words.
pub fn reach(url: &str, config: &Path, state: &Path) -> Result<Reached, String> {
    let url = with_port(url)?;
    if config.join("gateway.toml").is_file() {
        let loaded = forehearth_config::load_to_browse(config);
        let Some(plan) = &loaded.plan else {
            return Err(format!("{0} has mistakes: forehearth check {0}", config.display()));
        };
        for (link, server) in servers(plan) {
            if server.urls.contains(&url) {
                let settings = settings(plan, link, server, state)?;
                return Ok(Reached { settings, device: Some(link.name.clone()) });
            }
        }
    }
    let settings = Settings::new("tool", DeviceId(0), url, Security::None);
    Ok(Reached { settings, device: None })
}

/// The OPC UA servers of a plan.
pub fn servers(plan: &Plan) -> impl Iterator<Item = (&LinkPlan, &OpcUaPlan)> {
    plan.links.iter().filter_map(|link| match &link.transport {
        Transport::OpcUa(server) => Some((link, &**server)),
        _ => None,
    })
}

/// What the driver would be told of one of them.
///
/// # Errors
/// What is wrong, in words.
pub fn settings(
    plan: &Plan,
    link: &LinkPlan,
    server: &OpcUaPlan,
    state: &Path,
) -> Result<Settings, String> {
    let own = opcua::identity(&plan.gateway.id, std::iter::once(server), state);
    let own = own.map_err(|error| error.to_string())?;
    opcua::settings(plan, link, server, own.map(|own| Arc::clone(&own)))
        .map_err(|error| error.to_string())
}

/// The URL with its port, as the plan has it.
fn with_port(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("opc.tcp://").filter(|rest| !rest.is_empty());
    let rest =
        rest.ok_or_else(|| format!("{url} is no OPC UA server; write opc.tcp://HOST:4840"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if has_port { "" } else { ":4840" };
    Ok(format!("opc.tcp://{host}{port}{path}"))
}

/// Where a tool waits for its server.
pub fn runtime() -> Option<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.inspect_err(|error| say_error(&error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn a_url_gets_the_port_a_map_would_give_it() {
        assert_eq!(with_port("opc.tcp://h").unwrap(), "opc.tcp://h:4840");
        assert_eq!(with_port("opc.tcp://h/plant").unwrap(), "opc.tcp://h:4840/plant");
        assert_eq!(with_port("opc.tcp://[::1]:4841/x").unwrap(), "opc.tcp://[::1]:4841/x");
        assert_eq!(with_port("opc.tcp://[::1]").unwrap(), "opc.tcp://[::1]:4840");
        assert!(with_port("tcp://h").is_err());
    }
}
