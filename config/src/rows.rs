//! The sheet of a plant: one row for each tag, as electricians keep it, read into a map and written from one.
//!
//! A sheet says what is read where and what it means. How a link is treated
//! (timeouts, quirks) and what is done to samples stays in the map.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fmt::Write as _;

use forehearth_modbus::{Address, RegisterOrder, ValueType};
use forehearth_model::DataType;

use crate::plan::{Deadband, Plan, Transport};
use crate::quantity;

/// Every column of our own sheet, in order.
const COLUMNS: [&str; 16] = [
    "device",
    "url",
    "unit_id",
    "tag",
    "at",
    "type",
    "order",
    "scale",
    "offset",
    "unit",
    "rate",
    "deadband",
    "plant_tag",
    "label_en",
    "label_zh",
    "comment",
];

/// One tag. Texts are as in the map; what is empty is not said.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Device it belongs to.
    pub device: String,
    /// How the device is reached.
    pub url: String,
    /// Modbus unit id.
    pub unit_id: u8,
    /// Name.
    pub tag: String,
    /// Where it is read.
    pub at: Address,
    /// Type, with the length of a text.
    pub of: ValueType,
    /// Order of its bytes; `None` for a bit.
    pub order: Option<RegisterOrder>,
    /// Factor.
    pub scale: f64,
    /// Offset.
    pub offset: f64,
    /// Engineering unit.
    pub unit: String,
    /// Scan period, as in a map.
    pub rate: String,
    /// How far it may move unreported; 0: every change is sent.
    pub deadband: f64,
    /// The plant's own name of the point.
    pub plant_tag: String,
    /// Label in English and Chinese.
    pub label: [String; 2],
}

/// What is wrong with a cell of a sheet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SheetError {
    /// The file.
    pub file: String,
    /// Line of the sheet, from 1; the head is line 1.
    pub row: usize,
    /// Name of the column, empty when the whole row is meant.
    pub column: String,
    /// In English and Chinese.
    pub message: [String; 2],
}

impl fmt::Display for SheetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [en, zh] = &self.message;
        write!(f, "{}:{}:{}: {en} / {zh}", self.file, self.row, self.column)
    }
}

impl std::error::Error for SheetError {}

/// A row of some sheet by the names of its columns.
pub(crate) struct Cells<'a> {
    pub(crate) file: &'a str,
    pub(crate) row: usize,
    pub(crate) cells: BTreeMap<String, String>,
    pub(crate) errors: &'a mut Vec<SheetError>,
}

impl Cells<'_> {
    pub(crate) fn get(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    pub(crate) fn wrong(&mut self, column: &str, en: &str, zh: &str) {
        let value = self.get(column).to_owned();
        self.errors.push(SheetError {
            file: self.file.to_owned(),
            row: self.row,
            column: column.to_owned(),
            message: [format!("`{value}`: {en}"), format!("`{value}`：{zh}")],
        });
    }

    /// A cell that must be filled and readable.
    pub(crate) fn read<T>(
        &mut self,
        column: &str,
        read: impl Fn(&str) -> Option<T>,
        [en, zh]: [&str; 2],
    ) -> Option<T> {
        let value = read(self.get(column).trim());
        if value.is_none() {
            self.wrong(column, en, zh);
        }
        value
    }

    /// A number, or what stands for an empty cell.
    pub(crate) fn number(&mut self, column: &str, empty: f64) -> Option<f64> {
        let read = |text: &str| match text {
            "" => Some(empty),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        self.read(column, read, ["a number is expected", "应为数字"])
    }
}

pub(crate) const AN_ADDRESS: [&str; 2] =
    ["an address such as 40001 or hr:0 is expected", "应为地址，例如 40001 或 hr:0"];
pub(crate) const A_TYPE: [&str; 2] =
    ["a type such as REAL or INT is expected", "应为类型，例如 REAL 或 INT"];
pub(crate) const A_NAME: [&str; 2] = ["a name is expected", "应为名称"];

/// All rows of a sheet with a head, by the names of the columns in lower case.
pub(crate) fn each_row(
    file: &str,
    text: &str,
    errors: &mut Vec<SheetError>,
    mut row: impl FnMut(&mut Cells<'_>) -> Option<Row>,
) -> Vec<Row> {
    let text = text.trim_start_matches('\u{feff}');
    let separator = crate::sheet::separator(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::Headers)
        .flexible(true)
        .from_reader(text.as_bytes());
    let head: Vec<String> = match reader.headers() {
        Ok(head) => head.iter().map(str::to_lowercase).collect(),
        Err(_) => Vec::new(),
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let Ok(record) = record else { continue };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = record.position().map_or(0, |at| usize::try_from(at.line()).unwrap_or(0));
        let cells = head.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        let mut cells = Cells { file, row: line, cells, errors };
        if record.len() > head.len() {
            cells.wrong("", "the row has more cells than the head", "该行的单元格多于表头");
        }
        rows.extend(row(&mut cells));
    }
    rows
}

/// Reads our own sheet (comma, semicolon or tab).
///
/// # Errors
/// Everything that is wrong with it, with file, row and column.
pub fn import_csv(file: &str, text: &str) -> Result<Vec<Row>, Vec<SheetError>> {
    let mut errors = Vec::new();
    let mut places: HashMap<String, (String, u8)> = HashMap::new();
    let rows = each_row(file, text, &mut errors, |cells| {
        let row = own_row(cells)?;
        let (url, unit_id) =
            places.entry(row.device.clone()).or_insert_with(|| (row.url.clone(), row.unit_id));
        for (column, same) in [("url", *url == row.url), ("unit_id", *unit_id == row.unit_id)] {
            if !same {
                cells.wrong(
                    column,
                    "the device's first row says otherwise",
                    "与该设备的首行不一致",
                );
            }
        }
        Some(row)
    });
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

/// The text of a sheet: UTF-8 with or without byte order mark, else GBK.
/// `None` when it is neither.
#[must_use]
pub fn decode_sheet(bytes: Vec<u8>) -> Option<String> {
    crate::sheet::decode(bytes)
}

fn own_row(cells: &mut Cells<'_>) -> Option<Row> {
    let unknown: Vec<String> =
        cells.cells.keys().filter(|name| !COLUMNS.contains(&name.as_str())).cloned().collect();
    for column in unknown {
        cells.wrong(&column, "no such column", "没有该列");
    }
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let device = cells.read("device", filled, A_NAME);
    let tag = cells.read("tag", filled, A_NAME);
    let url = cells.read(
        "url",
        filled,
        ["a url such as tcp://10.0.0.5:502 is expected", "应为 url，例如 tcp://10.0.0.5:502"],
    );
    let unit_id = |text: &str| if text.is_empty() { Some(1) } else { text.parse().ok() };
    let unit_id = cells.read("unit_id", unit_id, ["0 to 255 is expected", "应为 0 到 255"]);
    let at = cells.read("at", |text| text.parse::<Address>().ok(), AN_ADDRESS);
    let of = cells.read("type", |text| text.parse::<ValueType>().ok(), A_TYPE);
    let order = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    let order = cells.read(
        "order",
        order,
        ["ABCD, CDAB, BADC or DCBA is expected", "应为 ABCD、CDAB、BADC 或 DCBA"],
    );
    let scale = cells.number("scale", 1.0);
    let offset = cells.number("offset", 0.0);
    let deadband = cells.number("deadband", 0.0);
    let rate = |text: &str| match text {
        "" => Some("1s".to_owned()),
        text => quantity::duration(text).map(quantity::show_duration),
    };
    let rate =
        cells.read("rate", rate, ["a duration such as 500ms is expected", "应为时长，例如 500ms"]);
    let of = of?;
    let is_bit = of.data_type == DataType::Bool;
    Some(Row {
        device: device?,
        url: url?,
        unit_id: unit_id?,
        tag: tag?,
        at: at?,
        of,
        order: order_of(of, order?.or((!is_bit).then_some(RegisterOrder::Abcd))),
        scale: scale?,
        offset: offset?,
        unit: cells.get("unit").to_owned(),
        rate: rate?,
        deadband: deadband?,
        plant_tag: cells.get("plant_tag").to_owned(),
        label: [cells.get("label_en").to_owned(), cells.get("label_zh").to_owned()],
    })
}

/// The order as it is told: one register has no words to swap, and a device
/// whose numbers are all `CDAB` says so for its INTs as well.
const fn order_of(of: ValueType, order: Option<RegisterOrder>) -> Option<RegisterOrder> {
    match (of.data_type, order) {
        (
            DataType::Sint | DataType::Usint | DataType::Int | DataType::Uint,
            Some(RegisterOrder::Cdab),
        ) => Some(RegisterOrder::Abcd),
        (_, order) => order,
    }
}

/// `hr:100`, `hr:100.3`.
fn notation(at: Address) -> String {
    let Address { table, offset, bit } = at;
    let bit = bit.map_or_else(String::new, |bit| format!(".{bit}"));
    format!("{}:{offset}{bit}", table.prefix())
}

/// Writes our own sheet.
#[must_use]
pub fn export_csv(rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let number = |number: f64, empty: f64| {
        if number == empty { String::new() } else { format!("{number:?}") }
    };
    // Writing to memory can't fail.
    let _ = writer.write_record(&COLUMNS[..15]);
    for row in rows {
        let order = row.order.map_or("", RegisterOrder::name);
        let _ = writer.write_record([
            &row.device,
            &row.url,
            &row.unit_id.to_string(),
            &row.tag,
            &notation(row.at),
            &row.of.to_string(),
            order,
            &number(row.scale, 1.0),
            &number(row.offset, 0.0),
            &row.unit,
            &row.rate,
            &number(row.deadband, 0.0),
            &row.plant_tag,
            &row.label[0],
            &row.label[1],
        ]);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The rows of a plan: each tag that is read, arrays element by element, in
/// the order of the map. Only links over Modbus TCP.
#[must_use]
pub fn rows(plan: &Plan) -> Vec<Row> {
    let mut periods = vec![None; plan.tags.len()];
    for group in plan.links.iter().flat_map(|link| &link.groups) {
        group.tags.iter().for_each(|tag| periods[tag.index()] = Some(group.period));
    }
    let tags = plan.catalogue.tags.iter().zip(&plan.tags).zip(periods);
    let row =
        |((entry, tag), period): ((&forehearth_model::TagEntry, &crate::plan::TagPlan), _)| {
            let device = &plan.devices[entry.device.index()];
            let Transport::ModbusTcp { host, port } = &plan.links[device.link.index()].transport
            else {
                return None;
            };
            let point = tag.point.modbus()?;
            let of = ValueType { data_type: point.data_type, string_bytes: point.string_bytes };
            let order = (point.data_type != DataType::Bool).then_some(point.order);
            Some(Row {
                device: plan.catalogue.devices[entry.device.index()].name.clone(),
                url: format!("tcp://{host}:{port}"),
                unit_id: device.unit,
                tag: entry.name.clone(),
                at: point.address,
                of,
                order: order_of(of, order),
                scale: entry.scaling.scale,
                offset: entry.scaling.offset,
                unit: entry.unit.clone(),
                rate: quantity::show_duration(period?),
                deadband: match tag.report.deadband {
                    Deadband::Absolute(band) if band.is_finite() => band,
                    _ => 0.0,
                },
                plant_tag: entry.plant_tag.clone(),
                label: entry.label.clone(),
            })
        };
    tags.filter_map(row).collect()
}

/// The files of a map, by path, that rows make: devices with the same tags
/// share a profile, devices behind one url a link.
#[must_use]
pub fn to_map(rows: &[Row]) -> Vec<(String, String)> {
    let mut devices: Vec<(&Row, Vec<&Row>)> = Vec::new();
    for row in rows {
        match devices.iter_mut().find(|(first, _)| first.device == row.device) {
            Some((_, tags)) => tags.push(row),
            None => devices.push((row, vec![row])),
        }
    }
    let mut profiles: Vec<String> = Vec::new();
    let mut links: Vec<&str> = Vec::new();
    let mut list = String::new();
    for (first, tags) in &devices {
        let tags: String = tags.iter().map(|row| tag_line(row)).collect();
        let profile = profiles.iter().position(|known| *known == tags);
        let profile = profile.unwrap_or_else(|| {
            profiles.push(tags);
            profiles.len() - 1
        });
        let link = links.iter().position(|known| *known == first.url);
        let link = link.unwrap_or_else(|| {
            links.push(&first.url);
            links.len() - 1
        });
        let _ = write!(
            list,
            "\n[[device]]\nname    = {}\nprofile = \"imported-{}\"\nlink    = \"link-{}\"\nunit    = {}\n",
            scoped(&first.device),
            profile + 1,
            link + 1,
            first.unit_id
        );
    }
    let mut file = format!("{}schema = 1\n", schema_line("devices"));
    for (number, url) in links.iter().enumerate() {
        let _ =
            write!(file, "\n[[link]]\nname = \"link-{}\"\nurl  = {}\n", number + 1, scoped(url));
    }
    file.push_str(&list);
    let mut files = vec![("devices/imported.toml".to_owned(), file)];
    for (number, tags) in profiles.iter().enumerate() {
        let name = format!("imported-{}", number + 1);
        let text =
            format!("schema  = 1\nprofile = \"{name}\"\ndriver  = \"modbus\"\n\n[tags]\n{tags}");
        let text = format!("{}{text}", schema_line("profile"));
        files.push((format!("profiles/{name}.toml"), text));
    }
    files
}

/// What tells an editor which keys there are; `import --out` writes the schema
/// beside the map.
fn schema_line(kind: &str) -> String {
    format!("#:schema ../schema/{kind}.json\n")
}

fn tag_line(row: &Row) -> String {
    let mut line =
        format!("{} = {{ at = \"{}\", type = \"{}\"", quoted(&row.tag), notation(row.at), row.of);
    let mut add = |key: &str, value: &str| {
        let _ = write!(line, ", {key} = {value}");
    };
    if let Some(order) = order_of(row.of, row.order) {
        add("order", &quoted(order.name()));
    }
    for (key, number, silent) in
        [("scale", row.scale, 1.0), ("offset", row.offset, 0.0), ("deadband", row.deadband, 0.0)]
    {
        if number != silent {
            add(key, &format!("{number:?}"));
        }
    }
    for (key, text) in [("unit", &row.unit), ("tag", &row.plant_tag)] {
        if !text.is_empty() {
            add(key, &scoped(text));
        }
    }
    add("rate", &quoted(&row.rate));
    let [en, zh] = &row.label;
    if !en.is_empty() || !zh.is_empty() {
        add("label", &format!("{{ en = {}, zh = {} }}", scoped(en), scoped(zh)));
    }
    line.push_str(" }\n");
    line
}

/// A TOML basic string. What JSON escapes TOML reads; DEL is the exception.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007f")
}

/// A TOML string that holds no expression, whatever braces are in it.
fn scoped(text: &str) -> String {
    quoted(&text.replace('{', "{{").replace('}', "}}"))
}
