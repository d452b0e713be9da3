//! TLS to a broker: certificates are read from their files at each connect, so that a renewed one needs no restart.
//!
//! rustls with ring and nothing else: a second provider in the build would
//! make the choice between the two at run time, and panic.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forehearth_model::Stamp;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::doorman::Doorman;

/// Permissions of a key file that anybody could read.
const READABLE_BY_ANYBODY: u32 = 0o007;

/// How a broker's server proves who it is, and how we do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// PEM file of the CAs that may have signed the server's certificate;
    /// `None`: those the operating system trusts.
    pub ca: Option<PathBuf>,
    /// What we show where the server asks (mutual TLS).
    pub client: Option<ClientCertificate>,
    /// The name the server's certificate must have; `None`: the host as dialled.
    pub server_name: Option<String>,
}

/// Our certificate and its key, both PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// Our certificate, then those between it and the CA.
    pub cert: PathBuf,
    /// Its key; not readable by anybody else.
    pub key: PathBuf,
}

/// What is wrong with the files of this gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFault {
    #[error("`{key}` {path} can't be read: {error}")]
    Unreadable { key: &'static str, path: PathBuf, error: io::Error },
    #[error("`{key}` {path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate { key: &'static str, path: PathBuf },
    #[error("`ca` {path} holds a certificate that can't be used: {error}")]
    BadCa { path: PathBuf, error: rustls::Error },
    #[error("`key` {0} holds no private key in PEM form, or one with a passphrase")]
    NoKey(PathBuf),
    #[error("`key` {0} can be read by anybody on this machine; `chmod 600` it")]
    OpenKey(PathBuf),
    #[error("`cert` {cert} and `key` {key} don't belong together: {error}")]
    Mismatch { cert: PathBuf, key: PathBuf, error: rustls::Error },
    #[error("the operating system trusts no CA; name one with `ca`")]
    NoSystemCa,
    #[error("`server_name` {0} is no host name and no address")]
    ServerName(String),
    #[error("TLS can't be set up: {0}")]
    Setup(String),
}

/// One connection's TLS.
pub(crate) struct Secured {
    pub(crate) config: Arc<ClientConfig>,
    /// Sees the server's certificate when it comes.
    pub(crate) doorman: Arc<Doorman>,
    /// When our own certificate ends.
    pub(crate) ours_until: Option<Stamp>,
}

/// Reads the files and prepares a connection.
///
/// # Errors
/// When a file is missing or not what it should be. Cancel safe.
pub(crate) async fn prepare(tls: &Tls) -> Result<Secured, TlsFault> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(tls.ca.as_deref()).await?);
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let verifier = verifier.map_err(|error| TlsFault::Setup(error.to_string()))?;
    let name = tls.server_name.as_ref().map(|name| {
        ServerName::try_from(name.clone()).map_err(|_| TlsFault::ServerName(name.clone()))
    });
    let doorman = Arc::new(Doorman::new(verifier, name.transpose()?));
    let (config, ours_until) = configure(tls, provider, Arc::clone(&doorman)).await?;
    Ok(Secured { config: Arc::new(config), doorman, ours_until })
}

async fn configure(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
    doorman: Arc<Doorman>,
) -> Result<(ClientConfig, Option<Stamp>), TlsFault> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFault::Setup(error.to_string()))?
        .dangerous() // The doorman asks the verifier of rustls.
        .with_custom_certificate_verifier(doorman);
    let Some(ClientCertificate { cert, key }) = &tls.client else {
        return Ok((config.with_no_client_auth(), None));
    };
    let chain = certificates("cert", cert).await?;
    let until = chain.first().and_then(valid_until);
    let secret = private_key(key).await?;
    let config = config
        .with_client_auth_cert(chain, secret)
        .map_err(|error| TlsFault::Mismatch { cert: cert.clone(), key: key.clone(), error })?;
    Ok((config, until))
}

/// Until when a certificate is valid; `None` when it can't be read.
pub(crate) fn valid_until(certificate: &CertificateDer<'_>) -> Option<Stamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    i64::try_from(end.as_micros()).ok().map(Stamp)
}

async fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates("ca", path).await? {
                roots
                    .add(certificate)
                    .map_err(|error| TlsFault::BadCa { path: path.to_owned(), error })?;
            }
        }
        None => {
            // Unreadable ones among them are the system's business.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err(TlsFault::NoSystemCa) } else { Ok(roots) }
}

async fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsFault> {
    let bytes = tokio::fs::read(path).await;
    bytes.map_err(|error| TlsFault::Unreadable { key, path: path.to_owned(), error })
}

async fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let pem = read(key, path).await?;
    let none = || TlsFault::NoCertificate { key, path: path.to_owned() };
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(none)
}

async fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let unreadable = |error| TlsFault::Unreadable { key: "key", path: path.to_owned(), error };
    let mode = tokio::fs::metadata(path).await.map_err(unreadable)?.permissions().mode();
    if mode & READABLE_BY_ANYBODY != 0 {
        return Err(TlsFault::OpenKey(path.to_owned()));
    }
    let pem = read("key", path).await?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsFault::NoKey(path.to_owned()))
}
