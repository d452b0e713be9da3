//! The doorman: looks at a server's certificate, and remembers until when it is valid.

use std::sync::{Arc, Mutex, PoisonError};

use forehearth_model::Stamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::tls::valid_until;

/// Lets the verifier of rustls decide, under the name the operator gave
/// where it is not the host that is dialled.
#[derive(Debug)]
pub(crate) struct Doorman {
    verifier: Arc<WebPkiServerVerifier>,
    name: Option<ServerName<'static>>,
    until: Mutex<Option<Stamp>>,
}

impl Doorman {
    pub(crate) fn new(
        verifier: Arc<WebPkiServerVerifier>,
        name: Option<ServerName<'static>>,
    ) -> Self {
        Self { verifier, name, until: Mutex::new(None) }
    }

    /// Until when the server's certificate is valid; `None` before it came.
    pub(crate) fn until(&self) -> Option<Stamp> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Doorman {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = valid_until(certificate);
        let name = self.name.as_ref().unwrap_or(dialled);
        self.verifier.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
