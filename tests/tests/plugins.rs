//! A driver in a process of its own, from the words of its page to values at a broker.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use forehearth_tests::arrival::Arrival;
use forehearth_tests::broker::Mosquitto;
use forehearth_tests::eventually::eventually;
use forehearth_tests::gateway::{Gateway, Map};
use forehearth_tests::native::NativeConsumer;
use forehearth_tests::peer::{binary, root};

const SECOND: Duration = Duration::from_secs(1);

const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"gw-1\"\npath = \"acme/site\"\n\
    [[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1:1883\"\nformat = \"json\"\n";

/// What stands between ```` ```language ```` and the end of the block, each.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let head = format!("```{language}\n");
    let rest = page.split(head.as_str()).skip(1);
    rest.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn every_command_of_write_a_driver_works() {
    let page = fs::read_to_string(root().join("docs/write-a-driver.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("gateway.toml"), GATEWAY).unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    let map = blocks(&page, "toml");
    fs::write(dir.path().join("devices/meter.toml"), map[0]).unwrap();
    let commands = blocks(&page, "sh");
    assert_eq!(commands.len(), 3, "{commands:?}");
    let beside = binary("forehearth").parent().unwrap().display().to_string();
    let path = format!("{beside}:{}", std::env::var("PATH").unwrap());
    for block in commands {
        let ran = Command::new("sh")
            .args(["-ec", block])
            .current_dir(dir.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(ran.status.success(), "{block}\n{said}");
    }
}

/// The latest of the tag `energy`.
fn latest(consumer: &NativeConsumer) -> Option<Arrival> {
    consumer.arrivals().into_iter().rfind(|arrival| arrival.tag == "energy")
}

/// The process whose working directory this is.
fn working_in(directory: &Path) -> Option<String> {
    let directory = fs::canonicalize(directory).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut here = processes.filter(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory)
    });
    here.next()?.file_name().into_string().ok()
}

#[test]
fn values_of_a_plugin_arrive_and_its_death_is_a_device_state() {
    let broker = Mosquitto::start();
    let consumer = NativeConsumer::start(broker.port());
    let device = "[[device]]\nname = \"meter-1\"\ndriver = \"plugin:meter\"\nrate = \"100ms\"\n\
        settings = { host = \"192.0.2.7\" }\n\
        [device.tags]\nenergy = { at = \"r7\", type = \"LREAL\" }\n";
    let map = Map::new().native("native", broker.port()).written(device);
    let mut gateway = Gateway::new(&map);
    let plugins = gateway.config().join("plugins");
    fs::create_dir(&plugins).unwrap();
    let folder = plugins.display().to_string();
    let made = Gateway::verb(&["plugin", "new", "--lang", "python", "--into", &folder, "meter"]);
    assert!(made.status.success(), "{made:?}");
    gateway.start();
    let good = || latest(&consumer).filter(|a| a.good && a.value.as_f64() == Some(7.0));
    eventually(10 * SECOND, "the value arrives", good);

    // From now on each start of it fails.
    let driver = plugins.join("meter/driver");
    let right = fs::read(&driver).unwrap();
    fs::write(&driver, "#!/bin/sh\nexit 3\n").unwrap();
    let pid = working_in(&gateway.state().join("plugins/meter-1")).expect("it runs");
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    eventually(10 * SECOND, "its tags are Bad", || latest(&consumer).filter(|a| !a.good));
    fs::write(&driver, right).unwrap();
    eventually(20 * SECOND, "it is started again", good);
    gateway.assert_books_balance();
    assert!(gateway.is_running());
}
