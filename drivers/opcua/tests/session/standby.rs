//! Servers that stand in for one another, and servers that call us.

use std::time::Duration;

use forehearth_model::{Quality, TagId, Value};
use serde_json::json;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::listener::{COUNTER, Listener, Said, counter, group, item, settings};
use crate::server::{How, Server};

const LEVEL: TagId = TagId(1);

fn url(server: &Server) -> String {
    format!("opc.tcp://127.0.0.1:{}/plant", server.port)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_is_read_when_the_first_is_gone_and_the_hole_is_declared() {
    let (mut first, mut second) =
        tokio::join!(Server::start(How::default()), Server::start(How::default()));
    second.write("Level", 2.5).await;
    let items = vec![item(COUNTER, "dcs:s=Counter", None), item(LEVEL, "dcs:s=Level", None)];
    let mut settings = settings(first.port, vec![group(items)]);
    settings.urls.push(url(&second));
    let listener = Listener::start(settings);
    listener.until_is(LEVEL, Value::F64(1.5)).await;
    first.doing("stop").await;
    listener.until_is(LEVEL, Value::F64(2.5)).await;
    let of = listener.of(LEVEL);
    assert!(of.iter().any(|said| said.quality == Quality::BadNoCommunication), "declared");
    listener.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_degraded_server_is_left_for_a_healthier_one() {
    let (mut first, mut second) =
        tokio::join!(Server::start(How::default()), Server::start(How::default()));
    second.write("Level", 2.5).await;
    let mut settings = settings(first.port, vec![group(vec![item(LEVEL, "dcs:s=Level", None)])]);
    settings.urls.push(url(&second));
    let listener = Listener::start(settings);
    listener.until_is(LEVEL, Value::F64(1.5)).await;
    first.command(json!({ "do": "service-level", "level": 50 })).await;
    listener.until_is(LEVEL, Value::F64(2.5)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(first.doing("limits").await["subscriptions"], 0, "said goodbye to the first");
    listener.stop().await;
}

/// Says a ReverseHello (OPC 10000-6, 7.1.2.6) to whoever listens, and then
/// carries bytes: asyncua itself can't call.
async fn call(listener: u16, server: u16, url: &str) {
    let mut body = Vec::new();
    for text in ["urn:asyncua:test:server", url] {
        body.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    loop {
        let Ok(mut client) = TcpStream::connect(("127.0.0.1", listener)).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let size = u32::try_from(body.len() + 8).unwrap();
        let hello = [b"RHEF".as_slice(), &size.to_le_bytes(), &body].concat();
        if client.write_all(&hello).await.is_err() {
            continue;
        }
        // The call is answered by a Hello, or closed: each is one connection.
        let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_calls_us_is_read_and_a_stranger_is_not() {
    let server = Server::start(How::default()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let mut settings = settings(server.port, counter());
    settings.reverse = Some(listen);
    let url = url(&server);
    let stranger = tokio::spawn(async move {
        call(listen.port(), listen.port(), "opc.tcp://elsewhere:4840").await;
    });
    let driver = Listener::start(settings);
    let refused = |said: &[Said]| said.iter().any(|s| s.quality == Quality::BadNoCommunication);
    driver.until("a stranger is refused", 10, refused).await;
    stranger.abort();
    let port = server.port;
    let caller = tokio::spawn(async move { call(listen.port(), port, &url).await });
    driver.until_is(COUNTER, Value::UInt(0)).await;
    driver.stop().await;
    caller.abort();
}
