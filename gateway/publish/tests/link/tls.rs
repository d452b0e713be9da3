//! TLS and mutual TLS with a mosquitto that nobody here wrote, and who is refused by whom.

use std::fs;
use std::path::{Path, PathBuf};

use forehearth_model::Stamp;
use forehearth_publish::{ClientCertificate, DestinationSettings, LinkSnapshot, Tls};
use tempfile::TempDir;

use crate::authority::{Authority, Valid};
use crate::broker::Mosquitto;
use crate::memory_outbox::{Running, native_format, parcel, settings, sparkplug_format};

/// Midnight of 2100-01-01 UTC.
const Y2100: Stamp = Stamp(4_102_444_800_000_000);

/// A mosquitto with TLS, and the CA that signed its certificate.
struct Secure {
    broker: Mosquitto,
    folder: TempDir,
    authority: Authority,
    ca: PathBuf,
}

impl Secure {
    fn start(name: &str, valid: Valid, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("plant CA");
        let ca = authority.write_ca(folder.path());
        let (cert, key) = authority.sign(folder.path(), "server", name, valid);
        let (ca_text, cert, key) = (ca.display(), cert.display(), key.display());
        let lines = format!("cafile {ca_text}\ncertfile {cert}\nkeyfile {key}\n{more}\n");
        // Started by root it would become a user that can't read our folder.
        let broker = Mosquitto::start_with(&format!("user root\nallow_anonymous true\n{lines}"));
        Self { broker, folder, authority, ca }
    }

    fn settings(&self, tls: Tls) -> DestinationSettings {
        let mut settings = settings(self.broker.port, native_format());
        settings.servers[0].host = "localhost".into();
        settings.tls = Some(tls);
        settings
    }

    fn trusting(&self) -> Tls {
        Tls { ca: Some(self.ca.clone()), ..Tls::default() }
    }

    fn client(&self, authority: &Authority, valid: Valid) -> ClientCertificate {
        let (cert, key) = authority.sign(self.folder.path(), "gateway", "pot2-east", valid);
        ClientCertificate { cert, key }
    }
}

/// mosquitto asks for a certificate.
const MUTUAL: &str = "require_certificate true";

/// A batch arrives.
async fn works(settings: DestinationSettings) -> LinkSnapshot {
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    link.outbox.until_settled(1).await;
    link.status.snapshot()
}

/// It doesn't, and this is said about it.
async fn refused(settings: DestinationSettings) -> String {
    let link = Running::start(settings);
    link.outbox.push(parcel(1));
    let status = &link.status;
    link.outbox.until("a refusal", |_| status.snapshot().counts.failures >= 2).await;
    assert!(link.outbox.state().settled.is_empty());
    status.snapshot().last_error.unwrap()
}

#[tokio::test]
async fn a_broker_is_trusted_by_the_ca_that_signed_it() {
    let secure = Secure::start("localhost", Valid::Long, "");
    let shown = works(secure.settings(secure.trusting())).await;
    assert_eq!(shown.certificates.broker, Some(Y2100));
    assert_eq!(shown.certificates.gateway, None);
}

#[tokio::test]
async fn sparkplug_goes_over_tls_as_well() {
    let secure = Secure::start("localhost", Valid::Long, "");
    let mut settings = secure.settings(secure.trusting());
    settings.format = sparkplug_format();
    works(settings).await;
}

#[tokio::test]
async fn a_broker_of_another_ca_is_not_trusted() {
    let secure = Secure::start("localhost", Valid::Long, "");
    let other = tempfile::tempdir().unwrap();
    let ca = Authority::new("somebody").write_ca(other.path());
    let said = refused(secure.settings(Tls { ca: Some(ca), ..Tls::default() })).await;
    assert!(said.contains("is not trusted by this gateway: no CA of `ca` signed"), "{said}");
}

#[tokio::test]
async fn a_broker_of_another_name_is_not_trusted_unless_it_is_named() {
    let secure = Secure::start("broker.plant", Valid::Long, "");
    let said = refused(secure.settings(secure.trusting())).await;
    assert!(said.contains("is for") && said.contains("broker.plant"), "{said}");
    assert!(said.contains("not for localhost") && said.contains("`server_name`"), "{said}");
    let named = Tls { server_name: Some("broker.plant".into()), ..secure.trusting() };
    works(secure.settings(named)).await;
}

#[tokio::test]
async fn an_expired_broker_is_not_trusted() {
    let secure = Secure::start("localhost", Valid::Expired, "");
    let said = refused(secure.settings(secure.trusting())).await;
    assert!(
        said.contains("is not trusted") && said.contains("its certificate has expired"),
        "{said}"
    );
}

#[tokio::test]
async fn a_gateway_shows_its_certificate_where_the_broker_asks() {
    let secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let client = Some(secure.client(&secure.authority, Valid::Long));
    let shown = works(secure.settings(Tls { client, ..secure.trusting() })).await;
    assert_eq!(shown.certificates.gateway, Some(Y2100));
}

#[tokio::test]
async fn a_broker_that_asks_for_a_certificate_refuses_a_gateway_without() {
    let secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let said = refused(secure.settings(secure.trusting())).await;
    assert!(said.contains("certificate of this gateway") && said.contains("`cert`"), "{said}");
}

#[tokio::test]
async fn a_broker_refuses_a_gateway_of_another_ca_and_the_error_says_so() {
    let secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let client = Some(secure.client(&Authority::new("somebody"), Valid::Long));
    let said = refused(secure.settings(Tls { client, ..secure.trusting() })).await;
    assert!(said.contains("certificate of this gateway"), "{said}");
    assert!(!said.contains("is not trusted by this gateway"), "the broker refuses us: {said}");
}

#[tokio::test]
async fn an_expired_gateway_is_refused_and_warned_of() {
    let secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let client = Some(secure.client(&secure.authority, Valid::Expired));
    let link = Running::start(secure.settings(Tls { client, ..secure.trusting() }));
    let status = &link.status;
    link.outbox.until("a refusal", |_| status.snapshot().counts.failures >= 2).await;
    let shown = status.snapshot();
    let said = shown.last_error.clone().unwrap();
    assert!(said.contains("certificate of this gateway"), "{said}");
    let warned = shown.warnings(crate::memory_outbox::now());
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("this gateway (`cert`) expired at 2020-01-01"), "{warned:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_without_a_restart() {
    let mut secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let client = Some(secure.client(&Authority::new("last year"), Valid::Long));
    let link = Running::start(secure.settings(Tls { client, ..secure.trusting() }));
    let status = &link.status;
    link.outbox.push(parcel(1));
    link.outbox.until("a refusal", |_| status.snapshot().counts.failures >= 1).await;
    secure.client(&secure.authority, Valid::Long);
    link.outbox.until_settled(1).await;
    // And when the whole plant gets a new CA.
    secure.authority = Authority::new("next year");
    secure.authority.write_ca(secure.folder.path());
    secure.client(&secure.authority, Valid::Long);
    secure.authority.sign(secure.folder.path(), "server", "localhost", Valid::Long);
    secure.broker.down();
    secure.broker.up();
    link.outbox.push(parcel(2));
    link.outbox.until_settled(2).await;
}

#[tokio::test]
async fn a_broker_without_tls_is_told_from_one_that_is_not_trusted() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new("plant CA").write_ca(folder.path());
    let mut settings = settings(broker.port, native_format());
    settings.servers[0].host = "localhost".into();
    settings.tls = Some(Tls { ca: Some(ca), ..Tls::default() });
    let said = refused(settings).await;
    assert!(said.contains("TLS") || said.contains("closed the connection"), "{said}");
    assert!(!said.contains("not trusted"), "{said}");
}

#[tokio::test]
async fn files_that_are_not_what_they_should_be_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let secure = Secure::start("localhost", Valid::Long, MUTUAL);
    let good = secure.client(&secure.authority, Valid::Long);
    let folder = secure.folder.path();
    let nothing = folder.join("nothing.pem");
    fs::write(&nothing, "hello").unwrap();
    let open = folder.join("open.key");
    fs::copy(&good.key, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let with = |cert: &Path, key: &Path| {
        let client = ClientCertificate { cert: cert.to_owned(), key: key.to_owned() };
        secure.settings(Tls { client: Some(client), ..secure.trusting() })
    };
    let server_key = folder.join("server.key");
    for (settings, words) in [
        (secure.settings(Tls { ca: Some(folder.join("no")), ..Tls::default() }), "can't be read"),
        (secure.settings(Tls { ca: Some(nothing.clone()), ..Tls::default() }), "`ca`"),
        (with(&nothing, &good.key), "`cert`"),
        (with(&good.cert, &nothing), "`key`"),
        (with(&good.cert, &open), "chmod 600"),
        (with(&good.cert, &server_key), "don't belong together"),
    ] {
        let said = refused(settings).await;
        assert!(said.contains(words), "{words}: {said}");
    }
}
