//! The buffer on a real disk, in a temporary directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::time::Duration;

use forehearth_buffer::{Buffer, OpenError, StorageState, Want};
use forehearth_model::{GapCause, Lane};
use rig::{Feed, Rig, drain, eventually, numbers};

#[test]
fn what_every_destination_confirms_in_time_is_never_written() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let (mut feed, mut outbox) = (Feed::new(&buffer), buffer.outbox(0));
    assert!(outbox.try_next(Want::Live).is_none());
    for _ in 0..200 {
        feed.live(&buffer, 50);
        let parcel = outbox.try_next(Want::Live).unwrap();
        assert!(parcel.batch.is_some());
        outbox.settle(parcel.id, 0);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(buffer.stats().commits, 0);
    assert!(buffer.quiet());
    feed.balances(&buffer);
    buffer.close();
}

#[test]
fn what_is_not_confirmed_is_on_disk_within_the_promised_time() {
    let rig = Rig::new(&["plant", "cloud"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..10 {
        feed.live(&buffer, 20);
    }
    eventually("a commit", || buffer.stats().batches_written == 10);
    assert_eq!(buffer.stats().late_commits, 0);
    feed.balances(&buffer);
    drop(buffer);
    let buffer = rig.open();
    assert_eq!(buffer.ledger()[1].recovered, 200);
}

#[test]
fn a_killed_daemon_finds_everything_committed_as_backlog_in_order() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for at in 0..30 {
        if at % 7 == 3 {
            feed.alarm(&buffer, 1)
        } else {
            feed.live(&buffer, 10)
        };
    }
    eventually("a commit", || buffer.stats().batches_written == 30);
    drop(buffer);

    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    let parcels = drain(&mut outbox, Want::Backlog, 30);
    let alarms = numbers(&parcels, Lane::Alarm);
    let live = numbers(&parcels, Lane::Live);
    assert_eq!(alarms, [4, 11, 18, 25]);
    assert_eq!(live.len(), 26);
    assert!(live.is_sorted());
    assert!(parcels.iter().all(|p| p.bytes == feed.bytes[&p.id]), "replay is byte-identical");
    assert_eq!(outbox.backlog(), 0);
    for parcel in &parcels {
        outbox.settle(parcel.id, 0);
    }
    let books = &buffer.ledger()[0];
    assert_eq!((books.recovered, books.delivered, books.waiting), (264, 264, 0));
    assert_eq!(books.imbalance(0), 0);
    // The end was not orderly: what was sealed after the commit is declared.
    eventually("a gap record", || outbox.next_gap().is_some_and(|g| g.cause == GapCause::Crash));
    buffer.close();
}

#[test]
fn an_orderly_stop_keeps_everything_and_declares_nothing() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 5);
    feed.live(&buffer, 5);
    buffer.close();
    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    assert_eq!(drain(&mut outbox, Want::Backlog, 2).len(), 2);
    std::thread::sleep(Duration::from_millis(400));
    assert!(outbox.next_gap().is_none());
}

#[test]
fn each_run_has_a_higher_epoch_and_no_sequence_number_serves_twice() {
    let rig = Rig::new(&["plant"]);
    let mut epochs = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let buffer = rig.open();
        epochs.push(buffer.epoch());
        numbers.push(rig::block_on(buffer.outbox(0).next_bd_seq()));
        drop(buffer);
    }
    assert!(epochs.windows(2).all(|w| w[1] > w[0]), "{epochs:?}");
    assert!(numbers.windows(2).all(|w| w[1] == w[0].wrapping_add(1)), "{numbers:?}");
}

#[test]
fn a_second_daemon_on_the_directory_is_refused() {
    let rig = Rig::new(&["plant"]);
    let first = rig.open();
    let second = Buffer::open(rig.settings(), &rig.names, rig.catalogue());
    assert!(matches!(second, Err(OpenError::Locked(_))), "{second:?}");
    drop(first);
    drop(rig.open());
}

#[test]
fn a_directory_that_cannot_be_made_leaves_the_daemon_in_memory_until_it_can() {
    let rig = Rig::new(&["plant"]);
    std::fs::write(rig.dir(), "in the way").unwrap();
    let buffer = rig.open();
    assert!(matches!(buffer.health().storage, StorageState::Down { .. }));
    let (mut feed, mut outbox) = (Feed::new(&buffer), buffer.outbox(0));
    feed.live(&buffer, 10);
    let parcel = outbox.try_next(Want::Backlog).unwrap();
    outbox.settle(parcel.id, 0);
    feed.live(&buffer, 10);
    rig::block_on(outbox.next_bd_seq());
    std::fs::remove_file(rig.dir()).unwrap();
    eventually("the disk works", || buffer.health().storage == StorageState::Up);
    eventually("a commit", || buffer.stats().batches_written == 1);
    feed.balances(&buffer);
    drop(buffer);
    assert_eq!(rig.open().ledger()[0].recovered, 10);
}

#[test]
fn a_new_destination_starts_now_and_a_removed_one_releases_its_claim() {
    let mut rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    Feed::new(&buffer).live(&buffer, 10);
    buffer.close();
    rig.names = vec!["cloud".to_owned()];
    let buffer = rig.open();
    assert_eq!(buffer.ledger()[0].waiting, 0);
    assert!(buffer.quiet());
    buffer.close();
    let segments = std::fs::read_dir(rig.dir().join("segments")).unwrap().count();
    assert_eq!(segments, 0);
}

#[test]
fn a_small_budget_sheds_the_oldest_live_batches_keeps_alarms_and_declares_it() {
    let rig =
        Rig { max_size: 1 << 20, commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.alarm(&buffer, 3);
    for _ in 0..120 {
        for _ in 0..4 {
            feed.noise(&buffer, 100, 8_000);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    eventually("all written", || buffer.stats().batches_written == 481);
    feed.balances(&buffer);
    let books = buffer.ledger()[0].clone();
    assert!(books.shed > 0, "{books:?}");
    assert!(rig.disk_bytes() <= 1 << 20, "{} bytes", rig.disk_bytes());
    let mut outbox = buffer.outbox(0);
    let mut declared = 0;
    eventually("every reading shed is declared", || {
        while let Some(gap) = outbox.next_gap() {
            assert_eq!((gap.cause, gap.lane), (GapCause::Shed, Some(Lane::Live)));
            declared += gap.readings;
            outbox.settle_gap(gap.id);
        }
        declared == books.shed
    });
    let waiting = outbox.backlog();
    let parcels = drain(&mut outbox, Want::Backlog, usize::try_from(waiting).unwrap());
    assert_eq!(numbers(&parcels, Lane::Alarm), [1]);
    assert_eq!(numbers(&parcels, Lane::Live).last(), Some(&481));
    parcels.iter().for_each(|parcel| outbox.settle(parcel.id, 0));
    feed.balances(&buffer);
    assert!(buffer.quiet());
}

/// Flips bits of a file in place.
fn damage(path: &std::path::Path, at: usize, len: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at..at + len].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn bit_rot_costs_the_batches_it_hit_and_no_others_and_each_is_counted() {
    let mut lost = 0;
    for seed in 0..24 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rig = Rig { max_size: 4 << 20, ..Rig::new(&["plant"]) };
        let buffer = rig.open();
        let mut feed = Feed::new(&buffer);
        for _ in 0..200 {
            feed.noise(&buffer, rng.u32(1..20), rng.usize(100..1500));
        }
        buffer.close();
        let file = rig.segments()[0].clone();
        let size = usize::try_from(std::fs::metadata(&file).unwrap().len()).unwrap();
        // Not the first pages, which say what the file is, nor the last row.
        let at = rng.usize(16_384..size - 16_384);
        damage(&file, at, rng.usize(1..4096));

        let buffer = rig.open();
        let mut outbox = buffer.outbox(0);
        let (mut parcels, mut declared) = (Vec::new(), 0);
        eventually("everything is fetched or declared", || {
            while let Some(parcel) = outbox.try_next(Want::Backlog) {
                outbox.settle(parcel.id, 0);
                parcels.push(parcel);
            }
            while let Some(gap) = outbox.next_gap() {
                assert_eq!(gap.cause, GapCause::Damaged, "seed {seed}");
                declared += gap.readings;
                outbox.settle_gap(gap.id);
            }
            buffer.quiet() && declared == buffer.ledger()[0].shed
        });
        let fetched: u64 = parcels.iter().map(|parcel| u64::from(parcel.readings)).sum();
        assert_eq!(fetched + declared, feed.batched, "seed {seed}");
        assert!(parcels.len() >= 150, "seed {seed}: {} left", parcels.len());
        lost += declared;
        assert!(parcels.iter().all(|parcel| parcel.bytes == feed.bytes[&parcel.id]));
        assert!(numbers(&parcels, Lane::Live).is_sorted());
        assert_eq!(buffer.ledger()[0].imbalance(0), 0);
        buffer.close();
    }
    assert!(lost > 0, "some of it hit batches");
}

#[test]
fn a_damaged_segment_is_set_aside_and_declared_and_the_others_are_delivered() {
    let rig = Rig { max_size: 4 << 20, ..Rig::new(&["plant"]) };
    for _ in 0..3 {
        let buffer = rig.open();
        let mut feed = Feed::new(&buffer);
        for _ in 0..20 {
            feed.noise(&buffer, 10, 900);
        }
        buffer.close();
    }
    let victim = rig.segments()[1].clone();
    damage(&victim, 0, 64);

    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    let parcels = drain(&mut outbox, Want::Backlog, 40);
    let mut epochs: Vec<u32> = parcels.iter().map(|p| p.id.epoch.0).collect();
    epochs.dedup();
    assert_eq!(epochs.len(), 2, "two runs of three are whole");
    let mut gap = None;
    eventually("a gap record", || {
        gap = gap.take().or_else(|| outbox.next_gap());
        gap.is_some()
    });
    let gap = gap.unwrap();
    assert_eq!((gap.cause, gap.first.epoch.0), (GapCause::Damaged, epochs[0] + 1));
    parcels.iter().for_each(|parcel| outbox.settle(parcel.id, 0));
    let books = &buffer.ledger()[0];
    assert_eq!(books.imbalance(0), 0);
    assert_eq!(books.waiting, 0);
    assert!(rig.dir().join("quarantine").read_dir().unwrap().count() > 0);
}

#[test]
fn a_control_database_of_another_program_is_moved_aside_not_overwritten() {
    let rig = Rig::new(&["plant"]);
    std::fs::create_dir_all(rig.dir()).unwrap();
    std::fs::write(rig.dir().join("control.db"), b"my precious notes, not a database").unwrap();
    let buffer = rig.open();
    assert_eq!(buffer.health().storage, StorageState::Up);
    let kept = std::fs::read(rig.dir().join("quarantine/control.db")).unwrap();
    assert_eq!(kept, b"my precious notes, not a database");
}

/// A copy of the state directory as it was when a commit had returned: what
/// `synchronous=FULL` promises to survive a power cut.
#[test]
fn a_crash_is_declared_though_the_control_database_was_lost_with_it() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    let stored = feed.live(&buffer, 10);
    eventually("a commit", || buffer.stats().batches_written == 1);
    drop(buffer);
    for name in ["control.db", "control.db-wal", "control.db-shm"] {
        let _ = std::fs::remove_file(rig.dir().join(name));
    }

    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    assert_eq!(drain(&mut outbox, Want::Backlog, 1)[0].id, stored);
    let mut declared = None;
    eventually("a gap record", || {
        declared = outbox.next_gap().filter(|gap| gap.lane == Some(Lane::Live)).or(declared.take());
        declared.is_some()
    });
    let gap = declared.unwrap();
    assert_eq!((gap.cause, gap.first.epoch), (GapCause::Crash, stored.epoch));
    assert_eq!((gap.first.number, gap.last.number), (stored.number + 1, u64::MAX));
}

#[test]
fn two_runs_without_a_disk_within_a_second_do_not_share_an_epoch() {
    let rig = Rig::new(&["plant"]);
    std::fs::create_dir_all(rig.dir().parent().unwrap()).unwrap();
    std::fs::write(rig.dir(), "a file where the directory should be").unwrap();
    let first = rig.open().epoch();
    let second = rig.open().epoch();
    assert!(second > first, "{second:?} repeats the numbers of {first:?}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_power_cut_after_a_commit_loses_nothing_of_it_even_with_a_torn_log() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..10 {
        feed.live(&buffer, 10);
    }
    eventually("a commit", || buffer.stats().batches_written == 10);
    let committed = rig.temp.path().join("committed");
    copy(&rig.dir(), &committed);
    let log = |dir: &std::path::Path| {
        let logs = std::fs::read_dir(dir.join("segments")).unwrap().flatten().map(|e| e.path());
        logs.filter(|p| p.extension().is_some_and(|e| e == "db-wal")).max().unwrap()
    };
    let safe = usize::try_from(std::fs::metadata(log(&committed)).unwrap().len()).unwrap();
    for _ in 0..10 {
        feed.live(&buffer, 10);
    }
    eventually("a second commit", || buffer.stats().batches_written == 20);
    let later = rig.temp.path().join("later");
    copy(&rig.dir(), &later);
    let whole = std::fs::read(log(&later)).unwrap();
    assert!(whole.len() > safe, "the second commit is in the log");
    drop(buffer);

    for case in 0..6 {
        let cut = Rig { names: rig.names.clone(), ..Rig::new(&["plant"]) };
        copy(if case == 0 { &committed } else { &later }, &cut.dir());
        // What lies beyond the first commit was never flushed: anything may be there.
        let mut torn = whole.clone();
        let at = safe + (whole.len() - safe) * case / 6;
        match case {
            0 => torn.truncate(safe),
            1..4 => torn.truncate(at),
            _ => torn[at] ^= 0x80,
        }
        std::fs::write(log(&cut.dir()), torn).unwrap();
        let buffer = cut.open();
        assert_eq!(buffer.health().storage, StorageState::Up, "case {case}");
        let mut outbox = buffer.outbox(0);
        let parcels = drain(&mut outbox, Want::Backlog, 10);
        assert_eq!(numbers(&parcels, Lane::Live), (1..=10).collect::<Vec<_>>(), "case {case}");
        assert!(parcels.iter().all(|p| p.bytes == feed.bytes[&p.id]), "case {case}");
    }
}

#[test]
fn a_living_and_a_dead_directory_can_be_looked_into() {
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 7);
    eventually("a commit", || buffer.stats().batches_written == 1);
    let alive = forehearth_buffer::inspect::stat(&rig.dir()).unwrap();
    assert_eq!((alive.batches, alive.readings, alive.clean), (1, 7, false));
    assert_eq!(alive.destinations, ["plant"]);
    drop(buffer);
    let buffer = rig.open();
    buffer.close();
    let dead = forehearth_buffer::inspect::stat(&rig.dir()).unwrap();
    assert_eq!((dead.batches, dead.readings, dead.clean), (1, 7, true));
    let gaps = forehearth_buffer::inspect::gaps(&rig.dir()).unwrap();
    assert!(gaps.iter().all(|gap| gap.cause == "crash" && gap.last.is_none()));
    assert!(!gaps.is_empty());
}
