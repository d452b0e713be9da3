//! What a driver may do with its devices: read them, or write to some of their tags as well.
//!
//! The mode is part of a driver's type. Whatever sends a write is implemented
//! for the mode [`Writing`] alone and gets the write from it; a driver of the
//! mode [`Reading`] has neither.

use std::collections::BTreeMap;

use forehearth_driver::{WriteError, WriteOrder};
use forehearth_modbus::{Errand, Failure, Part, Point, Table};
use forehearth_model::TagId;

use crate::{GroupSettings, SetupError};

/// Reads only. There is no path on which a write could leave:
///
/// ```compile_fail,E0277
/// # use forehearth_driver::WritingDriver;
/// # use forehearth_driver_modbus::{ModbusTcp, Reading};
/// fn write_with(driver: impl WritingDriver) {}
/// fn read_only(driver: ModbusTcp<Reading>) {
///     write_with(driver); // `WritingDriver` is not implemented for it
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use forehearth_driver::WritingDriver;
/// # use forehearth_driver_modbus::{ModbusBus, Reading};
/// fn write_with(driver: impl WritingDriver) {}
/// fn read_only(driver: ModbusBus<Reading>) {
///     write_with(driver);
/// }
/// ```
///
/// What is made without saying more reads only:
///
/// ```compile_fail,E0277
/// # use forehearth_driver::WritingDriver;
/// # use forehearth_driver_modbus::{ModbusTcp, TcpSettings};
/// fn write_with(driver: impl WritingDriver) {}
/// write_with(ModbusTcp::new(TcpSettings::new("10.0.0.1", 502), []).unwrap());
/// ```
///
/// The same with the other mode compiles:
///
/// ```
/// # use forehearth_driver::WritingDriver;
/// # use forehearth_driver_modbus::{ModbusBus, ModbusTcp, Writing};
/// fn write_with(driver: impl WritingDriver) {}
/// fn writable(tcp: ModbusTcp<Writing>, bus: ModbusBus<Writing>) {
///     write_with(tcp);
///     write_with(bus);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading;

/// Writes to the tags it was made for, and to nothing else.
#[derive(Clone, Debug)]
pub struct Writing {
    targets: BTreeMap<TagId, Target>,
}

/// A tag that may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writable {
    /// Which tag; it must be one that is read.
    pub tag: TagId,
    /// How a part of a register is written to a device without function 22.
    pub part: Part,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    unit: u8,
    point: Point,
    part: Part,
}

impl Writing {
    /// # Errors
    /// The first tag that no group reads, so that it could not be read back,
    /// or whose table cannot be written.
    pub(crate) fn new(
        groups: &[GroupSettings],
        writable: impl IntoIterator<Item = Writable>,
    ) -> Result<Self, SetupError> {
        let mut targets = BTreeMap::new();
        for Writable { tag, part } in writable {
            let found = groups.iter().find_map(|group| {
                let (_, point) = group.tags.iter().find(|(read, _)| *read == tag)?;
                Some(Target { unit: group.unit, point: *point, part })
            });
            let target = found.ok_or(SetupError::WriteUnread { tag })?;
            if let Table::DiscreteInputs | Table::InputRegisters = target.point.address.table {
                return Err(SetupError::WriteInput { tag });
            }
            targets.insert(tag, target);
        }
        Ok(Self { targets })
    }

    /// The unit an order goes to, and the errand that it is.
    pub(crate) fn errand(&self, order: &WriteOrder) -> Result<(u8, Errand), WriteError> {
        let target = self.targets.get(&order.tag).ok_or(WriteError::NotWritable)?;
        let errand = Errand::new(&target.point, &order.value, target.part)
            .map_err(|unfit| WriteError::Unfit { reason: unfit.to_string() })?;
        Ok((target.unit, errand))
    }
}

/// How an errand ended, as the gateway is told.
pub(crate) fn told(failure: &Failure) -> WriteError {
    match failure.clone() {
        Failure::NotSent(reason) => WriteError::NotSent { reason },
        Failure::Refused(reason) => WriteError::Refused { reason },
        Failure::Unknown(reason) => WriteError::Unknown { reason },
        Failure::Differs(read) => WriteError::ReadBackDiffers { read },
    }
}
