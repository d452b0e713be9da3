//! The catalogue as bytes: what device and tag numbers mean, named by its own hash.

use forehearth_model::{
    Catalogue, CatalogueHash, DataType, DeviceEntry, DeviceId, Grade, Lane, Scaling, TagEntry,
    TagKind,
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto::v1;

/// The version written, and the highest that is read.
const VERSION: u32 = 1;

/// MQTT 5 content type of a catalogue.
pub const CONTENT_TYPE: &str = "application/vnd.forehearth.catalogue.v1";

/// Why bytes are not a catalogue.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not protobuf, or not this message.
    #[error("not a catalogue: {0}")]
    Malformed(String),
    /// A newer gateway wrote it.
    #[error("catalogue version {0}; this reader knows up to {VERSION}: update it")]
    Version(u32),
    /// A number that means nothing here.
    #[error("tag {tag:?} has {field} {value}, which this reader doesn't know")]
    Unknown {
        /// The tag's name.
        tag: String,
        /// Which of its fields.
        field: &'static str,
        /// What it holds.
        value: i64,
    },
}

/// The bytes of a catalogue (`forehearth.v1.Catalogue`). The same catalogue
/// always gives the same bytes.
#[must_use]
pub fn encode(catalogue: &Catalogue) -> Vec<u8> {
    v1::Catalogue {
        version: VERSION,
        gateway: catalogue.gateway.clone(),
        path: catalogue.path.clone(),
        devices: catalogue
            .devices
            .iter()
            .map(|device| v1::catalogue::Device {
                name: device.name.clone(),
                handle: device.handle.clone(),
            })
            .collect(),
        tags: catalogue.tags.iter().map(tag_to_wire).collect(),
    }
    .encode_to_vec()
}

/// Reads the bytes of a catalogue.
///
/// # Errors
/// When they are none, or one from a newer gateway.
pub fn decode(bytes: &[u8]) -> Result<Catalogue, CatalogueError> {
    let wire = v1::Catalogue::decode(bytes)
        .map_err(|error| CatalogueError::Malformed(error.to_string()))?;
    if wire.version != VERSION {
        return Err(CatalogueError::Version(wire.version));
    }
    let devices: Vec<_> = wire
        .devices
        .into_iter()
        .map(|device| DeviceEntry { name: device.name, handle: device.handle })
        .collect();
    let tags = wire
        .tags
        .into_iter()
        .map(|tag| tag_from_wire(tag, devices.len()))
        .collect::<Result<_, _>>()?;
    Ok(Catalogue { gateway: wire.gateway, path: wire.path, devices, tags })
}

/// The name of an encoded catalogue: the first 8 bytes, big endian, of its
/// SHA-256.
///
/// 64 bits are enough: only the catalogues of one gateway must differ, and a
/// million changes of its map collide with a chance of 1 in 37 million
/// (n² / 2⁶⁵). Nobody gains by forging one, as who can publish a catalogue can
/// publish batches too.
#[must_use]
pub fn hash(encoded: &[u8]) -> CatalogueHash {
    let digest = Sha256::digest(encoded);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    CatalogueHash(u64::from_be_bytes(first))
}

fn tag_to_wire(tag: &TagEntry) -> v1::catalogue::Tag {
    let limits = |(low, high)| v1::catalogue::Limits { low, high };
    let unless = |value: f64, default: f64| (value.to_bits() != default.to_bits()).then_some(value);
    v1::catalogue::Tag {
        device: tag.device.0,
        name: tag.name.clone(),
        data_type: tag.data_type as i32,
        scale: unless(tag.scaling.scale, 1.0),
        offset: unless(tag.scaling.offset, 0.0),
        clamp: tag.scaling.clamp.map(limits),
        unit: tag.unit.clone(),
        unit_code: tag.unit_code.clone(),
        valid: tag.valid.map(limits),
        kind: tag.kind as i32,
        lane: tag.lane as i32,
        grade: tag.grade as i32,
        plant_tag: tag.plant_tag.clone(),
        label_en: tag.label[0].clone(),
        label_zh: tag.label[1].clone(),
    }
}

fn tag_from_wire(tag: v1::catalogue::Tag, devices: usize) -> Result<TagEntry, CatalogueError> {
    let unknown = |field, value: i32| CatalogueError::Unknown {
        tag: tag.name.clone(),
        field,
        value: value.into(),
    };
    let code = |value: i32| u8::try_from(value).ok();
    if tag.device as usize >= devices {
        return Err(CatalogueError::Unknown {
            tag: tag.name,
            field: "device",
            value: tag.device.into(),
        });
    }
    let kind = match tag.kind() {
        v1::TagKind::Gauge => TagKind::Gauge,
        v1::TagKind::Counter => TagKind::Counter,
        v1::TagKind::Unspecified => return Err(unknown("kind", tag.kind)),
    };
    Ok(TagEntry {
        device: DeviceId(tag.device),
        data_type: code(tag.data_type)
            .and_then(DataType::from_code)
            .ok_or_else(|| unknown("data type", tag.data_type))?,
        scaling: Scaling {
            scale: tag.scale.unwrap_or(1.0),
            offset: tag.offset.unwrap_or(0.0),
            clamp: tag.clamp.map(|limits| (limits.low, limits.high)),
        },
        valid: tag.valid.map(|limits| (limits.low, limits.high)),
        kind,
        lane: code(tag.lane).and_then(Lane::from_code).ok_or_else(|| unknown("lane", tag.lane))?,
        grade: code(tag.grade)
            .and_then(Grade::from_code)
            .ok_or_else(|| unknown("grade", tag.grade))?,
        name: tag.name,
        unit: tag.unit,
        unit_code: tag.unit_code,
        plant_tag: tag.plant_tag,
        label: [tag.label_en, tag.label_zh],
    })
}
