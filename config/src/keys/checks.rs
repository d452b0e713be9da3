//! What the descriptions of keys say, held against what the reader does.

use std::fs;

use super::{Kind, Need, field, gateway, link, tag};
use crate::{Plan, load};

const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n";
const BROKER: &str = "[[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"json\"\n";
const NATIVE: &str = "[[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"native\"\n";
const LINK: &str = "schema = 1\n[[link]]\nname = \"l\"\nurl = \"tcp://h\"\n";
const DEVICE: &str =
    "schema = 1\n[[device]]\nname = \"d\"\ndriver = \"modbus\"\nurl = \"tcp://h\"\n";
const ON_LINK: &str = "[[device]]\nname = \"e\"\ndriver = \"modbus\"\nlink = \"l\"\n\
                       tags = { t = { at = \"hr:0\", type = \"INT\" } }\n";
const TAG: &str = "[device.tags.t]\nat = \"hr:0\"\ntype = \"INT\"\n";

/// Where a list of keys can be tried: the files around a line with one of them.
struct Place {
    keys: &'static [super::Key],
    files: fn(&str) -> [String; 2],
}

const PLACES: [Place; 9] = [
    Place {
        keys: gateway::GATEWAY_KEYS,
        files: |line| [format!("{GATEWAY}{line}{BROKER}"), format!("{DEVICE}{TAG}")],
    },
    Place {
        keys: gateway::BUFFER_KEYS,
        files: |line| [format!("{GATEWAY}[buffer]\n{line}{BROKER}"), format!("{DEVICE}{TAG}")],
    },
    Place {
        keys: gateway::BROKER_KEYS,
        files: |line| [format!("{GATEWAY}{BROKER}{line}"), format!("{DEVICE}{TAG}")],
    },
    Place {
        keys: gateway::BROKER_KEYS,
        files: |line| [format!("{GATEWAY}{NATIVE}{line}"), format!("{DEVICE}{TAG}")],
    },
    Place {
        keys: link::LINK_KEYS,
        files: |line| [format!("{GATEWAY}{BROKER}"), format!("{LINK}{line}{ON_LINK}")],
    },
    Place {
        keys: link::QUIRKS,
        files: |line| [format!("{GATEWAY}{BROKER}"), format!("{LINK}{line}{ON_LINK}")],
    },
    Place {
        keys: field::SHARED_KEYS,
        files: |line| [format!("{GATEWAY}{BROKER}"), format!("{DEVICE}{line}{TAG}")],
    },
    Place {
        keys: field::DEVICE_KEYS,
        files: |line| [format!("{GATEWAY}{BROKER}"), format!("{DEVICE}{line}{TAG}")],
    },
    Place {
        keys: tag::TAG_KEYS,
        files: |line| [format!("{GATEWAY}{BROKER}"), format!("{DEVICE}{TAG}{line}")],
    },
];

/// The files with `line` in place of what they say about the same key.
fn loaded(place: &Place, line: &str, key: &str) -> (Option<Plan>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    let [gateway, devices] = (place.files)(&format!("{line}\n"));
    let without = |text: &str| {
        let same = |known: &&str| {
            *known == line || known.split_once(" = ").is_none_or(|(known, _)| known != key)
        };
        text.lines().filter(same).map(|line| format!("{line}\n")).collect::<String>()
    };
    let (gateway, devices) =
        if line.is_empty() { (gateway, devices) } else { (without(&gateway), without(&devices)) };
    fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    fs::write(dir.path().join("devices/d.toml"), devices).unwrap();
    let loaded = load(dir.path());
    let codes = loaded.report.codes().collect();
    (loaded.plan, codes)
}

#[test]
fn what_is_said_to_hold_without_a_key_is_what_holds() {
    let mut tried = 0;
    let other_format = crate::texts::KEY_OF_OTHER_FORMAT.name();
    for place in &PLACES {
        let (without, codes) = loaded(place, "", "");
        assert!(without.is_some(), "{codes:?}");
        for key in place.keys {
            let Need::Default(default) = key.need else { continue };
            let line = format!("{} = {default}", key.name);
            let (plan, codes) = loaded(place, &line, key.name);
            // Some keys are those of one format; the other place has it.
            if codes.contains(&other_format) {
                continue;
            }
            assert_eq!(plan, without, "{line}: {codes:?}");
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
}

/// FH1107 of words: a word that the reader does not know.
const UNKNOWN_WORD: u16 = crate::texts::UNKNOWN_WORD.code;

#[test]
fn every_word_that_is_described_is_known() {
    let unknown = format!("FH{UNKNOWN_WORD:04}");
    for place in &PLACES {
        for key in place.keys {
            let Kind::Word(words) = key.kind else { continue };
            // The order of bytes has a finding of its own; refused keys are not read.
            if key.need == Need::Refused || key.name == "order" {
                continue;
            }
            for word in words {
                let line = format!("{} = \"{word}\"", key.name);
                let (_, codes) = loaded(place, &line, key.name);
                assert!(!codes.contains(&unknown), "{line}: {codes:?}");
            }
            let (_, codes) = loaded(place, &format!("{} = \"nonsense\"", key.name), key.name);
            assert!(codes.contains(&unknown), "{}: {codes:?}", key.name);
        }
    }
}

#[test]
fn every_order_that_is_described_is_known() {
    for key in field::SHARED_KEYS.iter().chain(tag::TAG_KEYS).filter(|key| key.name == "order") {
        let Kind::Word(words) = key.kind else { panic!() };
        for word in words {
            assert!(word.parse::<forehearth_modbus::RegisterOrder>().is_ok(), "{word}");
        }
    }
}

#[test]
fn what_is_said_to_be_refused_is_refused() {
    for place in &PLACES {
        for key in place.keys.iter().filter(|key| key.need == Need::Refused) {
            let (plan, codes) = loaded(place, key.example, key.name);
            assert!(plan.is_none(), "{}: {codes:?}", key.example);
        }
    }
}
