//! What a change of the map touches, and that it touches nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use forehearth_config::{Lang, Plan, PlanDiff, Renamed, diff, load, render};

const FILES: [&str; 3] = ["gateway.toml", "profiles/potcell.toml", "devices/cells.toml"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/potline")
}

fn plan(dir: &Path) -> Plan {
    let loaded = load(dir);
    loaded.plan.unwrap_or_else(|| panic!("{}", render(&loaded.report, Lang::En, false)))
}

/// The potline, and the potline with some text replaced.
fn changed(changes: &[(&str, &str)]) -> PlanDiff {
    let dir = tempfile::tempdir().unwrap();
    let mut texts = FILES.map(|name| std::fs::read_to_string(folder().join(name)).unwrap());
    for (from, to) in changes {
        let text = texts.iter_mut().find(|text| text.contains(from)).unwrap();
        *text = text.replace(from, to);
    }
    for (name, text) in FILES.iter().zip(texts) {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    diff(&plan(&folder()), &plan(dir.path()))
}

#[test]
fn a_map_does_not_differ_from_itself_written_otherwise() {
    let same = changed(&[("1..=300", " 1 ..= 300 "), ("rate = \"slow\"", "rate = \"10s\"")]);
    assert!(same.is_empty(), "{}", same.to_text(Lang::En));
    assert_eq!(same.to_text(Lang::En), "nothing changes\n");
}

#[test]
fn one_device_less_restarts_no_other_although_every_id_shifts() {
    let less = changed(&[("[117, 204]", "[2, 117, 204]")]);
    assert_eq!(less.devices_removed, ["cell-002"]);
    let expected = PlanDiff {
        devices_removed: less.devices_removed.clone(),
        loads: less.loads.clone(),
        ..PlanDiff::default()
    };
    assert_eq!(less, expected);
    let [load] = less.loads.as_slice() else { panic!() };
    assert_eq!(load.link, "pc-01");
    assert!(load.to < load.from, "{load:?}");
}

#[test]
fn a_tag_of_another_name_at_the_same_place_was_renamed() {
    let renamed = changed(&[("door_open", "cabinet_open")]);
    assert_eq!(renamed.tags_renamed.len(), 298);
    let (from, to) = ("cell-001/door_open".to_owned(), "cell-001/cabinet_open".to_owned());
    assert_eq!(renamed.tags_renamed[0], Renamed { from, to });
    assert!(renamed.tags_added.is_empty() && renamed.tags_removed.is_empty());
    assert_eq!(renamed.devices_restarted.len(), 298);
    assert!(renamed.links_restarted.is_empty() && renamed.brokers_restarted.is_empty());
}

#[test]
fn an_override_touches_its_device_alone() {
    let changed = changed(&[("deadband = 0.005", "deadband = 0.01")]);
    assert_eq!(changed.devices_restarted, ["cell-042"]);
    assert_eq!(changed.tags_changed, ["cell-042/cell_voltage"]);
    assert!(changed.loads.is_empty());
}

#[test]
fn another_timeout_restarts_the_link_and_its_devices() {
    let changed = changed(&[("timeout   = \"1s\"", "timeout   = \"2s\"")]);
    assert_eq!((changed.links_restarted.len(), changed.devices_restarted.len()), (10, 298));
    assert!(changed.tags_changed.is_empty());
}

#[test]
fn another_path_moves_the_topics_that_hold_it() {
    let moved = changed(&[("room-a", "room-b")]);
    assert!(moved.gateway);
    let [topic] = moved.topics.as_slice() else { panic!("{moved:?}") };
    assert_eq!(topic.broker, "cloud");
    assert_eq!(topic.to, "fh/v1/acme/guangxi/potline-2/room-b/pot2-east");
    assert_eq!(moved.brokers_restarted, ["cloud"]);
    let json: serde_json::Value = serde_json::from_str(&moved.to_json()).unwrap();
    assert_eq!(json["topics"][0]["broker"], "cloud");
    assert!(moved.to_text(Lang::Zh).contains("主题"));
}
