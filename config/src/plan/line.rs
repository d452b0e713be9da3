//! A serial line in the plan: what carries it, how it is spoken, and how it is written as a URL.

use std::fmt;
use std::path::PathBuf;

use forehearth_modbus::{Echo, Framing};

use super::Transport;

/// A serial line with Modbus units on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinePlan {
    /// What carries its bytes.
    pub carrier: CarrierPlan,
    /// RTU or ASCII.
    pub framing: Framing,
    /// Whether the adapter hands back what is sent. Without `echo`: found out.
    pub echo: Echo,
    /// How often a read that failed is repeated at once. Default 1; with a
    /// `budget` what that says, else 0.
    pub retries: u8,
}

/// What carries the bytes of a serial line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CarrierPlan {
    /// A port of this machine.
    Serial(SerialPlan),
    /// A serial server: the frames of the line in a TCP stream.
    Tcp {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// A serial port and how it is set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SerialPlan {
    /// The device, absolute.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Data bits, parity, stop bits.
    pub format: FormatPlan,
    /// Who switches the direction of a two-wire line.
    pub rs485: Rs485Plan,
}

/// Data bits, parity and stop bits of a character; shown as `8E1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatPlan {
    /// 7 or 8.
    pub data_bits: u8,
    /// None, even or odd.
    pub parity: ParityPlan,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// The parity of a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParityPlan {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Who switches between sending and receiving on a two-wire line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rs485Plan {
    /// The kernel's driver where it can; else the adapter is taken to do it.
    Auto,
    /// The kernel's driver; a port that can't is an error.
    Kernel,
    /// The adapter, or it is an RS-232 line.
    Off,
}

impl FormatPlan {
    /// The standard's own (Serial Line V1.02, 2.5.1).
    pub const DEFAULT: Self = Self { data_bits: 8, parity: ParityPlan::Even, stop_bits: 1 };

    /// Bits of a character on the line, start bit included.
    #[must_use]
    pub const fn bits(self) -> u8 {
        let parity = if matches!(self.parity, ParityPlan::None) { 0 } else { 1 };
        1 + self.data_bits + parity + self.stop_bits
    }

    /// Reads `8E1`, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let &[data_bits @ (b'7' | b'8'), parity, stop_bits @ (b'1' | b'2')] = text.as_bytes()
        else {
            return None;
        };
        let parity = match parity.to_ascii_uppercase() {
            b'N' => ParityPlan::None,
            b'E' => ParityPlan::Even,
            b'O' => ParityPlan::Odd,
            _ => return None,
        };
        Some(Self { data_bits: data_bits - b'0', parity, stop_bits: stop_bits - b'0' })
    }
}

impl fmt::Display for FormatPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            ParityPlan::None => 'N',
            ParityPlan::Even => 'E',
            ParityPlan::Odd => 'O',
        };
        write!(f, "{}{parity}{}", self.data_bits, self.stop_bits)
    }
}

impl Rs485Plan {
    /// Its word in a URL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kernel => "kernel",
            Self::Off => "off",
        }
    }
}

/// The URL, complete with what was left out.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModbusTcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::OpcUa(server) => f.write_str(&server.urls.join(", ")),
            Self::Plugin(plugin) => write!(f, "plugin:{}", plugin.name),
            Self::House(root) => write!(f, "gateway:{}", root.display()),
            Self::ModbusLine(LinePlan { carrier, framing, .. }) => {
                let mode = match framing {
                    Framing::Rtu => "rtu",
                    Framing::Ascii => "ascii",
                };
                match carrier {
                    CarrierPlan::Tcp { host, port } => write!(f, "{mode}+tcp://{host}:{port}"),
                    CarrierPlan::Serial(SerialPlan { path, baud, format, rs485 }) => write!(
                        f,
                        "serial://{}?baud={baud}&format={format}&rs485={}&mode={mode}",
                        path.display(),
                        rs485.word()
                    ),
                }
            }
        }
    }
}
