//! What the README and the other documents show is run: maps are checked, commands are tried, links lead somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use forehearth_tests::gateway::Gateway;
use forehearth_tests::peer::{binary, bound, root};

/// All Markdown files of the project.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// The fenced blocks of a document with their language.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => open = Some((language.trim().to_owned(), String::new())),
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn the_configuration_of_the_readme_has_no_mistakes() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut files = 0;
    for (language, block) in blocks(&readme) {
        if language != "toml" {
            continue;
        }
        let name = block.lines().next().unwrap().strip_prefix("# ").expect("a file name first");
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &block).unwrap();
        files += 1;
    }
    assert_eq!(files, 2, "gateway.toml and one device");
    let checked = Gateway::verb(&["check", dir.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{text}");
    assert!(!text.contains("[FH"), "a first configuration earns no finding:\n{text}");
    assert!(text.contains("1 devices, 4 tags"), "{text}");
}

#[test]
fn the_devices_of_the_page_on_commands_have_no_mistakes() {
    let page = fs::read_to_string(root().join("docs/commands.md")).unwrap();
    let blocks = blocks(&page);
    let devices = blocks.iter().find(|(language, _)| language == "toml").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let gateway = "schema = 1\n[gateway]\nid = \"gw-1\"\npath = \"acme/site/area\"\n\
                   [[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1:1883\"\n\
                   format = \"native\"\ncommands = true\n";
    fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    fs::write(dir.path().join("devices/furnace.toml"), &devices.1).unwrap();
    let checked = Gateway::verb(&["check", dir.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && !text.contains("[FH"), "{text}");
    for (_, block) in blocks.iter().filter(|(language, _)| language == "json") {
        let _: serde_json::Value = serde_json::from_str(block).unwrap();
    }
}

#[test]
fn every_command_that_a_document_shows_exists() {
    let mut tried = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let lines = blocks(&text)
            .into_iter()
            .flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>());
        for line in lines {
            let mut words = line.split_whitespace();
            let program = words.next().unwrap_or_default();
            if program != "forehearth" && program != "forehearth-sim" {
                continue;
            }
            let verbs: Vec<_> = words
                .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()))
                .take(2)
                .collect();
            let help = bound(&binary(program)).args(&verbs).arg("--help").output().unwrap();
            assert!(
                help.status.success(),
                "{}: `{line}`: {}",
                document.display(),
                String::from_utf8_lossy(&help.stderr)
            );
            let known = String::from_utf8_lossy(&help.stdout);
            for flag in line.split_whitespace().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap();
                assert!(known.contains(flag), "{}: `{line}`: no {flag}", document.display());
            }
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} commands found");
}

#[test]
fn every_make_target_that_a_document_shows_exists() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for document in documents() {
        for (_, block) in blocks(&fs::read_to_string(&document).unwrap()) {
            for line in block.lines().filter_map(|line| line.trim().strip_prefix("make ")) {
                let target = line.split_whitespace().next().unwrap();
                assert!(
                    makefile.contains(&format!("\n{target}:")),
                    "{}: make {target}",
                    document.display()
                );
            }
        }
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let file = link.split('#').next().unwrap();
            let target: PathBuf = document.parent().unwrap_or(Path::new("/")).join(file);
            assert!(target.exists(), "{} links to {link}", document.display());
        }
    }
}

#[test]
fn an_explanation_can_be_read_in_both_languages() {
    for (language, word) in [("en", "overlaps"), ("zh", "重叠")] {
        let explained = Gateway::verb(&["explain", "FH1107", "--lang", language]);
        let text = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert!(explained.status.success() && text.contains(word), "{text}");
    }
    let unknown = Gateway::verb(&["explain", "FH0000"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn the_demo_loses_nothing_over_a_cut_and_two_kills() {
    let mut demo = bound(&binary("forehearth"));
    let output = demo.args(["demo", "--headless", "--for", "12s"]).output().unwrap();
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}{errors}");
    assert!(line.contains("lost 0") && line.contains("books balance"), "{line}");
}
