//! Passwords, read when they are needed and never kept in the plan or a log.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use forehearth_config::PasswordSource;

/// Why a password could not be read. Says which file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// systemd gave the service no credentials.
    #[error(
        "credential `{0}` is not there: systemd set no CREDENTIALS_DIRECTORY; add LoadCredential={0}:PATH to the unit"
    )]
    NoCredentials(String),
    /// The file can't be read.
    #[error("cannot read the password file {path}: {reason}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Others may read it.
    #[error("the password file {path} has mode {mode:04o}; others can read it: chmod 0600 {path}")]
    TooOpen {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The password behind `source`, without the newline an editor leaves.
///
/// # Errors
/// When it can't be read, or when others could read it too.
pub fn read(source: &PasswordSource) -> Result<String, SecretError> {
    match source {
        PasswordSource::Credential(name) => {
            let dir = std::env::var_os("CREDENTIALS_DIRECTORY")
                .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
            read_file(&Path::new(&dir).join(name))
        }
        PasswordSource::File(path) => {
            let metadata = std::fs::metadata(path)
                .map_err(|reason| SecretError::Unreadable { path: path.clone(), reason })?;
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(SecretError::TooOpen { path: path.clone(), mode });
            }
            read_file(path)
        }
    }
}

fn read_file(path: &Path) -> Result<String, SecretError> {
    let text = std::fs::read_to_string(path)
        .map_err(|reason| SecretError::Unreadable { path: path.to_owned(), reason })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{SecretError, read};
    use forehearth_config::PasswordSource;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "sodium\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read(&PasswordSource::File(path.clone()));
        assert!(matches!(refused, Err(SecretError::TooOpen { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&PasswordSource::File(path)).unwrap(), "sodium");
    }
}
