//! The promise that no key is ignored, held against every list of known keys.

use std::fs;

use crate::{broker, device, gateway, link, load, profile, tag, to_json};

/// No key of a map takes a date, so a key with this value must be answered.
const DATE: &str = "2026-01-01";

const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n";
const BROKER: &str = "[[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"json\"\n";
const DEVICE: &str = "[[device]]\nname = \"d\"\ndriver = \"modbus\"\nurl = \"tcp://h\"\n";
const TAG: &str = "[device.tags.t]\nat = \"hr:0\"\ntype = \"INT\"\n";

/// `table` with `key` set to a date, whatever it was before; the line of the key.
fn with_date(before: &str, table: &str, key: &str, after: &str) -> (String, u64) {
    let table: String = table
        .lines()
        .filter(|line| line.split_once(" = ").is_none_or(|(known, _)| known != key))
        .map(|line| format!("{line}\n"))
        .collect();
    let head = format!("{before}{table}");
    let line = head.lines().count() as u64 + 1;
    (format!("{head}{key} = {DATE}\n{after}"), line)
}

fn answered(gateway: &str, profile: &str, devices: &str, file: &str, line: u64) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    fs::create_dir(dir.path().join("profiles")).unwrap();
    fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    fs::write(dir.path().join("devices/d.toml"), devices).unwrap();
    fs::write(dir.path().join("profiles/p.toml"), profile).unwrap();
    let report = load(dir.path()).report;
    let json: serde_json::Value = serde_json::from_str(&to_json(&report)).unwrap();
    json["findings"].as_array().unwrap().iter().any(|finding| {
        finding["file"] == file && finding["line"] == line && finding["severity"] == "error"
    })
}

const UNUSED: &str = "schema = 1\nprofile = \"unused\"\n";

fn device_file(before: &str, table: &str, key: &str, after: &str) -> bool {
    let (text, line) = with_date(before, table, key, after);
    answered(&format!("{GATEWAY}{BROKER}"), UNUSED, &text, "devices/d.toml", line)
}

#[test]
fn no_key_of_a_tag_is_ignored() {
    for key in tag::KEYS {
        assert!(device_file(&format!("schema = 1\n{DEVICE}"), TAG, key, ""), "{key}");
    }
}

#[test]
fn no_key_of_a_device_is_ignored() {
    let link = "schema = 1\n[[link]]\nname = \"l\"\nurl = \"tcp://h\"\n";
    let keys = [&device::OWN_KEYS[..], &profile::SHARED_KEYS, &link::QUIRKS].concat();
    for key in keys {
        let table =
            if key == "link" { DEVICE.replace("url = \"tcp://h\"\n", "") } else { DEVICE.into() };
        let tags = if key == "tags" { "" } else { TAG };
        assert!(device_file(link, &table, key, tags), "{key}");
    }
}

#[test]
fn no_key_of_a_link_is_ignored() {
    for key in [&link::KEYS[..], &link::QUIRKS].concat() {
        let table = "[[link]]\nname = \"l\"\nurl = \"tcp://h\"\n";
        assert!(device_file("schema = 1\n", table, key, ""), "{key}");
    }
}

#[test]
fn no_key_of_a_profile_is_ignored() {
    let device = "schema = 1\n[[device]]\nname = \"d\"\nprofile = \"p\"\nurl = \"tcp://h\"\n";
    let table = "schema = 1\nprofile = \"p\"\ndriver = \"modbus\"\n";
    for key in [&profile::OWN_KEYS[..], &profile::SHARED_KEYS, &link::QUIRKS].concat() {
        let tags = if key == "tags" { "" } else { "[tags.t]\nat = \"hr:0\"\ntype = \"INT\"\n" };
        let (text, line) = with_date("", table, key, tags);
        let gateway = format!("{GATEWAY}{BROKER}");
        assert!(answered(&gateway, &text, device, "profiles/p.toml", line), "{key}");
    }
}

#[test]
fn no_key_of_the_gateway_file_is_ignored() {
    let device = format!("schema = 1\n{DEVICE}{TAG}");
    let check = |before: &str, table: &str, keys: &[&str], after: &str| {
        for key in keys {
            let (text, line) = with_date(before, table, key, after);
            assert!(answered(&text, UNUSED, &device, "gateway.toml", line), "{table} {key}");
        }
    };
    check("", "schema = 1\n", &gateway::KEYS, "");
    check("schema = 1\n", "[gateway]\nid = \"g\"\npath = \"a\"\n", &gateway::GATEWAY_KEYS, "");
    check(GATEWAY, "[buffer]\n", &gateway::BUFFER_KEYS, "");
    check(GATEWAY, "[status]\n", &gateway::STATUS_KEYS, "");
    check(GATEWAY, BROKER, &broker::KEYS, "");
}
