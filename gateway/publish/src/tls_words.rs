//! What a failed TLS handshake means to the operator: which side refused the other, and what to do.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// The TLS error behind an error of the connection, if there is one.
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The end of a sentence that begins with the broker.
pub(crate) fn meaning(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(why) => {
            format!("is not trusted by this gateway: {}", distrust(why))
        }
        TlsError::AlertReceived(alert) => refusal(*alert),
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            "does not speak TLS on this port; `mqtt://` is without TLS".to_owned()
        }
        TlsError::PeerIncompatible(why) => {
            format!("speaks no TLS that this gateway accepts (1.2 or 1.3): {why:?}")
        }
        error => format!("and this gateway don't come to terms on TLS: {error}"),
    }
}

fn distrust(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "no CA of `ca` signed its certificate; check `ca`".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it on the broker, or set the clock of this gateway"
                .to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; set the clock of this gateway".to_owned()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name; check `url` and `server_name`".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is for {} and not for {}; check `url` and `server_name`",
            presented.join(", "),
            expected.to_str()
        ),
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        why => format!("its certificate is not acceptable: {why}"),
    }
}

fn refusal(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "wants a certificate of this gateway; set `cert` and `key`"
        }
        AlertDescription::UnknownCA => {
            "does not trust the CA that signed the certificate of this gateway; check `cert`"
        }
        AlertDescription::CertificateExpired => {
            "says that the certificate of this gateway has expired; renew `cert`"
        }
        AlertDescription::CertificateRevoked => {
            "says that the certificate of this gateway was revoked; renew `cert`"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            "does not accept the certificate of this gateway; check `cert` and `key`"
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            "speaks no TLS that this gateway accepts (1.2 or 1.3)"
        }
        AlertDescription::UnrecognisedName => {
            "does not know the name it was called by; check `url`"
        }
        alert => return format!("ends the TLS handshake: {alert:?}"),
    };
    why.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{meaning, tls_error};
    use rustls::{AlertDescription, CertificateError, Error};
    use std::io;

    #[test]
    fn an_error_says_which_side_refuses_the_other() {
        let ours = meaning(&Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(ours.contains("not trusted by this gateway") && ours.contains("`ca`"), "{ours}");
        let theirs = meaning(&Error::AlertReceived(AlertDescription::UnknownCA));
        assert!(theirs.starts_with("does not trust") && theirs.contains("`cert`"), "{theirs}");
    }

    #[test]
    fn a_tls_error_is_found_inside_an_io_error() {
        let error = io::Error::other(Error::DecryptError);
        assert_eq!(tls_error(&error), Some(&Error::DecryptError));
        assert_eq!(tls_error(&io::Error::other("cable")), None);
    }
}
