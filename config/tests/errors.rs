//! The error corpus: wrong maps and what is said about them, word for word, in both languages.
//!
//! Each `errors/NAME.map` is one wrong map: a comment, then files, each behind
//! a line `=== path [option …]`. Options: `mode=0644` sets permissions,
//! `encoding=gbk` writes GBK, `bom` puts a byte order mark in front, `size=N`
//! fills the file with N bytes, `folder` makes a folder of that name. A map
//! without `gateway.toml` gets a right one.
//!
//! `NAME.en.txt` and `NAME.zh.txt` hold the expected output. After a change
//! of texts run `BLESS=1 cargo test -p forehearth-config --test errors` and
//! read the difference before committing it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use forehearth_config::{Findings, Lang, codes, load, render, to_json, try_map};

const GATEWAY: &str = r#"schema = 1

[gateway]
id   = "gw-1"
path = "acme/site/area"

[[broker]]
name   = "plant"
url    = "mqtt://127.0.0.1:1883"
format = "native"
"#;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut maps: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "map"))
        .collect();
    maps.sort();
    maps
}

/// Writes the files of a map into a directory.
fn unpack(map: &str, dir: &Path) {
    let mut parts = map.split("\n=== ");
    let _comment = parts.next();
    let mut has_gateway = false;
    for part in parts {
        let (head, text) = part.split_once('\n').unwrap_or((part, ""));
        let mut words = head.split_whitespace();
        let name = words.next().unwrap();
        has_gateway |= name == "gateway.toml";
        write_file(&dir.join(name), text, &words.collect::<Vec<_>>());
    }
    if !has_gateway {
        fs::write(dir.join("gateway.toml"), GATEWAY).unwrap();
    }
}

fn write_file(path: &Path, text: &str, options: &[&str]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if options.contains(&"absent") {
        return;
    }
    if options.contains(&"folder") {
        fs::create_dir_all(path).unwrap();
        return;
    }
    let mut bytes = text.as_bytes().to_vec();
    let mut mode = None;
    for option in options {
        match option.split_once('=') {
            Some(("encoding", "gbk")) => bytes = encoding_rs::GBK.encode(text).0.into_owned(),
            Some(("encoding", "nonsense")) => bytes = vec![b'a', b'\n', 0xff, 0xff, 0x00],
            Some(("size", size)) => bytes = vec![b'\n'; size.parse().unwrap()],
            Some(("mode", octal)) => mode = Some(u32::from_str_radix(octal, 8).unwrap()),
            _ if *option == "bom" => bytes.splice(0..0, [0xef, 0xbb, 0xbf]).for_each(drop),
            _ => panic!("unknown option {option}"),
        }
    }
    fs::write(path, bytes).unwrap();
    if let Some(mode) = mode {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn findings_of(map: &Path) -> (Findings, bool) {
    let dir = tempfile::tempdir().unwrap();
    unpack(&fs::read_to_string(map).unwrap(), dir.path());
    let loaded = load(dir.path());
    // A map without findings may still be wrong by its own tests.
    let trial = try_map(&loaded);
    if loaded.report.is_empty() && !trial.report.is_empty() {
        return (trial.report, false);
    }
    (loaded.report, loaded.plan.is_some())
}

#[test]
fn every_wrong_map_is_answered_word_for_word() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for map in corpus() {
        let (findings, _) = findings_of(&map);
        for (lang, ending) in [(Lang::En, "en.txt"), (Lang::Zh, "zh.txt")] {
            let said = render(&findings, lang, false);
            let path = map.with_extension(ending);
            if bless {
                fs::write(&path, &said).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != said {
                wrong.push(format!("{}:\n{said}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "differs from what is expected:\n{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_large_and_every_map_in_it_is_wrong() {
    let maps = corpus();
    assert!(maps.len() >= 60, "{}", maps.len());
    for map in maps {
        let (findings, has_plan) = findings_of(&map);
        assert!(!findings.is_empty(), "{}", map.display());
        assert_eq!(has_plan, findings.errors() == 0, "{}", map.display());
    }
}

#[test]
fn every_code_has_a_map_that_produces_it() {
    let mut produced = BTreeSet::new();
    for map in corpus() {
        let (findings, _) = findings_of(&map);
        produced.extend(findings.codes());
    }
    let missing: Vec<String> = codes().filter(|code| !produced.contains(code)).collect();
    assert!(missing.is_empty(), "no map for {missing:?}");
}

#[test]
fn json_holds_the_same_findings_and_no_blank_is_left_open() {
    // Blanks that a text shows on purpose, because maps write them.
    let shown = ["{device}", "{tag}", "{path}", "{gateway}", "{n}", "{row}", "{site}", "{}"];
    for map in corpus() {
        let (findings, _) = findings_of(&map);
        let json: serde_json::Value = serde_json::from_str(&to_json(&findings)).unwrap();
        let list = json["findings"].as_array().unwrap();
        assert_eq!(list.len(), findings.codes().count(), "{}", map.display());
        for finding in list {
            assert!(finding["line"].as_u64().unwrap() >= 1, "{}", map.display());
            assert!(finding["span"][0].as_u64() <= finding["span"][1].as_u64());
            let helps = finding["help"].as_array().unwrap().iter();
            for pair in [&finding["message"], &finding["label"]].into_iter().chain(helps) {
                for lang in ["en", "zh"] {
                    let text = pair[lang].as_str().unwrap();
                    for blank in text.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
                        let plain = blank.0.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                        let blank = format!("{{{}}}", blank.0);
                        assert!(
                            !plain || shown.contains(&blank.as_str()),
                            "{}: {text}",
                            map.display()
                        );
                    }
                }
            }
        }
    }
}
