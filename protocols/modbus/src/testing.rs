//! Points for tests: made by hand, or at random over all tables and types.

use alloc::vec::Vec;
use core::ops::Range;

use forehearth_model::{DataType, TagId};
use proptest::prelude::*;

use crate::{Address, Codec, Point, RegisterOrder, Table};

pub(crate) fn point(at: &str, data_type: DataType) -> Point {
    ordered(at, data_type, RegisterOrder::Abcd)
}

pub(crate) fn ordered(at: &str, data_type: DataType, order: RegisterOrder) -> Point {
    Point { address: at.parse().unwrap(), data_type, order, string_bytes: 0, codec: Codec::Plain }
}

/// Points crowded enough to touch and overlap, each legal in itself.
pub(crate) fn any_points(count: Range<usize>) -> impl Strategy<Value = Vec<(TagId, Point)>> {
    let place = prop_oneof![3 => 0u16..400, 1 => 0u16..=65535];
    let parts = (0u8..4, place, prop::sample::select(&DataType::ALL[..]), 0u8..16, 1u16..=40);
    prop::collection::vec(parts, count).prop_map(|parts| {
        let points = parts.into_iter().map(|(table, offset, data_type, bit, string_bytes)| {
            let table = [
                Table::Coils,
                Table::DiscreteInputs,
                Table::InputRegisters,
                Table::HoldingRegisters,
            ][usize::from(table)];
            let data_type = if table.is_bits() { DataType::Bool } else { data_type };
            let is_register_bit = !table.is_bits() && data_type == DataType::Bool;
            let string_bytes = if data_type == DataType::String { string_bytes } else { 0 };
            Point {
                address: Address { table, offset, bit: is_register_bit.then_some(bit) },
                data_type,
                order: RegisterOrder::Cdab,
                string_bytes,
                codec: Codec::Plain,
            }
        });
        points
            .filter(|point| point.check().is_ok())
            .zip(0..)
            .map(|(point, tag)| (TagId(tag), point))
            .collect()
    })
}
