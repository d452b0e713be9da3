//! The table of Sparkplug assertions names tests that exist, so that it can't rot.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("sparkplug_assertions.tsv");

/// The standard has so many for edge nodes; the rest are ours.
const OF_THE_STANDARD: usize = 212;
const OURS: usize = 30;

struct Row<'a> {
    id: &'a str,
    level: &'a str,
    held_by: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [id, level, held_by] => Row { id, level, held_by },
            _ => panic!("three columns: {line}"),
        })
        .collect()
}

/// Rust files below a folder, build output apart.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of all functions marked as tests in the rooms the table speaks of.
fn tests() -> HashSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for room in ["gateway/publish", "gateway/buffer", "protocols/telemetry", "tests/tests"] {
        sources(&root.join(room), &mut files);
    }
    let mut names = HashSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = function.and_then(|rest| rest.split('(').next()) {
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            } else {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            }
        }
    }
    names
}

#[test]
fn every_assertion_is_held_by_a_test_that_exists_or_has_a_reason() {
    let tests = tests();
    for row in rows() {
        match row.held_by.strip_prefix("reason: ") {
            Some(reason) => assert!(reason.len() > 20, "{}: {reason}", row.id),
            None => assert!(tests.contains(row.held_by), "{}: no test {}", row.id, row.held_by),
        }
    }
}

#[test]
fn the_table_is_complete() {
    let rows = rows();
    let distinct: HashSet<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(distinct.len(), rows.len(), "an id twice");
    let standard = rows.iter().filter(|row| row.id.starts_with("tck-id-")).count();
    let ours = rows.iter().filter(|row| row.id.starts_with("x-")).count();
    assert_eq!((standard, ours), (OF_THE_STANDARD, OURS));
    assert!(rows.iter().all(|row| ["MUST", "SHOULD", "MAY", "OWN"].contains(&row.level)));
}

#[test]
fn a_test_named_after_an_assertion_stands_in_its_row() {
    // Else somebody wrote a better test and the table does not know.
    let tests = tests();
    for row in rows() {
        let own = row.id.replace('-', "_").to_lowercase();
        if tests.contains(&own) {
            assert_eq!(row.held_by, own, "{}", row.id);
        }
    }
}
