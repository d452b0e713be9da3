//! `forehearth schema`: what an editor needs to complete and check a map while it is typed.

use std::process::ExitCode;

use forehearth_config::MapFile;

use crate::cli::{SchemaArgs, SchemaOf};

use super::say;

/// Prints the schema of one kind of file.
pub fn run(args: &SchemaArgs) -> ExitCode {
    let file = match args.file {
        SchemaOf::Gateway => MapFile::Gateway,
        SchemaOf::Profile => MapFile::Profile,
        SchemaOf::Devices => MapFile::Devices,
    };
    say(forehearth_config::schema(file).trim_end());
    ExitCode::SUCCESS
}
