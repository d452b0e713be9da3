//! Each chip on a mocked bus, blocking and async: what its datasheet says it answers, open and shorted sensors, dead buses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod bench;

use bench::{Delay, Ticks, on_i2c, on_spi, on_spi_that_fails};
use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::Transaction;
use forehearth_shims::chip::{
    Ads1115, Chip, FullScale, Heard, Ina219, Input, Loop, Mains, Max31855, Max31856, Max31865,
    Step, Thermocouple, Wires,
};
use forehearth_shims::instrument::OnI2c;
use forehearth_shims::{Channel, Quality, Range};

use Quality::{
    BadDeviceFailure, BadNoCommunication, BadSensorFailure, Good, UncertainOutOfRange,
    UncertainSensorLimit,
};

/// ADDR to ground (SBAS444D, table 4) and A0, A1 to ground (SBOS448G, table 1).
const ADS: u8 = 0x48;
const INA: u8 = 0x40;

fn write(address: u8, bytes: &[u8]) -> Transaction {
    Transaction::write(address, bytes.to_vec())
}

fn read(address: u8, register: u8, word: u16) -> Transaction {
    Transaction::write_read(address, vec![register], word.to_be_bytes().to_vec())
}

fn no_acknowledge(of: Transaction) -> Transaction {
    of.with_error(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address))
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-3 * b.abs().max(1.0)
}

// ADS1115 ---------------------------------------------------------------

/// A pressure transmitter of 0 to 10 bar at 100 ohms.
fn pressure() -> Ads1115 {
    Ads1115::new(Loop {
        input: Input::A1,
        full_scale: FullScale::V4_096,
        ohms: 100.0,
        unit: "bar",
        range: Range { low: 0.0, high: 10.0 },
    })
}

/// The config register (SBAS444D, 9.6.3): OS, AIN1, 4.096 V, single shot, 128 SPS, no comparator.
const ADS_CONFIG: u16 = 0b1101_0011_1000_0011;

fn conversion(raw: u16) -> Vec<Transaction> {
    let [high, low] = ADS_CONFIG.to_be_bytes();
    vec![write(ADS, &[1, high, low]), read(ADS, 1, ADS_CONFIG), read(ADS, 0, raw)]
}

#[test]
fn a_current_loop_is_read_and_judged_by_ne43() {
    // One count is 4.096 V / 32768 / 100 ohms = 1.25 microamperes.
    for (milliamps, bar, quality) in [
        (4.0, 0.0, Good),
        (12.0, 5.0, Good),
        (20.0, 10.0, Good),
        (3.7, -0.1875, UncertainSensorLimit),
        (20.8, 10.5, UncertainSensorLimit),
        (3.9, -0.0625, UncertainOutOfRange),
        (3.6, f32::NAN, BadSensorFailure),
        (21.5, f32::NAN, BadSensorFailure),
        (0.0, f32::NAN, BadSensorFailure), // the loop is open
    ] {
        let raw = (milliamps * 1000.0 / 1.25) as u16;
        let reading = on_i2c(pressure(), ADS, &conversion(raw));
        let (value, got) = reading.value(pressure().facts());
        assert_eq!(got, quality, "{milliamps} mA");
        assert!(close(value, bar) || value.is_nan() && bar.is_nan(), "{milliamps} mA: {value} bar");
    }
    // The transmitter is shorted: the converter is at its end.
    assert_eq!(on_i2c(pressure(), ADS, &conversion(0x7FFF)).quality, BadSensorFailure);
}

#[test]
fn a_converter_that_is_late_is_asked_again_and_one_that_never_ends_is_given_up() {
    let [high, low] = ADS_CONFIG.to_be_bytes();
    let busy = ADS_CONFIG & 0x7FFF;
    let mut late = vec![write(ADS, &[1, high, low])];
    late.extend([read(ADS, 1, busy), read(ADS, 1, busy)]);
    late.extend([read(ADS, 1, ADS_CONFIG), read(ADS, 0, 3200)]);
    assert_eq!(on_i2c(pressure(), ADS, &late).quality, Good);
    let mut never = vec![write(ADS, &[1, high, low])];
    never.extend((0..9).map(|_| read(ADS, 1, busy)));
    assert_eq!(on_i2c(pressure(), ADS, &never).quality, BadDeviceFailure);
    // The supply failed in between: the configuration is that after power-up (8583h).
    let lost = [write(ADS, &[1, high, low]), read(ADS, 1, 0x8583)];
    assert_eq!(on_i2c(pressure(), ADS, &lost).quality, BadNoCommunication);
}

#[test]
fn a_bus_without_the_chip_is_no_communication_and_the_next_read_begins_anew() {
    for at in 0..3 {
        let mut transactions = conversion(3200);
        transactions.truncate(at + 1);
        transactions[at] = no_acknowledge(transactions[at].clone());
        let reading = on_i2c(pressure(), ADS, &transactions);
        assert_eq!((reading.raw, reading.quality), (0, BadNoCommunication), "step {at}");
    }
    let [high, low] = ADS_CONFIG.to_be_bytes();
    let mut transactions = vec![no_acknowledge(write(ADS, &[1, high, low]))];
    transactions.extend(conversion(3200));
    let mut bus = embedded_hal_mock::eh1::i2c::Mock::new(&transactions);
    let mut channel = OnI2c::new(bus.clone(), ADS, Delay, Ticks, pressure());
    assert_eq!(channel.read().quality, BadNoCommunication);
    assert_eq!(channel.read().quality, Good);
    bus.done();
}

#[test]
fn the_crate_ads1x1x_accepts_the_same_conversation() {
    // It writes the range at once, and asks whether a conversion runs before
    // it starts one; the rest is the same.
    let mut transactions = vec![write(ADS, &[1, 0x83, 0x83]), read(ADS, 1, 0x8383)];
    transactions.extend(conversion(0x1234));
    let bus = embedded_hal_mock::eh1::i2c::Mock::new(&transactions);
    let mut theirs = ads1x1x::Ads1x1x::new_ads1115(bus, ads1x1x::TargetAddr::Gnd);
    theirs.set_full_scale_range(ads1x1x::FullScaleRange::Within4_096V).unwrap();
    let raw = nb::block!(theirs.read(ads1x1x::channel::SingleA1)).unwrap();
    theirs.destroy_ads1115().done();
    assert_eq!(i32::from(raw), on_i2c(pressure(), ADS, &conversion(0x1234)).raw);
}

// INA219 ----------------------------------------------------------------

/// SBOS448G, table 8: 2 milliohms, 10 A, 12 V. Shunt 07D0h = 20 mV, bus 5D98h
/// = 11.98 V; the example leaves the ready bit out, here it is set.
const SHUNT_EXAMPLE: u16 = 0x07D0;
const BUS_EXAMPLE: u16 = 0x5D98 | 2;

fn trigger() -> Transaction {
    write(INA, &[0, 0x39, 0x9B])
}

#[test]
fn the_example_of_the_datasheet_is_ten_amperes_at_twelve_volts() {
    let current = Ina219::current(0.002, Range { low: -20.0, high: 20.0 });
    let transactions = [trigger(), read(INA, 2, BUS_EXAMPLE), read(INA, 1, SHUNT_EXAMPLE)];
    let (amperes, quality) = on_i2c(current.clone(), INA, &transactions).value(current.facts());
    assert!(close(amperes, 10.0) && quality == Good, "{amperes}");
    let voltage = Ina219::voltage(Range { low: 0.0, high: 26.0 });
    let reading = on_i2c(voltage.clone(), INA, &transactions[..2]);
    let (volts, quality) = reading.value(voltage.facts());
    assert!(close(volts, 11.98) && quality == Good, "{volts}");
    // Backwards: -320 mV is 8300h (8.6.3.1, figure 20), the end of the range.
    let transactions = [trigger(), read(INA, 2, BUS_EXAMPLE), read(INA, 1, 0x8300)];
    let reading = on_i2c(current, INA, &transactions);
    assert_eq!((reading.raw, reading.quality), (-32_000, UncertainSensorLimit));
}

#[test]
fn an_ina219_that_is_slow_stuck_or_gone_is_told_apart() {
    let current = Ina219::current(0.1, Range { low: 0.0, high: 3.0 });
    let late = [trigger(), read(INA, 2, 0), read(INA, 2, 2), read(INA, 1, 100)];
    assert_eq!(on_i2c(current.clone(), INA, &late).quality, Good);
    let mut stuck = vec![trigger()];
    stuck.extend((0..5).map(|_| read(INA, 2, 0)));
    assert_eq!(on_i2c(current.clone(), INA, &stuck).quality, BadDeviceFailure);
    let gone = [no_acknowledge(trigger())];
    assert_eq!(on_i2c(current, INA, &gone).quality, BadNoCommunication);
}

#[test]
fn the_crate_ina219_reads_the_same_registers() {
    let transactions = [read(INA, 2, BUS_EXAMPLE), read(INA, 1, SHUNT_EXAMPLE)];
    let bus = embedded_hal_mock::eh1::i2c::Mock::new(&transactions);
    let address = ina219::address::Address::from_byte(INA).unwrap();
    let mut theirs =
        ina219::SyncIna219::new_unchecked(bus, address, ina219::calibration::UnCalibrated);
    let bus_voltage = theirs.bus_voltage().unwrap();
    let shunt_voltage = theirs.shunt_voltage().unwrap();
    assert_eq!(bus_voltage.voltage_mv(), 11_980);
    assert_eq!(shunt_voltage.shunt_voltage_uv(), 20_000);
    theirs.destroy().done();
}

// MAX31855 --------------------------------------------------------------

fn thermocouple(word: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    vec![(vec![0; 4], word.to_be_bytes().to_vec())]
}

#[test]
fn a_max31855_tells_what_table_4_says() {
    let chip = Max31855::new(Range { low: -200.0, high: 1700.0 });
    // 19-5793, table 4: 14 bits at D31 to D18; the chip itself at 25 degC (190h).
    for (bits, celsius) in [
        (0b01_1001_0000_0000, 1600.0),
        (0b00_1111_1010_0000, 1000.0),
        (0b00_0001_1001_0011, 100.75),
        (0b00_0000_0110_0100, 25.0),
        (0, 0.0),
        (0b11_1111_1111_1111, -0.25),
        (0b11_1111_1111_1100, -1.0),
    ] {
        let reading = on_spi(chip.clone(), &thermocouple(bits << 18 | 0x190 << 4));
        let (value, quality) = reading.value(chip.facts());
        assert_eq!((value, quality), (celsius, Good), "{bits:014b}");
    }
    let reading = on_spi(chip.clone(), &thermocouple(0b11_0011_1000_0000 << 18 | 0x190 << 4));
    assert_eq!(reading.value(chip.facts()).1, UncertainOutOfRange); // -800 degC
}

#[test]
fn an_open_or_shorted_thermocouple_and_a_dead_line_are_never_a_temperature() {
    let chip = Max31855::new(Range { low: -200.0, high: 1300.0 });
    let normal = 100 << 20 | 0x190 << 4;
    // Table 2: D16 with D0 open, D1 short to ground, D2 short to the supply.
    for fault in [1, 2, 4, 7] {
        let reading = on_spi(chip.clone(), &thermocouple(normal | 1 << 16 | fault));
        assert_eq!(reading.quality, BadSensorFailure, "fault {fault}");
        assert!(reading.value(chip.facts()).0.is_nan());
    }
    for line in [0, u32::MAX] {
        let reading = on_spi(chip.clone(), &thermocouple(line));
        assert_eq!(reading.quality, BadNoCommunication, "a line stuck at {line:08x}");
    }
    assert_eq!(on_spi_that_fails(chip).quality, BadNoCommunication);
}

// MAX31856 --------------------------------------------------------------

fn type_k() -> Max31856 {
    Max31856::new(Thermocouple::K, Mains::Hz50, Range { low: -200.0, high: 1350.0 })
}

/// 19-7534, table 6: CR0 at 00h (write 80h), CR1 at 01h, temperature from 0Ch, fault status 0Fh.
fn linearised(temperature: u32, status: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let [_, high, middle, low] = temperature.to_be_bytes();
    vec![
        (vec![0x80, 0x13, 0x03], vec![]), // look for open, clear faults, 50 Hz; type K
        (vec![0x80, 0x51], vec![]),       // one shot
        (vec![0x00, 0, 0], vec![0, 0x11, 0x03]), // it kept its configuration
        (vec![0x0C, 0, 0, 0, 0], vec![0, high, middle, low, status]),
    ]
}

#[test]
fn a_max31856_tells_what_table_5_says() {
    for (bits, celsius) in [
        (0b0110_0100_0000_0000_0000_0000, 1600.0),
        (0b0011_1110_1000_0000_0000_0000, 1000.0),
        (0b0000_0110_0100_1111_0000_0000, 100.9375),
        (0b0000_0001_1001_0000_0000_0000, 25.0),
        (0b0000_0000_0000_0001_0000_0000, 0.0625),
        (0, 0.0),
        (0b1111_1111_1111_1111_0000_0000, -0.0625),
        (0b1111_0000_0110_0000_0000_0000, -250.0),
    ] {
        let reading = on_spi(type_k(), &linearised(bits, 0));
        assert_eq!(reading.quality, Good);
        assert_eq!(type_k().facts().scale.value(reading.raw), celsius, "{bits:024b}");
    }
}

#[test]
fn a_max31856_names_an_open_sensor_and_one_at_the_supply() {
    // Fault status, 0Fh: D0 open, D1 over- or undervoltage, D6 and D7 out of range.
    for (status, quality) in [
        (0x01, BadSensorFailure),
        (0x02, BadSensorFailure),
        (0x40, UncertainSensorLimit),
        (0x80, BadDeviceFailure),
        (0xC3, BadSensorFailure),
    ] {
        let reading = on_spi(type_k(), &linearised(0x01_9000, status));
        assert_eq!(reading.quality, quality, "status {status:02x}");
    }
}

#[test]
fn a_max31856_that_is_not_there_or_never_ends_is_found_out() {
    for (answer, quality) in [
        ([0xFF, 0xFF], BadNoCommunication),
        ([0x00, 0x00], BadNoCommunication),
        ([0x00, 0x03], BadNoCommunication), // after power-up: it lost its supply
        ([0x51, 0x03], BadDeviceFailure),   // still converting
    ] {
        let mut exchange = linearised(0, 0);
        exchange.truncate(3);
        exchange[2].1[1..].copy_from_slice(&answer);
        assert_eq!(on_spi(type_k(), &exchange).quality, quality, "{answer:02x?}");
    }
    assert_eq!(on_spi_that_fails(type_k()).quality, BadNoCommunication);
}

// MAX31865 --------------------------------------------------------------

fn pt100() -> Max31865 {
    let range = Range { low: -200.0, high: 850.0 };
    Max31865::new(100.0, 400.0, Wires::Three, Mains::Hz50, range)
}

/// 19-6478, tables 1 and 2: configuration at 00h (write 80h), resistance at 01h.
fn resistance(word: u16, status: Option<u8>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let [high, low] = word.to_be_bytes();
    let mut exchange = vec![
        (vec![0x80, 0x93], vec![]), // bias, three wires, clear faults, 50 Hz
        (vec![0x80, 0xB1], vec![]), // one shot
        (vec![0x00, 0], vec![0, 0x91]),
        (vec![0x01, 0, 0], vec![0, high, low]),
    ];
    exchange.extend(status.map(|status| (vec![0x07, 0], vec![0, status])));
    exchange.push((vec![0x80, 0x11], vec![])); // the bias is off
    exchange
}

#[test]
fn a_pt100_follows_the_standard() {
    // IEC 60751:2022, table 1. The code is the ratio to 400 ohms in 15 bits
    // (19-6478, "RTD Data"): 0 degC is 2000h, and a count 0.012 ohms or 0.03 degC.
    for (ohms, celsius) in [
        (18.53, -200.0),
        (60.26, -100.0),
        (100.0, 0.0),
        (138.51, 100.0),
        (247.09, 400.0),
        (390.46, 850.0),
    ] {
        let code = (ohms / 400.0 * 32_768.0_f32).round() as u16;
        let reading = on_spi(pt100(), &resistance(code << 1, None));
        let value = pt100().facts().scale.value(reading.raw);
        assert!((value - celsius).abs() < 0.1, "{ohms} ohms: {value} degC");
        assert_eq!(reading.quality, Good, "{ohms} ohms");
    }
    assert_eq!(on_spi(pt100(), &resistance(0x2000 << 1, None)).value(pt100().facts()).0, 0.0);
}

#[test]
fn an_open_or_shorted_resistor_is_never_a_temperature() {
    // Code 32767: open. 0: shorted. With the fault bit the status says why:
    // table 7, D7 high threshold, D3 RTDIN- (open lead), D2 voltage.
    for (word, status) in [
        (0x7FFF << 1, None),
        (0, None),
        (0x7FFF << 1 | 1, Some(0x80)),
        (0x2000 << 1 | 1, Some(0x08)),
        (0x2000 << 1 | 1, Some(0x04)),
        (0x2000 << 1 | 1, Some(0x00)),
    ] {
        let reading = on_spi(pt100(), &resistance(word, status));
        assert_eq!(reading.quality, BadSensorFailure, "{word:04x} {status:?}");
    }
}

#[test]
fn a_max31865_that_is_not_there_or_never_ends_is_found_out() {
    for (answer, quality) in
        [(0xFF, BadNoCommunication), (0x00, BadNoCommunication), (0xB1, BadDeviceFailure)]
    {
        let mut exchange = resistance(0x4000, None);
        exchange.truncate(3);
        exchange[2].1[1] = answer;
        assert_eq!(on_spi(pt100(), &exchange).quality, quality, "{answer:02x}");
    }
    assert_eq!(on_spi_that_fails(pt100()).quality, BadNoCommunication);
}

#[test]
fn each_chip_is_given_the_time_that_its_datasheet_wants() {
    fn waits(mut chip: impl Chip, answers: &[&[u8]]) -> u32 {
        let (mut waited, mut answers) = (0, answers.iter());
        let mut step = chip.next(Heard::Begin);
        loop {
            step = match step {
                Step::Is(..) => return waited,
                Step::Wait(micros) => {
                    waited += micros;
                    chip.next(Heard::Done)
                }
                Step::Write(_) => chip.next(Heard::Done),
                Step::WriteRead(..) => chip.next(Heard::Bytes(answers.next().unwrap())),
            };
        }
    }
    let config = ADS_CONFIG.to_be_bytes();
    assert!(waits(pressure(), &[&config, &[0, 0]]) >= 7_813 * 11 / 10);
    assert!(waits(type_k(), &[&[0x11, 0x03], &[0, 0, 0, 0]]) >= 185_000);
    assert!(waits(pt100(), &[&[0x91], &[0x40, 0]]) >= 66_000);
}
