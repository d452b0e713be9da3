//! Whatever stands in the files: no panic, no hang, bounded memory and output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use forehearth_config::{Lang, Loaded, load, render, to_json};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Far above what any case needs in a debug build (about 1 s), far below a hang.
const PATIENCE: Duration = Duration::from_secs(60);

const GATEWAY: &str = include_str!("../examples/potline/gateway.toml");
const CELLS: &str = include_str!("../examples/potline/devices/cells.toml");
const PROFILE: &str = include_str!("../examples/potline/profiles/potcell.toml");

fn load_files(files: &[(&str, &[u8])]) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let start = Instant::now();
    let loaded = load(dir.path());
    let said = render(&loaded.report, Lang::Zh, true).len() + to_json(&loaded.report).len();
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    assert!(said < 4 << 20, "{said} bytes of findings");
    assert_eq!(loaded.plan.is_some(), loaded.report.errors() == 0);
    loaded
}

fn devices(text: &str) -> Loaded {
    load_files(&[("gateway.toml", GATEWAY.as_bytes()), ("devices/d.toml", text.as_bytes())])
}

/// One random change of a text.
fn mutate(text: &str, at: f64, change: &Change) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let place = ((bytes.len() as f64) * at) as usize;
    match change {
        Change::Replace(byte) => bytes[place.min(text.len() - 1)] = *byte,
        Change::Insert(piece) => {
            drop(bytes.splice(place..place, piece.bytes()).collect::<Vec<_>>())
        }
        Change::Remove(len) => drop(bytes.drain(place..(place + len).min(text.len()))),
        Change::Repeat(len) => {
            let piece = bytes[place..(place + len).min(text.len())].to_vec();
            bytes.splice(place..place, piece).for_each(drop);
        }
    }
    bytes
}

#[derive(Clone, Debug)]
enum Change {
    Replace(u8),
    Insert(String),
    Remove(usize),
    Repeat(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<u8>().prop_map(Change::Replace),
        "[\\[\\]{}\"'=#,.\n0-9a-z:槽%+-]{1,6}".prop_map(Change::Insert),
        (1_usize..60).prop_map(Change::Remove),
        (1_usize..200).prop_map(Change::Repeat),
    ]
}

#[test]
fn no_change_of_an_example_breaks_the_walker() {
    let seed: [u8; 32] = *b"forehearth config mutations 2026";
    // Shown when the test fails.
    eprintln!("seed {seed:?}");
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let small =
        CELLS.replace("1..=300", "1..=3").replace("[117, 204]", "[2]").replace("042", "003");
    let strategy = (0_usize..3, prop::collection::vec((0.0..1.0, change()), 1..4));
    runner
        .run(&strategy, |(which, changes)| {
            let mut files =
                [GATEWAY.as_bytes().to_vec(), small.clone().into_bytes(), PROFILE.into()];
            for (at, change) in &changes {
                let text = String::from_utf8_lossy(&files[which]).into_owned();
                if !text.is_empty() {
                    files[which] = mutate(&text, *at, change);
                }
            }
            load_files(&[
                ("gateway.toml", &files[0]),
                ("devices/cells.toml", &files[1]),
                ("profiles/potcell.toml", &files[2]),
            ]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_ten_megabyte_file_is_refused_before_it_is_parsed() {
    let text = "a = 1\n".repeat((10 << 20) / 6);
    let loaded = devices(&text);
    assert!(loaded.report.codes().any(|code| code == "FH1003"));
}

#[test]
fn the_largest_file_of_nonsense_gives_bounded_findings() {
    for line in ["x = = 1\n", "[[device]]\n", "a\n", "\"", "[a]\n", "{", "k.k.k = 1\n"] {
        let loaded = devices(&line.repeat((4 << 20) / line.len()));
        assert!(loaded.report.errors() > 0, "{line}");
        assert!(loaded.report.codes().count() <= 500, "{line}");
    }
}

#[test]
fn a_hundred_thousand_wrong_keys_are_counted_and_not_all_shown() {
    let tags: String = (0..100_000).map(|n| format!("key_{n} = 1\n")).collect();
    let loaded = devices(&format!("schema = 1\n[[device]]\nname = \"d\"\n{tags}"));
    assert!(loaded.report.errors() >= 100_000);
    let said = render(&loaded.report, Lang::En, false);
    assert!(said.contains("not shown"), "{}", &said[said.len() - 200..]);
}

#[test]
fn deep_nesting_is_a_finding_and_no_stack_overflow() {
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
        let deep = format!("schema = 1\nx = {}1{}\n", open.repeat(100_000), close.repeat(100_000));
        assert!(devices(&deep).report.errors() > 0);
    }
    let brackets = "(".repeat(100_000);
    let expression = format!(
        "schema = 1\n[[device]]\nname = \"d\"\ndriver = \"modbus\"\nurl = \"tcp://a:1\"\n\
         [device.tags]\nt = {{ at = \"hr:{{{brackets}1}}\", type = \"INT\" }}\n"
    );
    assert!(devices(&expression).report.codes().any(|code| code == "FH1408"));
}

#[test]
fn a_sheet_of_nonsense_is_a_finding() {
    let device = "schema = 1\n[[device]]\nname = \"{r.a}\"\nfor = { r = \"csv:x.csv\" }\n\
                  driver = \"modbus\"\nurl = \"tcp://{r.a}:502\"\n[device.tags]\nt = { at = \"hr:0\", type = \"INT\" }\n";
    for sheet in [&b""[..], b"\n", b"a\n\"", b"a,b\n1\n2\n", b"\xef\xbb\xbf", b"a;;\n", b"a\n\0\n"]
    {
        let loaded = load_files(&[
            ("gateway.toml", GATEWAY.as_bytes()),
            ("devices/d.toml", device.as_bytes()),
            ("devices/x.csv", sheet),
        ]);
        assert!(loaded.report.errors() > 0, "{sheet:?}");
    }
}

#[test]
fn what_is_no_directory_is_a_finding() {
    for path in ["/nonexistent", "/dev/null", "/proc/self/cmdline"] {
        let loaded = load(Path::new(path));
        assert!(loaded.plan.is_none() && loaded.report.errors() > 0, "{path}");
    }
}

#[test]
fn a_pipe_named_like_a_map_is_a_finding_and_no_wait_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("devices")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("devices/f.toml")).status();
    assert!(made.unwrap().success(), "mkfifo is part of coreutils");
    let loaded = forehearth_config::load(dir.path());
    let said = forehearth_config::render(&loaded.report, forehearth_config::Lang::En, false);
    assert!(said.contains("f.toml") && said.contains("not a regular file"), "{said}");
}
