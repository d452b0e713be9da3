//! From a link of the plan to what the driver of its serial line is told.

use forehearth_config::{CarrierPlan, LinePlan, LinkPlan, Rs485Plan, SerialPlan};
use forehearth_driver_modbus::{BusSettings, Carrier, FormatError, Rs485, SerialSettings};
use forehearth_modbus::Join;

/// What the bus driver is told about `link`, whose transport is `line`.
///
/// # Errors
/// None for a plan that was loaded: its formats are the driver's.
pub fn settings(link: &LinkPlan, line: &LinePlan) -> Result<BusSettings, FormatError> {
    let carrier = carrier(line)?;
    Ok(BusSettings {
        framing: line.framing,
        timeout: link.timeout,
        retries: line.retries,
        max_words: link.max_words,
        max_bits: link.max_bits,
        pause_after_connect: link.pause_after_connect,
        pause_between: link.pause_between,
        join: if link.join { None } else { Some(Join::Never) },
        echo: line.echo,
        ..BusSettings::new(carrier)
    })
}

/// What carries the bytes of `line`.
///
/// # Errors
/// None for a plan that was loaded: its formats are the driver's.
pub fn carrier(line: &LinePlan) -> Result<Carrier, FormatError> {
    Ok(match &line.carrier {
        CarrierPlan::Serial(port) => Carrier::Serial(serial(port)?),
        CarrierPlan::Tcp { host, port } => Carrier::Tcp { host: host.clone(), port: *port },
    })
}

fn serial(port: &SerialPlan) -> Result<SerialSettings, FormatError> {
    Ok(SerialSettings {
        baud: port.baud,
        format: port.format.to_string().parse()?,
        rs485: match port.rs485 {
            Rs485Plan::Auto => Rs485::Auto,
            Rs485Plan::Kernel => Rs485::Kernel,
            Rs485Plan::Off => Rs485::Off,
        },
        ..SerialSettings::new(&port.path)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use forehearth_config::{FormatPlan, ParityPlan, Transport};
    use forehearth_modbus::{Echo, Framing};

    use super::*;

    fn link(carrier: CarrierPlan) -> (LinkPlan, LinePlan) {
        let line = LinePlan { carrier, framing: Framing::Ascii, echo: Echo::On, retries: 3 };
        let link = LinkPlan {
            name: "bus".to_owned(),
            transport: Transport::ModbusLine(line.clone()),
            timeout: Duration::from_millis(700),
            inflight: 1,
            max_words: 60,
            max_bits: 100,
            pause_after_connect: Duration::from_millis(5),
            pause_between: Duration::from_millis(6),
            join: false,
            groups: Vec::new(),
        };
        (link, line)
    }

    #[test]
    fn every_format_of_a_map_is_one_of_the_driver() {
        for data_bits in [7, 8] {
            for parity in [ParityPlan::None, ParityPlan::Even, ParityPlan::Odd] {
                for stop_bits in [1, 2] {
                    let format = FormatPlan { data_bits, parity, stop_bits };
                    let rs485 = Rs485Plan::Kernel;
                    let port = SerialPlan { path: "/dev/ttyS2".into(), baud: 1200, format, rs485 };
                    let given = serial(&port).unwrap();
                    assert_eq!(given.format.to_string(), format.to_string());
                    assert_eq!((given.baud, given.rs485), (1200, Rs485::Kernel));
                    assert_eq!(given.path, port.path);
                }
            }
        }
    }

    #[test]
    fn nothing_that_the_map_says_about_a_line_is_dropped() {
        let (link, line) = link(CarrierPlan::Tcp { host: "moxa".to_owned(), port: 4001 });
        let given = settings(&link, &line).unwrap();
        let mut wanted = BusSettings::new(Carrier::Tcp { host: "moxa".to_owned(), port: 4001 });
        wanted.framing = Framing::Ascii;
        wanted.echo = Echo::On;
        wanted.retries = 3;
        wanted.timeout = Duration::from_millis(700);
        wanted.max_words = 60;
        wanted.max_bits = 100;
        wanted.pause_after_connect = Duration::from_millis(5);
        wanted.pause_between = Duration::from_millis(6);
        wanted.join = Some(Join::Never);
        assert_eq!(given, wanted);
    }
}
