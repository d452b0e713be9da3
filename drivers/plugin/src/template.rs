//! A template: a driver that runs, to begin with.

use std::io;
use std::path::{Path, PathBuf};

/// What it is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Rust, with the crate `forehearth-plugin-sdk`.
    Rust,
    /// Python 3, with `forehearth_plugin.py` beside it and nothing else.
    Python,
    /// C99, with libc and nothing else.
    C,
}

/// The files of a language: name, text, and whether it is run.
fn files(language: Language) -> &'static [(&'static str, &'static str, bool)] {
    match language {
        Language::Python => &[
            ("driver", include_str!("../templates/python/driver"), true),
            ("forehearth_plugin.py", include_str!("../python/forehearth_plugin.py"), false),
        ],
        Language::C => &[
            ("driver.c", include_str!("../templates/c/driver.c"), false),
            ("Makefile", include_str!("../templates/c/Makefile"), false),
        ],
        Language::Rust => &[
            ("src/main.rs", include_str!("../../plugin-sdk/examples/template.rs"), false),
            ("Cargo.toml", include_str!("../templates/rust/Cargo.toml.in"), false),
        ],
    }
}

const MANIFEST: &str = include_str!("../templates/plugin.toml");

/// Writes a driver called `name` into a new folder of that name in `parent`.
///
/// # Errors
/// When the folder is there already, or can't be written.
pub fn write(language: Language, name: &str, parent: &Path) -> io::Result<PathBuf> {
    let folder = parent.join(name);
    std::fs::create_dir(&folder)?;
    let command = match language {
        Language::Rust => format!("target/release/{name}"),
        Language::Python | Language::C => "driver".to_owned(),
    };
    let filled = |text: &str| text.replace("{name}", name).replace("{command}", &command);
    std::fs::write(folder.join("plugin.toml"), filled(MANIFEST))?;
    for (file, text, runs) in files(language) {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, filled(text))?;
        if *runs {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(folder)
}
