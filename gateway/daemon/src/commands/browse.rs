//! `forehearth browse`: what is on an OPC UA server, for reading, for a map, or into the map.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use forehearth_config::{BrowsePlan, LinkPlan, OpcUaPlan, Plan, TypeFrom};
use forehearth_driver_opcua::{Address, Explorer, Facts, Found};
use globset::GlobMatcher;

use super::server;
use super::{FINDINGS, say, say_error, say_or_end};
use crate::cli::BrowseArgs;

/// Variables whose types are asked for at once. Chosen: their answer is read
/// before the next ones are found, so that a large server shows progress.
const AT_ONCE: usize = 500;

/// Most nodes looked at for one rule of a map.
const MOST: usize = 200_000;

/// Runs the command.
pub fn run(args: &BrowseArgs) -> ExitCode {
    let done = match (&args.write, &args.url) {
        (Some(dir), _) => write_all(dir, &args.state),
        (None, Some(url)) => show(args, url),
        (None, None) => Err("give a URL, or --write DIR".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say_error(&reason);
            ExitCode::from(FINDINGS)
        }
    }
}

fn show(args: &BrowseArgs, url: &str) -> Result<(), String> {
    let reached = server::reach(url, &args.config, &args.state)?;
    let security = reached.settings.security.to_string();
    let namespaces = reached.settings.namespaces.clone();
    let matcher = matcher(&args.pattern)?;
    let under = Address::parse(&args.under).map_err(|error| error.to_string())?;
    let runtime = server::runtime().ok_or("no runtime")?;
    runtime.block_on(async {
        let mut explorer = Explorer::connect(reached.settings).await.map_err(text)?;
        let found = variables(&mut explorer, &under, args.depth, args.most, &matcher).await?;
        if args.toml {
            let table = namespaces.iter().map(|(alias, uri)| format!("{alias} = {}", quoted(uri)));
            let table: Vec<String> = table.collect();
            say(&format!(
                "schema = 1\n\n[[device]]\nname = \"browsed\"\ndriver = \"opcua\"\nurl = {}\n\
                 security = {}\nnamespace = {{ {} }}\n[device.tags]",
                quoted(url),
                quoted(&security),
                table.join(", ")
            ));
        }
        let mut names = HashSet::new();
        for some in found.chunks(AT_ONCE) {
            let facts = explorer.facts(some).await.map_err(text)?;
            for (found, facts) in some.iter().zip(facts) {
                let line = if args.toml {
                    let name = unique(&tag_name("{path}", &found.names), &mut names);
                    entry(&name, &found.node, &facts)
                } else if args.json {
                    json(found, &facts)
                } else {
                    row(found, &facts)
                };
                if say_or_end(&line).is_err() {
                    return Ok(()); // nobody reads any more
                }
            }
        }
        explorer.close().await;
        Ok(())
    })
}

/// The variables below a node that are like `matcher`. Progress goes to a
/// person's stderr.
async fn variables(
    explorer: &mut Explorer,
    under: &Address,
    depth: u32,
    most: usize,
    matcher: &GlobMatcher,
) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    let (person, mut looked) = (std::io::stderr().is_terminal(), 0_usize);
    let walked = explorer.walk(under, depth, most, |node| {
        looked += 1;
        if person && looked % 1000 == 0 {
            let _ = write!(std::io::stderr(), "\r{looked} nodes");
        }
        if node.is_variable && is_like(&node, matcher) {
            found.push(node);
        }
        true
    });
    let walked = walked.await.map_err(text)?;
    if person && walked >= 1000 {
        let _ = writeln!(std::io::stderr(), "\r{walked} nodes");
    }
    if walked >= most {
        say_error(&format!("stopped at {most} nodes; there may be more (--most)"));
    }
    Ok(found)
}

fn is_like(found: &Found, matcher: &GlobMatcher) -> bool {
    matcher.is_match(&found.identifier) || matcher.is_match(found.names.join("."))
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    globset::Glob::new(pattern).map(|glob| glob.compile_matcher()).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The name of a tag: the template with the node's names filled in.
fn tag_name(template: &str, names: &[String]) -> String {
    let own = names.last().map_or("", String::as_str);
    let parent = names.len().checked_sub(2).map_or("", |place| &names[place]);
    let name = template.replace("{path}", &names.join("/"));
    let name = name.replace("{browse_name}", own).replace("{parent}", parent);
    // What no topic may hold.
    let legal = |c: char| if c.is_control() || matches!(c, '+' | '#') { '_' } else { c };
    name.chars().map(legal).collect::<String>().trim().to_owned()
}

fn unique(name: &str, names: &mut HashSet<String>) -> String {
    let numbered = |n: usize| if n == 1 { name.to_owned() } else { format!("{name}_{n}") };
    let free = (1..).map(numbered).find(|name| !names.contains(name)).unwrap_or_default();
    names.insert(free.clone());
    free
}

/// A tag of a map; one without a place in a tag is a comment.
fn entry(name: &str, node: &str, facts: &Facts) -> String {
    let Some(kind) = &facts.type_name else {
        return format!(
            "# {} = {{ node = {} }}: a structure; name its `field`",
            quoted(name),
            quoted(node)
        );
    };
    let mut line = format!("{} = {{ node = {}, type = \"{kind}\"", quoted(name), quoted(node));
    if let Some(unit) = &facts.unit {
        let _ = write!(line, ", unit = {}", quoted(unit));
    }
    let is_number = !kind.starts_with("STRING") && !kind.starts_with("BOOL");
    if let Some((low, high)) = facts.range.filter(|_| is_number) {
        let _ = write!(line, ", valid = [{low:?}, {high:?}]");
    }
    line + " }"
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn row(found: &Found, facts: &Facts) -> String {
    let unit = facts.unit.as_deref().unwrap_or_default();
    let kind = facts.type_name.as_deref().unwrap_or("structure");
    format!("{}\t{kind}\t{} {unit}\t{}", found.names.join("/"), facts.value, found.node)
}

fn json(found: &Found, facts: &Facts) -> String {
    serde_json::json!({
        "path": found.names, "node": found.node, "type": facts.type_name, "unit": facts.unit,
        "range": facts.range.map(|(low, high)| [low, high]), "value": facts.value,
    })
    .to_string()
}

/// Writes `browsed/DEVICE.toml` of every server that is asked for something.
fn write_all(dir: &Path, state: &Path) -> Result<(), String> {
    if !super::is_configuration(dir) {
        return Err("nothing was written".to_owned());
    }
    let loaded = forehearth_config::load_to_browse(dir);
    let plan = loaded.plan.as_ref();
    let plan =
        plan.ok_or_else(|| format!("{0} has other mistakes: forehearth check {0}", dir.display()))?;
    let runtime = server::runtime().ok_or("no runtime")?;
    let mut written = 0;
    for (link, server) in server::servers(plan) {
        let untyped = untyped(plan, link);
        if server.browse.is_empty() && untyped.is_empty() {
            continue;
        }
        let settings = server::settings(plan, link, server, state)?;
        let text = runtime.block_on(async {
            let mut explorer = Explorer::connect(settings).await.map_err(text)?;
            let text = lock(&mut explorer, &link.name, server, &untyped).await;
            explorer.close().await;
            text
        })?;
        let folder = dir.join("browsed");
        let file = folder.join(format!("{}.toml", link.name));
        std::fs::create_dir_all(&folder)
            .and_then(|()| replace(&file, &text))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        say(&format!("{}: {} lines", file.display(), text.lines().count()));
        written += 1;
    }
    if written == 0 {
        say("no server of this map is asked for anything");
    }
    Ok(())
}

/// Whole or not at all.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("toml.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}

/// Nodes of which the map does not say the type.
fn untyped(plan: &Plan, link: &LinkPlan) -> Vec<String> {
    let tags = link.groups.iter().flat_map(|group| &group.tags);
    let points = tags.filter_map(|tag| plan.tags[tag.index()].point.node());
    let open = points.filter(|point| point.type_from != TypeFrom::Map && point.field.is_none());
    let nodes: HashSet<String> = open.map(|point| point.node.to_string()).collect();
    let mut nodes: Vec<String> = nodes.into_iter().collect();
    nodes.sort_unstable();
    nodes
}

/// What the map leaves open and the server knows.
async fn lock(
    explorer: &mut Explorer,
    device: &str,
    server: &OpcUaPlan,
    untyped: &[String],
) -> Result<String, String> {
    let mut out = format!(
        "# Written by `forehearth browse --write`: read it, keep it with the map, don't edit it.\n\
         schema = 1\ndevice = {}\n",
        quoted(device)
    );
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for rule in &server.browse {
        let found = apply(explorer, rule, &mut tags).await?;
        let _ = write!(out, "\n[[rule]]\nmade_from = {}\nfound = {found}\n", quoted(&rule.line()));
    }
    if !tags.is_empty() {
        out.push_str("\n[tags]\n");
        tags.values().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
    }
    if !untyped.is_empty() {
        out.push_str("\n[types]\n");
        let addresses: Result<Vec<Address>, _> =
            untyped.iter().map(|node| Address::parse(node)).collect();
        let addresses = addresses.map_err(text)?;
        let addresses: Vec<&Address> = addresses.iter().collect();
        let facts = explorer.facts_at(&addresses).await.map_err(text)?;
        for (node, facts) in untyped.iter().zip(facts) {
            match facts.map(|facts| facts.type_name) {
                Ok(Some(kind)) => {
                    let _ = writeln!(out, "{} = \"{kind}\"", quoted(node));
                }
                Ok(None) => say_error(&format!("{device}: {node} has no type a tag can have")),
                Err(reason) => say_error(&format!("{device}: {node}: {reason}")),
            }
        }
    }
    Ok(out)
}

/// What one rule finds; how many.
async fn apply(
    explorer: &mut Explorer,
    rule: &BrowsePlan,
    tags: &mut BTreeMap<String, String>,
) -> Result<usize, String> {
    let under = Address::parse(&rule.under).map_err(text)?;
    let matcher = matcher(&rule.pattern)?;
    let found = variables(explorer, &under, rule.depth, MOST, &matcher).await?;
    let mut count = 0;
    for some in found.chunks(AT_ONCE) {
        let facts = explorer.facts(some).await.map_err(text)?;
        for (found, facts) in some.iter().zip(facts) {
            let name = tag_name(&rule.name, &found.names);
            let line = entry(&name, &found.node, &facts);
            if line.starts_with('#') {
                say_error(&format!("left out, no tag can hold it: {}", found.node));
                continue;
            }
            if let Some(other) = tags.insert(name.clone(), line) {
                return Err(format!("two nodes would be named {name}: {} and {other}", found.node));
            }
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::{entry, tag_name};
    use forehearth_driver_opcua::Facts;

    #[test]
    fn a_tag_is_named_by_the_rule_and_legal_everywhere() {
        let names = ["Valves".to_owned(), "ZT#1".to_owned()];
        assert_eq!(tag_name("valve/{browse_name}", &names), "valve/ZT_1");
        assert_eq!(tag_name("{parent}-{browse_name}", &names), "Valves-ZT_1");
        assert_eq!(tag_name("{path}", &names), "Valves/ZT_1");
    }

    #[test]
    fn a_tag_carries_what_the_server_knows_of_it() {
        let facts = Facts {
            type_name: Some("REAL".to_owned()),
            unit: Some("mm".to_owned()),
            range: Some((0.0, 100.0)),
            ..Facts::default()
        };
        assert_eq!(
            entry("a\"b", "nsu=urn:x;s=V", &facts),
            r#""a\"b" = { node = "nsu=urn:x;s=V", type = "REAL", unit = "mm", valid = [0.0, 100.0] }"#
        );
        assert!(entry("m", "i=1", &Facts::default()).starts_with('#'), "a structure is no tag");
    }
}
