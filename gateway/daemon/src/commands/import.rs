//! `forehearth import`: a sheet of another system becomes a profile and devices.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use forehearth_config::{
    Around, MapFile, Row, SheetError, decode_sheet, import_csv, import_kepware, import_neuron,
    import_telegraf, schema, to_map,
};

use crate::cli::{ImportArgs, SheetKind};

use super::{FINDINGS, say, say_error};

/// Writes or prints the files, or says everything that is wrong with the sheet.
pub fn run(args: &ImportArgs) -> ExitCode {
    let text = match fs::read(&args.file) {
        Ok(bytes) => decode_sheet(bytes),
        Err(error) => {
            say_error(&format!("{}: {error}", args.file.display()));
            return ExitCode::from(FINDINGS);
        }
    };
    let Some(text) = text else {
        say_error(&format!("{} is neither UTF-8 nor GBK", args.file.display()));
        return ExitCode::from(FINDINGS);
    };
    let files = match read(args, &text) {
        Ok(rows) => to_map(&rows),
        Err(errors) => {
            errors.iter().for_each(|error| say_error(&error.to_string()));
            return ExitCode::from(FINDINGS);
        }
    };
    match &args.out {
        None => {
            for (path, text) in &files {
                say(&format!("# {path}\n{text}"));
            }
            ExitCode::SUCCESS
        }
        Some(dir) => match write(dir, &files) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say_error(&error.to_string());
                ExitCode::from(FINDINGS)
            }
        },
    }
}

fn read(args: &ImportArgs, text: &str) -> Result<Vec<Row>, Vec<SheetError>> {
    let file = args.file.display().to_string();
    let around = Around { device: args.device.clone(), url: args.url.clone(), unit_id: args.unit };
    match args.kind {
        SheetKind::Csv => import_csv(&file, text),
        SheetKind::Kepware => import_kepware(&file, text, &around),
        SheetKind::Neuron => import_neuron(&file, text, &around),
        SheetKind::Telegraf => import_telegraf(&file, text),
    }
}

/// Writes all files or, when one of them is there already, none.
fn write(dir: &Path, files: &[(String, String)]) -> io::Result<()> {
    if let Some((path, _)) = files.iter().find(|(path, _)| dir.join(path).exists()) {
        let path = dir.join(path);
        let reason = format!("{} is there already; nothing was written", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
    }
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, text)?;
        say(&path.display().to_string());
    }
    // Named by the first line of each file; another version may have left its own.
    fs::create_dir_all(dir.join("schema"))?;
    for (name, file) in [("devices", MapFile::Devices), ("profile", MapFile::Profile)] {
        fs::write(dir.join(format!("schema/{name}.json")), schema(file))?;
    }
    Ok(())
}
