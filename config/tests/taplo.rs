//! The checker behind the TOML editors accepts what we ship and underlines what is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn taplo(files: &[PathBuf]) -> Output {
    let program = root().join(".venv/bin/taplo");
    assert!(
        program.exists(),
        "run tests/setup/install.sh test first: the test needs taplo in .venv"
    );
    let mut taplo = Command::new(program);
    taplo.args(["check", "--colors", "never"]).args(files).output().unwrap()
}

fn toml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            toml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_shipped_map_names_its_schema_and_passes() {
    let mut files = Vec::new();
    toml_files(&root().join("config/examples"), &mut files);
    assert!(files.len() > 16, "{files:?}");
    // What `browse --write` writes is not edited, so no editor needs its schema.
    files.retain(|file| !file.components().any(|part| part.as_os_str() == "browsed"));
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.starts_with("#:schema "), "{} names no schema", file.display());
    }
    let checked = taplo(&files);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_misspelt_key_is_underlined_in_the_editor() {
    let dir = tempfile::tempdir().unwrap();
    let schema = root().join("config/schema/devices.json");
    let file = dir.path().join("devices.toml");
    let map = "schema = 1\n\n[[device]]\nname = \"d1\"\ndriver = \"modbus\"\n\
               url = \"tcp://10.0.0.5:502\"\n[device.tags]\na = { at = \"hr:0\", type = \"INT\" }\n";
    let with_schema = |text: &str| format!("#:schema file://{}\n{text}", schema.display());
    fs::write(&file, with_schema(map)).unwrap();
    let right = taplo(std::slice::from_ref(&file));
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stderr));
    fs::write(&file, with_schema(&map.replace("type =", "tpye ="))).unwrap();
    let wrong = taplo(&[file]);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("tpye"));
}
