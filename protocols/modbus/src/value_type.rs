//! How a person writes a type: IEC 61131-3 (`INT`, `REAL`, `STRING[20]`) or `i16` to `f64`.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use forehearth_model::DataType;

/// Most bytes of a STRING: the largest answer holds 125 registers
/// (Application Protocol V1.1b3, 6.3), and a value is never split.
pub const MAX_STRING_BYTES: u16 = 250;

/// A type as a map names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ValueType {
    /// The type.
    pub data_type: DataType,
    /// Length of a STRING in bytes, 1 to 250; 0 for every other type.
    pub string_bytes: u16,
}

/// Why a text is no type. `Display` says what is wrong, [`hint`](Self::hint)
/// what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeError {
    /// A word that tools read in different widths.
    Ambiguous {
        /// As written.
        text: String,
        /// What it can mean.
        choices: &'static str,
    },
    /// Known elsewhere under this name.
    Foreign {
        /// As written.
        text: String,
        /// Its name here.
        name: &'static str,
    },
    /// STRING without a length, or with one that is no length.
    StringLength(String),
    /// `T[n]` of a type other than STRING.
    Array(String),
    /// No type at all.
    Unknown(String),
}

impl TypeError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Ambiguous { choices, .. } => {
                format!("its width differs from tool to tool; write {choices}")
            }
            Self::Foreign { name, .. } => format!("write `{name}`"),
            Self::StringLength(_) => {
                format!("write `STRING[n]` with n bytes, 1 to {MAX_STRING_BYTES}")
            }
            Self::Array(_) => "arrays are not read yet; write one tag for each element".to_string(),
            Self::Unknown(_) => "BOOL SINT USINT INT UINT DINT UDINT LINT ULINT REAL LREAL \
                                 STRING[n] BYTE WORD DWORD LWORD, or i8 to u64, f32, f64"
                .to_string(),
        }
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { text, .. } => write!(f, "`{text}` is not a definite type"),
            Self::Foreign { text, .. } | Self::Unknown(text) => {
                write!(f, "`{text}` is no type")
            }
            Self::StringLength(text) => write!(f, "`{text}` does not say how long the text is"),
            Self::Array(text) => write!(f, "`{text}` is an array"),
        }
    }
}

impl core::error::Error for TypeError {}

impl FromStr for ValueType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        if let Some((name, rest)) = upper.split_once('[') {
            return parse_bracketed(text, name, rest);
        }
        if upper == "STRING" {
            return Err(TypeError::StringLength(text.to_string()));
        }
        match scalar(&upper) {
            Some(data_type) => Ok(Self { data_type, string_bytes: 0 }),
            None => Err(refusal(text, &upper)),
        }
    }
}

fn parse_bracketed(text: &str, name: &str, rest: &str) -> Result<ValueType, TypeError> {
    let count = rest.strip_suffix(']');
    if name == "STRING" {
        let bytes = count
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|bytes| (1..=MAX_STRING_BYTES).contains(bytes));
        return match bytes {
            Some(string_bytes) => Ok(ValueType { data_type: DataType::String, string_bytes }),
            None => Err(TypeError::StringLength(text.to_string())),
        };
    }
    if scalar(name).is_some() && count.is_some() {
        return Err(TypeError::Array(text.to_string()));
    }
    Err(refusal(text, name))
}

fn scalar(upper: &str) -> Option<DataType> {
    Some(match upper {
        "BOOL" => DataType::Bool,
        "SINT" | "I8" => DataType::Sint,
        "USINT" | "BYTE" | "U8" => DataType::Usint,
        "INT" | "I16" => DataType::Int,
        "UINT" | "WORD" | "U16" => DataType::Uint,
        "DINT" | "I32" => DataType::Dint,
        "UDINT" | "DWORD" | "U32" => DataType::Udint,
        "LINT" | "I64" => DataType::Lint,
        "ULINT" | "LWORD" | "U64" => DataType::Ulint,
        "REAL" | "F32" => DataType::Real,
        "LREAL" | "F64" => DataType::Lreal,
        _ => return None,
    })
}

fn refusal(text: &str, upper: &str) -> TypeError {
    let text = text.to_string();
    let ambiguous = |choices| TypeError::Ambiguous { text: text.clone(), choices };
    let foreign = |name| TypeError::Foreign { text: text.clone(), name };
    match upper {
        "FLOAT" | "DOUBLE" => ambiguous("`REAL` (32 bits) or `LREAL` (64 bits)"),
        "LONG" => ambiguous("`DINT` (32 bits) or `LINT` (64 bits)"),
        "SHORT" => ambiguous("`SINT` (8 bits) or `INT` (16 bits)"),
        "INT8" => foreign("SINT"),
        "UINT8" => foreign("USINT"),
        "INT16" => foreign("INT"),
        "UINT16" => foreign("UINT"),
        "INT32" => foreign("DINT"),
        "UINT32" => foreign("UDINT"),
        "INT64" => foreign("LINT"),
        "UINT64" => foreign("ULINT"),
        "FLOAT32" => foreign("REAL"),
        "FLOAT64" => foreign("LREAL"),
        "BOOLEAN" | "BIT" => foreign("BOOL"),
        _ => TypeError::Unknown(text),
    }
}

/// The IEC spelling.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.data_type {
            DataType::String => write!(f, "STRING[{}]", self.string_bytes),
            other => f.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TypeError, ValueType};
    use alloc::string::ToString;
    use forehearth_model::DataType;

    #[test]
    fn iec_names_and_short_names_mean_the_same_types() {
        for (iec, short, data_type) in [
            ("SINT", "i8", DataType::Sint),
            ("BYTE", "u8", DataType::Usint),
            ("INT", "i16", DataType::Int),
            ("WORD", "u16", DataType::Uint),
            ("DINT", "i32", DataType::Dint),
            ("DWORD", "u32", DataType::Udint),
            ("LINT", "i64", DataType::Lint),
            ("LWORD", "u64", DataType::Ulint),
            ("REAL", "f32", DataType::Real),
            ("LREAL", "f64", DataType::Lreal),
            ("BOOL", "bool", DataType::Bool),
        ] {
            let expected = Ok(ValueType { data_type, string_bytes: 0 });
            assert_eq!(iec.parse(), expected, "{iec}");
            assert_eq!(short.parse(), expected, "{short}");
        }
        for data_type in DataType::ALL.into_iter().filter(|t| *t != DataType::String) {
            assert_eq!(data_type.name().parse(), Ok(ValueType { data_type, string_bytes: 0 }));
        }
    }

    #[test]
    fn a_string_says_its_length_in_bytes() {
        let text = ValueType { data_type: DataType::String, string_bytes: 20 };
        assert_eq!("STRING[20]".parse(), Ok(text));
        assert_eq!(text.to_string(), "STRING[20]");
        for wrong in ["STRING", "STRING[]", "STRING[0]", "STRING[251]", "STRING[+5]", "STRING[20"] {
            let error = wrong.parse::<ValueType>().unwrap_err();
            assert!(matches!(error, TypeError::StringLength(_)), "{wrong}: {error:?}");
        }
    }

    #[test]
    fn words_whose_width_differs_between_tools_are_refused_with_a_hint() {
        for (word, hint) in
            [("FLOAT", "REAL"), ("double", "LREAL"), ("LONG", "DINT"), ("short", "INT")]
        {
            let error = word.parse::<ValueType>().unwrap_err();
            assert!(matches!(error, TypeError::Ambiguous { .. }), "{word}");
            assert!(error.hint().contains(hint), "{word}: {}", error.hint());
        }
        assert_eq!("FLOAT32".parse::<ValueType>().unwrap_err().hint(), "write `REAL`");
        assert!(matches!("INT[24]".parse::<ValueType>(), Err(TypeError::Array(_))));
        assert!(matches!("INTEGER".parse::<ValueType>(), Err(TypeError::Unknown(_))));
    }
}
