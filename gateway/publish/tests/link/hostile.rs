//! A broker that answers nonsense: the link drops it and tries again, and lives.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::memory_outbox::{Running, native_format, parcel, settings, sparkplug_format};

/// CONNACK: type 2, length 2, no session, accepted.
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

#[tokio::test]
async fn random_bytes_from_a_broker_end_a_connection_and_nothing_else() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut dice = fastrand::Rng::with_seed(seed);
        while let Ok((mut stream, _)) = listener.accept().await {
            let noise: Vec<u8> = (0..dice.usize(1..200)).map(|_| dice.u8(..)).collect();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(&CONNACK).await;
                let _ = stream.write_all(&noise).await;
                // Closed at once; a packet that is announced never comes.
            });
        }
    });
    for format in [native_format(), sparkplug_format()] {
        let link = Running::start(settings(port, format));
        link.outbox.push(parcel(1));
        let status = &link.status;
        link.outbox.until("failures", |_| status.snapshot().counts.failures >= 4).await;
        tokio::time::timeout(Duration::from_secs(1), async { link.stop().await })
            .await
            .expect("the link is alive and stops");
    }
}
