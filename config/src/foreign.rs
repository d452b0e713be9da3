//! Sheets of other systems, read into our rows: Kepware's CSV, Telegraf's TOML, Neuron's CSV.

use forehearth_modbus::{Address, RegisterOrder, Table, ValueType};
use forehearth_model::DataType;

use crate::quantity;
use crate::rows::{A_NAME, A_TYPE, AN_ADDRESS, Cells, Row, SheetError, each_row};

/// What a sheet doesn't say about its device.
#[derive(Clone, Debug)]
pub struct Around {
    /// Name of the device.
    pub device: String,
    /// How it is reached.
    pub url: String,
    /// Modbus unit id.
    pub unit_id: u8,
}

/// Reads the tags of one device as `KEPServerEX` exports them (CSV).
///
/// 32-bit values are taken low word first, the default of its Modbus driver.
///
/// # Errors
/// Everything that is wrong with it, with file, row and column.
pub fn import_kepware(
    file: &str,
    text: &str,
    around: &Around,
) -> Result<Vec<Row>, Vec<SheetError>> {
    let mut errors = Vec::new();
    // Lines before the head start with a semicolon.
    let rows = each_row(file, text, &mut errors, |cells| kepware_row(cells, around));
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn kepware_row(cells: &mut Cells<'_>, around: &Around) -> Option<Row> {
    let filled = |text: &str| (!text.is_empty()).then(|| text.replace(['/', '+', '#'], "_"));
    let tag = cells.read("tag name", filled, A_NAME);
    let at = cells.read("address", |text| text.parse::<Address>().ok(), AN_ADDRESS);
    let of = cells.read("data type", |text| named(text, &KEPWARE), A_TYPE);
    let rate = |text: &str| match text {
        "" => Some("1s".to_owned()),
        text => text
            .parse::<u64>()
            .ok()
            .map(|ms| quantity::show_duration(std::time::Duration::from_millis(ms.max(10)))),
    };
    let rate = cells.read("scan rate", rate, ["milliseconds are expected", "应为毫秒数"]);
    let (scale, offset) = kepware_scaling(cells)?;
    let of = of?;
    Some(Row {
        device: around.device.clone(),
        url: around.url.clone(),
        unit_id: around.unit_id,
        tag: tag?,
        at: at?,
        of,
        order: (of.data_type != DataType::Bool).then_some(RegisterOrder::Cdab),
        scale,
        offset,
        unit: cells.get("eng units").to_owned(),
        rate: rate?,
        deadband: 0.0,
        plant_tag: String::new(),
        label: [cells.get("description").to_owned(), String::new()],
    })
}

/// `Scaling` is empty, `None` or `Linear`; a square root has no counterpart.
fn kepware_scaling(cells: &mut Cells<'_>) -> Option<(f64, f64)> {
    match cells.get("scaling").trim().to_lowercase().as_str() {
        "" | "none" => return Some((1.0, 0.0)),
        "linear" => {}
        _ => {
            cells.wrong(
                "scaling",
                "only None and Linear can be taken over",
                "只能导入 None 和 Linear",
            );
            return None;
        }
    }
    let raw = (cells.number("raw low", 0.0)?, cells.number("raw high", 0.0)?);
    let eng = (cells.number("scaled low", 0.0)?, cells.number("scaled high", 0.0)?);
    if raw.0 == raw.1 || eng.0 == eng.1 {
        cells.wrong("raw high", "both ends are the same", "两端相同");
        return None;
    }
    let scale = (eng.1 - eng.0) / (raw.1 - raw.0);
    Some((scale, eng.0 - raw.0 * scale))
}

/// Type names of `KEPServerEX`.
const KEPWARE: [(&str, &str); 11] = [
    ("boolean", "BOOL"),
    ("char", "SINT"),
    ("byte", "USINT"),
    ("short", "INT"),
    ("word", "UINT"),
    ("long", "DINT"),
    ("dword", "UDINT"),
    ("llong", "LINT"),
    ("qword", "ULINT"),
    ("float", "REAL"),
    ("double", "LREAL"),
];

/// Type names of Neuron.
const NEURON: [(&str, &str); 9] = [
    ("bit", "BOOL"),
    ("int16", "INT"),
    ("uint16", "UINT"),
    ("int32", "DINT"),
    ("uint32", "UDINT"),
    ("int64", "LINT"),
    ("uint64", "ULINT"),
    ("float", "REAL"),
    ("double", "LREAL"),
];

/// Type names of Telegraf.
const TELEGRAF: [(&str, &str); 8] = [
    ("int16", "INT"),
    ("uint16", "UINT"),
    ("int32", "DINT"),
    ("uint32", "UDINT"),
    ("int64", "LINT"),
    ("uint64", "ULINT"),
    ("float32-ieee", "REAL"),
    ("float64-ieee", "LREAL"),
];

fn named(text: &str, names: &[(&str, &str)]) -> Option<ValueType> {
    let (_, ours) = names.iter().find(|(theirs, _)| text.eq_ignore_ascii_case(theirs))?;
    ours.parse().ok()
}

/// Reads the tags of one node as Neuron exports them, saved as CSV: columns
/// group, name, address (`1!400001`), type, description, decimal, bias.
///
/// # Errors
/// Everything that is wrong with it, with file, row and column. An address
/// with a byte order (`#`) is refused: its letters mean another thing than ours.
pub fn import_neuron(file: &str, text: &str, around: &Around) -> Result<Vec<Row>, Vec<SheetError>> {
    let mut errors = Vec::new();
    let rows = each_row(file, text, &mut errors, |cells| neuron_row(cells, around));
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn neuron_row(cells: &mut Cells<'_>, around: &Around) -> Option<Row> {
    let filled = |text: &str| (!text.is_empty()).then(|| text.replace(['/', '+', '#'], "_"));
    let tag = cells.read("name", filled, A_NAME);
    let station = |text: &str| {
        let (station, at) = text.split_once('!')?;
        Some((station.parse::<u8>().ok()?, at.parse::<Address>().ok()?))
    };
    let at = cells.read(
        "address",
        station,
        ["an address such as 1!400001 is expected", "应为地址，例如 1!400001"],
    );
    let of = cells.read("type", |text| named(text, &NEURON), A_TYPE);
    let scale = cells.number("decimal", 0.0).map(|scale| if scale == 0.0 { 1.0 } else { scale });
    let offset = cells.number("bias", 0.0);
    let (of, (unit_id, at)) = (of?, at?);
    let group = cells.get("group");
    let device = if unit_id == around.unit_id {
        around.device.clone()
    } else {
        format!("{}-{unit_id}", around.device)
    };
    Some(Row {
        device,
        url: around.url.clone(),
        unit_id,
        tag: if group.is_empty() { tag? } else { format!("{group}.{}", tag?) },
        at,
        of,
        order: (of.data_type != DataType::Bool).then_some(RegisterOrder::Abcd),
        scale: scale?,
        offset: offset?,
        unit: String::new(),
        rate: "1s".to_owned(),
        deadband: 0.0,
        plant_tag: String::new(),
        label: [cells.get("description").to_owned(), String::new()],
    })
}

/// Reads every `[[inputs.modbus]]` of a Telegraf configuration (register style).
///
/// # Errors
/// Everything that can't be taken over; `row` is the number of the field.
pub fn import_telegraf(file: &str, text: &str) -> Result<Vec<Row>, Vec<SheetError>> {
    let wrong = |row: usize, column: &str, en: String, zh: String| SheetError {
        file: file.to_owned(),
        row,
        column: column.to_owned(),
        message: [en, zh],
    };
    let document: toml::Table = match text.parse() {
        Ok(document) => document,
        Err(error) => {
            let line = |at: usize| text[..at.min(text.len())].lines().count().max(1);
            let row = error.span().map_or(1, |span| line(span.start));
            return Err(vec![wrong(
                row,
                "",
                error.message().to_owned(),
                error.message().to_owned(),
            )]);
        }
    };
    let inputs = document.get("inputs").and_then(|inputs| inputs.get("modbus"));
    let inputs = inputs.and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (number, input) in inputs.iter().enumerate() {
        let text = |key: &str| input.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let unit_id = input.get("slave_id").and_then(toml::Value::as_integer).unwrap_or(1);
        let name = if text("name").is_empty() {
            format!("device-{}", number + 1)
        } else {
            text("name").to_owned()
        };
        for (key, table) in [
            ("holding_registers", Table::HoldingRegisters),
            ("input_registers", Table::InputRegisters),
            ("coils", Table::Coils),
            ("discrete_inputs", Table::DiscreteInputs),
        ] {
            let fields = input.get(key).and_then(toml::Value::as_array);
            for (position, field) in fields.map_or(&[][..], Vec::as_slice).iter().enumerate() {
                let around = Around {
                    device: name.clone(),
                    url: text("controller").to_owned(),
                    unit_id: u8::try_from(unit_id).unwrap_or(1),
                };
                match telegraf_row(field, table, &around) {
                    Ok(row) => rows.push(row),
                    Err((column, [en, zh])) => {
                        errors.push(wrong(
                            position + 1,
                            &format!("{key}.{column}"),
                            en.to_owned(),
                            zh.to_owned(),
                        ));
                    }
                }
            }
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

type WrongField = (&'static str, [&'static str; 2]);

fn telegraf_row(field: &toml::Value, table: Table, around: &Around) -> Result<Row, WrongField> {
    let text = |key: &str| field.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let first = field.get("address").and_then(|at| at.get(0)).and_then(toml::Value::as_integer);
    let offset =
        first.and_then(|first| u16::try_from(first).ok()).ok_or(("address", AN_ADDRESS))?;
    let of =
        if table.is_bits() { "BOOL".parse().ok() } else { named(text("data_type"), &TELEGRAF) };
    let of: ValueType = of.ok_or(("data_type", A_TYPE))?;
    let order = match text("byte_order") {
        "" => Some(RegisterOrder::Abcd),
        order => order.parse().ok(),
    };
    let order = order
        .ok_or(("byte_order", ["an order such as CDAB is expected", "应为字节顺序，例如 CDAB"]))?;
    let scale = field
        .get("scale")
        .and_then(|scale| scale.as_float().or_else(|| scale.as_integer().map(|n| n as f64)));
    if text("name").is_empty() {
        return Err(("name", A_NAME));
    }
    Ok(Row {
        device: around.device.clone(),
        url: around.url.clone(),
        unit_id: around.unit_id,
        tag: text("name").to_owned(),
        at: Address { table, offset, bit: None },
        of,
        order: (of.data_type != DataType::Bool).then_some(order),
        scale: if table.is_bits() { 1.0 } else { scale.unwrap_or(1.0) },
        offset: 0.0,
        unit: String::new(),
        rate: "1s".to_owned(),
        deadband: 0.0,
        plant_tag: String::new(),
        label: [String::new(), String::new()],
    })
}
