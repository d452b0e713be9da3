//! The pages and schemas that come from the descriptions in the source are what they would be if written now.
//!
//! After a change run `BLESS=1 cargo test -p forehearth-config --test pages`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use forehearth_config::{MapFile, findings_reference, map_reference, schema};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn same(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is out of date; run with BLESS=1", path.display());
}

#[test]
fn the_reference_of_the_map_is_up_to_date() {
    same("docs/map-reference.md", &map_reference());
}

#[test]
fn the_reference_of_findings_is_up_to_date() {
    same("docs/findings.md", &findings_reference());
}

/// The schemas as files are what an editor's `#:schema` line points at; the
/// outside judge reads the files, so they are compared first.
#[test]
fn an_outside_judge_finds_the_examples_right_and_wrong_maps_wrong() {
    for file in MapFile::ALL {
        same(&format!("config/schema/{}.json", file.word()), &schema(file));
    }
    let python = root().join(".venv/bin/python");
    assert!(python.exists(), "run `make setup` first: the test needs jsonschema in .venv");
    let output =
        Command::new(python).arg(root().join("config/tests/judge_schema.py")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
