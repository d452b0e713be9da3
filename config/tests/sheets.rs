//! Sheets become maps and maps become sheets, and nothing is lost on the way around.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use forehearth_config::{
    Around, Lang, Plan, Row, export_csv, import_csv, import_kepware, import_neuron,
    import_telegraf, load, render, rows, to_map,
};
use forehearth_modbus::{Address, RegisterOrder, Table};
use proptest::prelude::*;

const GATEWAY: &str = "schema = 1\n[gateway]\nid = \"g\"\npath = \"a/b\"\n\
                       [[broker]]\nname = \"p\"\nurl = \"mqtt://h\"\nformat = \"native\"\n";

fn plan_of(rows: &[Row]) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("gateway.toml"), GATEWAY).unwrap();
    for (name, text) in to_map(rows) {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let loaded = load(dir.path());
    loaded.plan.unwrap_or_else(|| panic!("{}", render(&loaded.report, Lang::En, false)))
}

/// Tags at addresses that don't overlap, on devices behind some urls.
fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let text =
        "[a-zA-Z0-9槽电压{}%\",; \\\\'-]{0,8}".prop_map(|text: String| text.trim().to_owned());
    let tag = (
        prop::sample::select(vec!["BOOL", "INT", "UDINT", "REAL", "LREAL", "STRING[6]"]),
        0_usize..4,
        prop::sample::select(vec![1.0, 0.1, -2.5e-7, 1e9]),
        prop::sample::select(vec![0.0, -273.15, 1e-3]),
        [text.clone(), text.clone(), text],
        prop::sample::select(vec!["1s", "500ms", "1m"]),
        any::<bool>(),
    );
    let device = (0_u8..3, 1_u8..4, prop::collection::vec(tag, 1..6));
    prop::collection::vec(device, 1..5).prop_map(|devices| {
        let mut rows = Vec::new();
        for (number, (host, unit_id, tags)) in devices.into_iter().enumerate() {
            for (position, (of, order, scale, offset, texts, rate, band)) in
                tags.into_iter().enumerate()
            {
                let is_number = !of.starts_with("BOOL") && !of.starts_with("STRING");
                let orders = [
                    RegisterOrder::Abcd,
                    RegisterOrder::Cdab,
                    RegisterOrder::Badc,
                    RegisterOrder::Dcba,
                ];
                // One register has no words to swap.
                let order = if of == "INT" { order / 2 * 2 } else { order };
                let bit = (of == "BOOL").then_some(3);
                let [en, zh, plant_tag] = texts;
                rows.push(Row {
                    device: format!("d{number}"),
                    url: format!("tcp://10.0.0.{host}:502"),
                    unit_id,
                    tag: format!("t {position}"),
                    at: Address {
                        table: Table::HoldingRegisters,
                        offset: position as u16 * 4,
                        bit,
                    },
                    of: of.parse().unwrap(),
                    order: (of != "BOOL").then_some(orders[order]),
                    scale: if is_number { scale } else { 1.0 },
                    offset: if is_number { offset } else { 0.0 },
                    unit: if is_number { "kW".to_owned() } else { String::new() },
                    rate: rate.to_owned(),
                    deadband: if is_number && band { 0.25 } else { 0.0 },
                    plant_tag,
                    label: [en, zh],
                });
            }
        }
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_sheet_that_became_a_map_is_written_as_it_was(sheet in any_rows()) {
        let read = import_csv("a.csv", &export_csv(&sheet)).unwrap();
        prop_assert_eq!(&read, &sheet);
        prop_assert_eq!(rows(&plan_of(&read)), sheet);
    }
}

#[test]
fn every_example_survives_the_way_over_a_sheet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for name in ["potline", "energy-meters", "flotation", "copper-tankhouse"] {
        let before = rows(&load(&folder.join(name)).plan.unwrap());
        let after = rows(&plan_of(&import_csv(name, &export_csv(&before)).unwrap()));
        assert_eq!(after.len(), before.len(), "{name}");
        assert!(after == before, "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_sheet_has_a_file_a_row_and_a_column() {
    let sheet = "device;url;tag;at;type;rate;colour\n\
                 d;tcp://h;a;hr:0;REAL;1s;\n\
                 d;tcp://h;b;100;FLOAT;fast;\n\
                 ;tcp://h;c;hr:4;INT;;red\n";
    let errors = import_csv("cells.csv", sheet).unwrap_err();
    let said: Vec<String> = errors.iter().map(|error| error.to_string()).collect();
    for start in [
        "cells.csv:3:at: `100`",
        "cells.csv:3:type: `FLOAT`",
        "cells.csv:3:rate: `fast`",
        "cells.csv:4:device: ",
        "cells.csv:2:colour: ",
    ] {
        assert!(said.iter().any(|line| line.starts_with(start)), "{start}: {said:#?}");
    }
}

#[test]
fn a_device_is_at_one_place() {
    let sheet = "device,url,unit_id,tag,at,type\nd,tcp://h,1,a,hr:0,INT\nd,tcp://h,2,b,hr:1,INT\n";
    let errors = import_csv("a.csv", sheet).unwrap_err();
    assert_eq!((errors.len(), errors[0].row, errors[0].column.as_str()), (1, 3, "unit_id"));
}

fn around() -> Around {
    Around { device: "plc-1".to_owned(), url: "tcp://10.0.0.5:502".to_owned(), unit_id: 1 }
}

#[test]
fn a_kepware_sheet_keeps_addresses_types_scaling_and_low_word_first() {
    let sheet = "Tag Name,Address,Data Type,Respect Data Type,Client Access,Scan Rate,Scaling,Raw Low,Raw High,Scaled Low,Scaled High,Eng Units,Description\n\
                 \"Level\",\"400101\",Short,1,R/W,500,Linear,0,27648,0,150,mm,\"froth, level\"\n\
                 \"Run\",\"400110.3\",Boolean,1,RO,1000,,,,,,,\n\
                 \"Flow\",\"300001\",Float,1,RO,100,None,,,,,m3/h,\n";
    let rows = import_kepware("t.csv", sheet, &around()).unwrap();
    assert_eq!(rows[0].at, "hr:100".parse().unwrap());
    assert_eq!((rows[0].scale, rows[0].rate.as_str()), (150.0 / 27648.0, "500ms"));
    assert_eq!(rows[0].label[0], "froth, level");
    assert_eq!((rows[1].at, rows[1].order), ("hr:109.3".parse().unwrap(), None));
    assert_eq!(rows[2].order, Some(RegisterOrder::Cdab));
    assert_eq!(plan_of(&rows).tags.len(), 3);
    let wrong = sheet.replace("Linear", "Square Root");
    assert_eq!(import_kepware("t.csv", &wrong, &around()).unwrap_err()[0].column, "scaling");
}

#[test]
fn a_neuron_sheet_has_the_station_in_its_addresses() {
    let sheet = "group,name,address,attribute,type,description,decimal,precision,bias\n\
                 g1,temp,1!400011,Read,INT16,bath,0.1,,\n\
                 g1,power,2!300001,Read,FLOAT,,,,\n";
    let rows = import_neuron("n.csv", sheet, &around()).unwrap();
    assert_eq!((rows[0].at, rows[0].scale), ("hr:10".parse().unwrap(), 0.1));
    assert_eq!((rows[1].device.as_str(), rows[1].unit_id), ("plc-1-2", 2));
    assert_eq!(plan_of(&rows).devices.len(), 2);
    let wrong = sheet.replace("1!400011", "1!400011#BB");
    assert_eq!(import_neuron("n.csv", &wrong, &around()).unwrap_err()[0].row, 2);
}

#[test]
fn a_telegraf_file_counts_its_addresses_from_zero() {
    let file = "[[inputs.modbus]]\nname = \"meter\"\nslave_id = 3\ncontroller = \"tcp://10.0.0.9:502\"\n\
                holding_registers = [{ name = \"power\", byte_order = \"CDAB\", data_type = \"FLOAT32-IEEE\", scale = 0.5, address = [10, 11] }]\n\
                coils = [{ name = \"on\", address = [4] }]\n";
    let rows = import_telegraf("t.conf", file).unwrap();
    assert_eq!((rows[0].at, rows[0].unit_id, rows[0].scale), ("hr:10".parse().unwrap(), 3, 0.5));
    assert_eq!(rows[1].at, "co:4".parse().unwrap());
    assert_eq!(plan_of(&rows).tags.len(), 2);
    let wrong = file.replace("FLOAT32-IEEE", "FIXED");
    assert_eq!(
        import_telegraf("t.conf", &wrong).unwrap_err()[0].column,
        "holding_registers.data_type"
    );
}
