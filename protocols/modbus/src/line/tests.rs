//! The line in virtual time: noise, late answers, echoes, silence.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU8;

use crate::line::{Busy, Echo, Framing, Line, Outcome};
use crate::question::Question;
use crate::{Micros, ReadRequest, Table, Timing, WriteRequest, ascii, rtu};

const UNIT: NonZeroU8 = NonZeroU8::new(9).unwrap();
const PATIENCE: Micros = 100_000;
/// 19,200 Bd: a character takes 573 µs, silence 2,006 µs.
const TIMING: Timing = Timing::serial(19_200);

fn read(start: u16, count: u16) -> Question {
    Question::Read(ReadRequest::new(Table::HoldingRegisters, start, count).unwrap())
}

fn answer(word: u16, count: u16) -> Vec<u8> {
    let mut pdu = vec![3, (count * 2) as u8];
    for _ in 0..count {
        pdu.extend(word.to_be_bytes());
    }
    let mut frame = Vec::new();
    rtu::encode(UNIT.get(), &pdu, &mut frame);
    frame
}

fn line(echo: Echo) -> Line {
    Line::new(Framing::Rtu, TIMING, echo, 0)
}

/// Asks as soon as the line allows; the moment and the bytes.
fn ask(line: &mut Line, question: Question) -> (Micros, Vec<u8>) {
    ask_from(line, question, 0)
}

fn ask_from(line: &mut Line, question: Question, earliest: Micros) -> (Micros, Vec<u8>) {
    let now = line.ready_at().max(earliest);
    let bytes = line.ask(UNIT, question, PATIENCE, now).unwrap().to_vec();
    (now, bytes)
}

fn is_answer(line: &mut Line, now: Micros, word: u16) -> bool {
    matches!(line.poll(now), Some(Outcome::Answered { .. }))
        && line.pdu()[2..4] == word.to_be_bytes()
}

/// Lets the question run into its deadline; the moment.
fn miss(line: &mut Line) -> Micros {
    let deadline = line.wake_at(0).unwrap();
    assert_eq!(line.poll(deadline - 1), None);
    assert_eq!(line.poll(deadline), Some(Outcome::Missing { noise: false }));
    deadline
}

#[test]
fn an_answer_is_taken_at_its_last_byte_and_the_next_question_waits_for_silence() {
    let mut line = line(Echo::Auto);
    let (asked, bytes) = ask(&mut line, read(0, 2));
    assert_eq!(asked, TIMING.silence, "nobody knows what was on the line before");
    assert_eq!(bytes.len(), 8);
    let frame = answer(7, 2);
    let came = asked + TIMING.wire(8) + 5_000 + TIMING.wire(frame.len());
    line.receive(&frame[..4], came - 2_000);
    assert_eq!(line.poll(came - 2_000), None);
    line.receive(&frame[4..], came);
    assert_eq!(line.poll(came), Some(Outcome::Answered { turnaround: 5_000 }));
    let busy = Busy { until: came + TIMING.silence };
    assert_eq!(line.ask(UNIT, read(0, 2), PATIENCE, busy.until - 1), Err(busy));
    assert!(line.ask(UNIT, read(0, 2), PATIENCE, busy.until).is_ok());
}

#[test]
fn the_deadline_counts_from_the_last_character_and_leaves_time_for_the_answer() {
    let mut line = line(Echo::Auto);
    let (asked, _) = ask(&mut line, read(0, 10));
    let expected = asked + TIMING.wire(8) + TIMING.wire(25) + PATIENCE;
    assert_eq!(miss(&mut line), expected);
}

#[test]
fn a_late_answer_is_never_taken_for_the_answer_to_a_like_question() {
    let mut line = line(Echo::Auto);
    ask(&mut line, read(100, 2));
    let missed = miss(&mut line);
    // The device is slow and answers both, one behind the other.
    let fence = line.safe(UNIT, read(200, 2));
    assert_eq!(fence, read(200, 1), "a like question waits behind a fence");
    assert_eq!(line.safe(NonZeroU8::new(10).unwrap(), read(200, 2)), read(200, 2));
    let (asked, _) = ask_from(&mut line, fence, missed);
    assert_eq!(asked, missed, "the line was silent all the time");
    line.receive(&answer(100, 2), asked + 20_000);
    assert_eq!(line.poll(asked + 20_000), Some(Outcome::Late { unit: UNIT }));
    assert_eq!(line.poll(asked + 20_000), None, "the fence is still awaited");
    line.receive(&answer(200, 1), asked + 30_000);
    assert!(is_answer(&mut line, asked + 30_000, 200));
    assert_eq!(line.safe(UNIT, read(200, 2)), read(200, 2), "nothing is owed any more");
}

#[test]
fn a_late_answer_glued_to_the_answer_to_a_fence_is_counted_and_dropped() {
    let mut line = line(Echo::Auto);
    ask(&mut line, read(100, 2));
    let missed = miss(&mut line);
    let (asked, _) = ask_from(&mut line, read(200, 1), missed);
    let glued = [answer(100, 2), answer(200, 1)].concat();
    line.receive(&glued, asked + 20_000);
    assert_eq!(line.poll(asked + 20_000), Some(Outcome::Late { unit: UNIT }));
    assert!(is_answer(&mut line, asked + 20_000, 200));
}

#[test]
fn a_late_answer_in_the_silence_pays_what_is_owed() {
    let mut line = line(Echo::Auto);
    ask(&mut line, read(100, 2));
    let missed = miss(&mut line);
    line.receive(&answer(1, 2), missed + 500);
    assert_eq!(line.poll(missed + 500), Some(Outcome::Late { unit: UNIT }));
    assert_eq!(line.ready_at(), missed + 500 + TIMING.silence, "silence begins anew");
    assert_eq!(line.safe(UNIT, read(200, 2)), read(200, 2));
}

#[test]
fn an_exception_to_a_fence_is_believed_only_after_the_whole_response_time_of_silence() {
    let mut line = line(Echo::Auto);
    ask(&mut line, read(100, 1));
    let missed = miss(&mut line);
    let (asked, _) = ask_from(&mut line, read(100, 2), missed);
    let mut refusal = Vec::new();
    rtu::encode(UNIT.get(), &[0x83, 2], &mut refusal);
    let came = asked + 30_000;
    line.receive(&refusal, came);
    assert!(matches!(line.poll(came), Some(Outcome::Answered { .. })));
    assert!(line.ready_at() >= came + PATIENCE);
}

#[test]
fn a_damaged_answer_ends_the_wait_at_once() {
    let mut line = line(Echo::Auto);
    let (asked, _) = ask(&mut line, read(0, 2));
    let mut frame = answer(7, 2);
    frame[4] ^= 0x40;
    line.receive(&frame, asked + 20_000);
    assert_eq!(line.poll(asked + 20_000), Some(Outcome::Damaged));
    // The rest of a longer burst is swallowed while the line is not silent.
    line.receive(&[1, 2, 3], asked + 21_000);
    assert_eq!(line.poll(asked + 21_000), None);
    assert_eq!(line.ready_at(), asked + 21_000 + TIMING.silence);
}

#[test]
fn a_cut_off_answer_ends_after_the_gap_and_noise_waits_for_the_answer() {
    let mut line = line(Echo::Auto);
    let (asked, _) = ask(&mut line, read(0, 2));
    line.receive(&answer(7, 2)[..6], asked + 20_000);
    assert_eq!(line.wake_at(asked + 20_000), Some(asked + 20_000 + TIMING.gap));
    assert_eq!(line.poll(asked + 20_000 + TIMING.gap), Some(Outcome::Damaged));

    let (asked, _) = ask(&mut line, read(0, 2));
    line.receive(&[0xFF, 0x00, 0x55], asked + 5_000);
    assert_eq!(line.poll(asked + 5_000 + TIMING.gap), None, "the answer may yet come");
    line.receive(&answer(8, 2), asked + 60_000);
    assert!(is_answer(&mut line, asked + 60_000, 8));
}

#[test]
fn an_echo_is_dropped_even_where_it_looks_like_an_answer() {
    // 17 coils from 0x0300: the request could be an answer of three bytes.
    let coils = Question::Read(ReadRequest::new(Table::Coils, 0x0300, 17).unwrap());
    let mut frame = Vec::new();
    rtu::encode(UNIT.get(), &[1, 3, 0xAA, 0x55, 1], &mut frame);
    for echo in [Echo::Auto, Echo::On] {
        let mut line = line(echo);
        let (asked, request) = ask(&mut line, coils);
        for (n, byte) in (1..).zip(&request) {
            line.receive(&[*byte], asked + n * 500);
            assert_eq!(line.poll(asked + n * 500), None, "{echo:?}");
        }
        line.receive(&frame, asked + 30_000);
        assert!(matches!(line.poll(asked + 30_000), Some(Outcome::Answered { .. })));
        assert_eq!(line.pdu(), [1, 3, 0xAA, 0x55, 1]);
    }
    let mut deaf = line(Echo::Off);
    let (asked, request) = ask(&mut deaf, coils);
    deaf.receive(&request, asked + 5_000);
    assert!(matches!(deaf.poll(asked + 5_000), Some(Outcome::Answered { .. })), "as told");
}

#[test]
fn a_flood_is_bounded_and_ends_with_the_deadline() {
    let mut line = line(Echo::Auto);
    let (asked, _) = ask(&mut line, read(0, 2));
    let deadline = line.ready_at();
    let mut now = asked;
    while now < deadline {
        line.receive(&[0xA5; 700], now);
        assert_eq!(line.poll(now), None);
        now += 1_000;
    }
    assert_eq!(line.poll(deadline), Some(Outcome::Missing { noise: true }));
    assert!(line.ready_at() > deadline, "and the line is not silent yet");
}

#[test]
fn ascii_keeps_the_same_rules() {
    let mut line = Line::new(Framing::Ascii, TIMING, Echo::Auto, 0);
    let (asked, request) = ask(&mut line, read(0x6B, 1));
    assert_eq!(request, b":0903006B000188\r\n");
    let mut frame = request;
    ascii::encode(UNIT.get(), &[3, 2, 0, 42], &mut frame);
    line.receive(&frame, asked + 40_000);
    assert!(is_answer(&mut line, asked + 40_000, 42), "behind its echo");
    let (asked, _) = ask(&mut line, read(0x6B, 1));
    line.receive(b":0903020O2A", asked + 40_000);
    line.receive(b"C8\r\n", asked + 41_000);
    assert_eq!(line.poll(asked + 41_000), Some(Outcome::Damaged));
}

/// A device that answers each question after a random time, in order, on a
/// line that also makes noise: no answer is ever that of another question.
#[test]
fn no_sequence_of_delays_and_noise_confuses_two_questions() {
    let mut random = 0x9E37_79B9_97F4_A7C1_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let (mut good, mut late) = (0, 0);
    for _ in 0..200 {
        let mut line = line(Echo::Auto);
        // Answers on their way: when and what.
        let mut coming: Vec<(Micros, Vec<u8>)> = Vec::new();
        let mut serial = 0u16;
        let mut clock = 0;
        for _ in 0..50 {
            serial += 1;
            let wanted = read(serial, 1 + next(2) as u16);
            let question = line.safe(UNIT, wanted);
            let now = line.ready_at().max(clock);
            line.ask(UNIT, question, PATIENCE, now).unwrap();
            let Question::Read(request) = question else { unreachable!() };
            // A device never answers before the question before is answered.
            let busy = coming.last().map_or(0, |(at, _)| *at);
            let takes = if next(4) == 0 { next(400_000) } else { next(50_000) };
            if next(10) > 0 {
                coming.push((busy.max(now) + 15_000 + takes, answer(serial, request.count())));
            }
            if next(5) == 0 {
                let noise = (0..next(20)).map(|_| next(256) as u8).collect();
                coming.push((busy.max(now) + next(50_000), noise));
            }
            coming.sort_by_key(|(at, _)| *at);
            loop {
                let wake = line.wake_at(clock).unwrap_or_else(|| line.ready_at());
                let until = match coming.first() {
                    Some((at, _)) if *at <= wake => {
                        let (at, bytes) = coming.remove(0);
                        let at = at.max(clock);
                        line.receive(&bytes, at);
                        at
                    }
                    _ => wake,
                };
                clock = until;
                let mut done = false;
                while let Some(outcome) = line.poll(until) {
                    match outcome {
                        Outcome::Answered { .. } => {
                            assert_eq!(line.pdu()[2..4], serial.to_be_bytes(), "a stale answer");
                            good += 1;
                        }
                        Outcome::Late { .. } => late += 1,
                        Outcome::Damaged | Outcome::Missing { .. } => {}
                    }
                    done |= !matches!(outcome, Outcome::Late { .. });
                }
                if done || line.wake_at(clock).is_none() {
                    break;
                }
            }
        }
    }
    assert!(good > 4_000 && late > 500, "{good} good, {late} late");
}

fn put(line: &mut Line, write: &WriteRequest) -> (Micros, Vec<u8>) {
    let now = line.ready_at();
    let bytes = line.put(UNIT, write, PATIENCE, now).unwrap().to_vec();
    (now, bytes)
}

#[test]
fn a_write_is_answered_by_its_receipt_and_by_nothing_else() {
    let mut line = line(Echo::Off);
    let (asked, bytes) = put(&mut line, &WriteRequest::register(7, 9));
    line.receive(&answer(7, 1), asked + 10_000);
    assert_eq!(line.poll(asked + 10_000), None, "the answer to a read");
    let mut other = Vec::new();
    rtu::encode(UNIT.get(), WriteRequest::register(7, 8).pdu(), &mut other);
    line.receive(&other, asked + 20_000);
    assert_eq!(line.poll(asked + 20_000), None, "the receipt of another write");
    line.receive(&bytes, asked + 60_000);
    assert!(matches!(line.poll(asked + 60_000), Some(Outcome::Answered { .. })));
    assert_eq!(line.pdu(), [6, 0, 7, 0, 9]);
}

#[test]
fn an_echo_is_never_taken_for_the_receipt_of_a_write() {
    for echoes in [true, false] {
        let mut line = line(Echo::Auto);
        let fence = line.before_write(UNIT, read(0, 1)).expect("nobody knows yet of an echo");
        let (asked, request) = ask(&mut line, fence);
        let came = asked + TIMING.wire(8) + 5_000;
        if echoes {
            line.receive(&request, asked + 1_000);
        }
        line.receive(&answer(1, 1), came);
        assert!(is_answer(&mut line, came, 1));
        assert_eq!(line.before_write(UNIT, read(0, 1)), None);
        let (asked, bytes) = put(&mut line, &WriteRequest::register(7, 9));
        line.receive(&bytes, asked + 10_000);
        let first = line.poll(asked + 10_000);
        assert_eq!(first.is_none(), echoes, "{first:?}");
        if echoes {
            line.receive(&bytes, asked + 20_000);
            assert!(matches!(line.poll(asked + 20_000), Some(Outcome::Answered { .. })));
        }
    }
}

#[test]
fn a_unit_that_owes_an_answer_is_fenced_before_a_write() {
    let mut line = line(Echo::Off);
    ask(&mut line, read(0, 2));
    miss(&mut line);
    let fence = line.before_write(UNIT, read(0, 2)).expect("its exception could still come");
    assert_ne!(fence, read(0, 2));
    let (asked, _) = ask(&mut line, fence);
    line.receive(&answer(1, 1), asked + 30_000);
    assert!(is_answer(&mut line, asked + 30_000, 1));
    assert_eq!(line.before_write(UNIT, read(0, 2)), None);
}

#[test]
fn a_late_receipt_does_not_answer_the_same_write_again() {
    let mut line = line(Echo::Off);
    let write = WriteRequest::register(7, 9);
    let (_, bytes) = put(&mut line, &write);
    miss(&mut line);
    assert!(line.before_write(UNIT, read(0, 1)).is_some());
    let (asked, _) = ask(&mut line, read(0, 1));
    line.receive(&bytes, asked + 15_000);
    assert_eq!(line.poll(asked + 15_000), Some(Outcome::Late { unit: UNIT }));
    line.receive(&answer(1, 1), asked + 30_000);
    assert!(is_answer(&mut line, asked + 30_000, 1));
}
