//! Two destinations on one disk: what one is away for costs the other nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use forehearth_buffer::{Buffer, Destination, Want};
use forehearth_model::GapCause;
use rig::{Feed, Rig, drain, eventually};

#[test]
fn a_limit_costs_its_destination_alone_and_every_reading_of_it_is_declared() {
    let rig = Rig::new(&[]);
    let cloud = Destination { max_size: Some(1 << 20), ..Destination::new("cloud") };
    let both = [Destination::new("plant"), cloud];
    let buffer = Buffer::open(rig.settings(), &both, rig.catalogue()).unwrap();
    let mut feed = Feed::new(&buffer);
    for at in 0..150 {
        feed.noise(&buffer, 10, 20_000);
        if at % 10 == 0 {
            eventually("a commit", || buffer.stats().batches_written > at);
        }
    }
    eventually("what is too much is given up", || buffer.ledger()[1].shed > 0);
    let books = buffer.ledger();
    assert_eq!((books[0].shed, books[0].waiting), (0, 1500), "plant has no limit");
    assert!(books[1].waiting >= 200, "most of the limit is still there: {books:?}");
    assert!(books[1].waiting <= 600, "no more than the limit: {books:?}");
    feed.balances(&buffer);

    let mut cloud = buffer.outbox(1);
    let waiting = usize::try_from(books[1].waiting / 10).unwrap();
    let rest = drain(&mut cloud, Want::Backlog, waiting);
    assert_eq!(rest[0].id.number, 150 - waiting as u64 + 1, "the oldest were given up");
    let mut declared = 0;
    eventually("gap records of what was given up", || {
        while let Some(gap) = cloud.next_gap() {
            assert_eq!(gap.cause, GapCause::Shed);
            declared += gap.readings;
        }
        declared == books[1].shed
    });
    assert!(buffer.outbox(0).next_gap().is_none());
    drain(&mut buffer.outbox(0), Want::Backlog, 150);
    buffer.close();
}
