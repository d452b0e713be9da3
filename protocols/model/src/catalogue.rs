//! What tag and device numbers mean: the dictionary that travels beside the batches.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{DeviceId, Lane, Scaling};

/// A tag's type on the device (IEC 61131-3). Numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DataType {
    /// 1 bit.
    Bool = 1,
    /// Signed 8 bit.
    Sint = 2,
    /// Unsigned 8 bit (also BYTE).
    Usint = 3,
    /// Signed 16 bit.
    Int = 4,
    /// Unsigned 16 bit (also WORD).
    Uint = 5,
    /// Signed 32 bit.
    Dint = 6,
    /// Unsigned 32 bit (also DWORD).
    Udint = 7,
    /// Signed 64 bit.
    Lint = 8,
    /// Unsigned 64 bit (also LWORD).
    Ulint = 9,
    /// IEEE 754 binary32.
    Real = 10,
    /// IEEE 754 binary64.
    Lreal = 11,
    /// Text.
    String = 12,
}

impl DataType {
    /// Every type, in wire order.
    pub const ALL: [Self; 12] = [
        Self::Bool,
        Self::Sint,
        Self::Usint,
        Self::Int,
        Self::Uint,
        Self::Dint,
        Self::Udint,
        Self::Lint,
        Self::Ulint,
        Self::Real,
        Self::Lreal,
        Self::String,
    ];

    /// The type behind a wire code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| *data_type as u8 == code)
    }

    /// The IEC 61131-3 keyword.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Sint => "SINT",
            Self::Usint => "USINT",
            Self::Int => "INT",
            Self::Uint => "UINT",
            Self::Dint => "DINT",
            Self::Udint => "UDINT",
            Self::Lint => "LINT",
            Self::Ulint => "ULINT",
            Self::Real => "REAL",
            Self::Lreal => "LREAL",
            Self::String => "STRING",
        }
    }
}

/// Data class: which brokers may see a tag. Orders from open to closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Grade {
    /// May leave the plant.
    #[default]
    General = 1,
    /// Stays in the company.
    Important = 2,
    /// Stays in the plant.
    Core = 3,
}

impl Grade {
    /// The grade behind a wire code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::General),
            2 => Some(Self::Important),
            3 => Some(Self::Core),
            _ => None,
        }
    }

    /// The word used in maps.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Important => "important",
            Self::Core => "core",
        }
    }
}

/// What kind of quantity a tag is. Numbers are part of the wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum TagKind {
    /// A measured value.
    #[default]
    Gauge = 1,
    /// Only grows, until it rolls over or is reset.
    Counter = 2,
}

/// One device.
#[derive(Clone, PartialEq, Debug)]
pub struct DeviceEntry {
    /// Unique within the gateway; legal in a topic.
    pub name: String,
    /// Industrial identifier (`handle`), empty when there is none.
    pub handle: String,
}

/// One tag.
#[derive(Clone, PartialEq, Debug)]
pub struct TagEntry {
    /// The device it belongs to.
    pub device: DeviceId,
    /// Unique within the device.
    pub name: String,
    /// Type of the raw value.
    pub data_type: DataType,
    /// Raw to engineering units.
    pub scaling: Scaling,
    /// Unit as written in the map, empty when there is none.
    pub unit: String,
    /// UNECE Rec 20 code of the unit, empty when there is none.
    pub unit_code: String,
    /// `valid = [low, high]` in engineering units.
    pub valid: Option<(f64, f64)>,
    /// Gauge or counter.
    pub kind: TagKind,
    /// The one lane it lives in.
    pub lane: Lane,
    /// Data class.
    pub grade: Grade,
    /// Plant tag (`PT-911`), empty when there is none.
    pub plant_tag: String,
    /// Label in English and Chinese, each empty when not given.
    pub label: [String; 2],
}

/// The dictionary of one plan. [`TagId`](crate::TagId) and [`DeviceId`] are
/// positions in these tables.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Catalogue {
    /// The gateway's id.
    pub gateway: String,
    /// ISA-95 path, levels separated by `/`.
    pub path: String,
    /// All devices.
    pub devices: Vec<DeviceEntry>,
    /// All tags; tags of a device stand together.
    pub tags: Vec<TagEntry>,
}
