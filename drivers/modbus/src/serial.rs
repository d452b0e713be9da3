//! A serial port: its speed and format, RS-485, and how it is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serial2_tokio::rs4xx::Rs485Config;
use serial2_tokio::{CharSize, Parity, SerialPort, Settings, StopBits};

/// A serial port and how it is set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SerialSettings {
    /// The device: `/dev/ttyS2`, or better a name under `/dev/serial/by-id`.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Data bits, parity, stop bits.
    pub format: Format,
    /// Who switches the direction of a two-wire line.
    pub rs485: Rs485,
}

/// Data bits, parity and stop bits of a character, written `8E1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    data_bits: u8,
    parity: Parity,
    stop_bits: u8,
}

impl Default for Format {
    /// `8E1`, the standard's own (Serial Line V1.02, 2.5.1).
    fn default() -> Self {
        Self { data_bits: 8, parity: Parity::Even, stop_bits: 1 }
    }
}

/// A text that is no format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a format: write data bits 7 or 8, parity N, E or O, stop bits 1 or 2, as `8E1`")]
pub struct FormatError;

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let &[data_bits, parity, stop_bits] = text.as_bytes() else {
            return Err(FormatError);
        };
        let data_bits = [b'7', b'8'].contains(&data_bits).then(|| data_bits - b'0');
        let stop_bits = [b'1', b'2'].contains(&stop_bits).then(|| stop_bits - b'0');
        let parity = match parity.to_ascii_uppercase() {
            b'N' => Some(Parity::None),
            b'E' => Some(Parity::Even),
            b'O' => Some(Parity::Odd),
            _ => None,
        };
        match (data_bits, parity, stop_bits) {
            (Some(data_bits), Some(parity), Some(stop_bits)) => {
                Ok(Self { data_bits, parity, stop_bits })
            }
            _ => Err(FormatError),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        write!(f, "{}{parity}{}", self.data_bits, self.stop_bits)
    }
}

/// Who switches between sending and receiving on a two-wire line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rs485 {
    /// The kernel's driver where it can; else the adapter is taken to do it.
    #[default]
    Auto,
    /// The kernel's driver; a port that can't is an error.
    Kernel,
    /// The adapter, or it is an RS-232 line.
    Off,
}

impl SerialSettings {
    /// 9,600 Bd and 8E1.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), baud: 9_600, format: Format::default(), rs485: Rs485::Auto }
    }

    /// Opens the port; what it had received before is discarded.
    pub(crate) fn open(&self) -> std::io::Result<SerialPort> {
        let port = SerialPort::open(&self.path, |mut settings: Settings| {
            settings.set_raw();
            settings.set_baud_rate(self.baud)?;
            settings.set_char_size(if self.format.data_bits == 7 {
                CharSize::Bits7
            } else {
                CharSize::Bits8
            });
            settings.set_parity(self.format.parity);
            settings.set_stop_bits(if self.format.stop_bits == 2 {
                StopBits::Two
            } else {
                StopBits::One
            });
            Ok(settings)
        });
        // A pseudo-terminal refuses parity: nothing there could be damaged.
        let port = match port {
            Err(_) if is_pseudo_terminal(&self.path) => {
                SerialPort::open(&self.path, |mut settings: Settings| {
                    settings.set_raw();
                    Ok(settings)
                })?
            }
            other => other?,
        };
        self.set_rs485(&port)?;
        lower_latency(&self.path);
        port.discard_buffers()?;
        Ok(port)
    }

    fn set_rs485(&self, port: &SerialPort) -> std::io::Result<()> {
        match self.rs485 {
            Rs485::Off => Ok(()),
            Rs485::Kernel => port.set_rs4xx_mode(Rs485Config::new()),
            Rs485::Auto => {
                if let Err(error) = port.set_rs4xx_mode(Rs485Config::new()) {
                    tracing::debug!(path = %self.path.display(), %error, "no RS-485 in this driver");
                }
                Ok(())
            }
        }
    }
}

fn is_pseudo_terminal(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.starts_with("/dev/pts"))
}

/// USB adapters of FTDI collect bytes for 16 ms unless told otherwise; the
/// kernel shows that as a file. Where it is absent or may not be written the
/// port works as before, only slower.
fn lower_latency(path: &Path) {
    let Some(name) = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_owned()))
    else {
        return;
    };
    let timer = Path::new("/sys/bus/usb-serial/devices").join(name).join("latency_timer");
    if timer.exists() && std::fs::write(&timer, "1").is_err() {
        tracing::debug!(timer = %timer.display(), "may not be written: answers take up to 16 ms more");
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn a_format_reads_back_as_it_was_written() {
        for text in ["8E1", "8N1", "8N2", "7E1", "8O1"] {
            assert_eq!(text.parse::<Format>().unwrap().to_string(), text);
        }
        assert_eq!(Format::default().to_string(), "8E1");
        assert_eq!("8n1".parse::<Format>().unwrap().to_string(), "8N1");
        for wrong in ["", "8", "9N1", "8X1", "8N3", "8N15", "8É"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }
}
