//! The gateway's own certificate: made once, kept in the state directory.
//!
//! Servers are told to trust it by hand, so it must stay the same over
//! restarts and updates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use opcua::crypto::{CertificateStore, PrivateKey, X509, X509Data};
use opcua::types::DateTime;

use crate::trust::Fingerprint;

/// Chosen: as long as an edge box is left alone; the expiry is warned of.
const DAYS: u32 = 5 * 365;

/// Shortest key that all policies offered take (OPC 10000-7, each policy's
/// MinAsymmetricKeyLength), and quickest on ARM.
const KEY_BITS: u32 = 2048;

/// Who the gateway is to servers.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) folder: PathBuf,
    pub(crate) certificate: X509,
    pub(crate) key: PrivateKey,
    pub(crate) application_uri: String,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The folder can't be used.
    #[error("the folder {folder} for certificates can't be used: {reason}")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file in it is damaged, or can't be written.
    #[error("the gateway's certificate or key in {folder} can't be read or made: {reason}")]
    Files {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Identity {
    /// Reads certificate and key of gateway `id` from `folder`, or makes them.
    /// Blocks: making a key takes up to some seconds on a small processor.
    /// Call it once, before any link starts.
    ///
    /// # Errors
    /// When the folder can't be used or holds something else. A key is never
    /// replaced, because servers were told to trust it.
    pub fn load_or_create(folder: &Path, id: &str) -> Result<Self, IdentityError> {
        let refused = |reason| IdentityError::Folder { folder: folder.to_owned(), reason };
        let damaged = |reason: String| IdentityError::Files { folder: folder.to_owned(), reason };
        fs::create_dir_all(folder).map_err(refused)?;
        only_for_us(folder, 0o700).map_err(refused)?;
        let application_uri = format!("urn:forehearth:{id}");
        let (certificate_file, key_file) = (folder.join("own.der"), folder.join("own-key.pem"));
        let new = !certificate_file.exists() && !key_file.exists();
        if new {
            make(&application_uri, id, &certificate_file, &key_file).map_err(damaged)?;
            only_for_us(&key_file, 0o600).map_err(refused)?;
        }
        let certificate = CertificateStore::read_cert(&certificate_file).map_err(damaged)?;
        let key = CertificateStore::read_pkey(&key_file).map_err(damaged)?;
        if certificate.is_application_uri_valid(&application_uri).is_err() {
            return Err(damaged(format!(
                "the certificate is not of {application_uri}; it was made for another gateway id: \
                 move both files away to get new ones, and tell the servers"
            )));
        }
        Ok(Self { folder: folder.to_owned(), certificate, key, application_uri })
    }

    /// What servers must be told to trust.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.certificate.to_der().ok().map(|der| Fingerprint::of(&der))
    }

    /// Where the certificate to hand to servers is.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("own.der")
    }

    /// Days until it expires, negative when it has; worth a warning below 60.
    #[must_use]
    pub fn days_left(&self) -> Option<i64> {
        let left = self.certificate.not_after().ok()? - DateTime::now().as_chrono();
        Some(left.num_days())
    }
}

fn make(uri: &str, id: &str, certificate: &Path, key: &Path) -> Result<(), String> {
    let data = X509Data {
        key_size: KEY_BITS,
        common_name: format!("Forehearth {id}"),
        organization: "Forehearth".to_owned(),
        organizational_unit: "Gateway".to_owned(),
        country: "XX".to_owned(),
        state: "-".to_owned(),
        alt_host_names: X509Data::alt_host_names(uri, None, false, true, false),
        certificate_duration_days: DAYS,
    };
    CertificateStore::create_certificate_and_key(&data, false, certificate, key).map(|_| ())
}

#[cfg(unix)]
fn only_for_us(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn only_for_us(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Identity, IdentityError};

    #[test]
    fn an_identity_is_made_once_and_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let pki = folder.path().join("pki");
        let first = Identity::load_or_create(&pki, "pot2").unwrap();
        let again = Identity::load_or_create(&pki, "pot2").unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert!(first.days_left().unwrap() > 1800);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(pki.join("own-key.pem")).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "nobody else reads the key");
        }
    }

    #[test]
    fn a_key_is_never_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        let made = Identity::load_or_create(folder.path(), "pot2").unwrap();
        let other = Identity::load_or_create(folder.path(), "pot3").unwrap_err();
        assert!(matches!(other, IdentityError::Files { .. }), "{other}");
        std::fs::write(folder.path().join("own-key.pem"), "damaged").unwrap();
        let damaged = Identity::load_or_create(folder.path(), "pot2").unwrap_err();
        assert!(matches!(damaged, IdentityError::Files { .. }), "{damaged}");
        assert!(made.certificate_file().exists());
    }
}
