//! The gate: which command may become an order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use forehearth_model::{ClockState, Scaling, Severity, Stamp, TagId, Value};

use crate::{Command, Order, Refusal, WriteRule, convert};

/// Command ids that are remembered. Chosen: 4,096 of at most 128 bytes are
/// half a MiB; more unexpired commands than that are refused.
pub const REMEMBERED: usize = 4096;

/// Longest id of a command. Chosen: three UUIDs; with [`REMEMBERED`] it bounds
/// what strangers can make the gate keep.
const LONGEST_ID_BYTES: usize = 128;

/// Longest time a command may stay valid. Chosen: a command that a broker
/// kept over a shift must not move a valve.
const VALID_FOR: Duration = Duration::from_secs(600);

/// What the gateway knows of a tag right now.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// In engineering units.
    pub value: Value,
    /// How far to trust it.
    pub severity: Severity,
    /// How long ago it was read.
    pub age: Duration,
}

/// The present values of tags, for steps and interlocks.
pub trait Inputs {
    /// What is known of `tag`; `None` when it was never read.
    fn known(&self, tag: TagId) -> Option<Known>;
}

/// A condition on other tags that must hold for a write.
pub trait Interlock: Send {
    /// Whether it holds.
    ///
    /// # Errors
    /// Why not, in words: which input is wrong, not Good or not fresh.
    fn holds(&self, inputs: &dyn Inputs) -> Result<(), String>;
}

/// When a command is judged: both clocks of the box.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For waiting.
    pub instant: Instant,
    /// For telling.
    pub stamp: Stamp,
    /// How far `stamp` can be trusted.
    pub clock: ClockState,
}

/// Knows every tag that may be written and judges commands for them.
///
/// Bounded: [`REMEMBERED`] ids, and one entry per writable tag.
pub struct Gate {
    doors: HashMap<TagId, Door>,
    /// Id → until when it must be remembered, on both clocks.
    ids: HashMap<String, (Stamp, Instant)>,
}

struct Door {
    rule: WriteRule,
    last: Option<Instant>,
    busy: bool,
    /// When the last order ended and what was read back, if that is certain:
    /// until the tag is read again, what a poll said before is out of date.
    written: Option<(Instant, Option<Value>)>,
}

impl Gate {
    /// A gate with a door for each tag that may be written.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = (TagId, WriteRule)>) -> Self {
        let door = |(tag, rule)| (tag, Door { rule, last: None, busy: false, written: None });
        Self { doors: rules.into_iter().map(door).collect(), ids: HashMap::new() }
    }

    /// Commands an earlier run received, by their ids: until none of them can
    /// be valid any more they don't fire again.
    pub fn remember(&mut self, ids: impl IntoIterator<Item = String>, now: Now) {
        let valid_for = i64::try_from(VALID_FOR.as_micros()).unwrap_or(i64::MAX);
        let until = (Stamp(now.stamp.micros().saturating_add(valid_for)), now.instant + VALID_FOR);
        for id in ids.into_iter().take(REMEMBERED) {
            self.ids.insert(id, until);
        }
    }

    /// Takes up the rules of another plan. What was received stays received;
    /// `was` tells which tag of the old plan a new one was, so that its rate
    /// goes on. An order of the old plan that is still on its way keeps its
    /// door shut until [`finished`](Self::finished) is called for the **new** tag.
    pub fn renew(
        &mut self,
        rules: impl IntoIterator<Item = (TagId, WriteRule)>,
        was: impl Fn(TagId) -> Option<TagId>,
    ) {
        let old = std::mem::take(&mut self.doors);
        let door = |(tag, rule)| {
            let before = was(tag).and_then(|tag| old.get(&tag));
            let last = before.and_then(|door| door.last);
            let written = before.and_then(|door| door.written.clone());
            let busy = before.is_some_and(|door| door.busy);
            (tag, Door { rule, last, busy, written })
        };
        self.doors = rules.into_iter().map(door).collect();
    }

    /// Whether any tag may be written at all.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.doors.is_empty()
    }

    /// Judges one command. `Ok` shuts the tag's door until
    /// [`finished`](Self::finished) is called.
    ///
    /// # Errors
    /// Why nothing may be sent.
    pub fn judge(
        &mut self,
        command: &Command,
        now: Now,
        inputs: &dyn Inputs,
    ) -> Result<Order, Refusal> {
        self.forget(now);
        let door = self.doors.get(&command.tag).ok_or(Refusal::NotWritable)?;
        if command.id.is_empty() || command.id.len() > LONGEST_ID_BYTES {
            return Err(Refusal::BadId);
        }
        in_time(command, now)?;
        if self.ids.contains_key(&command.id) {
            return Err(Refusal::Repeated);
        }
        if self.ids.len() >= REMEMBERED {
            return Err(Refusal::TooMany);
        }
        let order = door.rule.order(command)?;
        door.admits(now)?;
        let present = Present { doors: &self.doors, inputs, now: now.instant };
        door.step(&order, &present)?;
        if let Some(interlock) = &door.rule.interlock {
            interlock.holds(&present).map_err(Refusal::Interlock)?;
        }
        // Only now: what is refused does not fire, and must not use up the memory.
        self.ids.insert(command.id.clone(), (command.expires, now.instant + VALID_FOR));
        if let Some(door) = self.doors.get_mut(&command.tag) {
            door.busy = true;
            door.last = Some(now.instant);
        }
        Ok(order)
    }

    /// The order for `tag` has ended, well or not; `holds` is what was read
    /// back, in engineering units, `None` when nobody knows.
    pub fn finished(&mut self, tag: TagId, now: Instant, holds: Option<Value>) {
        if let Some(door) = self.doors.get_mut(&tag) {
            door.busy = false;
            door.written = Some((now, holds));
        }
    }

    /// An id is forgotten when its command has expired on the wall clock
    /// **and** can't be valid any more on the monotonic one: a clock set back
    /// revives no command.
    fn forget(&mut self, now: Now) {
        if self.ids.len() * 2 > REMEMBERED {
            self.ids.retain(|_, (expires, until)| now.stamp < *expires || now.instant < *until);
        }
    }
}

/// Whether a command may still, and may already, be judged by its expiry.
fn in_time(command: &Command, now: Now) -> Result<(), Refusal> {
    if now.clock == ClockState::Unset {
        return Err(Refusal::ClockUnset);
    }
    let left = command.expires.micros().saturating_sub(now.stamp.micros());
    match u64::try_from(left) {
        Ok(left) if left > 0 && Duration::from_micros(left) <= VALID_FOR => Ok(()),
        Ok(left) if left > 0 => Err(Refusal::ExpiresTooLate(VALID_FOR.as_secs())),
        _ => Err(Refusal::Expired),
    }
}

/// Present values, without those that a write has overtaken.
struct Present<'a> {
    doors: &'a HashMap<TagId, Door>,
    inputs: &'a dyn Inputs,
    now: Instant,
}

impl Inputs for Present<'_> {
    fn known(&self, tag: TagId) -> Option<Known> {
        let known = self.inputs.known(tag)?;
        let written = self.doors.get(&tag).and_then(|door| door.written.as_ref());
        let since = written.map(|(at, _)| self.now.saturating_duration_since(*at));
        match since {
            Some(since) if known.age >= since => None,
            _ => Some(known),
        }
    }
}

impl Door {
    /// Whether the order is near enough to what the tag holds. For as long as
    /// a scan may still be under way that read the tag before the last write,
    /// what was written counts as well as what was read.
    fn step(&self, order: &Order, present: &Present<'_>) -> Result<(), Refusal> {
        let Some(max_step) = self.rule.max_step else { return Ok(()) };
        let recent = self
            .written
            .as_ref()
            .filter(|(at, _)| present.now.saturating_duration_since(*at) <= self.rule.fresh_for);
        let read = present.known(order.tag);
        if let Some((_, holds)) = recent {
            match (holds, &read) {
                (Some(value), _) => near(order, value, max_step)?,
                (None, None) => return Err(Refusal::PresentUnknown),
                (None, Some(_)) => {}
            }
            if read.is_none() {
                return Ok(());
            }
        }
        let known = read.ok_or(Refusal::PresentUnknown)?;
        if known.severity != Severity::Good || known.age > self.rule.fresh_for {
            return Err(Refusal::PresentUnknown);
        }
        near(order, &known.value, max_step)
    }

    fn admits(&self, now: Now) -> Result<(), Refusal> {
        if self.busy {
            return Err(Refusal::Busy);
        }
        let (Some(every), Some(last)) = (self.rule.every, self.last) else { return Ok(()) };
        if now.instant.saturating_duration_since(last) < every {
            let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            return Err(Refusal::TooSoon { every_ms });
        }
        Ok(())
    }
}

impl WriteRule {
    /// The order for a command, if its value is one the tag may hold. The
    /// bounds are held against what the device will really hold.
    fn order(&self, command: &Command) -> Result<Order, Refusal> {
        let raw = convert::raw(&command.value, self.data_type, &self.scaling)?;
        // Unclamped: a clamp would hide a count beyond the sheet from the bounds.
        let engineering = Scaling { clamp: None, ..self.scaling }.engineering(&raw);
        if let (Some(value), false) = (engineering.as_f64(), matches!(raw, Value::Bool(_))) {
            let (min, max) = self.bounds;
            if !(min..=max).contains(&value) {
                return Err(Refusal::OutOfBounds { value, min, max });
            }
        }
        Ok(Order { tag: command.tag, raw, engineering })
    }
}

fn near(order: &Order, present: &Value, max_step: f64) -> Result<(), Refusal> {
    let (Some(present), Some(value)) = (present.as_f64(), order.engineering.as_f64()) else {
        return Err(Refusal::PresentUnknown);
    };
    let step = (value - present).abs();
    // NaN is no step that could be allowed.
    if step <= max_step { Ok(()) } else { Err(Refusal::StepTooWide { value, step, max_step }) }
}

#[cfg(test)]
mod tests;
