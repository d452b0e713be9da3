//! The arrows between the rooms, read from the manifests: who may know whom, and where each outside library is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use forehearth_tests::peer::root;
use serde_json::Value;

/// What each crate of the workspace depends on when it is shipped; test-only
/// dependencies apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
    let shipped = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap();
        // `kind` is null for a normal dependency, "dev" or "build" otherwise.
        all.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (name(package), shipped(package))).collect()
}

/// Who among the crates depends on `library`, the tests apart.
fn users(library: &str) -> Vec<String> {
    let all = dependencies().into_iter();
    let users = all.filter(|(_, known)| known.contains(library)).map(|(name, _)| name);
    users.filter(|name| name != "forehearth-tests").collect()
}

#[test]
fn stages_are_strangers_and_only_the_daemon_knows_them_all() {
    let dependencies = dependencies();
    let stages =
        ["source", "pipeline", "buffer", "publish", "command"].map(|s| format!("forehearth-{s}"));
    for stage in &stages {
        let known = &dependencies[stage];
        let strangers = stages.iter().filter(|other| *other != stage);
        for stranger in strangers {
            assert!(!known.contains(stranger), "{stage} depends on {stranger}");
        }
        assert!(!known.contains("forehearth-config"), "{stage} reads the configuration");
        assert_eq!(users(stage), ["forehearth"], "who knows {stage}");
    }
}

#[test]
fn drivers_never_see_the_gateway() {
    let gateway = ["forehearth", "forehearth-source", "forehearth-pipeline", "forehearth-buffer"];
    for (name, known) in dependencies() {
        if name.starts_with("forehearth-driver") {
            let seen: Vec<_> = gateway.iter().filter(|room| known.contains(**room)).collect();
            assert!(seen.is_empty(), "{name} sees {seen:?}");
            assert!(!known.contains("forehearth-publish"), "{name} sees the publisher");
            assert!(!known.contains("forehearth-config"), "{name} reads the configuration");
        }
    }
}

#[test]
fn each_outside_library_is_named_in_one_place() {
    // A driver of another process is built on the messages of plugins alone:
    // with those of telemetry it would carry zstd and Sparkplug.
    assert_eq!(users("prost"), ["forehearth-plugin-protocol", "forehearth-telemetry"]);
    for (library, place) in [
        ("rusqlite", "forehearth-buffer"),
        ("rumqttc", "forehearth-publish"),
        ("toml", "forehearth-config"),
        ("axum", "forehearth"),
        ("rumqttd", "forehearth-sim"),
        ("tokio-modbus", "forehearth-sim"),
        ("async-opcua", "forehearth-driver-opcua"),
    ] {
        assert_eq!(users(library), [place], "who names {library}");
    }
}

#[test]
fn protocols_configuration_and_pipeline_have_no_runtime() {
    let dependencies = dependencies();
    for room in ["model", "modbus", "telemetry", "plugin-protocol", "config", "pipeline"] {
        let known = &dependencies[&format!("forehearth-{room}")];
        for library in ["tokio", "mio", "socket2", "rumqttc", "rusqlite"] {
            assert!(!known.contains(library), "{room} depends on {library}");
        }
    }
}

#[test]
fn firmware_knows_the_wire_and_nothing_of_the_gateway() {
    let known = &dependencies()["forehearth-shims"];
    let foreign: Vec<_> = known
        .iter()
        .filter(|name| *name != "forehearth-modbus" && !name.starts_with("embedded-"))
        .collect();
    assert!(foreign.is_empty(), "a node of 20 KB carries {foreign:?}");
}

#[test]
fn the_simulator_shares_no_code_with_the_gateway() {
    let known = &dependencies()["forehearth-sim"];
    let ours: Vec<_> = known.iter().filter(|name| name.starts_with("forehearth")).collect();
    assert!(ours.is_empty(), "a shared mistake would not show: {ours:?}");
}
