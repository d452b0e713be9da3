//! An errand: one value taken to a device, and what the device holds afterwards.
//!
//! A core: it says what to send next and is told what came back. It sends one
//! write that can change anything; another is sent only after the device has
//! said that it does not know the function of the first. What might have
//! arrived is never repeated.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use forehearth_model::{Quality, TagId, Value};

use crate::{
    Exception, Limits, Micros, Point, ReadPlan, ReadRequest, Unfit, WriteRefusal, WriteRequest,
};

/// Between a read that shows another value and the next. Chosen: a PLC takes
/// what was written over at the end of its cycle, 1 to 100 ms.
const CYCLE: Micros = 100_000;

/// How part of a register, a bit or a byte, is written to a device that does
/// not know function 22.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Part {
    /// Not at all.
    #[default]
    Masked,
    /// By reading the register and writing it whole. What the device changes
    /// of the rest in between is lost.
    Rewritten,
}

/// What to do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Step<'a> {
    /// Send this write; at most once.
    Put(&'a WriteRequest),
    /// Send this read.
    Ask(ReadRequest),
    /// Let so much time pass; tell [`Errand::rested`].
    Rest(Micros),
    /// It has ended.
    Ended(&'a Result<Value, Failure>),
}

/// Why the device does not, or may not, hold the value.
#[derive(Clone, PartialEq, Debug)]
pub enum Failure {
    /// Nothing that could change anything was sent.
    NotSent(String),
    /// The device said no and holds what it held.
    Refused(String),
    /// It may hold the value or not.
    Unknown(String),
    /// It took the value and holds another.
    Differs(Value),
}

/// One order on its way.
#[derive(Clone, Debug)]
pub struct Errand {
    wanted: Value,
    part: Part,
    write: WriteRequest,
    /// Reads the point alone.
    plan: ReadPlan,
    at: At,
}

#[derive(Clone, PartialEq, Debug)]
enum At {
    Writing,
    /// Reading what the rest of the register holds.
    Before,
    /// Reading back; the value that was read before differs.
    Back(Option<Value>),
    Resting(Value),
    Ended(Result<Value, Failure>),
}

impl Errand {
    /// Takes `value` to `point`.
    ///
    /// # Errors
    /// When the point cannot hold it.
    pub fn new(point: &Point, value: &Value, part: Part) -> Result<Self, Unfit> {
        let write = point.write(value)?;
        let plan = ReadPlan::new(&[(TagId(0), *point)], Limits::default())
            .map_err(|error| Unfit::new(&error))?;
        Ok(Self { wanted: value.clone(), part, write, plan, at: At::Writing })
    }

    /// What to do next.
    #[must_use]
    pub fn step(&self) -> Step<'_> {
        match &self.at {
            At::Writing => Step::Put(&self.write),
            At::Before => match self.write.read_back() {
                Some(read) => Step::Ask(read),
                None => Step::Put(&self.write),
            },
            At::Back(_) => Step::Ask(self.read_back()),
            At::Resting(_) => Step::Rest(CYCLE),
            At::Ended(end) => Step::Ended(end),
        }
    }

    /// The read of the whole point.
    #[must_use]
    pub fn read_back(&self) -> ReadRequest {
        self.plan.spans()[0].request()
    }

    /// What came in answer to the step.
    pub fn answered(&mut self, pdu: &[u8]) {
        match &self.at {
            At::Writing => self.written(pdu),
            At::Before => self.read_before(pdu),
            At::Back(before) => self.at = self.compare(before.is_some(), pdu),
            At::Resting(_) | At::Ended(_) => {}
        }
    }

    /// Nothing usable came in answer to the step, for this reason.
    pub fn missed(&mut self, reason: &str) {
        let failure = match &self.at {
            At::Writing => Failure::Unknown(reason.to_string()),
            At::Before => Failure::NotSent(format!("its register cannot be read: {reason}")),
            At::Back(Some(before)) => Failure::Differs(before.clone()),
            At::Back(None) => Failure::Unknown(format!("taken, but not read back: {reason}")),
            At::Resting(_) | At::Ended(_) => return,
        };
        self.end(Err(failure));
    }

    /// The step could not be sent at all, for this reason.
    pub fn not_sent(&mut self, reason: &str) {
        match &self.at {
            At::Writing | At::Before => self.end(Err(Failure::NotSent(reason.to_string()))),
            _ => self.missed(reason),
        }
    }

    /// The time of [`Step::Rest`] has passed.
    pub fn rested(&mut self) {
        if let At::Resting(before) = &self.at {
            self.at = At::Back(Some(before.clone()));
        }
    }

    fn end(&mut self, end: Result<Value, Failure>) {
        self.at = At::Ended(end);
    }

    fn written(&mut self, pdu: &[u8]) {
        let refusal = match self.write.check(pdu) {
            Ok(()) => {
                self.at = At::Back(None);
                return;
            }
            Err(refusal) => refusal,
        };
        if refusal == WriteRefusal::Exception(Exception::IllegalFunction) {
            if let Some(other) = self.write.by_other_function() {
                self.write = other;
                return;
            }
            if self.part == Part::Rewritten && self.write.over(0).is_some() {
                self.at = At::Before;
                return;
            }
        }
        let reason = format!("{refusal} ({})", self.write);
        self.end(Err(if refusal.left_it_alone() {
            Failure::Refused(reason)
        } else {
            Failure::Unknown(reason)
        }));
    }

    fn read_before(&mut self, pdu: &[u8]) {
        let checked = self.write.read_back().map(|read| read.check(pdu));
        let whole = match checked {
            Some(Ok([high, low])) => self.write.over(u16::from_be_bytes([*high, *low])),
            Some(Err(error)) => return self.missed(&error.to_string()),
            _ => None,
        };
        match whole {
            Some(whole) => {
                self.write = whole;
                self.at = At::Writing;
            }
            None => self.missed("it is no single register"),
        }
    }

    /// A value that differs is read once more, a cycle of the device later.
    fn compare(&self, is_second: bool, pdu: &[u8]) -> At {
        let mut out = Vec::new();
        let decoded = self.plan.decode(&self.plan.spans()[0], pdu, &mut out);
        let read = match (decoded, out.pop()) {
            (Ok(()), Some(sample)) => sample,
            (Err(error), _) => {
                return At::Ended(Err(Failure::Unknown(format!(
                    "taken, but not read back: {error}"
                ))));
            }
            (Ok(()), None) => return At::Ended(Err(Failure::Unknown("not read back".to_string()))),
        };
        if read.quality == Quality::Good && read.value == self.wanted {
            At::Ended(Ok(read.value))
        } else if is_second {
            At::Ended(Err(Failure::Differs(read.value)))
        } else {
            At::Resting(read.value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Errand, Failure, Part, Step};
    use crate::testing::point;
    use alloc::vec;
    use alloc::vec::Vec;
    use forehearth_model::{DataType, Value};

    /// Plays an errand against answers; what was sent, and the end.
    fn play(mut errand: Errand, answers: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Value, Failure>) {
        let mut sent = Vec::new();
        let mut answers = answers.iter();
        loop {
            match errand.step() {
                Step::Put(write) => sent.push(write.pdu().to_vec()),
                Step::Ask(read) => sent.push(read.encode().to_vec()),
                Step::Rest(_) => {
                    errand.rested();
                    continue;
                }
                Step::Ended(end) => return (sent, end.clone()),
            }
            match answers.next() {
                Some(answer) => errand.answered(answer),
                None => errand.missed("no answer"),
            }
        }
    }

    fn uint(value: u16) -> Errand {
        let value = Value::UInt(value.into());
        Errand::new(&point("hr:7", DataType::Uint), &value, Part::Masked).unwrap()
    }

    const RECEIPT: &[u8] = &[6, 0, 7, 0, 9];

    #[test]
    fn a_value_is_written_once_and_read_back() {
        let (sent, end) = play(uint(9), &[RECEIPT, &[3, 2, 0, 9]]);
        assert_eq!(sent, [vec![6, 0, 7, 0, 9], vec![3, 0, 7, 0, 1]]);
        assert_eq!(end, Ok(Value::UInt(9)));
    }

    #[test]
    fn what_might_have_arrived_is_never_repeated() {
        let (sent, end) = play(uint(9), &[]);
        assert_eq!(sent.len(), 1);
        assert_eq!(end, Err(Failure::Unknown("no answer".into())));
        for answer in [&[0x86, 4][..], &[0x86, 5], &[0x86, 11], &[6, 0, 7, 0, 8], &[]] {
            let (sent, end) = play(uint(9), &[answer]);
            assert_eq!(sent.len(), 1);
            assert!(matches!(end, Err(Failure::Unknown(_))), "{answer:?}: {end:?}");
        }
        let (sent, end) = play(uint(9), &[RECEIPT]);
        assert_eq!(sent.len(), 2);
        assert!(matches!(end, Err(Failure::Unknown(_))), "{end:?}");
    }

    #[test]
    fn a_refusal_before_anything_was_done_is_a_no() {
        for code in [2, 3, 6, 10] {
            let (sent, end) = play(uint(9), &[&[0x86, code]]);
            assert_eq!(sent.len(), 1);
            assert!(matches!(end, Err(Failure::Refused(_))), "{code}: {end:?}");
        }
    }

    #[test]
    fn a_device_that_keeps_another_value_is_asked_twice_and_told_of() {
        let (sent, end) = play(uint(9), &[RECEIPT, &[3, 2, 0, 1], &[3, 2, 0, 9]]);
        assert_eq!((sent.len(), end), (3, Ok(Value::UInt(9))), "it took a cycle");
        let (sent, end) = play(uint(9), &[RECEIPT, &[3, 2, 0, 1], &[3, 2, 0, 2]]);
        assert_eq!((sent.len(), end), (3, Err(Failure::Differs(Value::UInt(2)))));
    }

    #[test]
    fn a_device_that_lacks_a_function_is_asked_by_another_of_the_same_meaning() {
        let receipt: &[u8] = &[16, 0, 7, 0, 1];
        let (sent, end) = play(uint(9), &[&[0x86, 1], receipt, &[3, 2, 0, 9]]);
        assert_eq!(sent[1], [16, 0, 7, 0, 1, 2, 0, 9]);
        assert_eq!(end, Ok(Value::UInt(9)));
        let (sent, end) = play(uint(9), &[&[0x86, 1], &[0x90, 1]]);
        assert_eq!(sent.len(), 2);
        assert!(matches!(end, Err(Failure::Refused(_))), "{end:?}");
    }

    #[test]
    fn a_register_is_rewritten_for_a_bit_only_where_the_map_says_so() {
        let bit =
            |part| Errand::new(&point("hr:7.3", DataType::Bool), &Value::Bool(true), part).unwrap();
        let (sent, end) = play(bit(Part::Masked), &[&[0x96, 1]]);
        assert_eq!(sent, [[22, 0, 7, 0xFF, 0xF7, 0, 8]]);
        assert!(matches!(end, Err(Failure::Refused(_))), "{end:?}");
        let answers: [&[u8]; 4] =
            [&[0x96, 1], &[3, 2, 0x80, 1], &[6, 0, 7, 0x80, 9], &[3, 2, 0, 8]];
        let (sent, end) = play(bit(Part::Rewritten), &answers);
        assert_eq!(sent[1..3], [[3, 0, 7, 0, 1], [6, 0, 7, 0x80, 9]]);
        assert_eq!(end, Ok(Value::Bool(true)));
        let (sent, end) = play(bit(Part::Rewritten), &[&[0x96, 1]]);
        assert_eq!(sent.len(), 2);
        assert!(matches!(end, Err(Failure::NotSent(_))), "{end:?}");
    }
}
