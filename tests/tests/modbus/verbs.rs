//! `forehearth probe` and `forehearth scan` as a person at the panel uses them.

use std::fs;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use forehearth_tests::gateway::Gateway;
use forehearth_tests::peer::{binary, bound};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::device::Device;

/// Runs a verb without a map.
fn verb(arguments: &[&str]) -> Output {
    Gateway::verb(&[arguments, &["--config", "/nowhere"]].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", errors(output)))
}

#[test]
fn a_probe_shows_values_orders_and_registers_from_one_request() {
    let mut device = Device::start(&[]);
    let url = device.url().to_owned();
    let output = verb(&["probe", &url, "hr:4:UDINT", "--orders", "--raw", "--json"]);
    let value = &json(&output)["values"][0];
    let abcd = value["value"].as_u64().unwrap();
    assert_eq!(abcd >> 20, 2, "the pair at hr:4: {value}");
    assert_eq!(value["address"], "40005 (hr:4)");
    let words = format!("{:04X} {:04X}", abcd >> 16, abcd & 0xFFFF);
    assert_eq!(value["raw"], words.as_str());
    let swapped = (abcd & 0xFFFF) << 16 | abcd >> 16;
    assert_eq!(value["orders"]["CDAB"], swapped);
    let reversed = u32::try_from(abcd).unwrap().swap_bytes();
    assert_eq!(value["orders"]["DCBA"], reversed);
    // Value, orders and registers are of one moment because one request brought them.
    assert_eq!(device.stat()["requests"], 1);
    let lines = text(&verb(&["probe", &url, "hr:4:UDINT", "--orders", "--raw"]));
    assert_eq!(lines.lines().count(), 5, "{lines}");
    let usual = text(&verb(&["probe", &url]));
    assert!(usual.starts_with("Forehearth simulator 1.0"), "{usual}");
    assert_eq!(usual.lines().count(), 11, "who it is and ten registers: {usual}");
}

#[test]
fn a_refusal_names_function_unit_and_both_addresses_and_says_what_to_check() {
    let device = Device::start(&["--words", "100"]);
    let output = verb(&["probe", device.url(), "hr:98:UINT", "hr:100:UINT", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    let words =
        "unit 1, function 3, 1 registers from 40101 (hr:100): exception 2 (illegal data address)";
    assert!(said.contains(words) && said.contains("check: "), "{said}");
    assert!(
        said.lines().next().unwrap().starts_with("40099 (hr:98)"),
        "its neighbour is read: {said}"
    );
    let chinese = text(&verb(&["probe", device.url(), "hr:100:UINT", "--lang", "zh"]));
    assert!(chinese.contains("非法数据地址") && chinese.contains("40101 (hr:100)"), "{chinese}");
    for (arguments, words) in [
        (["probe", "tcp://127.0.0.1:1", "100:REAL"], "hr:100"),
        (["probe", "serial:///dev/ttyS0", "hr:0"], "baud"),
        (["probe", "http://plc", "hr:0"], "tcp"),
    ] {
        let output = verb(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(words), "{}", errors(&output));
    }
}

#[test]
fn a_watch_goes_on_until_it_is_stopped() {
    let device = Device::start(&[]);
    let mut command = bound(&binary("forehearth"));
    command.args(["probe", device.url(), "hr:0:UDINT", "--watch", "--every", "20ms", "--json"]);
    command.args(["--config", "/nowhere"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = Vec::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
        lines.push(
            serde_json::from_str::<Value>(&line).unwrap()["values"][0]["value"].as_u64().unwrap(),
        );
    }
    assert!(lines.is_sorted() && lines[0] < lines[2], "{lines:?}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success(), "Ctrl-C is how a watch ends");
}

#[test]
fn units_are_found_with_their_names_on_every_kind_of_link() {
    for arguments in [
        &["--units", "2,5"][..],
        &["--units", "2,5", "--mode", "rtu"],
        &["--units", "2,5", "--mode", "ascii", "--pty"],
    ] {
        let device = Device::start(arguments);
        let output = verb(&[
            "scan",
            "units",
            device.url(),
            "--units",
            "1-6",
            "--timeout",
            "100ms",
            "--json",
        ]);
        let found = json(&output);
        let units: Vec<_> =
            found["units"].as_array().unwrap().iter().map(|one| &one["unit"]).collect();
        assert_eq!(units, [2, 5], "{arguments:?}: {found}");
        assert_eq!(found["units"][0]["identity"][1], "simulator");
        assert_eq!(found["complete"], true);
        assert!(errors(&output).is_empty(), "progress is for terminals: {}", errors(&output));
    }
}

#[test]
fn a_serial_line_is_found_by_trying() {
    let device = Device::start(&["--mode", "rtu", "--pty", "--units", "3"]);
    let path = device.url().strip_prefix("serial://").unwrap().split('?').next().unwrap();
    let arguments = ["scan", "serial", path, "--units", "1-4", "--timeout", "50ms"];
    let output = verb(&arguments);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(text(&output).trim(), "9600 8E1  unit 3    Forehearth simulator 1.0");
    let found = json(&verb(&[&arguments[..], &["--json"]].concat()));
    assert_eq!(
        (&found["units"][0]["baud"], &found["units"][0]["format"]),
        (&9600.into(), &"8E1".into())
    );
}

#[test]
fn registers_are_found_exactly_and_no_write_ever_leaves() {
    let mut device = Device::start(&["--words", "300", "--holes", "10-19,125-125"]);
    let url = device.url().to_owned();
    let range = ["scan", "registers", &url, "--from", "40001", "--to", "hr:349", "--pause", "0ms"];
    let output = verb(&range);
    assert!(output.status.success(), "{}", errors(&output));
    let expected = "40001 (hr:0) … 40010 (hr:9)  10\n40021 (hr:20) … 40125 (hr:124)  105\n\
                    40127 (hr:126) … 40300 (hr:299)  174\n";
    assert_eq!(text(&output), expected);
    let functions = device.stat()["functions"].clone();
    assert_eq!(functions.as_object().unwrap().keys().collect::<Vec<_>>(), ["3"], "only reads");
    // Two requests a second, kept by the scan itself.
    let started = Instant::now();
    let polite = verb(&[
        "scan",
        "registers",
        &url,
        "--from",
        "hr:20",
        "--to",
        "hr:22",
        "--most",
        "1",
        "--pause",
        "200ms",
    ]);
    assert!(polite.status.success() && started.elapsed() >= Duration::from_millis(400));
}

#[test]
fn ctrl_c_leaves_what_was_found() {
    let mut device = Device::start(&[]);
    let url = device.url().to_owned();
    let mut command = bound(&binary("forehearth"));
    command.args(["scan", "registers", &url, "--from", "hr:0", "--to", "hr:4000", "--most", "1"]);
    command.args(["--pause", "20ms", "--json", "--config", "/nowhere"]).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    while device.stat()["requests"].as_u64().unwrap() < 5 {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found = json(&output);
    assert_eq!(
        (&found["complete"], &found["readable"][0]["from"]),
        (&false.into(), &"40001 (hr:0)".into())
    );
}

#[test]
fn a_search_is_refused_where_the_map_has_a_read_only_device_and_a_probe_keeps_its_budget() {
    let device = Device::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    fs::write(
        dir.path().join("gateway.toml"),
        "schema = 1\n[gateway]\nid = \"panel\"\npath = \"plant/panel\"\n",
    )
    .unwrap();
    let map = format!(
        "schema = 1\n[[device]]\nname = \"sis-1\"\ndriver = \"modbus\"\nurl = \"{}\"\nunit = 1\n\
         access = \"read-only\"\nrate = \"2s\"\nbudget = {{ requests_per_second = 5 }}\n[device.tags]\n\
         trip = {{ at = \"hr:0\", type = \"UDINT\", order = \"ABCD\" }}\n",
        device.url()
    );
    fs::write(dir.path().join("devices/sis.toml"), map).unwrap();
    let config = dir.path().to_str().unwrap();
    let refused = Gateway::verb(&[
        "scan",
        "registers",
        device.url(),
        "--from",
        "hr:0",
        "--to",
        "hr:9",
        "--config",
        config,
        "--lang",
        "en",
    ]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        errors(&refused).contains("sis-1") && errors(&refused).contains("read-only"),
        "{}",
        errors(&refused)
    );
    // Three requests, because the values are far apart, a fifth of a second between each.
    let started = Instant::now();
    let read = Gateway::verb(&[
        "probe",
        device.url(),
        "hr:0",
        "hr:1000",
        "hr:2000",
        "--config",
        config,
        "--lang",
        "en",
    ]);
    assert!(read.status.success(), "{}", errors(&read));
    assert!(started.elapsed() >= Duration::from_millis(390), "{:?}", started.elapsed());
    fs::write(dir.path().join("devices/sis.toml"), "schema = 1\nwrong").unwrap();
    let unknown = Gateway::verb(&[
        "scan",
        "registers",
        device.url(),
        "--from",
        "hr:0",
        "--to",
        "hr:9",
        "--config",
        config,
        "--lang",
        "en",
    ]);
    assert_eq!(unknown.status.code(), Some(1), "nobody knows what is on this link");
}
