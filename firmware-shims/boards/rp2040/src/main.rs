//! A node on a Raspberry Pi Pico: a pressure loop, a furnace, a flow and a door, behind RS-485.
//!
//! | pin | what |
//! |---|---|
//! | GP0, GP1, GP2 | UART0 to an RS-485 transceiver: TX, RX, driver enable |
//! | GP4, GP5 | I2C0: SDA, SCL of an ADS1115, address to ground, 100 ohms at A0 |
//! | GP16 to GP19 | SPI0: RX, chip select, clock, TX of a MAX31855 |
//! | GP20 | pulses of a flow meter, pulled down |
//! | GP21 | a door contact to ground, pulled up |
//!
//! One loop and no interrupt: it comes back to the line within the time of
//! the longest measurement, 9 ms. The UART keeps 32 bytes meanwhile, four
//! requests at any speed; at 19,200 baud 9 ms are 16 bytes.
#![no_std]
#![no_main]

use embedded_hal::spi::MODE_0;
use embedded_hal_bus::spi::ExclusiveDevice;
use forehearth_shims::chip::{Ads1115, FullScale, Input, Loop, Max31855};
use forehearth_shims::instrument::{OnI2c, OnSpi};
use forehearth_shims::{
    Active, Channel, ChannelSpec, Clock, Correction, DigitalInput, DirectionPin, Node, PulseInput,
    Pulses, Quantity, Range, RegisterMap, RtuPort, Setting,
};
use panic_halt as _;
use rp2040_hal as hal;

use hal::clocks::init_clocks_and_plls;
use hal::fugit::RateExtU32 as _;
use hal::gpio::{FunctionI2C, FunctionSpi, FunctionUart, PullUp};
use hal::pac::Peripherals;
use hal::uart::{DataBits, Parity, StopBits, UartConfig, UartPeripheral};
use hal::{Clock as _, I2C, Sio, Spi, Timer, Watchdog};

/// The second stage of the boot, for the flash of the Pico.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The crystal of the Pico, in Hz.
const CRYSTAL: u32 = 12_000_000;
const UNIT: u8 = 7;
const BAUD: u32 = 19_200;
/// ADDR to ground.
const ADS: u8 = 0x48;

const PRESSURE: Range = Range { low: 0.0, high: 10.0 };
const FURNACE: Range = Range { low: -200.0, high: 1300.0 };
const MOST_HERTZ: f32 = 100.0;

static MAP: RegisterMap<4, 1, 400> = RegisterMap::new(
    "Forehearth",
    "RP2040 node",
    env!("CARGO_PKG_VERSION"),
    [
        ChannelSpec { name: "pressure", unit: "bar", low: PRESSURE.low, high: PRESSURE.high },
        ChannelSpec { name: "furnace", unit: "degC", low: FURNACE.low, high: FURNACE.high },
        ChannelSpec { name: "flow", unit: "Hz", low: 0.0, high: MOST_HERTZ },
        ChannelSpec { name: "door", unit: "", low: 0.0, high: 1.0 },
    ],
    [Setting { name: "sample_ms", low: 50, high: 60_000, default: 100 }],
);

/// The timer of the chip counts microseconds by itself.
#[derive(Clone, Copy)]
struct Ticks(Timer);

impl Clock for Ticks {
    fn now(&self) -> u64 {
        self.0.get_counter().ticks()
    }
}

#[hal::entry]
fn main() -> ! {
    // Nothing works without these, and the watchdog of the plant is the master's timeout.
    let Some(mut board) = Peripherals::take() else {
        halt();
    };
    let mut watchdog = Watchdog::new(board.WATCHDOG);
    let Ok(clocks) = init_clocks_and_plls(
        CRYSTAL,
        board.XOSC,
        board.CLOCKS,
        board.PLL_SYS,
        board.PLL_USB,
        &mut board.RESETS,
        &mut watchdog,
    ) else {
        halt();
    };
    let timer = Timer::new(board.TIMER, &mut board.RESETS, &clocks);
    let clock = Ticks(timer);
    let sio = Sio::new(board.SIO);
    let pins =
        hal::gpio::Pins::new(board.IO_BANK0, board.PADS_BANK0, sio.gpio_bank0, &mut board.RESETS);

    let line =
        (pins.gpio0.into_function::<FunctionUart>(), pins.gpio1.into_function::<FunctionUart>());
    let format = UartConfig::new(BAUD.Hz(), DataBits::Eight, Some(Parity::Even), StopBits::One);
    let uart = UartPeripheral::new(board.UART0, line, &mut board.RESETS)
        .enable(format, clocks.peripheral_clock.freq());
    let Ok(uart) = uart else {
        halt();
    };
    let enable = DirectionPin(pins.gpio2.into_push_pull_output());
    let mut port = RtuPort::new(uart, enable, clock, UNIT, BAUD);

    let i2c = I2C::i2c0(
        board.I2C0,
        pins.gpio4.reconfigure::<FunctionI2C, PullUp>(),
        pins.gpio5.reconfigure::<FunctionI2C, PullUp>(),
        400.kHz(),
        &mut board.RESETS,
        clocks.system_clock.freq(),
    );
    let (input, full_scale) = (Input::A0, FullScale::V4_096);
    let of = Loop { input, full_scale, ohms: 100.0, unit: "bar", range: PRESSURE };
    let mut pressure = OnI2c::new(i2c, ADS, timer, clock, Ads1115::new(of));

    let wires = (
        pins.gpio19.into_function::<FunctionSpi>(),
        pins.gpio16.into_function::<FunctionSpi>(),
        pins.gpio18.into_function::<FunctionSpi>(),
    );
    let spi = Spi::<_, _, _, 8>::new(board.SPI0, wires).init(
        &mut board.RESETS,
        clocks.peripheral_clock.freq(),
        1.MHz(),
        MODE_0,
    );
    let Ok(spi) = ExclusiveDevice::new(spi, pins.gpio17.into_push_pull_output(), timer);
    let mut furnace = OnSpi::new(spi, timer, clock, Max31855::new(FURNACE));

    let facts = Pulses::hertz(MOST_HERTZ);
    let pulses = Pulses::new(1_000, 10_000_000);
    let pin = pins.gpio20.into_pull_down_input();
    let mut flow = PulseInput::new(pin, pulses, Quantity::Frequency, clock, facts);
    let mut door = DigitalInput::new(pins.gpio21.into_pull_up_input(), Active::Low, 20_000, clock);

    let mut node = Node::new(&MAP);
    let mut sampled = 0;
    loop {
        // An error is a byte that came damaged: its frame will not be answered.
        let _counted_as_unreadable = port.poll(&mut node);
        let (pulse, contact) = (flow.read(), door.read());
        let now = clock.now();
        let every = u64::from(node.setting(0).unwrap_or(100)) * 1_000;
        // Not while a request is coming in.
        if now - sampled < every || port.due().is_some() {
            continue;
        }
        sampled = now;
        let readings = [pressure.read(), furnace.read(), pulse, contact];
        let facts = [*pressure.facts(), *furnace.facts(), *flow.facts(), *door.facts()];
        for (at, (reading, facts)) in readings.into_iter().zip(facts).enumerate() {
            node.put(at, &facts, reading, Correction::NotNeeded);
        }
    }
}

/// The board does not start; a debugger shows where.
fn halt() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
