//! The gate in virtual time.

use std::cell::RefCell;

use forehearth_model::DataType;

use super::*;
use crate::Misfit;

const SETPOINT: TagId = TagId(7);

/// A plant of one known value per tag.
#[derive(Default)]
struct Plant(RefCell<HashMap<TagId, Known>>);

impl Plant {
    fn holds(&self, tag: TagId, value: f64, severity: Severity, age_s: u64) {
        let known = Known { value: Value::F64(value), severity, age: Duration::from_secs(age_s) };
        self.0.borrow_mut().insert(tag, known);
    }
}

impl Inputs for Plant {
    fn known(&self, tag: TagId) -> Option<Known> {
        self.0.borrow().get(&tag).cloned()
    }
}

struct DoorClosed(TagId);

impl Interlock for DoorClosed {
    fn holds(&self, inputs: &dyn Inputs) -> Result<(), String> {
        let known = inputs.known(self.0).ok_or("the door was never read")?;
        if known.value == Value::F64(1.0) { Ok(()) } else { Err("the door is open".into()) }
    }
}

fn rule() -> WriteRule {
    WriteRule {
        data_type: DataType::Int,
        scaling: Scaling { scale: 0.1, offset: 0.0, clamp: None },
        bounds: (900.0, 980.0),
        max_step: None,
        every: None,
        interlock: None,
        fresh_for: Duration::from_secs(3),
    }
}

struct Desk {
    gate: Gate,
    plant: Plant,
    start: Instant,
    ids: u32,
}

/// 2026-11-24T00:00:00Z, in seconds.
const TODAY: i64 = 1_795_478_400;

impl Desk {
    fn with(change: impl FnOnce(&mut WriteRule)) -> Self {
        let mut rule = rule();
        change(&mut rule);
        let gate = Gate::new([(SETPOINT, rule)]);
        Self { gate, plant: Plant::default(), start: Instant::now(), ids: 0 }
    }

    fn now(&self, second: u64) -> Now {
        let stamp = Stamp((TODAY + i64::try_from(second).unwrap()) * 1_000_000);
        let instant = self.start + Duration::from_secs(second);
        Now { instant, stamp, clock: ClockState::Synced }
    }

    fn command(&mut self, value: f64, second: u64) -> Command {
        self.ids += 1;
        Command {
            id: self.ids.to_string(),
            broker: "plant".into(),
            tag: SETPOINT,
            value: Value::F64(value),
            expires: Stamp(self.now(second).stamp.0 + 5_000_000),
        }
    }

    /// Sends `value` at `second`; an order that goes out has ended at once.
    fn send(&mut self, value: f64, second: u64) -> Result<Order, Refusal> {
        let command = self.command(value, second);
        let now = self.now(second);
        let order = self.gate.judge(&command, now, &self.plant)?;
        self.gate.finished(SETPOINT, now.instant, Some(order.engineering.clone()));
        Ok(order)
    }
}

#[test]
fn a_value_within_bounds_becomes_the_raw_number_of_the_device() {
    let order = Desk::with(|_| {}).send(955.04, 0).unwrap();
    assert_eq!(order.raw, Value::Int(9550));
    assert_eq!(order.engineering, Value::F64(955.0));
}

#[test]
fn what_the_device_would_hold_is_held_against_the_bounds() {
    let mut desk = Desk::with(|rule| rule.scaling.clamp = Some((900.0, 980.0)));
    assert!(desk.send(980.04, 0).is_ok(), "rounds to 980.0");
    let refused = desk.send(980.06, 0);
    assert!(matches!(refused, Err(Refusal::OutOfBounds { .. })), "a clamp hides nothing");
    assert!(matches!(desk.send(f64::NAN, 0), Err(Refusal::Misfit(Misfit::NotFinite))));
}

#[test]
fn a_tag_without_a_rule_has_no_door() {
    let mut desk = Desk::with(|_| {});
    let mut command = desk.command(950.0, 0);
    command.tag = TagId(8);
    let refused = desk.gate.judge(&command, desk.now(0), &desk.plant);
    assert_eq!(refused, Err(Refusal::NotWritable));
    assert!(Gate::new([]).is_shut());
}

#[test]
fn an_expired_command_never_fires() {
    let mut desk = Desk::with(|_| {});
    let command = desk.command(950.0, 0);
    assert_eq!(desk.gate.judge(&command, desk.now(5), &desk.plant), Err(Refusal::Expired));
}

#[test]
fn a_command_kept_for_a_shift_is_refused_when_it_is_sent() {
    let mut desk = Desk::with(|_| {});
    let mut command = desk.command(950.0, 0);
    command.expires = desk.now(8 * 3600).stamp;
    let refused = desk.gate.judge(&command, desk.now(0), &desk.plant);
    assert_eq!(refused, Err(Refusal::ExpiresTooLate(600)));
}

#[test]
fn without_a_clock_no_expiry_can_be_judged() {
    let mut desk = Desk::with(|_| {});
    let command = desk.command(950.0, 0);
    let now = Now { clock: ClockState::Unset, ..desk.now(0) };
    assert_eq!(desk.gate.judge(&command, now, &desk.plant), Err(Refusal::ClockUnset));
}

#[test]
fn the_same_command_fires_once_even_when_the_clock_is_set_back() {
    let mut desk = Desk::with(|_| {});
    let command = desk.command(950.0, 100);
    assert!(desk.gate.judge(&command, desk.now(100), &desk.plant).is_ok());
    desk.gate.finished(SETPOINT, desk.start, None);
    let repeated = Err(Refusal::Repeated);
    assert_eq!(desk.gate.judge(&command, desk.now(101), &desk.plant), repeated);
    for _ in 0..REMEMBERED - 1 {
        let _ = desk.send(950.0, 300); // expired at 305
    }
    // The wall clock is set back to before the expiry.
    let now = Now { stamp: desk.now(100).stamp, ..desk.now(400) };
    let again = desk.gate.judge(&command, now, &desk.plant);
    assert!(matches!(again, Err(Refusal::Repeated | Refusal::TooMany)), "{again:?}");
}

#[test]
fn ids_are_bounded_and_refused_beyond_rather_than_forgotten() {
    let mut desk = Desk::with(|_| {});
    for _ in 0..REMEMBERED {
        assert!(desk.send(950.0, 0).is_ok());
    }
    assert_eq!(desk.send(950.0, 1), Err(Refusal::TooMany));
    assert!(desk.send(950.0, 601).is_ok(), "room again once they can't be valid");
    let mut command = desk.command(950.0, 601);
    command.id = "x".repeat(129);
    let refused = desk.gate.judge(&command, desk.now(601), &desk.plant);
    assert_eq!(refused, Err(Refusal::BadId));
}

#[test]
fn a_step_needs_a_fresh_good_value_to_start_from() {
    let mut desk = Desk::with(|rule| rule.max_step = Some(5.0));
    assert_eq!(desk.send(950.0, 0), Err(Refusal::PresentUnknown));
    desk.plant.holds(SETPOINT, 948.0, Severity::Uncertain, 0);
    assert_eq!(desk.send(950.0, 0), Err(Refusal::PresentUnknown));
    desk.plant.holds(SETPOINT, 948.0, Severity::Good, 4);
    assert_eq!(desk.send(950.0, 0), Err(Refusal::PresentUnknown));
    desk.plant.holds(SETPOINT, 948.0, Severity::Good, 1);
    assert!(desk.send(950.0, 0).is_ok());
    assert!(matches!(desk.send(955.1, 0), Err(Refusal::StepTooWide { .. })));
}

#[test]
fn a_tag_is_written_at_most_once_in_its_time() {
    let mut desk = Desk::with(|rule| rule.every = Some(Duration::from_secs(10)));
    assert!(desk.send(950.0, 0).is_ok());
    assert_eq!(desk.send(951.0, 9), Err(Refusal::TooSoon { every_ms: 10_000 }));
    assert!(desk.send(951.0, 10).is_ok());
}

#[test]
fn one_order_per_tag_is_on_its_way() {
    let mut desk = Desk::with(|_| {});
    let (first, second) = (desk.command(950.0, 0), desk.command(951.0, 0));
    assert!(desk.gate.judge(&first, desk.now(0), &desk.plant).is_ok());
    assert_eq!(desk.gate.judge(&second, desk.now(0), &desk.plant), Err(Refusal::Busy));
    desk.gate.finished(SETPOINT, desk.start, None);
    assert!(desk.send(951.0, 0).is_ok());
}

#[test]
fn an_interlock_that_does_not_hold_says_why() {
    let door = TagId(3);
    let mut desk = Desk::with(|rule| rule.interlock = Some(Box::new(DoorClosed(door))));
    let never = Refusal::Interlock("the door was never read".into());
    assert_eq!(desk.send(950.0, 0), Err(never));
    desk.plant.holds(door, 0.0, Severity::Good, 0);
    assert_eq!(desk.send(950.0, 0), Err(Refusal::Interlock("the door is open".into())));
    desk.plant.holds(door, 1.0, Severity::Good, 0);
    assert!(desk.send(950.0, 0).is_ok());
}

#[test]
fn a_refused_command_does_not_use_up_the_rate() {
    let mut desk = Desk::with(|rule| rule.every = Some(Duration::from_secs(10)));
    assert!(desk.send(899.0, 0).is_err());
    assert!(desk.send(950.0, 1).is_ok());
}

#[test]
fn a_command_of_the_run_before_does_not_fire_again() {
    let mut desk = Desk::with(|_| {});
    desk.gate.remember(["1".to_owned()], desk.now(0));
    let command = desk.command(950.0, 0);
    let again = desk.gate.judge(&command, desk.now(1), &desk.plant);
    assert_eq!((command.id.as_str(), again), ("1", Err(Refusal::Repeated)));
    assert!(desk.send(950.0, 1).is_ok());
}

#[test]
fn another_plan_forgets_neither_ids_nor_rates() {
    let mut desk = Desk::with(|rule| rule.every = Some(Duration::from_secs(10)));
    let command = desk.command(950.0, 0);
    assert!(desk.gate.judge(&command, desk.now(0), &desk.plant).is_ok());
    let every = Some(Duration::from_secs(10));
    let moved = TagId(3);
    desk.gate
        .renew([(moved, WriteRule { every, ..rule() })], |tag| (tag == moved).then_some(SETPOINT));
    let again = Command { tag: moved, ..command.clone() };
    assert_eq!(desk.gate.judge(&again, desk.now(1), &desk.plant), Err(Refusal::Repeated));
    let other = Command { tag: moved, id: "other".into(), ..command.clone() };
    assert_eq!(desk.gate.judge(&other, desk.now(1), &desk.plant), Err(Refusal::Busy));
    desk.gate.finished(moved, desk.start, None);
    let third = Command { tag: moved, id: "third".into(), ..command.clone() };
    assert!(matches!(
        desk.gate.judge(&third, desk.now(2), &desk.plant),
        Err(Refusal::TooSoon { .. })
    ));
    assert_eq!(desk.gate.judge(&command, desk.now(2), &desk.plant), Err(Refusal::NotWritable));
}

#[test]
fn a_step_starts_from_what_was_written_until_the_tag_is_read_again() {
    let mut desk = Desk::with(|rule| {
        rule.max_step = Some(20.0);
        rule.fresh_for = Duration::from_secs(30);
    });
    desk.plant.holds(SETPOINT, 950.0, Severity::Good, 1);
    assert!(desk.send(970.0, 10).is_ok());
    // A poll of 10 s has not read it yet.
    desk.plant.holds(SETPOINT, 950.0, Severity::Good, 2);
    assert!(matches!(desk.send(930.0, 11), Err(Refusal::StepTooWide { .. })));
    assert!(desk.send(960.0, 11).is_ok());
    // Read since: both what was written and what is read count for a while.
    desk.plant.holds(SETPOINT, 940.0, Severity::Good, 1);
    assert!(matches!(desk.send(925.0, 14), Err(Refusal::StepTooWide { .. })));
    assert!(desk.send(945.0, 14).is_ok());
}

#[test]
fn an_interlock_does_not_believe_a_value_that_a_write_has_overtaken() {
    let door = TagId(3);
    let gate = Gate::new([
        (SETPOINT, WriteRule { interlock: Some(Box::new(DoorClosed(door))), ..rule() }),
        (door, WriteRule { bounds: (0.0, 1.0), scaling: Scaling::NONE, ..rule() }),
    ]);
    let mut desk = Desk { gate, plant: Plant::default(), start: Instant::now(), ids: 0 };
    desk.plant.holds(door, 1.0, Severity::Good, 1);
    let open = Command { tag: door, value: Value::Int(0), ..desk.command(0.0, 10) };
    assert!(desk.gate.judge(&open, desk.now(10), &desk.plant).is_ok());
    desk.gate.finished(door, desk.now(10).instant, Some(Value::Int(0)));
    desk.plant.holds(door, 1.0, Severity::Good, 2); // read before the write
    assert!(matches!(desk.send(950.0, 11), Err(Refusal::Interlock(_))));
    desk.plant.holds(door, 1.0, Severity::Good, 1); // read after it
    assert!(desk.send(950.0, 13).is_ok());
}

#[test]
fn refused_commands_do_not_use_up_the_memory() {
    let mut desk = Desk::with(|_| {});
    for _ in 0..REMEMBERED + 1 {
        assert!(matches!(desk.send(10.0, 0), Err(Refusal::OutOfBounds { .. })));
    }
    assert!(desk.send(950.0, 0).is_ok());
}
