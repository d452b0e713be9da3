//! How a person writes a word order: `ABCD`, `CDAB`, `BADC`, `DCBA`, or the short and long forms.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use crate::RegisterOrder;

/// Every accepted spelling; the length is that of the value in bytes.
const SPELLINGS: [(&str, RegisterOrder); 10] = [
    ("AB", RegisterOrder::Abcd),
    ("BA", RegisterOrder::Badc),
    ("ABCD", RegisterOrder::Abcd),
    ("CDAB", RegisterOrder::Cdab),
    ("BADC", RegisterOrder::Badc),
    ("DCBA", RegisterOrder::Dcba),
    ("ABCDEFGH", RegisterOrder::Abcd),
    ("GHEFCDAB", RegisterOrder::Cdab),
    ("BADCFEHG", RegisterOrder::Badc),
    ("HGFEDCBA", RegisterOrder::Dcba),
];

/// A text that is no word order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderError {
    /// As written.
    pub text: String,
}

impl OrderError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        let letters = self.text.trim().len();
        let choices = match letters {
            2 => "`AB` or `BA`".to_string(),
            8 => "`ABCDEFGH`, `GHEFCDAB`, `BADCFEHG` or `HGFEDCBA`".to_string(),
            _ => "`ABCD` (Modbus' own), `CDAB` (words swapped), `BADC` (bytes swapped) or `DCBA`"
                .to_string(),
        };
        format!("A is the most significant byte, in the order the bytes arrive: {choices}")
    }
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no word order", self.text)
    }
}

impl core::error::Error for OrderError {}

impl RegisterOrder {
    /// The four-letter spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abcd => "ABCD",
            Self::Cdab => "CDAB",
            Self::Badc => "BADC",
            Self::Dcba => "DCBA",
        }
    }

    /// Whether the two bytes of each register are swapped.
    #[must_use]
    pub const fn swaps_bytes(self) -> bool {
        matches!(self, Self::Badc | Self::Dcba)
    }

    /// Whether the registers of a value arrive least significant first.
    #[must_use]
    pub const fn swaps_words(self) -> bool {
        matches!(self, Self::Cdab | Self::Dcba)
    }
}

/// `AB|BA`, `ABCD|CDAB|BADC|DCBA`, or eight letters for 64 bits.
impl FromStr for RegisterOrder {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        SPELLINGS
            .into_iter()
            .find(|(spelling, _)| *spelling == text.trim())
            .map(|(_, order)| order)
            .ok_or_else(|| OrderError { text: text.to_string() })
    }
}

impl fmt::Display for RegisterOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use crate::RegisterOrder;
    use alloc::string::ToString;

    #[test]
    fn short_and_long_spellings_name_the_same_four_layouts() {
        for (text, order) in [
            ("AB", RegisterOrder::Abcd),
            ("BA", RegisterOrder::Badc),
            ("CDAB", RegisterOrder::Cdab),
            ("GHEFCDAB", RegisterOrder::Cdab),
            ("BADCFEHG", RegisterOrder::Badc),
            ("HGFEDCBA", RegisterOrder::Dcba),
        ] {
            assert_eq!(text.parse(), Ok(order), "{text}");
        }
        for order in
            [RegisterOrder::Abcd, RegisterOrder::Cdab, RegisterOrder::Badc, RegisterOrder::Dcba]
        {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
    }

    #[test]
    fn another_order_is_refused_with_the_choices() {
        for text in ["", "abcd", "ACBD", "ABC", "CDABGHEF", "big"] {
            let error = text.parse::<RegisterOrder>().unwrap_err();
            assert!(error.hint().contains("A is the most significant byte"), "{text}");
        }
    }
}
