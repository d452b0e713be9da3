//! Real faults of a real disk: full, read-only, out of handles, files gone, files of others.
//!
//! The first two mount a small volume, which takes root (as CI has); without
//! it they say so and check nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod rig;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use forehearth_buffer::{Buffer, OpenError, StorageCode, StorageState, Want};
use forehearth_model::{CatalogueHash, GapCause, Lane};
use rig::{Feed, Rig, drain, eventually, numbers};

/// A volume in memory, unmounted at the end.
struct Volume(PathBuf);

impl Volume {
    fn mount(rig: &Rig, options: &str) -> Option<Self> {
        std::fs::create_dir_all(rig.dir()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(rig.dir())
            .output();
        if mounted.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(Self(rig.dir()));
        }
        eprintln!("not checked, mounting takes root: {mounted:?}");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(done.success(), "{options}");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn code(buffer: &Buffer) -> Option<StorageCode> {
    match buffer.health().storage {
        StorageState::Up => None,
        StorageState::Down { code, .. } => Some(code),
    }
}

#[test]
fn a_volume_that_fills_sheds_the_oldest_and_declares_every_reading_of_it() {
    let rig = Rig { commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let Some(volume) = Volume::mount(&rig, "size=3m") else { return };
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.alarm(&buffer, 3);
    // Three times what fits, and somebody else takes a third of it meanwhile.
    for at in 0..150 {
        for _ in 0..8 {
            feed.noise(&buffer, 100, 8_000);
        }
        if at == 75 {
            std::fs::write(volume.0.join("of somebody else"), vec![1; 1 << 20]).ok();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    feed.balances(&buffer);
    let mut outbox = buffer.outbox(0);
    let (mut parcels, mut declared) = (Vec::new(), 0);
    eventually("everything is fetched, and every reading shed is declared", || {
        while let Some(parcel) = outbox.try_next(Want::Backlog) {
            outbox.settle(parcel.id, 0);
            parcels.push(parcel);
        }
        while let Some(gap) = outbox.next_gap() {
            assert!(matches!(gap.cause, GapCause::Shed | GapCause::NoStorage), "{gap:?}");
            assert_eq!(gap.lane, Some(Lane::Live), "alarms go last");
            declared += gap.readings;
            outbox.settle_gap(gap.id);
        }
        buffer.quiet() && declared == buffer.ledger()[0].shed
    });
    feed.balances(&buffer);
    assert!(declared > 0, "three times what fits does not fit");
    assert_eq!(numbers(&parcels, Lane::Alarm), [1]);
    let live = numbers(&parcels, Lane::Live);
    assert!(live.is_sorted());
    assert_eq!(live.last(), Some(&1201), "the newest are there");
    buffer.close();
}

#[test]
fn a_volume_that_somebody_else_fills_to_the_brim_is_used_again_when_there_is_room() {
    let rig = Rig { commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let Some(volume) = Volume::mount(&rig, "size=3m") else { return };
    let buffer = rig.open();
    let hog = volume.0.join("of somebody else");
    let free = || rustix::fs::statvfs(&volume.0).map(|v| v.f_bavail * v.f_frsize).unwrap();
    let size = usize::try_from(free()).unwrap();
    std::fs::write(&hog, vec![1; size]).unwrap();
    assert_eq!(free(), 0);
    let mut feed = Feed::new(&buffer);
    for _ in 0..20 {
        feed.live(&buffer, 10);
    }
    eventually("it says that the disk is full", || code(&buffer) == Some(StorageCode::Full));
    feed.balances(&buffer);
    std::fs::remove_file(&hog).unwrap();
    let begun = Instant::now();
    eventually("a commit", || buffer.stats().batches_written == 20);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(code(&buffer), None);
    assert_eq!(buffer.ledger()[0].shed, 0);
    drop(buffer);
    let buffer = rig.open();
    assert_eq!(buffer.ledger()[0].recovered, 200);
    drop(buffer);
}

#[test]
fn a_volume_mounted_read_only_leaves_the_daemon_in_memory_until_it_is_writable() {
    let rig = Rig { commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let Some(volume) = Volume::mount(&rig, "size=3m") else { return };
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 10);
    buffer.close();
    volume.remount("ro");
    another_second();
    let buffer = rig.open();
    assert_eq!(code(&buffer), Some(StorageCode::ReadOnly));
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 7);
    feed.balances(&buffer);
    volume.remount("rw");
    let begun = Instant::now();
    eventually("a commit", || buffer.stats().batches_written == 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let books = buffer.ledger()[0].clone();
    assert_eq!((books.recovered, books.waiting), (10, 17), "the books hold across it");
    assert_eq!(books.imbalance(7), 0);
    let mut outbox = buffer.outbox(0);
    assert_eq!(drain(&mut outbox, Want::Backlog, 2).len(), 2);
    drop(buffer);
}

/// A run that does not see the disk is numbered by the clock.
fn another_second() {
    let second = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let begun = second();
    eventually("another second", || second() > begun);
}

#[test]
fn two_runs_that_took_one_number_are_kept_apart_and_the_loss_is_declared() {
    let rig = Rig { commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let segment = one_segment(&rig);
    let away = rig.temp.path().join("away");
    std::fs::rename(rig.dir(), &away).unwrap();
    std::fs::write(rig.dir(), "in the way").unwrap();
    let buffer = rig.open();
    // As if the first run had taken the number of this one.
    let name = segment.file_name().unwrap();
    for (path, sql) in [
        (away.join("segments").join(name), "UPDATE head SET epoch = ?1"),
        (away.join("control.db"), "UPDATE segment SET epoch = ?1"),
    ] {
        let file = rusqlite::Connection::open(path).unwrap();
        assert_eq!(file.execute(sql, [buffer.epoch().0]).unwrap(), 1);
    }
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 7);
    std::fs::remove_file(rig.dir()).unwrap();
    std::fs::rename(&away, rig.dir()).unwrap();
    eventually("a commit", || buffer.stats().batches_written == 1);
    let gap = gap(&buffer);
    assert_eq!((gap.cause, gap.last.number), (GapCause::Damaged, 10));
    let mut outbox = buffer.outbox(0);
    let parcels = drain(&mut outbox, Want::Backlog, 1);
    assert_eq!(parcels[0].bytes, feed.bytes[&parcels[0].id]);
    parcels.iter().for_each(|parcel| outbox.settle(parcel.id, 0));
    feed.balances(&buffer);
}

#[test]
fn without_file_handles_it_goes_on_in_memory_and_recovers_when_there_are_some() {
    const CHILD: &str = "FOREHEARTH_TEST_FEW_HANDLES";
    if std::env::var_os(CHILD).is_none() {
        // A limit of its own, in a process of its own.
        let test = "without_file_handles_it_goes_on_in_memory_and_recovers_when_there_are_some";
        let done = Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact --nocapture \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(test)
            .env(CHILD, "yes")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        return;
    }
    let rig = Rig { commit_within: Duration::from_millis(20), ..Rig::new(&["plant"]) };
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    let mut hogs = Vec::new();
    while let Ok(hog) = std::fs::File::open("/dev/null") {
        hogs.push(hog);
    }
    feed.live(&buffer, 10);
    eventually("it says why", || code(&buffer) == Some(StorageCode::TooManyFiles));
    feed.live(&buffer, 10);
    feed.balances(&buffer);
    drop(hogs);
    eventually("a commit", || buffer.stats().batches_written == 2);
    feed.balances(&buffer);
    drop(buffer);
    assert_eq!(rig.open().ledger()[0].recovered, 20);
}

#[test]
fn when_nothing_can_be_stored_the_oldest_in_memory_is_shed_and_declared() {
    let rig = Rig { memory: 64 << 10, ..Rig::new(&["plant"]) };
    std::fs::write(rig.dir(), "in the way").unwrap();
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    feed.alarm(&buffer, 2);
    for _ in 0..100 {
        feed.noise(&buffer, 10, 4_000);
    }
    feed.balances(&buffer);
    let books = buffer.ledger()[0].clone();
    assert!(books.shed > 0 && books.waiting > 0, "{books:?}");
    assert!(buffer.stats().memory_bytes <= 64 << 10);
    let mut outbox = buffer.outbox(0);
    let gap = outbox.next_gap().unwrap();
    assert_eq!((gap.cause, gap.first.number), (GapCause::NoStorage, 2), "alarms go last");
    assert_eq!(gap.readings, books.shed, "one record for all of it");
    assert_eq!(outbox.try_next(Want::Backlog).unwrap().id.number, 1);
}

/// A segment of one run and its only copy, closed in order.
fn one_segment(rig: &Rig) -> PathBuf {
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..10 {
        feed.live(&buffer, 10);
    }
    buffer.close();
    rig.segments()[0].clone()
}

/// The first gap record.
fn gap(buffer: &Buffer) -> forehearth_model::GapRecord {
    let mut outbox = buffer.outbox(0);
    let mut gap = None;
    eventually("a gap record", || {
        gap = gap.take().or_else(|| outbox.next_gap());
        gap.is_some()
    });
    gap.unwrap()
}

#[test]
fn a_segment_somebody_removed_is_declared_with_its_numbers() {
    let rig = Rig::new(&["plant"]);
    std::fs::remove_file(one_segment(&rig)).unwrap();
    let buffer = rig.open();
    let gap = gap(&buffer);
    assert_eq!((gap.cause, gap.first.number, gap.last.number), (GapCause::Damaged, 1, 10));
    assert_eq!(gap.lane, Some(Lane::Live));
    buffer.close();
    let buffer = rig.open();
    buffer.close();
    let gaps = forehearth_buffer::inspect::gaps(&rig.dir()).unwrap();
    assert_eq!(gaps.len(), 1, "declared once");
}

#[test]
fn a_segment_that_is_not_listed_any_more_is_listed_again_before_it_can_vanish() {
    let rig = Rig::new(&["plant"]);
    let segment = one_segment(&rig);
    let control = rusqlite::Connection::open(rig.dir().join("control.db")).unwrap();
    assert_eq!(control.execute("DELETE FROM segment", []).unwrap(), 1);
    drop(control);
    let buffer = rig.open();
    assert_eq!(buffer.ledger()[0].recovered, 100);
    drop(buffer);
    std::fs::remove_file(segment).unwrap();
    let buffer = rig.open();
    let mut outbox = buffer.outbox(0);
    eventually("the loss is declared", || {
        outbox.next_gap().is_some_and(|gap| gap.cause == GapCause::Damaged)
    });
}

#[test]
fn a_directory_of_a_newer_version_refuses_the_start_and_is_left_as_it_is() {
    for file in ["control.db", "segment"] {
        let rig = Rig::new(&["plant"]);
        let segment = one_segment(&rig);
        let path: &Path = if file == "segment" { &segment } else { &rig.dir().join(file) };
        let newer = rusqlite::Connection::open(path).unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        drop(newer);
        let refused = Buffer::open(rig.settings(), &rig.names, rig.catalogue());
        assert!(matches!(refused, Err(OpenError::Newer(_))), "{file}: {refused:?}");
        assert!(path.exists() && segment.exists(), "{file}");
        assert!(!rig.dir().join("quarantine").exists(), "{file}");
    }
}

#[test]
fn a_new_destination_does_not_get_what_waits_for_an_old_one() {
    let mut rig = Rig::new(&["plant"]);
    one_segment(&rig);
    rig.names = vec!["plant".to_owned(), "cloud".to_owned()];
    let buffer = rig.open();
    let waiting = |index: usize| buffer.ledger()[index].waiting;
    assert_eq!((waiting(0), waiting(1)), (100, 0));
    let mut feed = Feed::new(&buffer);
    feed.live(&buffer, 5);
    assert_eq!((waiting(0), waiting(1)), (105, 5));
    buffer.close();
    let buffer = rig.open();
    let waiting: Vec<u64> = buffer.ledger().iter().map(|books| books.waiting).collect();
    assert_eq!(waiting, [105, 5], "nor after a restart");
}

#[test]
fn a_batch_that_waited_across_a_change_of_the_map_comes_with_its_old_catalogue() {
    let rig = Rig::new(&["plant"]);
    one_segment(&rig);
    let newer = (CatalogueHash(0xbeef), bytes::Bytes::from_static(b"another catalogue"));
    let buffer = Buffer::open(rig.settings(), &rig.names, newer).unwrap();
    let mut outbox = buffer.outbox(0);
    assert_eq!(drain(&mut outbox, Want::Backlog, 10).len(), 10);
    let old = outbox.catalogue(CatalogueHash(0xf00d)).unwrap();
    assert_eq!(&old[..], b"the catalogue");
    assert_eq!(outbox.catalogue(CatalogueHash(0xdead)), None);
}

#[test]
fn a_walk_tells_what_is_whole_and_a_file_alone_is_enough() {
    use forehearth_buffer::inspect::{Seen, walk, walk_file};
    let rig = Rig::new(&["plant"]);
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..100 {
        feed.noise(&buffer, 10, 900);
    }
    eventually("a commit", || buffer.stats().batches_written == 100);
    let mut seen = Vec::new();
    let walked = walk(&rig.dir(), |what| {
        match what {
            Seen::Catalogue(bytes) => assert_eq!(&bytes[..], b"the catalogue"),
            Seen::Batch(row) => seen.push((row.id, row.bytes.clone())),
        }
        true
    });
    let walked = walked.unwrap();
    assert!(walked.len() == 1 && walked[0].is_whole(), "{walked:?}");
    assert_eq!((walked[0].batches, walked[0].readings), (100, 1000));
    assert_eq!(seen, feed.bytes.clone().into_iter().collect::<Vec<_>>(), "of a living one too");
    buffer.close();

    let away = rig.temp.path().join("away.db");
    std::fs::copy(&rig.segments()[0], &away).unwrap();
    let mut bytes = std::fs::read(&away).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4000].fill(0x5a);
    std::fs::write(&away, bytes).unwrap();
    let mut whole = 0;
    let walked = walk_file(&away, |what| {
        if let Seen::Batch(row) = what {
            assert_eq!(row.bytes, feed.bytes[&row.id]);
            whole += 1;
        }
        true
    });
    assert!(!walked.is_whole() && whole >= 90, "{walked:?}");
    let lost: u64 = walked.damaged.iter().map(|(first, last)| last - first + 1).sum();
    assert_eq!(whole + lost, 100);
}

#[test]
fn what_was_set_aside_does_not_eat_the_budget() {
    let rig = Rig { max_size: 4 << 20, ..Rig::new(&["plant"]) };
    let quarantine = rig.dir().join("quarantine");
    std::fs::create_dir_all(&quarantine).unwrap();
    for name in ["1.db", "2.db", "3.db"] {
        std::fs::write(quarantine.join(name), vec![1; 100 << 10]).unwrap();
        // One after the other, also where times are coarse.
        std::thread::sleep(Duration::from_millis(20));
    }
    let _buffer = rig.open();
    eventually("the oldest went", || !quarantine.join("1.db").exists());
    assert!(quarantine.join("3.db").exists(), "256 KiB of 4 MiB may stay");
    assert!(quarantine.join("2.db").exists());
}
