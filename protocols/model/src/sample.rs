//! A sample is what a driver read; a reading is what the pipeline let through.

use alloc::vec::Vec;

use crate::{DeviceId, Quality, Stamp, TagId, Value};

/// One tag of one scan, as the driver gives it. On failure the value is
/// `Null` and the quality says why.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Which tag.
    pub tag: TagId,
    /// How far to trust it, as far as the driver knows.
    pub quality: Quality,
    /// Raw.
    pub value: Value,
}

/// Samples of one device that share one stamp: the content of one answer, or
/// of one failed request.
#[derive(Clone, PartialEq, Debug)]
pub struct Scan {
    /// Which device.
    pub device: DeviceId,
    /// When the answer came in, gateway time.
    pub stamp: Stamp,
    /// One per tag that was asked for, never fewer.
    pub samples: Vec<Sample>,
}

/// One value that leaves the gateway. The stamp is that of its [`Run`](crate::Run).
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// Which tag.
    pub tag: TagId,
    /// How far to trust it.
    pub quality: Quality,
    /// Raw; the catalogue's scaling gives engineering units.
    pub value: Value,
}
