//! Nodes of OPC UA servers held against people (`probe`) and against the map (`check --live`).

use std::path::Path;
use std::process::ExitCode;

use forehearth_config::{LinkPlan, NodePlan, Plan};
use forehearth_driver_opcua::{Address, Explorer, Facts};
use forehearth_model::TagEntry;

use super::server;
use super::{FINDINGS, say, say_error};
use crate::cli::ProbeArgs;

/// Reads nodes and paths once.
pub fn probe(args: &ProbeArgs) -> ExitCode {
    let run = || -> Result<bool, String> {
        let reached =
            server::reach(&args.url, &args.link.config, Path::new("/var/lib/forehearth"))?;
        let texts: Vec<&str> = args.points.iter().map(String::as_str).collect();
        let texts = if texts.is_empty() { vec!["i=2258"] } else { texts }; // the server's clock
        let addresses = texts.iter().map(|text| Address::parse(text));
        let addresses: Vec<Address> =
            addresses.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let runtime = server::runtime().ok_or("no runtime")?;
        let facts = runtime.block_on(async {
            let mut explorer = Explorer::connect(reached.settings).await?;
            let facts = explorer.facts_at(&addresses.iter().collect::<Vec<_>>()).await?;
            explorer.close().await;
            Ok(facts)
        });
        let facts =
            facts.map_err(|error: forehearth_driver_opcua::ExploreError| error.to_string())?;
        let mut all = true;
        for (text, facts) in texts.iter().zip(facts) {
            match facts {
                Ok(facts) => say(&line(text, &facts)),
                Err(reason) => {
                    all = false;
                    say(&format!("{text}  {reason}"));
                }
            }
        }
        Ok(all)
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FINDINGS),
        Err(reason) => {
            say_error(&reason);
            ExitCode::from(FINDINGS)
        }
    }
}

fn line(node: &str, facts: &Facts) -> String {
    let kind = facts.type_name.as_deref().unwrap_or("structure");
    let unit = facts.unit.as_deref().unwrap_or_default();
    let quality = facts.quality.map_or("", |quality| quality.name());
    format!("{node}  {} {unit}  {kind}  {quality}", facts.value)
}

/// Asks every OPC UA server of a map whether it is as the map says.
pub fn check(plan: &Plan, state: &Path) -> ExitCode {
    let Some(runtime) = server::runtime() else { return ExitCode::from(FINDINGS) };
    let (mut servers, mut tags, mut wrong) = (0, 0, 0);
    for (link, server) in server::servers(plan) {
        servers += 1;
        let points = points(plan, link);
        tags += points.len();
        let found = server::settings(plan, link, server, state)
            .and_then(|settings| runtime.block_on(ask(settings, &points)));
        let facts = match found {
            Ok(facts) => facts,
            Err(reason) => {
                wrong += 1;
                say(&format!("{}: {reason}", link.name));
                continue;
            }
        };
        for ((entry, point), facts) in points.iter().zip(facts) {
            for finding in findings(entry, point, facts) {
                wrong += 1;
                say(&format!("{}: {}: {finding}", link.name, entry.name));
            }
        }
    }
    say(&format!("{servers} servers, {tags} tags asked for, {wrong} findings"));
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) }
}

fn points<'p>(plan: &'p Plan, link: &LinkPlan) -> Vec<(&'p TagEntry, &'p NodePlan)> {
    let tags = link.groups.iter().flat_map(|group| &group.tags);
    let point = |tag: &forehearth_model::TagId| {
        let point = plan.tags[tag.index()].point.node()?;
        Some((&plan.catalogue.tags[tag.index()], point))
    };
    tags.filter_map(point).collect()
}

async fn ask(
    settings: forehearth_driver_opcua::Settings,
    points: &[(&TagEntry, &NodePlan)],
) -> Result<Vec<Result<Facts, String>>, String> {
    let addresses = points.iter().map(|(_, point)| Address::parse(&point.node));
    let addresses: Vec<Address> =
        addresses.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let asked: Vec<&Address> = addresses.iter().collect();
    let mut explorer = Explorer::connect(settings).await.map_err(|error| error.to_string())?;
    let facts = explorer.facts_at(&asked).await.map_err(|error| error.to_string());
    explorer.close().await;
    facts
}

/// Where server and map disagree, in words.
fn findings(entry: &TagEntry, point: &NodePlan, facts: Result<Facts, String>) -> Vec<String> {
    let facts = match facts {
        Ok(facts) => facts,
        Err(reason) => return vec![format!("{}: {reason}", point.node)],
    };
    if point.events.is_some() || point.field.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let wanted = entry.data_type.name();
    match facts.type_name.as_deref() {
        None => found.push("the server has a structure here; name its `field`".to_owned()),
        Some(kind) => {
            let (base, length) = kind.split_once('[').unwrap_or((kind, ""));
            let length = length.trim_end_matches(']').parse::<u16>().ok();
            if base != wanted {
                found.push(format!("the map says {wanted}, the server {base}"));
            }
            match (point.element, length) {
                (Some(element), Some(length)) if element >= length => {
                    found.push(format!("the server's array has {length} elements"));
                }
                (Some(_), None) => found.push("the server has no array here".to_owned()),
                (None, Some(_)) => found.push(format!("the server has {kind} here")),
                _ => {}
            }
        }
    }
    if let Some(unit) = facts.unit.filter(|unit| *unit != entry.unit) {
        // A tag that is scaled has a unit of its own.
        if entry.scaling.is_none() {
            let said = if entry.unit.is_empty() { "no unit" } else { &entry.unit };
            found.push(format!("the map says {said}, the server {unit}"));
        }
    }
    if let (Some((low, high)), Some(valid)) = (facts.range, entry.valid)
        && entry.scaling.is_none()
        && (low, high) != valid
    {
        found.push(format!("valid is {}..{}, the server's range {low}..{high}", valid.0, valid.1));
    }
    found
}
