//! The Modbus side of one's own map: every device of it, with values that move, on loopback ports.
//!
//! The map is read by the gateway's own program (`forehearth export --csv`);
//! what comes here is a sheet, a text. No code is shared, so that a mistake in
//! the gateway's decoding would show as a wrong value and not as a pair of
//! mistakes that cancel out.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::plc::Plc;
use crate::registers::{Refusal, Registers, Table};

/// What is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the map.
    pub dir: PathBuf,
    /// The gateway's program, which reads the map.
    pub program: PathBuf,
    /// First port; 0 for free ones.
    pub port_base: u16,
    /// Where to write the map's sheet with the ports that are served here, for
    /// `forehearth import csv`.
    pub sheet_out: Option<PathBuf>,
}

/// What is said when everything listens.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    ready: &'static str,
    tags: usize,
    links: Vec<Served>,
}

/// A link of the map and where it is served.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
    /// As in the map.
    pub url: String,
    /// On loopback.
    pub address: std::net::SocketAddr,
}

/// Reads the map and serves every link of it.
///
/// # Errors
/// When the map has errors, the sheet is not understood or a port is taken.
pub async fn start(options: &Options) -> io::Result<(Vec<Plc>, Ready)> {
    let sheet = sheet_of(&options.program, &options.dir)?;
    let (plcs, ready) = serve(&sheet, options.port_base).await?;
    if let Some(path) = &options.sheet_out {
        let mut sheet = sheet;
        for served in &ready.links {
            let here = format!(",tcp://{},", served.address);
            sheet = sheet.replace(&format!(",{},", served.url), &here);
        }
        std::fs::write(path, sheet)?;
    }
    Ok((plcs, ready))
}

fn sheet_of(program: &Path, dir: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("export").arg("--csv").arg(dir).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// Serves a sheet.
///
/// # Errors
/// When the sheet is not understood or a port is taken.
pub async fn serve(sheet: &str, port_base: u16) -> io::Result<(Vec<Plc>, Ready)> {
    let (tags, links) = read(sheet)?;
    let (mut plcs, mut served) = (Vec::new(), Vec::new());
    for (number, (url, units)) in (0..).zip(links) {
        let port = if port_base == 0 { 0 } else { port_base + number };
        let registers = Arc::new(Map { units, start: Instant::now() });
        let plc = Plc::start(&url, port, registers).await?;
        served.push(Served { url, address: plc.address() });
        plcs.push(plc);
    }
    Ok((plcs, Ready { ready: "map", tags, links: served }))
}

/// Signals of each unit behind each url.
type Links = BTreeMap<String, HashMap<u8, Vec<Signal>>>;

fn read(sheet: &str) -> io::Result<(usize, Links)> {
    let mut links = Links::new();
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let head = reader.headers().map_err(io::Error::other)?.clone();
    let column = |name: &str| {
        let position = head.iter().position(|column| column == name);
        position.ok_or_else(|| io::Error::other(format!("the sheet has no column `{name}`")))
    };
    let columns =
        [column("url")?, column("unit_id")?, column("at")?, column("type")?, column("order")?];
    let mut tags: u16 = 0;
    for record in reader.records() {
        let record = record.map_err(io::Error::other)?;
        let [url, unit, at, of, order] = columns.map(|column| record.get(column).unwrap_or(""));
        let signal = Signal::read(at, of, order, tags);
        let unit = unit.parse().ok();
        let (Some(signal), Some(unit)) = (signal, unit) else {
            return Err(io::Error::other(format!("not understood: {at} {of} {order}")));
        };
        links.entry(url.to_owned()).or_default().entry(unit).or_default().push(signal);
        tags = tags.wrapping_add(1);
    }
    Ok((usize::from(tags), links))
}

/// The tables of the Modbus data model as a sheet names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Words(Table),
    Coils,
    DiscreteInputs,
}

/// How a signal's number is laid into registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A bit of a register, or of a bit table.
    Bit(u8),
    /// A whole number of this many words.
    Whole(u8),
    /// A float of this many words.
    Float(u8),
    /// A text of this many words.
    Text(u16),
}

/// One tag of the sheet.
#[derive(Clone, Debug)]
struct Signal {
    place: Place,
    first: u16,
    form: Form,
    swap_words: bool,
    swap_bytes: bool,
    /// Its level and phase derive from it.
    number: u16,
}

impl Signal {
    fn read(at: &str, of: &str, order: &str, number: u16) -> Option<Self> {
        let (table, place) = at.split_once(':')?;
        let (first, bit) = match place.split_once('.') {
            Some((first, bit)) => (first, bit.parse().ok()?),
            None => (place, 0),
        };
        let form = match of {
            "BOOL" => Form::Bit(bit),
            "SINT" | "USINT" | "INT" | "UINT" => Form::Whole(1),
            "DINT" | "UDINT" => Form::Whole(2),
            "LINT" | "ULINT" => Form::Whole(4),
            "REAL" => Form::Float(2),
            "LREAL" => Form::Float(4),
            text => {
                let bytes: u16 = text.strip_prefix("STRING[")?.strip_suffix(']')?.parse().ok()?;
                Form::Text(bytes.div_ceil(2))
            }
        };
        Some(Self {
            place: match table {
                "hr" => Place::Words(Table::Holding),
                "ir" => Place::Words(Table::Input),
                "co" => Place::Coils,
                "di" => Place::DiscreteInputs,
                _ => return None,
            },
            first: first.parse().ok()?,
            form,
            swap_words: matches!(order, "CDAB" | "DCBA"),
            swap_bytes: matches!(order, "BADC" | "DCBA"),
            number,
        })
    }

    /// A level of its own from 20 to 100, and a slow wave of 10 about it.
    fn value(&self, seconds: f64) -> f64 {
        let level = 20.0 + f64::from(self.number % 81);
        level + 10.0 * (seconds / 30.0 + f64::from(self.number)).sin()
    }

    /// Its words as they lie in the table; a bit within a word has the others 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10 to 110")]
    fn words(&self, seconds: f64) -> Vec<u16> {
        let value = self.value(seconds);
        let bytes: Vec<u8> = match self.form {
            Form::Bit(bit) => (u16::from(value as u64 % 2 == 1) << bit).to_be_bytes().to_vec(),
            Form::Whole(words) => {
                (value as u64).to_be_bytes()[8 - usize::from(words) * 2..].to_vec()
            }
            Form::Float(2) => (value as f32).to_be_bytes().to_vec(),
            Form::Float(_) => value.to_be_bytes().to_vec(),
            Form::Text(words) => {
                let text = format!("{:>width$}", self.number, width = usize::from(words) * 2);
                text.into_bytes()[..usize::from(words) * 2].to_vec()
            }
        };
        let mut words: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .map(|word| if self.swap_bytes { word.swap_bytes() } else { word })
            .collect();
        if self.swap_words && !matches!(self.form, Form::Text(_)) {
            words.reverse();
        }
        words
    }
}

/// What stands behind one link.
struct Map {
    units: HashMap<u8, Vec<Signal>>,
    start: Instant,
}

impl Map {
    /// The words of a stretch; where no tag lives they are 0, as spare
    /// registers of a block are.
    fn stretch(
        &self,
        unit: u8,
        place: Place,
        address: u16,
        count: u16,
    ) -> Result<Vec<u16>, Refusal> {
        let signals = self.units.get(&unit).ok_or(Refusal::NoUnit)?;
        let end = u32::from(address) + u32::from(count);
        if end > 65_536 {
            return Err(Refusal::Address);
        }
        let seconds = self.start.elapsed().as_secs_f64();
        let mut words = vec![0; usize::from(count)];
        for signal in signals.iter().filter(|signal| signal.place == place) {
            let from = u32::from(signal.first);
            if from >= end || from + 128 < u32::from(address) {
                continue;
            }
            for (place, word) in (from..).zip(signal.words(seconds)) {
                if (u32::from(address)..end).contains(&place) {
                    words[(place - u32::from(address)) as usize] |= word;
                }
            }
        }
        Ok(words)
    }
}

impl Registers for Map {
    fn read(&self, unit: u8, table: Table, address: u16, count: u16) -> Result<Vec<u16>, Refusal> {
        self.stretch(unit, Place::Words(table), address, count)
    }

    fn bits(&self, unit: u8, coils: bool, address: u16, count: u16) -> Result<Vec<bool>, Refusal> {
        let place = if coils { Place::Coils } else { Place::DiscreteInputs };
        let words = self.stretch(unit, place, address, count)?;
        Ok(words.into_iter().map(|word| word != 0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Signal, serve};
    use tokio_modbus::prelude::{Reader as _, SlaveContext as _, tcp};

    const SHEET: &str = "device,url,unit_id,tag,at,type,order\n\
        d,tcp://10.0.0.5:502,1,a,hr:10,REAL,ABCD\n\
        d,tcp://10.0.0.5:502,1,b,hr:12,UINT,ABCD\n\
        e,tcp://10.0.0.5:502,2,c,ir:0,REAL,CDAB\n\
        f,tcp://10.0.0.6:502,1,d,co:3,BOOL,\n";

    #[tokio::test]
    async fn every_link_of_the_sheet_answers_for_its_units_and_no_other() {
        let (plcs, ready) = serve(SHEET, 0).await.unwrap();
        assert_eq!((ready.tags, ready.links.len()), (4, 2));
        let mut client =
            tcp::connect_slave(plcs[0].address(), tokio_modbus::Slave(1)).await.unwrap();
        let words = client.read_holding_registers(10, 3).await.unwrap().unwrap();
        let real = f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]));
        assert!((10.0..=110.0).contains(&real), "{real}");
        assert!((10..=110).contains(&words[2]), "{words:?}");
        client.set_slave(tokio_modbus::Slave(2));
        let words = client.read_input_registers(0, 2).await.unwrap().unwrap();
        let real = f32::from_bits(u32::from(words[1]) << 16 | u32::from(words[0]));
        assert!((10.0..=110.0).contains(&real), "low word first: {real}");
        client.set_slave(tokio_modbus::Slave(3));
        assert!(client.read_holding_registers(10, 1).await.unwrap().is_err());
        let mut client =
            tcp::connect_slave(plcs[1].address(), tokio_modbus::Slave(1)).await.unwrap();
        assert_eq!(client.read_coils(0, 8).await.unwrap().unwrap().len(), 8);
    }

    #[test]
    fn words_lie_as_the_order_says() {
        let words = |order| Signal::read("hr:0", "UDINT", order, 0).unwrap().words(0.0);
        // The level of signal 0 at time 0 is 20.
        assert_eq!(words("ABCD"), [0, 20]);
        assert_eq!(words("CDAB"), [20, 0]);
        assert_eq!(words("BADC"), [0, 20 << 8]);
        assert_eq!(words("DCBA"), [20 << 8, 0]);
    }

    #[test]
    fn what_no_sheet_of_ours_says_is_not_guessed() {
        for (at, of) in [("40001", "INT"), ("hr:0", "FLOAT"), ("hr:x", "INT"), ("hr:0", "STRING[")]
        {
            assert!(Signal::read(at, of, "ABCD", 0).is_none(), "{at} {of}");
        }
    }
}
