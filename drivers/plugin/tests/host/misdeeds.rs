//! Each misdeed of a plugin is a device state with Bad readings.

use forehearth_driver::{Driver, LinkError};
use forehearth_driver_plugin::PluginPoller;
use forehearth_model::{GroupId, Quality, Scan};

use crate::plant::{Plant, clock};

/// One connect and one scan; how the scan ended, and the qualities it gave.
async fn once(plant: &Plant) -> (Result<(), LinkError>, Vec<Quality>) {
    let mut driver = PluginPoller::new(plant.settings.clone(), clock);
    let mut scans: Vec<Scan> = Vec::new();
    driver.connect().await.unwrap();
    let ended = driver.scan(GroupId(0), &mut scans).await;
    (ended, scans.iter().flat_map(|scan| &scan.samples).map(|sample| sample.quality).collect())
}

async fn refusal(plant: &Plant) -> String {
    let mut driver = PluginPoller::new(plant.settings.clone(), clock);
    driver.connect().await.unwrap_err().to_string()
}

async fn gone(plant: &Plant) {
    while plant.lives() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_breaks_the_rules_is_ended_and_its_tags_are_bad() {
    for (mood, words) in [
        ("lies", "batch 7 came where 1 is due"),
        ("twice", "that was not asked for, or twice"),
        ("huge", "at most 4194304 are allowed"),
        ("crashes", "signal: 6"),
        ("prattles", "without end"),
    ] {
        let plant = Plant::new(mood);
        let (ended, qualities) = once(&plant).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(words), "{mood}: {error}");
        assert_eq!(qualities, [Quality::BadNoCommunication; 4], "{mood}");
        gone(&plant).await;
    }
}

#[tokio::test]
async fn what_never_begins_is_told_apart() {
    for (mood, words) in [
        ("dies-at-once", "exit status: 3"),
        ("no-plugin", "no message"),
        ("mute", "did not say Hello within 5000 ms"),
    ] {
        let plant = Plant::new(mood);
        let error = refusal(&plant).await;
        assert!(error.contains(words), "{mood}: {error}");
        gone(&plant).await;
    }
}

#[tokio::test]
async fn what_it_leaves_out_and_what_has_another_type_is_bad_and_the_rest_is_good() {
    let (ended, qualities) = once(&Plant::new("forgets")).await;
    ended.unwrap();
    let (good, bad) = (Quality::Good, Quality::BadDeviceFailure);
    assert_eq!(qualities, [good, good, bad, bad]);
    let (ended, qualities) = once(&Plant::new("wrong-types")).await;
    ended.unwrap();
    assert_eq!(qualities, [Quality::BadConfiguration; 4]);
}

#[tokio::test]
async fn a_plugin_that_shouts_is_read_and_does_not_block() {
    let (ended, qualities) = once(&Plant::new("shouts")).await;
    ended.unwrap();
    assert_eq!(qualities, [Quality::Good; 4]);
}

#[tokio::test]
async fn a_later_version_beside_ours_is_no_obstacle() {
    let (ended, _) = once(&Plant::new("from-the-future")).await;
    ended.unwrap();
}

#[tokio::test]
async fn a_refused_address_is_told_with_its_place_in_the_map() {
    let mut plant = Plant::new("good");
    plant.settings.groups[0].tags[2].at = "öl r!3".into();
    let error = refusal(&plant).await;
    let expected = "devices/a.toml:12:12: at = \"öl r!3\": `!` is no register (write r0 … r9)";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn a_plugin_that_does_not_read_is_ended() {
    let plant = Plant::new("deaf");
    let (ended, qualities) = once(&plant).await;
    assert!(ended.unwrap_err().to_string().contains("did not answer within 300 ms"));
    assert_eq!(qualities, [Quality::BadNoCommunication; 4]);
    gone(&plant).await;
}

#[tokio::test]
async fn it_inherits_no_descriptor_and_no_environment_of_the_gateway() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let path = secret.path().display().to_string();
    let plant = Plant::new("good");
    once(&plant).await.0.unwrap();
    let environment = std::fs::read_to_string(plant.work().join("environment")).unwrap();
    let mut known: Vec<_> = environment.split(' ').collect();
    known.sort_unstable();
    assert_eq!(known, ["LANG", "PATH"]);
    // What the test runner itself leaves open is inherited by all it starts;
    // what this process opened is not.
    let descriptors = std::fs::read_to_string(plant.work().join("descriptors")).unwrap();
    assert!(!descriptors.contains(&path), "{descriptors}");
    drop(secret);
}

#[tokio::test]
async fn its_memory_is_bounded_where_the_map_says_so() {
    let mut plant = Plant::new("good");
    plant.settings.program.memory = Some(1024 * 1024 * 1024);
    let mut driver = PluginPoller::new(plant.settings.clone(), clock);
    driver.connect().await.unwrap();
    let pid = std::fs::read_to_string(plant.work().join("pid")).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
    assert!(line.contains("1073741824"), "{line}");
}
