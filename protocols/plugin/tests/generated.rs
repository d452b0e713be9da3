//! The checked-in Rust of the schema is what the .proto file says.
//!
//! After changing it run
//! `FOREHEARTH_REGENERATE=1 cargo test -p forehearth-plugin-protocol --test generated`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::{env, fs};

use prost_build::Module;

#[test]
fn the_checked_in_code_is_what_the_schema_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemas =
        protox::compile(["forehearth/plugin/v1/plugin.proto"], [root.join("proto")]).unwrap();
    let requests = schemas
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let modules = prost_build::Config::new().generate(requests).unwrap();
    assert_eq!(modules.len(), 1);
    for (module, text) in modules {
        let path = root.join("src/generated").join(module.to_file_name_or("unnamed"));
        let text = format!("// Generated from proto/ by tests/generated.rs. Don't edit.\n{text}");
        if env::var_os("FOREHEARTH_REGENERATE").is_some() {
            fs::write(&path, text).unwrap();
        } else {
            let checked_in = fs::read_to_string(&path).unwrap();
            assert!(checked_in == text, "{} is stale: see the head of this test", path.display());
        }
    }
}
