//! Serial lines in a map: what their URLs become, and what they can carry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use forehearth_config::{
    CarrierPlan, FormatPlan, Lang, LinePlan, Loaded, ParityPlan, Rs485Plan, SerialPlan, Transport,
    load, render, show,
};
use forehearth_modbus::{Echo, Framing};

fn load_devices(devices: &str) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("devices")).unwrap();
    let gateway = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n\
                   [[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"native\"\n";
    fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    fs::write(dir.path().join("devices/d.toml"), format!("schema = 1\n{devices}")).unwrap();
    load(dir.path())
}

/// A device of its own on `url` with these lines.
fn device(url: &str, lines: &str) -> String {
    format!(
        "[[device]]\nname = \"meter\"\ndriver = \"modbus\"\nurl = \"{url}\"\n{lines}\n\
         [device.tags]\nt = {{ at = \"hr:0\", type = \"INT\" }}\n"
    )
}

fn line(url: &str, lines: &str) -> LinePlan {
    let loaded = load_devices(&device(url, lines));
    let said = render(&loaded.report, Lang::En, false);
    assert!(loaded.report.is_empty(), "{url}: {said}");
    let Transport::ModbusLine(line) = loaded.plan.unwrap().links.remove(0).transport else {
        panic!("{url} is no line")
    };
    line
}

#[test]
fn a_port_is_set_as_its_url_says() {
    let given = line("serial:///dev/ttyS2?baud=19200&format=7o2&rs485=kernel&mode=ascii", "");
    let port = SerialPlan {
        path: "/dev/ttyS2".into(),
        baud: 19_200,
        format: FormatPlan { data_bits: 7, parity: ParityPlan::Odd, stop_bits: 2 },
        rs485: Rs485Plan::Kernel,
    };
    assert_eq!(given.carrier, CarrierPlan::Serial(port));
    assert_eq!(given.framing, Framing::Ascii);

    let short = line("serial:///dev/serial/by-id/usb-FTDI@1-if00?baud=9600", "");
    let port = SerialPlan {
        path: "/dev/serial/by-id/usb-FTDI@1-if00".into(),
        baud: 9600,
        format: FormatPlan::DEFAULT,
        rs485: Rs485Plan::Auto,
    };
    let carrier = CarrierPlan::Serial(port);
    assert_eq!(short, LinePlan { carrier, framing: Framing::Rtu, echo: Echo::Auto, retries: 1 });
}

#[test]
fn a_serial_server_is_a_line_without_speed() {
    let carrier = CarrierPlan::Tcp { host: "moxa-3".to_owned(), port: 4001 };
    let rtu = line("rtu+tcp://moxa-3:4001", "");
    assert_eq!((rtu.carrier, rtu.framing), (carrier.clone(), Framing::Rtu));
    let ascii = line("ascii+tcp://moxa-3:4001", "");
    assert_eq!((ascii.carrier, ascii.framing), (carrier, Framing::Ascii));
}

#[test]
fn echo_and_a_budget_reach_the_line() {
    let url = "serial:///dev/ttyS2?baud=9600";
    assert_eq!(line(url, "echo = true").echo, Echo::On);
    assert_eq!(line(url, "echo = false").echo, Echo::Off);
    assert_eq!(line(url, "budget = { requests_per_second = 2 }").retries, 0);
    assert_eq!(line(url, "budget = { retries = 3 }").retries, 3);
}

#[test]
fn a_device_is_shown_with_the_url_that_was_meant() {
    for (url, shown) in [
        (
            "serial:///dev/ttyS2?baud=9600",
            "serial:///dev/ttyS2?baud=9600&format=8E1&rs485=auto&mode=rtu",
        ),
        ("rtu+tcp://10.0.0.9:4001", "rtu+tcp://10.0.0.9:4001"),
        ("tcp://10.0.0.9", "tcp://10.0.0.9:502"),
    ] {
        let text = show(&load_devices(&device(url, "unit = 7")), "meter").unwrap();
        assert!(text.contains(&format!("({shown}), unit 7")), "{text}");
    }
}

fn bus(query: &str, units: u8, registers: u16, rate: &str) -> String {
    let devices = format!(
        "[[link]]\nname = \"bus\"\nurl = \"serial:///dev/ttyS2?{query}\"\n\
         [[device]]\nname = \"meter-{{n}}\"\nfor = {{ n = \"1..={units}\" }}\n\
         driver = \"modbus\"\nlink = \"bus\"\nunit = \"{{n}}\"\nrate = \"{rate}\"\n\
         [device.tags]\nvalues = {{ at = \"hr:0\", type = \"INT[{registers}]\" }}\n"
    );
    render(&load_devices(&devices).report, Lang::En, false)
}

/// By hand: 8 characters asked and 5 + 120 answered, 11 bits each at 9,600 Bd,
/// are 152.4 ms; two silences of 3.5 characters 8.0 ms; a meter takes 20 ms;
/// 31 times that are 5.59 s.
#[test]
fn thirty_one_units_of_sixty_registers_need_5_6_s_at_9600() {
    let said = bus("baud=9600&format=8E1", 31, 60, "1s");
    assert!(said.contains("error[FH1333]"), "{said}");
    assert!(said.contains("can't keep `1s`: it needs about 5.6 s"), "{said}");
    assert_eq!(bus("baud=9600&format=8E1", 31, 60, "6s"), "");
}

/// The same in 10 bits: 133 characters are 138.5 ms, in all 5.16 s.
#[test]
fn a_character_without_parity_is_a_bit_shorter() {
    let said = bus("baud=9600&format=8N1", 31, 60, "1s");
    assert!(said.contains("it needs about 5.2 s"), "{said}");
}

/// ASCII writes each byte as two digits: 17 characters asked, 11 + 240
/// answered, 10 bits each, are 279.2 ms; in all 9.52 s.
#[test]
fn ascii_takes_twice_the_characters() {
    let said = bus("baud=9600&format=7E1&mode=ascii", 31, 60, "1s");
    assert!(said.contains("it needs about 9.5 s"), "{said}");
}
