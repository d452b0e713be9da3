//! What is installed on a box: the unit's sandbox, the cross build's files, the packages' scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use forehearth_tests::peer::{binary, root};

/// The unit with the path of a program that exists, in a folder of its own.
fn unit() -> (tempfile::TempDir, PathBuf) {
    let text = fs::read_to_string(root().join("cross/packages/forehearth.service")).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/forehearth run "));
    let program = binary("forehearth");
    let text = text.replace("/usr/bin/forehearth", program.to_str().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("forehearth.service");
    fs::write(&path, text).unwrap();
    (dir, path)
}

/// Everything `systemd-analyze` says.
fn analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .output()
        .expect("systemd-analyze is missing: run tests/setup/install.sh test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_unit_has_no_mistakes() {
    let (_dir, path) = unit();
    let (passed, said) = analyze(&["verify", "--man=no", path.to_str().unwrap()]);
    // Units of the machine's own may have mistakes.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("forehearth")).collect();
    assert!(passed && ours.is_empty(), "{said}");
}

#[test]
fn the_sandbox_scores_at_most_1_3_with_a_serial_port_allowed() {
    let (_dir, path) = unit();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("DeviceAllow=char-ttyS rw") && text.contains("DevicePolicy=closed"));
    let arguments = ["security", "--offline=true", "--threshold=13", path.to_str().unwrap()];
    let (passed, said) = analyze(&arguments);
    assert!(passed, "{said}");
}

#[test]
fn the_service_never_gives_up_and_waits_for_neither_network_nor_clock() {
    let text = fs::read_to_string(root().join("cross/packages/forehearth.service")).unwrap();
    for line in ["StartLimitIntervalSec=0", "Restart=always", "Type=notify", "WatchdogSec=30s"] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    let settings = text.lines().filter(|line| !line.starts_with('#'));
    for waited_for in ["network-online", "time-sync", "time-set"] {
        assert!(settings.clone().all(|line| !line.contains(waited_for)), "{waited_for}");
    }
}

#[test]
fn scripts_are_well_formed_and_packages_download_nothing() {
    let packages = root().join("cross/packages");
    let scripts = ["postinst", "prerm", "postrm"].map(|name| packages.join("debian").join(name));
    for script in scripts.iter().chain([&packages.join("install.sh")]) {
        let text = fs::read_to_string(script).unwrap();
        for tool in ["curl", "wget", "apt-get", "pip ", "cargo", "http"] {
            assert!(!text.contains(tool), "{}: {tool}", script.display());
        }
        let checked = Command::new("sh").arg("-n").arg(script).status().unwrap();
        assert!(checked.success(), "{}", script.display());
    }
    for entry in fs::read_dir(root().join("cross")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            let checked = Command::new("bash").arg("-n").arg(&path).status().unwrap();
            assert!(checked.success(), "{}", path.display());
        }
    }
}

/// What the tool `cross` knows (its book, "Configuration"), as far as it is of use here.
const CROSS_KEYS: [(&str, &[&str]); 4] = [
    ("build", &["xargo", "build-std", "zig", "default-target", "pre-build", "dockerfile"]),
    ("build.env", &["passthrough", "volumes"]),
    ("target", &["image", "zig", "build-std", "pre-build", "runner", "dockerfile", "xargo"]),
    ("target.env", &["passthrough", "volumes"]),
];

#[test]
fn cross_toml_holds_only_what_the_tool_knows_and_the_same_glibc_as_the_script() {
    let text = fs::read_to_string(root().join("Cross.toml")).unwrap();
    let mut section = String::new();
    let mut targets = 0;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let mut words: Vec<_> = name.split('.').collect();
            if words[0] == "target" {
                words.remove(1);
                targets += usize::from(words.len() == 1);
            }
            section = words.join(".");
            continue;
        }
        let (key, value) = line.split_once('=').expect("a key and a value");
        let known = CROSS_KEYS.iter().find(|(name, _)| *name == section);
        let (_, known) = known.unwrap_or_else(|| panic!("cross knows no [{section}]"));
        assert!(known.contains(&key.trim()), "cross knows no `{}` in [{section}]", key.trim());
        if key.trim() == "zig" {
            let script = fs::read_to_string(root().join("cross/env.sh")).unwrap();
            assert!(script.contains(&format!("glibc={}", value.trim().trim_matches('"'))));
        }
    }
    assert_eq!(targets, 2, "aarch64 and armv7");
}

#[test]
fn init_without_a_terminal_takes_flags_or_names_them_and_its_map_passes_check() {
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("etc");
    let program = binary("forehearth");
    let init = |flags: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("init").arg(&map).args(flags).stdin(std::process::Stdio::null());
        command.output().unwrap()
    };
    let refused = init(&["--id", "east"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--broker"));
    assert!(!map.exists());
    let flags = ["--id", "east", "--path", "acme/line-1", "--broker", "mqtt://127.0.0.1:1883"];
    let made = init(&[&flags[..], &["--device", "tcp://127.0.0.1:502"]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let checked = Command::new(&program).arg("check").arg(&map).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && !said.contains("[FH"), "{said}");

    let state = dir.path().join("state");
    let audit = Command::new(&program)
        .args(["audit", "--json", "--config"])
        .arg(&map)
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    let page: serde_json::Value = serde_json::from_slice(&audit.stdout).unwrap();
    assert_eq!(page["reach"]["devices"][0]["requests"], serde_json::json!(["3"]));
    assert_eq!(page["reach"]["devices"][0]["access"], "read-only");
    assert_eq!(page["reach"]["listens"][0], "tcp 127.0.0.1:8390");
}

#[test]
fn manual_pages_and_completions_know_every_verb() {
    let program = binary("forehearth");
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(&program).args(["man", "--out"]).arg(dir.path()).status().unwrap();
    assert!(made.success());
    let bash = Command::new(&program).args(["completions", "bash"]).output().unwrap().stdout;
    let bash = String::from_utf8(bash).unwrap();
    for verb in ["run", "check", "init", "audit"] {
        assert!(dir.path().join(format!("forehearth-{verb}.1")).exists(), "{verb}");
        assert!(bash.contains(&format!("forehearth,{verb}")), "{verb}");
    }
}
