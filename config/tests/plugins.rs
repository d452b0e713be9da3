//! A map with a plugin: what is in the plan, and that it knows where it came from.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use forehearth_config::{PluginMode, PointPlan, SettingKind, Transport, load};

const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n\
    [[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"json\"\n";
const MANIFEST: &str = "schema = 1\nname = \"meter\"\nversion = \"1\"\ncommand = \"driver\"\n\
    mode = \"push\"\nmemory = \"64MiB\"\n\
    [address]\npattern = \"r[0-9]+\"\nexample = \"r7\"\n\
    [[setting]]\nkey = \"host\"\ntype = \"text\"\nrequired = true\nexample = \"h\"\n";
const DEVICES: &str = "schema = 1\n\
    [[device]]\nname = \"m-{n}\"\nfor = { n = \"1..=2\" }\ndriver = \"plugin:meter\"\n\
    settings = { host = \"10.0.0.{n}\" }\n\
    [device.tags.t]\nat = \"r{n + 7}\"\ntype = \"REAL\"\n";

#[test]
fn a_plugin_s_device_is_a_link_of_its_own_and_knows_its_lines() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("plugins/meter")).unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    fs::write(dir.path().join("gateway.toml"), GATEWAY).unwrap();
    fs::write(dir.path().join("plugins/meter/plugin.toml"), MANIFEST).unwrap();
    fs::write(dir.path().join("devices/d.toml"), DEVICES).unwrap();
    let loaded = load(dir.path());
    let plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.report));
    assert_eq!(plan.links.len(), 2);
    let Transport::Plugin(plugin) = &plan.links[1].transport else { panic!() };
    assert_eq!((plugin.mode, plugin.memory), (PluginMode::Push, Some(64 << 20)));
    assert_eq!(plugin.command, dir.path().join("plugins/meter/driver"));
    let given = &plugin.given[0];
    assert_eq!((&*given.key, given.kind, &*given.value), ("host", SettingKind::Text, "10.0.0.2"));
    assert_eq!(
        (&*given.origin.file, given.origin.line, given.origin.column),
        ("devices/d.toml", 6, 22)
    );
    let PointPlan::Plugin(point) = &plan.tags[1].point else { panic!() };
    assert_eq!((&*point.at, point.origin.line, point.origin.column), ("r9", 8, 7));
}
