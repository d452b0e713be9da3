//! `forehearth scan node`: a node at a pseudo-terminal describes itself, and the gateway's check accepts the map.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "../../../firmware-shims/examples/node/host.rs"]
mod host;

use std::fs;
use std::process::{Command, Output};

use host::{HostPort, UNIT};

/// The url of a node that serves until this process ends.
fn node() -> String {
    let (port, path) = HostPort::pair().unwrap();
    // It ends with an error when the verb closes its end of the line.
    std::thread::spawn(move || host::serve(port, || true));
    format!("serial://{path}?baud=115200&mode=rtu")
}

fn forehearth(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forehearth"));
    command.args(arguments).env("LANG", "C").output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_node_is_asked_and_its_map_passes_the_check() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().to_str().unwrap();
    let gateway = "schema = 1\n[gateway]\nid = \"edge-1\"\npath = \"acme/site/area/line\"\n\
        [[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1\"\nformat = \"native\"\n";
    fs::write(directory.path().join("gateway.toml"), gateway).unwrap();
    fs::create_dir(directory.path().join("devices")).unwrap();
    let file = directory.path().join("devices/node-7.toml");
    let unit = UNIT.to_string();
    let scan = ["scan", "node", &node(), "--unit", &unit, "--config", "/nowhere", "--write"];
    let scan = [&scan[..], &[file.to_str().unwrap()]].concat();
    let output = forehearth(&scan);
    assert!(output.status.success(), "{}", said(&output));
    let output = forehearth(&["check", config]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(fs::read_to_string(&file).unwrap().contains("\npressure = "));
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let scan = ["scan", "node", &node(), "--unit", "7", "--config", "/nowhere", "--write", path];
    let output = forehearth(&scan);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(fs::read(file.path()).unwrap(), b"");
}
