//! The map changes while the gateway runs: destinations come and go, and tags get another meaning.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use bytes::Bytes;
use forehearth_buffer::{Destination, Want};
use forehearth_model::{CatalogueHash, Lane};
use rig::{Feed, Rig, drain, eventually, numbers};

fn destinations(names: &[&str]) -> Vec<Destination> {
    names.iter().map(|&name| Destination::new(name)).collect()
}

#[test]
fn a_destination_that_comes_gets_what_is_sealed_from_then_on_across_a_crash_too() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..5 {
        feed.live(&buffer, 10);
    }
    eventually("a commit", || buffer.stats().batches_written == 5);
    buffer.reconfigure(&destinations(&["plant", "cloud"]), rig.catalogue()).unwrap();
    for _ in 0..3 {
        feed.live(&buffer, 10);
    }
    feed.balances(&buffer);
    let waiting: Vec<u64> = buffer.ledger().iter().map(|books| books.waiting).collect();
    assert_eq!(waiting, [80, 30]);
    eventually("a commit", || buffer.stats().batches_written == 8);
    drop(buffer);

    let rig = Rig { names: vec!["plant".to_owned(), "cloud".to_owned()], ..rig };
    let buffer = rig.open();
    let parcels = drain(&mut buffer.outbox(1), Want::Backlog, 3);
    assert_eq!(numbers(&parcels, Lane::Live), [6, 7, 8]);
    assert_eq!(buffer.outbox(1).backlog(), 0, "nothing from before it came");
    assert_eq!(buffer.outbox(0).backlog(), 8);
    buffer.close();
}

#[test]
fn a_destination_that_goes_releases_what_waited_for_it() {
    let rig = Rig::new(&["plant", "cloud"]);
    let buffer = rig.open();
    let (mut feed, mut plant, mut cloud) = (Feed::new(&buffer), buffer.outbox(0), buffer.outbox(1));
    for _ in 0..20 {
        feed.live(&buffer, 10);
    }
    eventually("a commit", || buffer.stats().batches_written == 20);
    let under_way = drain(&mut cloud, Want::Backlog, 2);
    for parcel in drain(&mut plant, Want::Backlog, 20) {
        plant.settle(parcel.id, 0);
    }
    buffer.reconfigure(&destinations(&["plant"]), rig.catalogue()).unwrap();
    assert!(buffer.quiet());
    assert_eq!(buffer.ledger().len(), 1);
    assert!(cloud.try_next(Want::Backlog).is_none() && cloud.next_gap().is_none());

    // Its seat goes to another one; late confirmations don't touch that one's books.
    buffer.reconfigure(&destinations(&["plant", "lake"]), rig.catalogue()).unwrap();
    feed.live(&buffer, 10);
    for parcel in under_way {
        cloud.settle(parcel.id, 0);
    }
    cloud.return_all();
    feed.balances(&buffer);
    assert_eq!(buffer.ledger()[1].waiting, 10);
    assert_eq!(drain(&mut buffer.outbox(1), Want::Live, 0).len(), 0);
    drain(&mut buffer.outbox(1), Want::Backlog, 1);
    buffer.close();

    // It comes again: as a new one.
    let rig = Rig { names: vec!["plant".to_owned(), "cloud".to_owned()], ..rig };
    let buffer = rig.open();
    assert_eq!(buffer.ledger()[1].recovered, 0);
    buffer.close();
}

#[test]
fn what_was_sealed_under_two_catalogues_is_read_with_its_own_after_a_restart() {
    let rig = Rig::new(&["plant"]);
    let next = (CatalogueHash(0xbeef), Bytes::from_static(b"the next catalogue"));
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..3 {
        feed.live(&buffer, 10);
    }
    buffer.reconfigure(&destinations(&["plant"]), next.clone()).unwrap();
    feed.live(&buffer, 10); // one of the old catalogue was still on its way
    feed.catalogue = next.0;
    for _ in 0..4 {
        feed.live(&buffer, 10);
    }
    eventually("a commit", || buffer.stats().batches_written == 8);
    assert_eq!(rig.segments().len(), 2, "a file per catalogue");
    drop(buffer);

    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    let parcels = drain(&mut outbox, Want::Backlog, 8);
    assert_eq!(numbers(&parcels, Lane::Live), (1..=8).collect::<Vec<_>>());
    assert_eq!(outbox.catalogue(rig.catalogue().0), Some(rig.catalogue().1));
    assert_eq!(outbox.catalogue(next.0), Some(next.1));
    buffer.close();
}
