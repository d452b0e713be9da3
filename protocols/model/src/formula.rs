//! A formula: how the value of one tag is computed from those of others, in the order of a pocket calculator with a stack.

use alloc::vec::Vec;

use crate::TagId;

/// One step. Those that take values take them from the top of the stack, the
/// last one first, and put their result there. What is true is 1, what is not is 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// Puts a number.
    Number(f64),
    /// Puts the value of an input, in engineering units.
    Input(u16),
    /// Puts the age of an input in seconds.
    Age(u16),
    /// −a.
    Negate,
    /// 1 when a is 0, else 0.
    Not,
    /// a + b.
    Add,
    /// a − b.
    Subtract,
    /// a × b.
    Multiply,
    /// a ÷ b.
    Divide,
    /// a to the power of b.
    Power,
    /// a < b.
    Less,
    /// a ≤ b.
    LessOrEqual,
    /// a = b.
    Equal,
    /// a ≠ b.
    NotEqual,
    /// Both are not 0.
    And,
    /// One is not 0.
    Or,
    /// b when a is not 0, else c.
    If,
    /// The distance to 0.
    Abs,
    /// Square root.
    Sqrt,
    /// The smallest of so many.
    Min(u16),
    /// The largest of so many.
    Max(u16),
    /// The sum of so many.
    Sum(u16),
    /// The mean of so many.
    Mean(u16),
    /// The largest less the smallest of so many.
    Spread(u16),
}

impl Step {
    /// How many values it takes.
    #[must_use]
    pub const fn takes(self) -> u16 {
        match self {
            Self::Number(_) | Self::Input(_) | Self::Age(_) => 0,
            Self::Negate | Self::Not | Self::Abs | Self::Sqrt => 1,
            Self::Add
            | Self::Subtract
            | Self::Multiply
            | Self::Divide
            | Self::Power
            | Self::Less
            | Self::LessOrEqual
            | Self::Equal
            | Self::NotEqual
            | Self::And
            | Self::Or => 2,
            Self::If => 3,
            Self::Min(many)
            | Self::Max(many)
            | Self::Sum(many)
            | Self::Mean(many)
            | Self::Spread(many) => many,
        }
    }
}

/// A formula with the tags it reads.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Formula {
    /// In the order of computing; at the end one value is left.
    pub steps: Vec<Step>,
    /// What [`Step::Input`] numbers, each tag once.
    pub inputs: Vec<TagId>,
}
