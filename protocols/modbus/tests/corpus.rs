//! The corpora of the fuzz targets, run as a plain test: what once was found stays mended.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../fuzz/checks.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets see them too")]
mod checks;

/// Runs every file of a target's corpus.
fn run(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 20, "only {inputs} inputs in {folder}");
}

#[test]
fn whatever_came_as_a_tcp_frame() {
    run("mbap", checks::mbap);
}

#[test]
fn whatever_came_on_an_rtu_line() {
    run("rtu", checks::rtu);
}

#[test]
fn whatever_came_on_an_ascii_line() {
    run("ascii", checks::ascii);
}

#[test]
fn whatever_came_as_an_answer() {
    run("decode", checks::decode);
}
