//! The kit passes what is right, in three languages, and finds what is not.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test; it shows its reports")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use forehearth_driver_plugin::Program;
use forehearth_driver_plugin::kit::{Effort, Outcome, Report, try_plugin};
use forehearth_driver_plugin::template::{Language, write};

fn program(command: PathBuf, directory: &Path) -> Program {
    let directory = directory.join("work");
    Program { command, arguments: Vec::new(), directory, user: None, memory: None }
}

async fn tried(program: &Program) -> Report {
    let effort = Effort { stopped: Duration::from_secs(1), ..Effort::default() };
    let report = try_plugin(program, &effort).await;
    println!("{report}");
    report
}

#[tokio::test]
async fn the_python_template_passes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write(Language::Python, "meter", dir.path()).unwrap();
    let report = tried(&program(folder.join("driver"), dir.path())).await;
    assert!(report.is_kept(), "{report}");
    assert_eq!(report.plugin, "meter");
}

#[tokio::test]
async fn the_c_template_passes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write(Language::C, "meter", dir.path()).unwrap();
    assert!(Command::new("make").arg("-sC").arg(&folder).status().unwrap().success());
    let report = tried(&program(folder.join("driver"), dir.path())).await;
    assert!(report.is_kept(), "{report}");
}

#[tokio::test]
async fn the_rust_template_passes() {
    // The template is an example of the SDK, so that it is always compiled.
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "-q", "--offline", "--manifest-path", sdk, "--example", "template"])
        .status();
    assert!(built.unwrap().success());
    let here = std::env::current_exe().unwrap();
    let built = here.parent().unwrap().parent().unwrap().join("examples/template");
    let dir = tempfile::tempdir().unwrap();
    let report = tried(&program(built, dir.path())).await;
    assert!(report.is_kept(), "{report}");
}

#[tokio::test]
async fn a_driver_that_breaks_promises_is_told_which() {
    let dir = tempfile::tempdir().unwrap();
    let villain = env!("CARGO_BIN_EXE_forehearth-plugin-villain").into();
    let report = tried(&program(villain, dir.path())).await;
    assert!(!report.is_kept());
    let broken: Vec<_> = report
        .trials
        .iter()
        .filter(|trial| matches!(trial.outcome, Outcome::Broken(_)))
        .map(|trial| trial.name)
        .collect();
    // It describes nothing, takes any setting, and heeds neither type nor credit. Its only
    // wrong addresses are those with `!`, of which the kit's is one.
    assert_eq!(broken, ["describes", "bad-key", "types", "many", "slow-reader"]);
}

#[tokio::test]
async fn what_is_no_plugin_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let report = tried(&program("/bin/cat".into(), dir.path())).await;
    assert_eq!(report.trials.len(), 1);
    assert!(!report.is_kept());
}
