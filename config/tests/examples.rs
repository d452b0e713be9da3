//! Every shipped example loads without a finding, and means what its comments say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::time::Duration;

use forehearth_config::{
    BrokerFormat, Deadband, Lang, Loaded, PasswordSource, Plan, ServerPlan, TlsPlan, Transport,
    load, render, show, try_map,
};
use forehearth_modbus::Access;
use forehearth_model::{DataType, Grade, Lane, TagKind};

fn example(name: &str) -> Loaded {
    load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(name))
}

fn plan(name: &str) -> Plan {
    let loaded = example(name);
    let text = render(&loaded.report, Lang::En, false);
    assert!(loaded.report.is_empty(), "{name}:\n{text}");
    loaded.plan.unwrap()
}

#[test]
fn every_example_loads_without_a_finding() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            plan(entry.file_name().to_str().unwrap());
            count += 1;
        }
    }
    assert!(count >= 8);
}

#[test]
fn the_registers_of_every_example_read_what_its_tests_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut values = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            let trial = try_map(&example(entry.file_name().to_str().unwrap()));
            assert!(trial.report.is_empty(), "{}", render(&trial.report, Lang::En, false));
            values += trial.values;
        }
    }
    assert!(values >= 30, "{values}");
}

#[test]
fn every_example_speaks_chinese_about_each_of_its_tags() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let plan = plan(entry.file_name().to_str().unwrap());
        assert!(!plan.gateway.title[1].is_empty(), "{:?}", entry.file_name());
        for tag in &plan.catalogue.tags {
            assert!(!tag.label[1].is_empty(), "{:?}: {}", entry.file_name(), tag.name);
        }
    }
}

#[test]
fn a_column_is_read_of_two_servers_with_what_browsing_found() {
    let plan = plan("dcs-column");
    let Transport::OpcUa(server) = &plan.links[0].transport else { panic!() };
    assert_eq!((server.urls.len(), server.trust.len(), server.queue), (2, 2, Some(240)));
    let tags = plan.catalogue.tags.iter().zip(&plan.tags);
    let tag = |name: &str| tags.clone().find(|(tag, _)| tag.name == name).unwrap();
    assert_eq!(tag("froth_level").0.data_type, DataType::Real, "the server said so");
    assert_eq!(tag("valve/ZT_1").0.label[0], "froth wash valve");
    assert_eq!(tag("valve/ZT_2").0.valid, Some((0.0, 100.0)));
    let element = tag("profile[7]").1.point.node().unwrap();
    assert_eq!((&*element.node, element.element), ("dcs:s=FC201.Density", Some(7)));
    assert_eq!(tag("pump_speed").1.point.node().unwrap().field.as_deref(), Some("Motor.Speed"));
    let (alarms, point) = tag("alarms");
    assert_eq!((alarms.lane, alarms.data_type), (Lane::Alarm, DataType::String));
    assert_eq!(point.point.node().unwrap().events, Some(500));
    assert!(point.report.every_sample);
}

#[test]
fn what_a_tag_does_not_say_comes_from_the_dictionary() {
    let plan = plan("tailings-dam");
    let tags = plan.catalogue.tags.iter();
    let pond: Vec<_> = tags.filter(|tag| tag.plant_tag == "LT-701").collect();
    let [level] = pond.as_slice() else { panic!("{pond:?}") };
    assert_eq!((level.unit.as_str(), level.unit_code.as_str()), ("m", "MTR"));
    assert_eq!((level.valid, level.grade), (Some((0.0, 5000.0)), Grade::Important));
    assert_eq!(level.label, ["pond level", "库水位"]);
    let count = plan.catalogue.tags.iter().filter(|tag| tag.kind == TagKind::Counter).count();
    assert_eq!(count, 0);
}

#[test]
fn twenty_lines_are_two_hundred_and_ninety_eight_cells() {
    let plan = plan("potline");
    assert_eq!(plan.devices.len(), 298);
    assert_eq!(plan.links.len(), 10);
    assert_eq!(plan.tags.len(), 298 * (7 + 24 + 2));
    let names: Vec<&str> = plan.catalogue.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!((names[0], names[297]), ("cell-001", "cell-300"));
    assert!(!names.contains(&"cell-117") && !names.contains(&"cell-204"));
    let cell = names.iter().position(|name| *name == "cell-031").unwrap();
    assert_eq!(plan.links[plan.devices[cell].link.index()].name, "pc-02");
    assert_eq!(plan.catalogue.devices[cell].handle, "88.100.1234/POT2-031");
    let Transport::ModbusTcp { host, port } = &plan.links[1].transport else { panic!() };
    assert_eq!((host.as_str(), *port), ("10.20.4.12", 502));
    assert_eq!(plan.links[1].max_words, 120);
}

#[test]
fn the_catalogue_says_what_every_tag_means() {
    let plan = plan("potline");
    let device = plan.catalogue.devices.iter().position(|d| d.name == "cell-002").unwrap();
    let find = |name: &str| {
        let position = plan
            .catalogue
            .tags
            .iter()
            .position(|tag| tag.device.index() == device && tag.name == name)
            .unwrap_or_else(|| panic!("{name}"));
        (&plan.catalogue.tags[position], &plan.tags[position])
    };
    let (voltage, place) = find("cell_voltage");
    assert_eq!((voltage.unit.as_str(), voltage.unit_code.as_str()), ("V", "VLT"));
    assert_eq!(voltage.label[1], "槽电压");
    assert_eq!(place.point.modbus().unwrap().address.to_string(), "40101 (hr:100)");
    assert_eq!(place.report.deadband, Deadband::Absolute(0.002));
    let (temp, _) = find("bath_temp");
    assert_eq!(temp.valid, Some((800.0, 1100.0)));
    assert_eq!(temp.scaling.apply(9650.0), 965.0);
    let (count, _) = find("feed_count");
    assert_eq!(count.kind, TagKind::Counter);
    let (flag, place) = find("ae_flag");
    assert_eq!((flag.data_type, flag.lane), (DataType::Bool, Lane::Alarm));
    assert_eq!(place.point.modbus().unwrap().address.bit, Some(0));
    let (last, place) = find("anode_current[23]");
    assert_eq!(last.data_type, DataType::Int);
    assert_eq!(place.point.modbus().unwrap().address.offset, 100 + 20 + 23);
}

#[test]
fn tags_of_a_device_stand_together_and_each_is_read_once() {
    for name in ["potline", "energy-meters", "sis-readonly"] {
        let plan = plan(name);
        assert_eq!(plan.tags.len(), plan.catalogue.tags.len());
        assert!(plan.catalogue.tags.is_sorted_by_key(|tag| tag.device));
        let mut read = vec![0; plan.tags.len()];
        for (link, group) in
            plan.links.iter().enumerate().flat_map(|(i, l)| l.groups.iter().map(move |g| (i, g)))
        {
            assert_eq!(plan.devices[group.device.index()].link.index(), link);
            for tag in &group.tags {
                assert_eq!(plan.catalogue.tags[tag.index()].device, group.device);
                read[tag.index()] += 1;
            }
        }
        assert!(read.iter().all(|times| *times == 1), "{name}");
    }
}

#[test]
fn what_stands_nearer_to_the_device_wins() {
    let plan = plan("potline");
    // builtin says 500 ms, our profile 1 s, the override of cell 42 2 s.
    let fast = |name: &str| {
        let device = plan.catalogue.devices.iter().position(|d| d.name == name).unwrap();
        let groups = plan.links.iter().flat_map(|link| &link.groups);
        groups.filter(|g| g.device.index() == device).map(|g| g.period).min().unwrap()
    };
    assert_eq!(fast("cell-041"), Duration::from_secs(1));
    assert_eq!(fast("cell-042"), Duration::from_secs(2));
}

#[test]
fn a_sheet_makes_a_device_of_each_row() {
    let plan = plan("energy-meters");
    let names: Vec<&str> = plan.catalogue.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["QF-01", "QF-02", "QF-03", "QF-04"]);
    assert_eq!(plan.devices[3].unit, 3);
    let Transport::ModbusTcp { host, .. } = &plan.links[2].transport else { panic!() };
    assert_eq!(host, "10.30.7.13");
}

#[test]
fn a_safety_system_is_read_within_its_budget_and_never_written() {
    let plan = plan("sis-readonly");
    assert_eq!(plan.devices[0].access, Access::ReadOnly);
    let link = &plan.links[0];
    assert_eq!(link.pause_between, Duration::from_millis(500));
    assert_eq!((link.inflight, link.timeout), (1, Duration::from_millis(800)));
    assert!(plan.catalogue.tags.iter().all(|tag| tag.grade == Grade::Important));
    assert_eq!(plan.catalogue.tags[2].plant_tag, "PT-911");
}

#[test]
fn the_gateway_file_means_what_it_says() {
    let plan = plan("potline");
    assert_eq!(plan.gateway.id, "pot2-east");
    assert_eq!(plan.gateway.title[1], "电解二车间东");
    assert_eq!(plan.catalogue.path, "acme/guangxi/potline-2/room-a");
    assert_eq!((plan.buffer.max_size, plan.buffer.reserve), (48 << 30, 64 << 20));
    let [plant, cloud] = plan.brokers.as_slice() else { panic!() };
    let local = ServerPlan { host: "127.0.0.1".to_owned(), port: 1883 };
    assert_eq!((&plant.servers, &plant.tls), (&vec![local], &None));
    assert_eq!(plant.backlog, Some(2 << 20));
    let scada = Some("scada".to_owned());
    let group = "acme.guangxi".to_owned();
    assert_eq!(plant.format, BrokerFormat::Sparkplug { group, primary_host: scada });
    assert_eq!(cloud.servers[0].port, 8883);
    assert_eq!(cloud.tls, Some(TlsPlan { ca: None, client: None, server_name: None }));
    let topic = "fh/v1/acme/guangxi/potline-2/room-a/pot2-east".to_owned();
    assert_eq!(cloud.format, BrokerFormat::Native { topic, baseline: false });
    assert_eq!(cloud.password, Some(PasswordSource::Credential("mqtt-cloud".to_owned())));
    assert_eq!(cloud.grades, Some(vec![Grade::General]));
    assert_eq!(cloud.devices, Some(vec!["cell-*".to_owned()]));
    assert_eq!(plan.status.unwrap().listen.port(), 8390);
}

#[test]
fn show_tells_both_addresses_and_where_each_value_came_from() {
    let loaded = example("potline");
    let text = show(&loaded, "cell-042").unwrap();
    for part in [
        "device cell-042",
        "41101 (hr:1100) REAL CDAB, every 2s",
        "from devices/cells.toml:27: deadband",
        "from builtin:potcell-v3:16: at type unit rate label",
        "from profiles/potcell.toml:11: at type unit",
        "from devices/cells.toml:25, over profiles/potcell.toml:8, over builtin:potcell-v3:12",
        "link         \"pc-{(n-1)/30+1:02}\"",
        "88.100.1234/POT2-042",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert_eq!(show(&loaded, "cell-117"), None);
}

#[test]
fn a_budget_that_is_used_up_exactly_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("devices")).unwrap();
    let gateway = include_str!("../examples/sis-readonly/gateway.toml");
    let device = include_str!("../examples/sis-readonly/devices/sis.toml");
    std::fs::write(dir.path().join("gateway.toml"), gateway).unwrap();
    // Two requests at two a second, once a second.
    let busy = device.replace("rate   = \"2s\"", "rate   = \"1s\"");
    std::fs::write(dir.path().join("devices/sis.toml"), busy).unwrap();
    let loaded = load(dir.path());
    assert_eq!(loaded.report.codes().collect::<Vec<_>>(), ["FH1313"]);
    assert!(loaded.plan.is_some());
    let over = device.replace("rate   = \"2s\"", "rate   = \"500ms\"");
    std::fs::write(dir.path().join("devices/sis.toml"), over).unwrap();
    assert_eq!(load(dir.path()).report.codes().collect::<Vec<_>>(), ["FH1312"]);
}
