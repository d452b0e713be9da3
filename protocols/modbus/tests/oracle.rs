//! Frames against rmodbus, which nobody here wrote: our requests are its
//! requests, its answers are answers to us, on every framing.
#![allow(clippy::unwrap_used, clippy::panic)]

use core::num::NonZeroU8;

use forehearth_modbus::{Echo, Framing, Line, Outcome, Question, ReadRequest, Table, Timing, mbap};
use proptest::prelude::*;
use rmodbus::client::ModbusRequest;
use rmodbus::server::ModbusFrame;
use rmodbus::server::context::ModbusContext as _;
use rmodbus::server::storage::ModbusStorageFull;
use rmodbus::{ModbusProto, generate_ascii_frame};

fn theirs(request: &mut ModbusRequest, read: &ReadRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (start, count) = (read.start(), read.count());
    match read.table() {
        Table::Coils => request.generate_get_coils(start, count, &mut bytes),
        Table::DiscreteInputs => request.generate_get_discretes(start, count, &mut bytes),
        Table::HoldingRegisters => request.generate_get_holdings(start, count, &mut bytes),
        Table::InputRegisters => request.generate_get_inputs(start, count, &mut bytes),
    }
    .unwrap();
    bytes
}

/// The answer of a server whose register and bit `n` hold something of `seed`.
fn answer(unit: u8, request: &[u8], proto: ModbusProto, read: &ReadRequest, seed: u16) -> Vec<u8> {
    let mut storage = Box::new(ModbusStorageFull::new());
    for at in read.start()..read.start() + read.count() {
        let word = at.wrapping_mul(31) ^ seed;
        match read.table() {
            Table::Coils => storage.set_coil(at, word & 1 == 1).unwrap(),
            Table::DiscreteInputs => storage.set_discrete(at, word & 1 == 1).unwrap(),
            Table::HoldingRegisters => storage.set_holding(at, word).unwrap(),
            Table::InputRegisters => storage.set_input(at, word).unwrap(),
        }
    }
    let mut response = Vec::new();
    let mut frame = ModbusFrame::new(unit, request, proto, &mut response);
    frame.parse().unwrap();
    assert!(frame.processing_required && frame.readonly);
    frame.process_read(&*storage).unwrap();
    frame.finalize_response().unwrap();
    response
}

/// The data of the answer as it must be.
fn data(read: &ReadRequest, seed: u16) -> Vec<u8> {
    let words = (read.start()..read.start() + read.count()).map(|at| at.wrapping_mul(31) ^ seed);
    if !read.table().is_bits() {
        return words.flat_map(u16::to_be_bytes).collect();
    }
    let mut bytes = vec![0; read.payload_len()];
    for (n, word) in words.enumerate() {
        bytes[n / 8] |= u8::from(word & 1 == 1) << (n % 8);
    }
    bytes
}

fn reads() -> impl Strategy<Value = ReadRequest> {
    let tables = prop::sample::select(vec![
        Table::Coils,
        Table::DiscreteInputs,
        Table::InputRegisters,
        Table::HoldingRegisters,
    ]);
    (tables, 0u16..9_000, 1u16..=125)
        .prop_map(|(table, start, count)| ReadRequest::new(table, start, count).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn serial_frames_are_those_of_rmodbus(
        read in reads(), unit in 1u8..=247, seed: u16, ascii: bool,
    ) {
        let (framing, proto) = match ascii {
            false => (Framing::Rtu, ModbusProto::Rtu),
            true => (Framing::Ascii, ModbusProto::Ascii),
        };
        let mut line = Line::new(framing, Timing::serial(115_200), Echo::Auto, 0);
        let now = line.ready_at();
        let id = NonZeroU8::new(unit).unwrap();
        let ours = line.ask(id, Question::Read(read), 100_000, now).unwrap().to_vec();
        let binary = theirs(&mut ModbusRequest::new(unit, proto), &read);
        let mut expected = binary.clone();
        if ascii {
            generate_ascii_frame(&binary, &mut expected).unwrap();
        }
        prop_assert_eq!(&ours, &expected);
        let binary = answer(unit, &binary, proto, &read, seed);
        let mut frame = binary.clone();
        if ascii {
            generate_ascii_frame(&binary, &mut frame).unwrap();
        }
        line.receive(&frame, now + 50_000);
        let answered = matches!(line.poll(now + 50_000), Some(Outcome::Answered { .. }));
        prop_assert!(answered);
        prop_assert_eq!(read.check(line.pdu()).unwrap(), data(&read, seed));
    }

    #[test]
    fn tcp_frames_are_those_of_rmodbus(read in reads(), unit: u8, id: u16, seed: u16) {
        // rmodbus takes 0 for a broadcast also on TCP.
        prop_assume!(unit != 0);
        let mut ours = Vec::new();
        mbap::encode(id, unit, &read.encode(), &mut ours);
        let expected = theirs(&mut ModbusRequest::new_tcp_udp(unit, id), &read);
        prop_assert_eq!(&ours, &expected);
        let frame = answer(unit, &expected, ModbusProto::TcpUdp, &read, seed);
        let frame = mbap::decode(&frame).unwrap().unwrap();
        prop_assert_eq!((frame.transaction, frame.unit), (id, unit));
        prop_assert_eq!(read.check(frame.pdu).unwrap(), data(&read, seed));
    }
}
