//! What must hold whatever a device sends. Shared by the fuzz targets and by the test that runs their corpora.

use core::num::NonZeroU8;

use forehearth_modbus::{
    Address, Echo, Framing, Limits, Line, Outcome, Point, Question, ReadPlan, ReadRequest,
    RegisterOrder, Table, Timing, mbap, rtu,
};
use forehearth_model::{DataType, TagId};

/// Frames of Modbus TCP: each that is found is exactly the bytes it was made
/// of, and nothing is decided before its bytes are there.
pub fn mbap(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(frame)) = mbap::decode(rest) {
        let taken = frame.encoded_len();
        let mut again = Vec::new();
        mbap::encode(frame.transaction, frame.unit, frame.pdu, &mut again);
        assert_eq!(again, rest[..taken], "a frame is made of its own bytes");
        assert!(taken <= mbap::MAX_FRAME);
        for cut in [0, 1, 6, taken - 1] {
            assert!(matches!(mbap::decode(&rest[..cut]), Ok(None)), "decided too early at {cut}");
        }
        rest = &rest[taken..];
    }
}

/// A serial line in RTU mode; see [`line`].
pub fn rtu(data: &[u8]) {
    line(Framing::Rtu, data);
}

/// A serial line in ASCII mode; see [`line`].
pub fn ascii(data: &[u8]) {
    line(Framing::Ascii, data);
}

/// A line on which anything comes: every question ends within its time, an
/// answer is a frame that really came, of the unit that was asked and of the
/// shape of the question.
fn line(framing: Framing, data: &[u8]) {
    let [unit, shape, start, count, echo, rest @ ..] = data else { return };
    let unit = NonZeroU8::new(*unit).unwrap_or(NonZeroU8::MIN);
    let question = match shape % 6 {
        0 => Question::ServerId,
        1 => Question::Identification { first: *start },
        table => {
            let tables = [
                Table::Coils,
                Table::DiscreteInputs,
                Table::InputRegisters,
                Table::HoldingRegisters,
            ];
            let table = tables[usize::from(table - 2)];
            let count = 1 + u16::from(*count) % 125;
            let Some(request) = ReadRequest::new(table, u16::from(*start), count) else { return };
            Question::Read(request)
        }
    };
    let echo = [Echo::Auto, Echo::On, Echo::Off][usize::from(echo % 3)];
    let mut line = Line::new(framing, Timing::serial(19_200), echo, 0);
    let mut now = line.ready_at();
    let sent = match line.ask(unit, question, 50_000, now) {
        Ok(sent) => sent.to_vec(),
        Err(busy) => panic!("silent, and yet busy until {}", busy.until),
    };
    // Pieces of 1 to 32 bytes, up to 32 ms apart.
    let mut came = Vec::new();
    let mut rest = rest;
    let mut outcome = None;
    while outcome.is_none() {
        let [size, pause, tail @ ..] = rest else { break };
        let (piece, tail) = tail.split_at(tail.len().min(1 + usize::from(size % 32)));
        rest = tail;
        now += u64::from(*pause) * 128;
        // What came before the deadline counts, and only that.
        outcome = line.poll(now);
        if outcome.is_none() {
            came.extend_from_slice(piece);
            line.receive(piece, now);
            outcome = line.poll(now);
        }
    }
    let begun = now;
    while outcome.is_none() {
        let until = line.wake_at(now);
        now = until.filter(|until| *until > now).unwrap_or(now + 1);
        assert!(now < begun + 10_000_000, "a question without end");
        outcome = line.poll(now);
    }
    if let Some(Outcome::Answered { .. }) = outcome {
        let pdu = line.pdu();
        assert!(pdu[0] & 0x7F == question.function(), "an answer to another question");
        let frame = wrapped(framing, unit.get(), pdu);
        let came = came.to_ascii_uppercase();
        let frame = frame.to_ascii_uppercase();
        assert!(
            came.windows(frame.len()).any(|part| part == frame),
            "nobody sent this: {pdu:02x?}"
        );
        if let Question::Read(request) = question
            && let Ok(data) = request.check(pdu)
        {
            assert_eq!(data.len(), request.payload_len());
        }
    }
    assert!(!sent.is_empty());
}

fn wrapped(framing: Framing, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    match framing {
        Framing::Rtu => rtu::encode(unit, pdu, &mut frame),
        Framing::Ascii => forehearth_modbus::ascii::encode(unit, pdu, &mut frame),
    }
    frame
}

/// Answers to a plan: each tag has exactly one sample of an answer that is
/// accepted and none of another, and a plan survives being halved.
pub fn decode(data: &[u8]) {
    let [tags, halve, rest @ ..] = data else { return };
    let mut rest = rest;
    let mut points = Vec::new();
    for tag in 0..u32::from(*tags % 12) {
        let [table, high, low, kind, order, tail @ ..] = rest else { return };
        rest = tail;
        let table =
            [Table::Coils, Table::DiscreteInputs, Table::InputRegisters, Table::HoldingRegisters]
                [usize::from(table % 4)];
        let types = [
            DataType::Bool,
            DataType::Sint,
            DataType::Int,
            DataType::Uint,
            DataType::Dint,
            DataType::Udint,
            DataType::Lint,
            DataType::Real,
            DataType::Lreal,
            DataType::String,
        ];
        let data_type =
            if table.is_bits() { DataType::Bool } else { types[usize::from(kind % 10)] };
        let bit = (!table.is_bits() && data_type == DataType::Bool).then_some(order % 16);
        let orders =
            [RegisterOrder::Abcd, RegisterOrder::Cdab, RegisterOrder::Badc, RegisterOrder::Dcba];
        points.push((
            TagId(tag),
            Point {
                // Near one another, so that they are read together.
                address: Address { table, offset: u16::from_be_bytes([*high & 1, *low]), bit },
                data_type,
                order: orders[usize::from(order % 4)],
                string_bytes: if data_type == DataType::String { 1 + u16::from(*order) } else { 0 },
                codec: forehearth_modbus::Codec::Plain,
            },
        ));
    }
    let Ok(mut plan) = ReadPlan::new(&points, Limits::default()) else { return };
    for place in 0..plan.spans().len() {
        if halve & 1 << (place % 8) != 0 {
            plan.bisect(place);
        }
    }
    let mut seen = vec![0; points.len()];
    for span in plan.spans() {
        let request = span.request();
        let mut samples = Vec::new();
        let as_it_came = plan.decode(span, rest, &mut samples);
        assert_eq!(as_it_came.is_ok(), request.check(rest).is_ok());
        assert_eq!(samples.len(), if as_it_came.is_ok() { span.tags() } else { 0 });
        // The same bytes as data of an answer of the right shape.
        let mut pdu = vec![request.encode()[0], request.payload_len() as u8];
        pdu.extend(rest.iter().copied().chain(core::iter::repeat(0)).take(request.payload_len()));
        samples.clear();
        assert!(plan.decode(span, &pdu, &mut samples).is_ok(), "{request}");
        for sample in samples {
            seen[sample.tag.index()] += 1;
        }
    }
    assert!(seen.iter().all(|times| *times == 1), "a tag has {seen:?} samples");
}
