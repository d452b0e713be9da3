//! A fact: what one tag of the gateway's own tells, and how a map writes it.

use std::fmt;
use std::str::FromStr;

use forehearth_model::{DataType, TagKind};

use crate::figure::{BoxFigure, Figure, LinkFigure, UnitFigure};

/// What one tag tells.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fact {
    /// `cpu_temp`: of the box.
    Box(BoxFigure),
    /// `link/NAME/timeouts`: of a link.
    Link(String, LinkFigure),
    /// `link/NAME/unit/3/timeouts`: of a Modbus unit behind a link.
    Unit(String, u8, UnitFigure),
    /// `hwmon/CHIP/in1`: an input of a chip that the kernel watches, in V,
    /// °C, A, W or turns a minute.
    Hwmon(String, String),
    /// `iio/DEVICE/voltage0`: a channel of an IIO device, in the units of the
    /// kernel's interface (mV, m°C, mA, kPa …).
    Iio(String, String),
}

/// Why a text is no fact.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoFact {
    /// It has the shape of none.
    #[error("no such fact")]
    Shape,
    /// The word at its end is none of these.
    #[error("no such figure")]
    Word {
        /// The word.
        word: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// A unit is 0 to 255.
    #[error("`{0}` is no unit id")]
    Unit(String),
}

impl Fact {
    /// The type of its value.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Box(figure) => figure.data_type(),
            Self::Link(_, figure) => figure.data_type(),
            Self::Unit(_, _, figure) => figure.data_type(),
            Self::Hwmon(..) | Self::Iio(..) => DataType::Lreal,
        }
    }

    /// Its unit as a map writes it; empty for a mere number and where the
    /// channel decides.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Box(figure) => figure.unit(),
            Self::Link(_, figure) => figure.unit(),
            Self::Unit(_, _, figure) => figure.unit(),
            Self::Hwmon(_, channel) => hwmon_unit(channel),
            Self::Iio(..) => "",
        }
    }

    /// Whether it only grows.
    #[must_use]
    pub fn kind(&self) -> TagKind {
        match self {
            Self::Box(figure) => figure.kind(),
            Self::Link(_, figure) => figure.kind(),
            Self::Unit(_, _, figure) => figure.kind(),
            Self::Hwmon(..) | Self::Iio(..) => TagKind::Gauge,
        }
    }

    /// The link it tells of.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Link(link, _) | Self::Unit(link, ..) => Some(link),
            Self::Box(_) | Self::Hwmon(..) | Self::Iio(..) => None,
        }
    }
}

/// Units of the kernel's hwmon interface once a thousandth is a whole.
fn hwmon_unit(channel: &str) -> &'static str {
    match channel.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "in" => "V",
        "temp" => "degC",
        "curr" => "A",
        "power" => "W",
        "fan" => "rpm",
        _ => "",
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box(figure) => f.write_str(figure.word()),
            Self::Link(link, figure) => write!(f, "link/{link}/{}", figure.word()),
            Self::Unit(link, unit, figure) => {
                write!(f, "link/{link}/unit/{unit}/{}", figure.word())
            }
            Self::Hwmon(chip, channel) => write!(f, "hwmon/{chip}/{channel}"),
            Self::Iio(device, channel) => write!(f, "iio/{device}/{channel}"),
        }
    }
}

impl FromStr for Fact {
    type Err = NoFact;

    fn from_str(text: &str) -> Result<Self, NoFact> {
        let parts: Vec<&str> = text.trim().split('/').collect();
        match parts[..] {
            [word] => figure(word).map(Self::Box),
            ["link", link, word] if !link.is_empty() => {
                Ok(Self::Link(link.to_owned(), figure(word)?))
            }
            ["link", link, "unit", unit, word] if !link.is_empty() => {
                let id = unit.parse().map_err(|_| NoFact::Unit(unit.to_owned()))?;
                Ok(Self::Unit(link.to_owned(), id, figure(word)?))
            }
            ["hwmon", chip, channel] if is_entry(chip) && is_input(channel) => {
                Ok(Self::Hwmon(chip.to_owned(), channel.to_owned()))
            }
            ["iio", device, channel] if is_entry(device) && is_entry(channel) => {
                Ok(Self::Iio(device.to_owned(), channel.to_owned()))
            }
            _ => Err(NoFact::Shape),
        }
    }
}

fn figure<F: Figure>(word: &str) -> Result<F, NoFact> {
    F::of(word).ok_or_else(|| NoFact::Word {
        word: word.to_owned(),
        known: F::ALL.iter().map(|figure| figure.word()).collect(),
    })
}

/// A name that stays within its folder of sysfs.
fn is_entry(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ',' | '@');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(legal)
}

/// Kinds of inputs whose scale is known (Documentation/hwmon/sysfs-interface).
fn is_input(channel: &str) -> bool {
    let digits = channel.trim_start_matches(|c: char| c.is_ascii_lowercase());
    !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
        && matches!(
            &channel[..channel.len() - digits.len()],
            "in" | "temp" | "curr" | "power" | "fan"
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::{Fact, NoFact};
    use crate::{BoxFigure, Figure, LinkFigure, UnitFigure};

    #[test]
    fn what_is_written_reads_back_for_every_fact_there_is() {
        let mut facts: Vec<Fact> = BoxFigure::ALL.iter().map(|figure| Fact::Box(*figure)).collect();
        facts.extend(LinkFigure::ALL.iter().map(|figure| Fact::Link("pc-01".to_owned(), *figure)));
        facts.extend(
            UnitFigure::ALL.iter().map(|figure| Fact::Unit("槽 1".to_owned(), 255, *figure)),
        );
        facts.push(Fact::Hwmon("rpi_volt".to_owned(), "in0".to_owned()));
        facts.push(Fact::Iio("ads1015".to_owned(), "voltage0-voltage1".to_owned()));
        for fact in facts {
            assert_eq!(fact.to_string().parse::<Fact>(), Ok(fact));
        }
    }

    #[test]
    fn a_wrong_word_is_told_with_those_there_are() {
        let Err(NoFact::Word { word, known }) = "link/pc-01/timeout".parse::<Fact>() else {
            panic!();
        };
        assert_eq!(word, "timeout");
        assert!(known.contains(&"timeouts"));
        assert_eq!("link/a/unit/256/up".parse::<Fact>(), Err(NoFact::Unit("256".to_owned())));
    }

    #[test]
    fn no_fact_leaves_its_folder_of_sysfs() {
        for text in [
            "",
            "link/a",
            "link//up",
            "hwmon/../in1",
            "iio/a/..",
            "iio/a/b/c",
            "hwmon/a/pwm1",
            "hwmon/a/in",
        ] {
            assert!(text.parse::<Fact>().is_err(), "{text}");
        }
    }
}
