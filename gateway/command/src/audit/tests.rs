//! The audit on real files.

use super::*;

fn facts(value: u32) -> Map<String, Value> {
    Map::from_iter([("event".to_owned(), "received".into()), ("value".to_owned(), value.into())])
}

fn with_lines(count: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut log = AuditLog::open(dir.path()).unwrap();
    for value in 0..count {
        log.write(facts(value)).unwrap();
    }
    dir
}

/// Makes the file look full.
fn fill(log: &mut AuditLog) {
    log.most = log.size;
}

#[test]
fn a_file_that_somebody_else_touches_takes_no_more_lines() {
    for touch in [
        (|path: &Path| fs::remove_file(path).unwrap()) as fn(&Path),
        |path| fs::rename(path, path.with_extension("old")).unwrap(),
        |path| File::options().write(true).open(path).unwrap().set_len(0).unwrap(),
    ] {
        let dir = with_lines(2);
        let mut log = AuditLog::open(dir.path()).unwrap();
        touch(&dir.path().join(FILE));
        assert!(log.write(facts(3)).is_err());
        assert!(log.write(facts(3)).is_err(), "not even when asked again");
    }
}

#[test]
fn a_link_in_its_place_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "a text without a line end").unwrap();
    std::os::unix::fs::symlink(&elsewhere, dir.path().join(FILE)).unwrap();
    assert!(AuditLog::open(dir.path()).is_err());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "a text without a line end");
}

#[test]
fn a_torn_end_of_zeros_does_not_end_the_audit() {
    let dir = with_lines(2);
    let path = dir.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(vec![0; 12_000]);
    fs::write(&path, bytes).unwrap();
    assert_eq!(AuditLog::open(dir.path()).unwrap().link().lines, 3);
    assert_eq!(AuditLog::open(dir.path()).unwrap().link().lines, 3);
}

#[test]
fn every_number_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = AuditLog::open(dir.path()).unwrap();
    for value in [949.800_000_000_000_1, 2.771_507_794_182_597_5e-163, 0.1 + 0.2] {
        let mut facts = facts(0);
        facts.insert("value".to_owned(), value.into());
        log.write(facts).unwrap();
    }
    assert!(verify(dir.path()).is_ok());
}

#[test]
fn the_chain_goes_on_over_a_restart() {
    let dir = with_lines(3);
    let mut log = AuditLog::open(dir.path()).unwrap();
    assert_eq!(log.link().lines, 3);
    log.write(facts(3)).unwrap();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.end.lines, verified.torn), (4, false));
    assert_eq!(&verified.end, log.link());
}

#[test]
fn the_newest_commands_are_known_again_after_a_restart() {
    let dir = with_lines(2);
    let mut log = AuditLog::open(dir.path()).unwrap();
    for number in 0..REMEMBERED + 3 {
        let mut facts = facts(1);
        facts.insert(KEY.to_owned(), number.to_string().into());
        log.write(facts).unwrap();
    }
    let log = AuditLog::open(dir.path()).unwrap();
    let keys: Vec<&str> = log.keys().collect();
    assert_eq!((keys.len(), keys[0]), (REMEMBERED, "3"));
}

#[test]
fn commands_of_a_file_that_was_put_aside_are_known_again() {
    let dir = with_lines(1);
    let mut log = AuditLog::open(dir.path()).unwrap();
    for key in ["a", "b"] {
        let mut facts = facts(1);
        facts.insert(KEY.to_owned(), key.into());
        log.write(facts).unwrap();
        fill(&mut log);
    }
    let log = AuditLog::open(dir.path()).unwrap();
    assert_eq!(log.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(verify(dir.path()).unwrap().files.len(), 2);
}

#[test]
fn a_torn_last_line_is_kept_and_said() {
    let dir = with_lines(3);
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    assert!(verify(dir.path()).unwrap().torn);
    let log = AuditLog::open(dir.path()).unwrap();
    assert_eq!(log.link().lines, 3, "two whole lines and one that holds the torn one");
    assert!(!verify(dir.path()).unwrap().torn);
    assert!(fs::read_to_string(&path).unwrap().contains("\"event\":\"torn\""));
}

#[test]
fn nothing_is_added_to_a_forged_audit() {
    let dir = with_lines(3);
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap().replacen("\"value\":1", "\"value\":9", 1);
    fs::write(&path, text).unwrap();
    let opened = AuditLog::open(dir.path());
    assert!(matches!(opened, Err(AuditError::Broken { line: 2, broken: Broken::Changed, .. })));
    assert!(verify(dir.path()).is_err());
}

#[test]
fn a_full_file_is_put_aside_and_the_chain_runs_through_both() {
    let dir = with_lines(2);
    let mut log = AuditLog::open(dir.path()).unwrap();
    fill(&mut log);
    log.write(facts(2)).unwrap();
    log.write(facts(3)).unwrap();
    fill(&mut log);
    log.write(facts(4)).unwrap();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.files.len(), verified.end.lines), (3, 5));
    assert_eq!(AuditLog::open(dir.path()).unwrap().link(), &verified.end);
}

#[test]
fn a_file_that_was_put_aside_and_lost_shows() {
    let dir = with_lines(2);
    let mut log = AuditLog::open(dir.path()).unwrap();
    fill(&mut log);
    log.write(facts(2)).unwrap();
    fs::remove_file(dir.path().join("audit-000000000000.log")).unwrap();
    assert!(verify(dir.path()).is_err());
}

#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = with_lines(1);
    let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
