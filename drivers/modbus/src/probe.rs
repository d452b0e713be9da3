//! Looking at a device without a map: read some points once, find the units of a link, find the registers of a unit.
//!
//! For the panel and the command line. All of it goes through the same
//! drivers as the readings, so that what is found is what will be read, and
//! nothing is ever asked for that is not a read.

use std::ops::RangeInclusive;

use forehearth_driver::{Driver, LinkError};
use forehearth_modbus::{Address, Point, RegisterOrder, Table};
use forehearth_model::{DataType, DeviceId, GroupId, Quality, Sample, Scan, TagId};

use crate::{BusSettings, GroupSettings, ModbusBus, ModbusTcp, SetupError, TcpSettings};

/// Scans of a stretch until every refusal is explained. Chosen: each halves
/// up to 24 spans, a stretch of 125 registers has 124 places to halve.
const SCANS: usize = 8;

/// A link to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Modbus TCP.
    Tcp(TcpSettings),
    /// A serial line, also behind a serial server.
    Bus(BusSettings),
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// What was asked for cannot be read.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Target {
    fn driver(&self, groups: Vec<GroupSettings>) -> Result<Box<dyn Driver>, SetupError> {
        Ok(match self {
            Self::Tcp(settings) => Box::new(ModbusTcp::new(settings.clone(), groups)?),
            Self::Bus(settings) => Box::new(ModbusBus::new(settings.clone(), groups)?),
        })
    }
}

/// Reads `points` of `unit` once: a sample for each, in their order.
///
/// # Errors
/// When a point cannot be read at all, or the link cannot be opened. A device
/// that refuses or does not answer is no error but a Bad sample.
pub async fn probe(target: &Target, unit: u8, points: &[Point]) -> Result<Vec<Sample>, ProbeError> {
    let tags = (0..).map(TagId).zip(points.iter().copied()).collect();
    let mut driver = target.driver(vec![GroupSettings { device: DeviceId(0), unit, tags }])?;
    driver.connect().await?;
    let mut out = Vec::new();
    // A link that is lost has said of every point that it is Bad.
    let _ = driver.scan(GroupId(0), &mut out).await;
    let mut samples: Vec<Sample> = samples(out).collect();
    samples.sort_unstable_by_key(|sample| sample.tag);
    Ok(samples)
}

/// The units that answer, with data or with a refusal of their own, when
/// asked for one holding register. Takes a timeout for each that does not.
///
/// # Errors
/// When the link cannot be opened.
pub async fn scan_units(target: &Target, units: RangeInclusive<u8>) -> Result<Vec<u8>, ProbeError> {
    let target = match target {
        // Each unit is asked once: who is missing here is no surprise.
        Target::Bus(settings) => Target::Bus(BusSettings { retries: 0, ..settings.clone() }),
        tcp @ Target::Tcp(_) => tcp.clone(),
    };
    let group = |unit| GroupSettings {
        device: DeviceId(0),
        unit,
        tags: vec![(TagId(0), register(Table::HoldingRegisters, 0))],
    };
    let mut driver = target.driver(units.clone().map(group).collect())?;
    driver.connect().await?;
    let mut found = Vec::new();
    for (place, unit) in (0..).map(GroupId).zip(units) {
        let before = driver.counters();
        let mut out = Vec::new();
        if driver.scan(place, &mut out).await.is_err() {
            driver.connect().await?;
        }
        let after = driver.counters();
        let answered = after.answers > before.answers || after.exceptions > before.exceptions;
        // A gateway that answers in place of a unit says that it is not there.
        if answered && samples(out).any(|sample| sample.quality != Quality::BadNoCommunication) {
            found.push(unit);
        }
    }
    Ok(found)
}

/// The stretches of `table` within `addresses` that `unit` lets be read, found
/// by halving what it refuses. Set `pause_between` so that the device stands it.
///
/// # Errors
/// When the link cannot be opened or is lost.
pub async fn scan_registers(
    target: &Target,
    unit: u8,
    table: Table,
    addresses: RangeInclusive<u16>,
) -> Result<Vec<RangeInclusive<u16>>, ProbeError> {
    let first = u32::from(*addresses.start());
    let point = |at: u16| (TagId(u32::from(at) - first), register(table, at));
    let tags: Vec<_> = addresses.map(point).collect();
    // A group a request, so that each has its own share of halvings.
    let groups = tags.chunks(usize::from(forehearth_modbus::MAX_READ_WORDS));
    let groups: Vec<_> = groups
        .map(|tags| GroupSettings { device: DeviceId(0), unit, tags: tags.to_vec() })
        .collect();
    let count = groups.len();
    let mut driver = target.driver(groups)?;
    driver.connect().await?;
    let mut readable = vec![false; tags.len()];
    for group in (0..).map(GroupId).take(count) {
        let mut before = None;
        for _ in 0..SCANS {
            let mut out = Vec::new();
            driver.scan(group, &mut out).await?;
            let mut good = 0;
            for sample in samples(out) {
                let is_good = sample.quality != Quality::BadConfiguration
                    && sample.quality != Quality::BadNoCommunication;
                readable[sample.tag.index()] |= is_good;
                good += usize::from(is_good);
            }
            if before.replace(good) == Some(good) {
                break;
            }
        }
    }
    let mut stretches: Vec<RangeInclusive<u16>> = Vec::new();
    for ((_, point), _) in tags.iter().zip(&readable).filter(|(_, readable)| **readable) {
        let at = point.address.offset;
        match stretches.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(at) => *last = *last.start()..=at,
            _ => stretches.push(at..=at),
        }
    }
    Ok(stretches)
}

fn samples(scans: Vec<Scan>) -> impl Iterator<Item = Sample> {
    scans.into_iter().flat_map(|scan| scan.samples)
}

/// One register as it is, or one bit.
const fn register(table: Table, offset: u16) -> Point {
    Point {
        address: Address { table, offset, bit: None },
        data_type: if table.is_bits() { DataType::Bool } else { DataType::Uint },
        order: RegisterOrder::Abcd,
        string_bytes: 0,
    }
}
