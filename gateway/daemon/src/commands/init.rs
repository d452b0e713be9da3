//! `forehearth init`: four questions, and a first configuration that has no mistakes.

mod answers;
mod files;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use crate::cli::{InitArgs, Lang};

use self::answers::{Answers, Asked};
use super::{FINDINGS, USAGE, say, say_error};

/// Writes the files, or says what is missing or wrong; then nothing was written.
pub fn run(args: &InitArgs) -> ExitCode {
    let answers = match ask(args) {
        Ok(answers) => answers,
        Err(missing) => {
            say_error(&missing);
            return ExitCode::from(USAGE);
        }
    };
    match files::write(&args.dir, &answers, Lang::or_environment(None).into()) {
        Ok(written) => {
            for path in written {
                say(&format!("wrote {}", path.display()));
            }
            let dir = args.dir.display();
            say(&format!(
                "next: give {dir}/devices/first.toml the registers of the device's manual, then\n  \
                 forehearth check {dir}\n  systemctl restart forehearth"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::from(FINDINGS)
        }
    }
}

/// The answers, from flags and, at a terminal, from whoever sits there.
fn ask(args: &InitArgs) -> Result<Answers, String> {
    let asked = Asked::from_flags(args);
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return asked.at_terminal(io::stdin().lock(), io::stderr().lock());
    }
    asked.complete()
}
