//! `forehearth man`: manual pages, made from the command line's own description.

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use clap::CommandFactory as _;

use crate::cli::{Cli, ManArgs};

use super::{FINDINGS, say_error};

/// Prints forehearth(1), or writes it and a page per verb.
pub fn run(args: &ManArgs) -> ExitCode {
    let outcome = match &args.out {
        None => clap_mangen::Man::new(Cli::command()).render(&mut io::stdout().lock()),
        Some(dir) => write(dir),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // `forehearth man | head` is the reader's wish.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("cannot write the manual: {error}"));
            ExitCode::from(FINDINGS)
        }
    }
}

fn write(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
}
