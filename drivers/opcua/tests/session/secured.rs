//! Certificates and users: who is believed, who is refused, and what is said then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forehearth_driver_opcua::{Identity, Password, Settings, User};
use forehearth_model::Quality;

use crate::listener::{Listener, Said, count, counter, nothing_lost, settings};
use crate::proxy::{Proxy, Weather};
use crate::server::{How, Server};

const SECURED: How = How { secured: true, items: 0, history: false, rich: false, expired: false };

fn secured(server: &Server, security: &str) -> Settings {
    let mut settings = settings(server.port, counter());
    settings.security = security.parse().unwrap();
    settings.trust.pinned = vec![format!("sha256:{}", server.fingerprint).parse().unwrap()];
    let identity = Identity::load_or_create(&server.folder.path().join("pki"), "pot2").unwrap();
    settings.identity = Some(Arc::new(identity));
    settings
}

fn good(said: &[Said]) -> bool {
    said.iter().any(|said| said.quality == Quality::Good)
}

async fn refusal(settings: Settings) -> String {
    let listener = Listener::start(settings);
    listener
        .until("Bad", 10, |said| {
            said.iter().any(|said| said.quality == Quality::BadNoCommunication)
        })
        .await;
    assert!(!good(&listener.said()));
    let error = listener.errors().remove(0);
    listener.stop().await;
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn every_security_works_with_a_pinned_certificate() {
    let server = Server::start(SECURED).await;
    for security in [
        "None",
        "Basic256Sha256/Sign",
        "Basic256Sha256/SignAndEncrypt",
        "Aes128_Sha256_RsaOaep/SignAndEncrypt",
        "Aes256_Sha256_RsaPss/SignAndEncrypt",
    ] {
        let listener = Listener::start(secured(&server, security));
        listener.until(security, 15, good).await;
        listener.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secured_session_is_taken_up_after_a_cut_without_loss() {
    let mut server = Server::start(SECURED).await;
    let proxy = Proxy::before(server.port).await;
    let mut settings = secured(&server, "Basic256Sha256/SignAndEncrypt");
    settings.urls = vec![format!("opc.tcp://127.0.0.1:{}/plant", proxy.port)];
    settings.user = User::Name { name: "fh-read".into(), password: "secret".into() };
    let listener = Listener::start(settings);
    listener.until("the first value", 10, good).await;
    server.count(20).await;
    let met = |said: &[Said]| said.iter().filter_map(count).max() > Some(10);
    listener.until("the counter runs", 10, met).await;
    proxy.set(Weather::Cut);
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.set(Weather::Fair);
    let since = Instant::now();
    let met = |said: &[Said]| said.iter().any(|s| s.heard > since && count(s).is_some());
    listener.until("data flows again", 5, met).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert_eq!(server.doing("limits").await["subscriptions"], 1, "not made anew");
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_renewed_without_loss() {
    let mut server = Server::start(SECURED).await;
    let mut settings = secured(&server, "Aes256_Sha256_RsaPss/SignAndEncrypt");
    settings.token_lifetime = Duration::from_secs(2);
    let listener = Listener::start(settings);
    listener.until("the first value", 10, good).await;
    server.count(20).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let last = server.stop_counting().await;
    listener.until_counter_is(last).await;
    nothing_lost(&listener.said(), last);
    assert_eq!(listener.opened(), 1, "{:?}", listener.errors());
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_believed_is_refused_with_what_to_do() {
    let server = Server::start(SECURED).await;
    let strong = "Basic256Sha256/SignAndEncrypt";

    let mut stranger = secured(&server, strong);
    stranger.trust.pinned.clear();
    let said = refusal(stranger).await;
    assert!(said.contains("is not trusted"), "{said}");
    assert!(said.contains(&format!("trust = \"sha256:{}\"", server.fingerprint)), "{said}");

    let said = refusal(secured(&server, "Aes128_Sha256_RsaOaep/Sign")).await;
    assert!(said.contains("does not offer security Aes128_Sha256_RsaOaep/Sign"), "{said}");
    assert!(said.contains("Basic256Sha256/SignAndEncrypt"), "it says what there is: {said}");

    let mut wrong = secured(&server, strong);
    wrong.user = User::Name { name: "fh-read".into(), password: "wrong".into() };
    let said = refusal(wrong).await;
    assert!(said.contains("BadUserAccessDenied"), "{said}");

    let plain = Server::start(How::default()).await;
    let mut naked = settings(plain.port, counter());
    naked.user = User::Name { name: "fh-read".into(), password: "secret".into() };
    let said = refusal(naked).await;
    assert!(said.contains("in the clear"), "{said}");

    let mut nobody = secured(&server, strong);
    nobody.identity = None;
    let said = refusal(nobody).await;
    assert!(said.contains("own certificate"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_server_is_refused_and_it_is_said_until_when_it_was_valid() {
    let server = Server::start(How { expired: true, ..SECURED }).await;
    let said = refusal(secured(&server, "Basic256Sha256/SignAndEncrypt")).await;
    assert!(said.contains("is valid from") && said.contains("renew it at the server"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_changed_is_used_at_the_next_session() {
    let server = Server::start(SECURED).await;
    let mut settings = secured(&server, "Basic256Sha256/SignAndEncrypt");
    let file = server.folder.path().join("password");
    std::fs::write(&file, "wrong").unwrap();
    let path = file.clone();
    let read = move || std::fs::read_to_string(&path).map_err(|error| error.to_string());
    settings.user = User::Name { name: "fh-read".into(), password: Password::read_by(read) };
    let listener = Listener::start(settings);
    listener.until("refused", 10, |said| !said.is_empty()).await;
    assert!(!good(&listener.said()));
    std::fs::write(&file, "secret").unwrap();
    listener.until("the new password", 15, good).await;
    listener.stop().await;
}
