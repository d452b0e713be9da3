//! `forehearth buffer …` on a directory in use and on a dead one, as people and scripts see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forehearth_buffer::{Buffer, Sealed, Settings};
use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Lane, Quality, Reading, Run,
    Stamp, TagId, Value,
};
use forehearth_telemetry::native::{Compression, Encoder};
use serde_json::Value as Json;

/// A directory with five batches of four readings that nobody fetched.
fn open(dir: &Path) -> Buffer {
    let settings = Settings {
        dir: dir.to_owned(),
        commit_within: Duration::from_millis(50),
        max_size: 64 << 20,
        max_age: Duration::from_secs(86_400),
        reserve: 0,
        memory: Settings::MEMORY,
    };
    let catalogue = (CatalogueHash(1), Bytes::from_static(b""));
    Buffer::open(settings, &["plant".to_owned()], catalogue).unwrap()
}

fn fill(buffer: &Buffer) {
    let mut encoder = Encoder::new(Compression::WhenItPays);
    for number in 1..=5_u32 {
        let stamp = Stamp(1_800_000_000_000_000 + i64::from(number) * 1_000_000);
        let reading = |tag| {
            let value = Value::Int(i64::from(number * 100 + tag));
            Reading { tag: TagId(tag), quality: Quality::Good, value }
        };
        let batch = Batch {
            id: BatchId::new(buffer.epoch(), u64::from(number)),
            lane: Lane::Live,
            catalogue: CatalogueHash(1),
            boot: BootId(1),
            clock: ClockState::Synced,
            runs: vec![Run { device: DeviceId(0), stamp, len: 4 }],
            readings: (0..4).map(reading).collect(),
        };
        let bytes = Bytes::from(encoder.encode("gateway-1", &batch, &[]));
        buffer.append(Sealed { batch: Arc::new(batch), bytes, acquired: Instant::now() });
    }
    let begun = Instant::now();
    while buffer.stats().batches_written < 5 {
        assert!(begun.elapsed() < Duration::from_secs(10), "stored within ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn verb(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_forehearth")).arg("buffer").args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Every verb, on this directory: what it has to show is the same whether a
/// daemon is at work in it or not.
fn look_through(dir: &Path) {
    let state = dir.to_str().unwrap();
    let said = |words: &[&str]| {
        let output = verb(&[words, &["--state", state]].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output)
    };
    let json = |words: &[&str]| -> Vec<Json> {
        let text = said(&[words, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let stat: Json = serde_json::from_str(&said(&["stat", "--json"])).unwrap();
    assert_eq!((&stat["batches"], &stat["readings"]), (&Json::from(5), &Json::from(20)));
    assert_eq!(stat["destinations"], Json::from(vec!["plant"]));
    assert!(stat["flash"]["endurance_bytes"].as_u64() > Some(0));
    let shown = said(&["stat"]);
    assert!(shown.contains("20 readings in 5 batches"), "{shown}");
    assert!(shown.contains(" in 1 segment\n"), "one is one: {shown}");
    assert!(shown.contains("written in 0 hours of running"), "{shown}");

    assert!(said(&["gaps"]).contains("nothing was lost"));
    assert_eq!(said(&["gaps", "--json"]).trim(), "[]");

    let peeked = json(&["peek"]);
    let numbers: Vec<_> = peeked.iter().map(|batch| batch["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(json(&["peek", "--count", "2"]).len(), 2);
    assert_eq!(said(&["peek"]).lines().count(), 5);

    assert_eq!(json(&["export"]).len(), 20);
    assert_eq!(json(&["export", "--count", "3"]).len(), 3);

    assert!(said(&["verify"]).contains("whole  5 batches  20 readings"));
    let verified: Json = serde_json::from_str(&said(&["verify", "--json"])).unwrap();
    assert_eq!(verified[0]["readings"], Json::from(20));
}

#[test]
fn the_verbs_show_the_same_of_a_directory_in_use_and_of_a_dead_one() {
    let temp = tempfile::tempdir().unwrap();
    let buffer = open(temp.path());
    fill(&buffer);
    look_through(temp.path());
    assert_eq!(buffer.stats().batches_written, 5, "it goes on undisturbed");
    buffer.close();
    look_through(temp.path());
}

#[test]
fn one_file_alone_is_salvaged_and_damage_in_it_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let buffer = open(temp.path());
    fill(&buffer);
    buffer.close();
    let folder = temp.path().join("segments");
    let mut files = std::fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
    // Beside it lie its log, which is empty, and the index of that.
    let path = files.find(|file| file.extension().is_some_and(|e| e == "db")).unwrap();
    let alone = temp.path().join("alone.db");
    std::fs::copy(&path, &alone).unwrap();
    let whole = verb(&["salvage", "--json", alone.to_str().unwrap()]);
    assert!(whole.status.success(), "{whole:?}");
    assert_eq!(text(&whole).lines().count(), 20);

    // The last batch's own bytes are near the end of its page.
    let mut bytes = std::fs::read(&alone).unwrap();
    let at = bytes.windows(9).rposition(|w| w == b"gateway-1").unwrap();
    bytes[at] ^= 0x40;
    std::fs::write(&alone, bytes).unwrap();
    let damaged = verb(&["salvage", "--json", alone.to_str().unwrap()]);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert_eq!(text(&damaged).lines().count(), 16, "four of twenty readings are lost");
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("cannot be read"));
}

#[test]
fn a_directory_that_is_no_state_directory_gets_an_answer_that_helps() {
    let temp = tempfile::tempdir().unwrap();
    for words in ["stat", "gaps", "peek", "export", "verify"] {
        let output = verb(&[words, "--state", temp.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{words}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no buffer in") && said.contains("--state"), "{said}");
    }
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0, "nothing was made there");
}

#[test]
fn every_verb_shows_an_example() {
    for words in ["stat", "gaps", "peek", "export", "verify", "salvage"] {
        let said = text(&verb(&[words, "--help"]));
        assert!(said.contains(&format!("Example: forehearth buffer {words}")), "{said}");
    }
}
