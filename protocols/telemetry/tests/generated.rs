//! The checked-in Rust of the schemas is what the .proto files say.
//!
//! After changing a .proto run
//! `FOREHEARTH_REGENERATE=1 cargo test -p forehearth-telemetry --test generated`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_build::Module;

/// Each generated file with the text the schemas give it.
fn generate(root: &Path) -> Vec<(PathBuf, String)> {
    let files = ["forehearth/v1/batch.proto", "sparkplug_b.proto"];
    let schemas = protox::compile(files, [root.join("proto")]).unwrap();
    let requests = schemas
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let mut config = prost_build::Config::new();
    let modules = config.generate(requests).unwrap();
    modules
        .into_iter()
        .map(|(module, text)| {
            let name = module.to_file_name_or("unnamed");
            let head = "// Generated from proto/ by tests/generated.rs. Don't edit.\n";
            (root.join("src/generated").join(name), format!("{head}{text}"))
        })
        .collect()
}

#[test]
fn the_checked_in_code_is_what_the_schemas_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = generate(root);
    assert_eq!(generated.len(), 2);
    for (path, text) in generated {
        if env::var_os("FOREHEARTH_REGENERATE").is_some() {
            fs::write(&path, text).unwrap();
        } else {
            let checked_in = fs::read_to_string(&path).unwrap();
            assert!(checked_in == text, "{} is stale: see the head of this test", path.display());
        }
    }
}
