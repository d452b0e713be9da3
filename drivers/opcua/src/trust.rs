//! Which server certificates are believed: pinned ones, and those in a folder.
//!
//! A certificate is believed because a person put its fingerprint into the
//! map or its file into the folder, never because it came first, and not
//! because some authority signed it: chains are not followed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use opcua::crypto::X509;
use opcua::types::{ByteString, DateTime};
use sha2::{Digest, Sha256};

/// SHA-256 over the certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Not a fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no fingerprint: write sha256: and 64 hexadecimal digits, colons allowed")]
pub struct FingerprintError(pub String);

impl Fingerprint {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || FingerprintError(text.to_owned());
        let digits = text.strip_prefix("sha256:").ok_or_else(refused)?;
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 64 {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            if pair.starts_with('+') {
                return Err(refused());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whom we believe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    /// Fingerprints in the map.
    pub pinned: Vec<Fingerprint>,
    /// A folder with certificates, `.der` or `.pem`.
    pub folder: Option<PathBuf>,
}

/// Why a server is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Distrust {
    #[error("the server sent no certificate, or one that can't be read")]
    Unreadable,
    #[error(
        "the server's certificate {fingerprint} (\"{subject}\") is not trusted: if it is the \
         right one, write trust = \"{fingerprint}\" or put its file into the trust folder"
    )]
    Unknown { fingerprint: Fingerprint, subject: String },
    #[error(
        "the server's certificate {fingerprint} is valid from {from} to {to} only: renew it at the server, or set the gateway's clock"
    )]
    Time { fingerprint: Fingerprint, from: String, to: String },
    #[error(
        "the server's certificate {fingerprint} does not belong to the application {uri} it claims to be"
    )]
    Application { fingerprint: Fingerprint, uri: String },
}

impl Trust {
    /// Whether a server certificate is believed now. Reads the folder.
    pub(crate) fn check(
        &self,
        certificate: &ByteString,
        application_uri: &str,
        now: &DateTime,
    ) -> Result<X509, Distrust> {
        let x509 = X509::from_byte_string(certificate).map_err(|_| Distrust::Unreadable)?;
        let der = x509.to_der().map_err(|_| Distrust::Unreadable)?;
        let fingerprint = Fingerprint::of(&der);
        if !self.pinned.contains(&fingerprint) && !self.is_in_folder(&der) {
            return Err(Distrust::Unknown { fingerprint, subject: x509.subject_name() });
        }
        if x509.is_time_valid(&now.as_chrono()).is_err() {
            let day = |time: Option<String>| time.unwrap_or_else(|| "?".to_owned());
            return Err(Distrust::Time {
                fingerprint,
                from: day(x509.not_before().ok().map(|time| time.to_string())),
                to: day(x509.not_after().ok().map(|time| time.to_string())),
            });
        }
        if x509.is_application_uri_valid(application_uri).is_err() {
            let uri = application_uri.to_owned();
            return Err(Distrust::Application { fingerprint, uri });
        }
        Ok(x509)
    }

    fn is_in_folder(&self, der: &[u8]) -> bool {
        let Some(folder) = &self.folder else { return false };
        let Ok(files) = fs::read_dir(folder) else { return false };
        files.filter_map(Result::ok).any(|file| holds(&file.path(), der))
    }
}

fn holds(path: &Path, der: &[u8]) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    if bytes == der {
        return true;
    }
    let pem = X509::from_pem(&bytes).ok().and_then(|x509| x509.to_der().ok());
    pem.is_some_and(|pem| pem == der)
}

#[cfg(test)]
mod tests {
    use super::{Distrust, Fingerprint, Trust};
    use opcua::crypto::{X509, X509Data};
    use opcua::types::DateTime;

    fn certificate(days: u32) -> X509 {
        let data = X509Data {
            key_size: 2048,
            certificate_duration_days: days,
            alt_host_names: X509Data::alt_host_names("urn:plc", None, true, false, false),
            ..X509Data::sample_cert()
        };
        X509::cert_and_pkey(&data).unwrap().0
    }

    #[test]
    fn a_fingerprint_survives_its_notation() {
        let fingerprint = Fingerprint::of(b"abc");
        // FIPS 180-2, B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.parse(), Ok(fingerprint));
        let colons = "sha256:BA:7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(colons.parse(), Ok(fingerprint));
        for wrong in ["", "sha256:", "sha1:00", "ba7816", &text.replace('b', "+")] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_pinned_certificate_or_one_in_the_folder_is_believed() {
        let server = certificate(30);
        let bytes = server.as_byte_string();
        let now = DateTime::now();
        let refused = Trust::default().check(&bytes, "urn:plc", &now).unwrap_err();
        assert!(matches!(refused, Distrust::Unknown { .. }), "{refused}");

        let pinned = vec![Fingerprint::of(&server.to_der().unwrap())];
        let trust = Trust { pinned, folder: None };
        assert!(trust.check(&bytes, "urn:plc", &now).is_ok());
        let refused = trust.check(&bytes, "urn:other", &now).unwrap_err();
        assert!(matches!(refused, Distrust::Application { .. }), "{refused}");

        let folder = tempfile::tempdir().unwrap();
        let trust = Trust { pinned: vec![], folder: Some(folder.path().to_owned()) };
        assert!(trust.check(&bytes, "urn:plc", &now).is_err(), "an empty folder");
        std::fs::write(folder.path().join("plc.der"), server.to_der().unwrap()).unwrap();
        assert!(trust.check(&bytes, "urn:plc", &now).is_ok());
    }

    #[test]
    fn an_expired_certificate_is_refused_even_when_pinned() {
        let server = certificate(1);
        let trust =
            Trust { pinned: vec![Fingerprint::of(&server.to_der().unwrap())], folder: None };
        let later =
            DateTime::from(DateTime::now().as_chrono() + std::time::Duration::from_secs(172_800));
        let refused = trust.check(&server.as_byte_string(), "urn:plc", &later).unwrap_err();
        assert!(matches!(refused, Distrust::Time { .. }), "{refused}");
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let refused = Trust::default().check(&b"nonsense".as_slice().into(), "", &DateTime::now());
        assert_eq!(refused.unwrap_err(), Distrust::Unreadable);
    }
}
