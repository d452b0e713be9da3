//! What SQLite or the system said, as a code an operator can act on.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::storage::{StorageCode, StorageError};

/// A failure of SQLite on a file.
pub(super) fn of(path: &Path, error: &rusqlite::Error) -> StorageError {
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StorageCode::Full,
            ErrorCode::ReadOnly => StorageCode::ReadOnly,
            ErrorCode::SystemIoFailure => StorageCode::Io,
            ErrorCode::PermissionDenied => StorageCode::Denied,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StorageCode::Damaged,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StorageCode::Locked,
            // SQLite does not say why; the system does when it is asked again.
            ErrorCode::CannotOpen => match std::fs::File::open(path) {
                Err(error) => io_code(&error),
                Ok(_) => StorageCode::Other,
            },
            _ => StorageCode::Other,
        },
        // A column is missing or of another type: not a file of ours, or not whole.
        _ => StorageCode::Damaged,
    };
    StorageError::new(code, format!("{}: {error}", path.display()))
}

/// A failure of the system on a path.
pub(super) fn of_io(path: &Path, error: &io::Error) -> StorageError {
    StorageError::new(io_code(error), format!("{}: {error}", path.display()))
}

fn io_code(error: &io::Error) -> StorageCode {
    use rustix::io::Errno;
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageCode::Full,
        io::ErrorKind::ReadOnlyFilesystem => StorageCode::ReadOnly,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StorageCode::Missing,
        io::ErrorKind::AlreadyExists => StorageCode::Missing,
        io::ErrorKind::PermissionDenied => StorageCode::Denied,
        _ => match Errno::from_io_error(error) {
            Some(Errno::IO) => StorageCode::Io,
            Some(Errno::MFILE | Errno::NFILE) => StorageCode::TooManyFiles,
            _ => StorageCode::Other,
        },
    }
}
