//! Every batch comes back as it was, and nothing else is taken for a batch.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;

use forehearth_model::{
    Batch, BatchId, BootId, CatalogueHash, ClockState, DeviceId, Epoch, Lane, Quality, Reading,
    Run, Stamp, TagId, Value,
};
use forehearth_telemetry::native::{
    Compression, DecodeError, Decoded, Encoder, Skipped, decode, encode,
};
use forehearth_telemetry::proto::v1;
use proptest::prelude::*;
use prost::Message;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (any::<i64>(), 0..64_u32).prop_map(|(int, shift)| Value::Int(int >> shift)),
        (any::<u64>(), 0..64_u32).prop_map(|(int, shift)| Value::UInt(int >> shift)),
        any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        ".{0,12}".prop_map(|text| Value::Text(Arc::from(text))),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    let tag = prop_oneof![0..20_u32, any::<u32>(), Just(u32::MAX)];
    (tag, prop::sample::select(&Quality::ALL[..]), value())
        .prop_map(|(tag, quality, value)| Reading { tag: TagId(tag), quality, value })
}

/// One device's scan, repeated with small changes, so that sections form.
fn scans() -> impl Strategy<Value = Vec<(Run, Vec<Reading>)>> {
    let device = prop_oneof![0..4_u32, any::<u32>()];
    let readings = prop::collection::vec(reading(), 1..20);
    let stamps = prop::collection::vec(any::<i64>(), 1..4);
    (device, readings, stamps).prop_map(|(device, readings, stamps)| {
        stamps
            .into_iter()
            .map(|stamp| {
                let len = readings.len() as u32;
                let run = Run { device: DeviceId(device), stamp: Stamp(stamp), len };
                (run, readings.iter().map(|reading| nudged(reading, stamp)).collect())
            })
            .collect()
    })
}

fn nudged(reading: &Reading, by: i64) -> Reading {
    let mut nudged = reading.clone();
    if let Value::Int(int) = &mut nudged.value {
        *int = int.wrapping_add(by % 5);
    }
    nudged
}

fn batch() -> impl Strategy<Value = Batch> {
    let scans = prop::collection::vec(scans(), 1..6)
        .prop_map(|groups| groups.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle();
    let ids = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    (ids, any::<bool>(), 1..=3_u8, scans).prop_map(|(ids, alarm, clock, scans)| Batch {
        id: BatchId::new(Epoch(ids.0), ids.1),
        lane: if alarm { Lane::Alarm } else { Lane::Live },
        catalogue: CatalogueHash(ids.2),
        boot: BootId(ids.3),
        clock: ClockState::from_code(clock).unwrap(),
        runs: scans.iter().map(|(run, _)| *run).collect(),
        readings: scans.into_iter().flat_map(|(_, readings)| readings).collect(),
    })
}

fn assert_same(decoded: &Decoded, batch: &Batch) {
    let found = &decoded.batch;
    let header = |b: &Batch| (b.id, b.lane, b.catalogue, b.boot, b.clock);
    assert_eq!(header(found), header(batch));
    assert_eq!(found.runs, batch.runs);
    assert_eq!(found.readings.len(), batch.readings.len());
    for (a, b) in found.readings.iter().zip(&batch.readings) {
        assert!(a.tag == b.tag && a.quality == b.quality && a.value.same(&b.value), "{a:?} {b:?}");
    }
}

/// `scans` scans of one device with `tags` 16-bit tags.
fn plain_batch(tags: u32, scans: u32) -> Batch {
    let reading = |scan: u32, tag: u32| Reading {
        tag: TagId(tag),
        quality: Quality::Good,
        value: Value::Int(i64::from((tag * 7919) % 30_000 + (scan * tag) % 3)),
    };
    Batch {
        id: BatchId::new(Epoch(3), 17),
        lane: Lane::Live,
        catalogue: CatalogueHash(0x0123_4567_89ab_cdef),
        boot: BootId(5),
        clock: ClockState::Synced,
        runs: (0..scans)
            .map(|scan| Run {
                device: DeviceId(0),
                stamp: Stamp(1_764_000_000_000_000 + i64::from(scan) * 1_000_000),
                len: tags,
            })
            .collect(),
        readings: (0..scans).flat_map(|s| (0..tags).map(move |t| reading(s, t))).collect(),
    }
}

proptest! {
    #[test]
    fn every_batch_comes_back_exactly(batch in batch(), epoch: u32, first: u64, count: u64) {
        let skipped = [Skipped { epoch: Epoch(epoch), first, count }];
        let decoded = decode(&encode("cell-line-3", &batch, &skipped)).unwrap();
        prop_assert_eq!(&decoded.gateway, "cell-line-3");
        prop_assert_eq!(&decoded.skipped[..], &skipped[..]);
        assert_same(&decoded, &batch);
    }

    #[test]
    fn a_kept_encoder_forgets_the_batch_before(one in batch(), other in batch()) {
        let mut encoder = Encoder::new(Compression::WhenItPays);
        let first = encoder.encode("gw", &one, &[]);
        let _ = encoder.encode("gw", &other, &[]);
        assert_same(&decode(&encoder.encode("gw", &one, &[])).unwrap(), &one);
        assert_same(&decode(&first).unwrap(), &one);
    }

    #[test]
    fn one_flipped_bit_is_always_noticed(batch in batch(), place: prop::sample::Index) {
        let mut bytes = encode("gw", &batch, &[]);
        let bit = place.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_cut_message_is_refused(batch in batch(), place: prop::sample::Index) {
        let bytes = encode("gw", &batch, &[]);
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
        prop_assert!(decode(&bytes).is_err());
    }

    /// Damage behind a checksum that was made to fit: a hostile sender.
    #[test]
    fn hostile_content_is_decoded_or_refused(
        batch in batch(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut message = v1::Batch::decode(&encode("gw", &batch, &[])[..]).unwrap();
        for (place, byte) in damage {
            let place = place.index(message.content.len());
            message.content[place] = byte;
        }
        let _ = decode(&signed(message));
    }

    #[test]
    fn random_content_is_refused_or_decoded(content: Vec<u8>, plain_length in 0..1000_u32) {
        let message = v1::Batch { version: 1, crc32c: 0, plain_length, content };
        let _ = decode(&signed(message));
    }
}

/// The message with the checksum its content asks for.
fn signed(mut message: v1::Batch) -> Vec<u8> {
    let head = crc32c::crc32c(&message.plain_length.to_le_bytes());
    message.crc32c = crc32c::crc32c_append(head, &message.content);
    message.encode_to_vec()
}

#[test]
fn the_schema_describes_what_the_encoder_writes() {
    let bytes = encode("gw", &plain_batch(3, 2), &[]);
    let message = v1::Batch::decode(&bytes[..]).unwrap();
    assert_eq!((message.version, message.plain_length), (1, 0));
    let content = v1::Content::decode(&message.content[..]).unwrap();
    assert_eq!(content.gateway, "gw");
    assert_eq!((content.epoch, content.number), (3, 17));
    assert_eq!(content.lane(), v1::Lane::Live);
    assert_eq!(content.clock(), v1::ClockState::Synced);
    assert_eq!(content.base, 1_764_000_000_000_000);
    assert_eq!(content.sections.len(), 1);
    let section = &content.sections[0];
    assert_eq!(section.stamps, [0, 1_000_000]);
    assert_eq!(section.tags, [1, 3], "from tag 0, three of them");
    assert_eq!(section.kinds, [2 + 8 * 3], "three INT");
    assert_eq!(section.qualities, [0_u64; 0], "all good");
    let expected = [
        128, // zigzag varints follow
        0,   // 0
        0xde, 0x7b, // zigzag(7919) = 15838
        0xbc, 0xf7, 0x01,       // zigzag(15838) = 31676
        2,          // the later scan in 2 bits each
        0,          // above 0:
        0b10_01_00, // 0, 1, 2, lowest first
    ];
    assert_eq!(section.integers, expected);
    // What a library writes from the same message reads the same.
    let message = v1::Batch { content: content.encode_to_vec(), ..message };
    assert_same(&decode(&signed(message)).unwrap(), &plain_batch(3, 2));
}

#[test]
fn a_scan_in_which_a_tag_failed_keeps_its_place() {
    let mut batch = plain_batch(4, 3);
    batch.readings[5].value = Value::Null;
    batch.readings[5].quality = Quality::BadNoCommunication;
    assert_same(&decode(&encode("gw", &batch, &[])).unwrap(), &batch);
}

#[test]
fn a_device_read_in_several_answers_still_costs_only_its_changes() {
    // Scan after scan, 300 tags each in three answers of 100.
    let mut batch = plain_batch(300, 5);
    batch.runs = batch
        .runs
        .iter()
        .flat_map(|run| {
            (0..3).map(|part| Run { stamp: Stamp(run.stamp.0 + part), len: 100, ..*run })
        })
        .collect();
    let bytes = encode("gw", &batch, &[]);
    let message = v1::Batch::decode(&bytes[..]).unwrap();
    let content = v1::Content::decode(&message.content[..]).unwrap();
    assert_eq!(content.sections.len(), 3);
    assert_eq!(content.order, [0, 1, 2].repeat(5));
    assert_same(&decode(&bytes).unwrap(), &batch);
}

#[test]
fn more_woven_sections_than_a_reader_opens_are_written_one_by_one() {
    // 70,000 devices of one tag, each twice.
    let template = plain_batch(1, 1);
    let run = |device| Run { device: DeviceId(device), ..template.runs[0] };
    let batch = Batch {
        runs: (0..2).flat_map(|_| (0..70_000).map(run)).collect(),
        readings: vec![template.readings[0].clone(); 140_000],
        ..template
    };
    assert_same(&decode(&encode("gw", &batch, &[])).unwrap(), &batch);
}

#[test]
fn a_message_of_the_future_asks_for_an_update() {
    let mut message = v1::Batch::decode(&encode("gw", &plain_batch(1, 1), &[])[..]).unwrap();
    message.version = 3;
    assert_eq!(decode(&signed(message)), Err(DecodeError::Version(3)));
}

#[test]
fn texts_are_compressed_and_read_back() {
    let mut batch = plain_batch(200, 1);
    for reading in &mut batch.readings {
        reading.value = Value::Text(Arc::from("the anode beam stands still"));
    }
    let plain = encode("gw", &batch, &[]);
    let squeezed = Encoder::new(Compression::WhenItPays).encode("gw", &batch, &[]);
    assert!(squeezed.len() * 10 < plain.len(), "{} of {}", squeezed.len(), plain.len());
    assert_same(&decode(&squeezed).unwrap(), &batch);
}

#[test]
fn a_few_bytes_cannot_claim_millions_of_readings() {
    // 4 billion null readings of one section: 20 bytes.
    let section = v1::Section {
        stamps: vec![0],
        tags: vec![1, u64::from(u32::MAX)],
        kinds: vec![u64::from(u32::MAX) << 3],
        ..Default::default()
    };
    let content = v1::Content { lane: 2, clock: 1, sections: vec![section], ..Default::default() };
    let content = content.encode_to_vec();
    let message = v1::Batch { version: 1, content, ..Default::default() };
    assert_eq!(decode(&signed(message)), Err(DecodeError::TooLarge));
}

#[test]
fn a_compressed_message_cannot_unpack_to_more_than_it_says() {
    let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
    for plain_length in [1, 1000, u32::MAX] {
        let message = v1::Batch { version: 1, plain_length, content: bomb.clone(), crc32c: 0 };
        assert!(decode(&signed(message)).is_err());
    }
}
