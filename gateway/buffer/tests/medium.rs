//! What the medium bears: what is written to it, files that are not what they should be, and files of an older version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod rig;

use std::fs;
use std::time::Duration;

use forehearth_buffer::{StorageState, Want, inspect};
use forehearth_model::GapCause;
use rig::{Feed, Rig, drain, eventually};

/// Six batches on disk in as many files, nobody has fetched any.
fn stored(rig: &Rig) -> Feed {
    let mut feed = Feed::new(&rig.open());
    for at in 0..3 {
        let buffer = rig.open();
        feed = Feed::new(&buffer);
        feed.live(&buffer, 10 + at);
        buffer.close();
    }
    feed
}

#[test]
fn a_folder_in_the_place_of_a_segment_costs_that_segment_and_not_the_disk() {
    let rig = Rig::new(&["plant"]);
    stored(&rig);
    let second = rig.segments()[1].clone();
    fs::remove_file(&second).unwrap();
    fs::create_dir(&second).unwrap();
    let buffer = rig.open();
    assert_eq!(buffer.health().storage, StorageState::Up);
    let mut outbox = buffer.outbox(0);
    assert_eq!(drain(&mut outbox, Want::Backlog, 2).len(), 2);
    eventually("the loss is declared", || {
        outbox.next_gap().is_some_and(|gap| gap.cause == GapCause::Damaged)
    });
    assert!(rig.dir().join("quarantine").join(second.file_name().unwrap()).is_dir());
    buffer.close();
}

#[test]
fn a_segment_the_daemon_may_not_read_is_set_aside() {
    use std::os::unix::fs::PermissionsExt as _;
    let rig = Rig::new(&["plant"]);
    stored(&rig);
    let second = rig.segments()[1].clone();
    fs::set_permissions(&second, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&second).is_ok() {
        return; // root may read everything
    }
    let buffer = rig.open();
    assert_eq!(buffer.health().storage, StorageState::Up);
    assert_eq!(drain(&mut buffer.outbox(0), Want::Backlog, 2).len(), 2);
    buffer.close();
}

#[test]
fn a_folder_in_the_place_of_the_control_database_costs_repeats_only() {
    let rig = Rig::new(&["plant"]);
    stored(&rig);
    fs::remove_file(rig.dir().join("control.db")).unwrap();
    fs::create_dir(rig.dir().join("control.db")).unwrap();
    let buffer = rig.open();
    assert_eq!(buffer.health().storage, StorageState::Up);
    drain(&mut buffer.outbox(0), Want::Backlog, 3);
    buffer.close();
}

#[test]
fn a_directory_of_an_older_version_is_taken_over_and_a_copy_is_kept() {
    let rig = Rig::new(&["plant"]);
    stored(&rig);
    let path = rig.dir().join("control.db");
    let control = rusqlite::Connection::open(&path).unwrap();
    // As version 1 wrote it.
    control
        .execute_batch(
            "ALTER TABLE run DROP COLUMN written; ALTER TABLE run DROP COLUMN flushes;
             ALTER TABLE run DROP COLUMN running_s; PRAGMA user_version = 1;",
        )
        .unwrap();
    control.close().unwrap();
    assert_eq!(inspect::stat(&rig.dir()).unwrap().flash.bytes_written, 0, "it can be looked at");

    let buffer = rig.open();
    assert_eq!(buffer.health().storage, StorageState::Up);
    let mut outbox = buffer.outbox(0);
    assert_eq!(buffer.ledger()[0].recovered, 33);
    for parcel in drain(&mut outbox, Want::Backlog, 3) {
        outbox.settle(parcel.id, 0);
    }
    buffer.close();
    assert!(inspect::stat(&rig.dir()).unwrap().flash.bytes_written > 0);

    let copy = rusqlite::Connection::open(rig.dir().join("control.db.v1")).unwrap();
    let version: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1, "the copy is as it was");
    let run: i64 = copy.query_row("SELECT epoch FROM run", [], |row| row.get(0)).unwrap();
    assert!(run > 0);
    let segments = copy.query_row("SELECT count(*) FROM segment", [], |row| row.get::<_, i64>(0));
    assert_eq!(segments, Ok(3));
}

/// The kernel counts a page each time it is dirtied anew, we each time it is
/// written; both leave out the file system's own journal.
#[test]
fn what_we_say_was_written_agrees_with_the_kernel() {
    let mut rig = Rig::new(&["plant"]);
    // Where the sources are, which is no memory disk.
    rig.temp = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    rig.commit_within = Duration::from_millis(60);
    let Some(before) = kernel() else { return };
    let buffer = rig.open();
    let mut feed = Feed::new(&buffer);
    for _ in 0..60 {
        feed.live(&buffer, 10);
        std::thread::sleep(Duration::from_millis(25));
    }
    eventually("everything is written", || buffer.stats().batches_written == 60);
    buffer.close();
    let (ours, theirs) = (buffer.stats().wear.bytes_written, kernel().unwrap() - before);
    let commits = buffer.stats().commits;
    println!("{commits} commits: we say {ours} bytes, the kernel {theirs}");
    if theirs == 0 {
        return; // the volume is memory
    }
    assert!(ours * 2 > theirs && theirs * 2 > ours, "we say {ours}, the kernel {theirs}");
}

/// Bytes this process had written to the disk.
fn kernel() -> Option<u64> {
    let io = fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}
