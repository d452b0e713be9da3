//! A formula as the map writes it: `calc = "voltage * current / 1000"`.
//!
//! Numbers, names of tags, `+ - * / ^`, comparisons, `and` `or` `not`,
//! brackets and a few functions. Nothing is looked up here: which tags the
//! names mean is known when all devices are read (`resolve`).

pub(crate) mod read;
pub(crate) mod resolve;

use forehearth_model::Step;

use crate::texts::{Phrase, phrase};

/// Brackets and signs within one another; deeper is refused.
const MOST_DEPTH: u32 = 32;

/// Nodes of a formula, groups counted once. Chosen: nobody reads more.
const MOST_NODES: usize = 500;

/// A part of a formula with its byte range in the text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum NodeKind {
    Number(f64),
    /// The value of a tag, `device::tag` or `tag`.
    Tag(String),
    /// The age of a tag.
    Age(String),
    /// All tags that match, within an aggregate.
    Group(String),
    /// A step that takes as many values as it has parts.
    Fixed(Step, Vec<Node>),
    /// One of all values of its parts.
    Aggregate(Aggregate, Vec<Node>),
}

/// A function of any number of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aggregate {
    Min,
    Max,
    Sum,
    Mean,
    Spread,
}

impl Aggregate {
    /// The step for so many values.
    pub(crate) const fn step(self, many: u16) -> Step {
        match self {
            Self::Min => Step::Min(many),
            Self::Max => Step::Max(many),
            Self::Sum => Step::Sum(many),
            Self::Mean => Step::Mean(many),
            Self::Spread => Step::Spread(many),
        }
    }
}

/// Why a formula can't be understood.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Wrong {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) label: Phrase,
    /// What stands there, or the function.
    pub(crate) what: String,
    /// How many values the function takes.
    pub(crate) count: usize,
}

/// What a formula says.
pub(crate) fn parse(text: &str) -> Result<Node, Wrong> {
    let mut parser = Parser { text, at: 0, nodes: 0 };
    let node = parser.either(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
}

/// Signs between two values, longest first.
const COMPARISONS: [(&str, Compare); 6] = [
    ("<=", Compare::Plain(Step::LessOrEqual)),
    (">=", Compare::Turned(Step::LessOrEqual)),
    ("==", Compare::Plain(Step::Equal)),
    ("!=", Compare::Plain(Step::NotEqual)),
    ("<", Compare::Plain(Step::Less)),
    (">", Compare::Turned(Step::Less)),
];

#[derive(Clone, Copy)]
enum Compare {
    Plain(Step),
    /// Of the second and the first.
    Turned(Step),
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn wrong(&self, start: usize, end: usize, label: Phrase, what: &str) -> Wrong {
        Wrong { start, end: end.min(self.text.len()), label, what: what.to_owned(), count: 0 }
    }

    fn unexpected(&mut self) -> Wrong {
        match self.peek() {
            Some(sign) => {
                let end = self.at + sign.len_utf8();
                self.wrong(self.at, end, phrase::NOT_EXPECTED, &sign.to_string())
            }
            None => {
                let end = self.text.len();
                self.wrong(end.saturating_sub(1), end, phrase::FORMULA_ENDS, "")
            }
        }
    }

    fn node(&mut self, start: usize, kind: NodeKind) -> Result<Node, Wrong> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let mut wrong = self.wrong(start, self.at, phrase::TOO_LONG, "");
            wrong.count = MOST_NODES;
            return Err(wrong);
        }
        Ok(Node { start, end: self.at, kind })
    }

    fn pair(&mut self, step: Step, left: Node, right: Node) -> Result<Node, Wrong> {
        let start = left.start.min(right.start);
        self.node(start, NodeKind::Fixed(step, vec![left, right]))
    }

    /// Takes a word that stands for itself: `and` but not `android`.
    fn word(&mut self, word: &str) -> bool {
        self.peek();
        let Some(behind) = self.rest().strip_prefix(word) else { return false };
        if behind.starts_with(is_name_sign) {
            return false;
        }
        self.at += word.len();
        true
    }

    fn either(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.both(depth)?;
        while self.word("or") {
            let right = self.both(depth)?;
            left = self.pair(Step::Or, left, right)?;
        }
        Ok(left)
    }

    fn both(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.denied(depth)?;
        while self.word("and") {
            let right = self.denied(depth)?;
            left = self.pair(Step::And, left, right)?;
        }
        Ok(left)
    }

    fn denied(&mut self, depth: u32) -> Result<Node, Wrong> {
        self.peek();
        let start = self.at;
        self.check_depth(depth)?;
        if self.word("not") {
            let of = self.denied(depth + 1)?;
            return self.node(start, NodeKind::Fixed(Step::Not, vec![of]));
        }
        self.comparison(depth)
    }

    /// One comparison: `a < b < c` says something else than it means.
    fn comparison(&mut self, depth: u32) -> Result<Node, Wrong> {
        let left = self.sum(depth)?;
        self.peek();
        let rest = self.rest();
        let Some((sign, compare)) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign))
        else {
            return Ok(left);
        };
        self.at += sign.len();
        let right = self.sum(depth)?;
        match compare {
            Compare::Plain(step) => self.pair(*step, left, right),
            Compare::Turned(step) => self.pair(*step, right, left),
        }
    }

    fn sum(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.product(depth)?;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            self.at += 1;
            let right = self.product(depth)?;
            let step = if sign == '+' { Step::Add } else { Step::Subtract };
            left = self.pair(step, left, right)?;
        }
        Ok(left)
    }

    fn product(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.signed(depth)?;
        while let Some(sign @ ('*' | '/')) = self.peek() {
            self.at += 1;
            let right = self.signed(depth)?;
            let step = if sign == '*' { Step::Multiply } else { Step::Divide };
            left = self.pair(step, left, right)?;
        }
        Ok(left)
    }

    /// `-a^2` is −(a²), as on paper.
    fn signed(&mut self, depth: u32) -> Result<Node, Wrong> {
        self.check_depth(depth)?;
        if self.peek() == Some('-') {
            let start = self.at;
            self.at += 1;
            let of = self.signed(depth + 1)?;
            return self.node(start, NodeKind::Fixed(Step::Negate, vec![of]));
        }
        let base = self.operand(depth)?;
        if self.peek() == Some('^') {
            self.at += 1;
            let exponent = self.signed(depth + 1)?;
            return self.pair(Step::Power, base, exponent);
        }
        Ok(base)
    }

    fn check_depth(&mut self, depth: u32) -> Result<(), Wrong> {
        if depth > MOST_DEPTH {
            self.peek();
            return Err(self.wrong(self.at, self.at + 1, phrase::TOO_MANY_BRACKETS, ""));
        }
        Ok(())
    }

    fn operand(&mut self, depth: u32) -> Result<Node, Wrong> {
        let next = self.peek();
        let start = self.at;
        match next {
            Some('(') => {
                self.at += 1;
                let inside = self.either(depth + 1)?;
                self.close(start)?;
                Ok(Node { start, end: self.at, ..inside })
            }
            Some('\'') => {
                let name = self.quoted()?;
                self.node(start, NodeKind::Tag(name))
            }
            Some(sign) if sign.is_ascii_digit() || sign == '.' => self.number(),
            Some(sign) if sign.is_alphabetic() || sign == '_' => self.named(depth),
            _ => Err(self.unexpected()),
        }
    }

    fn close(&mut self, opened: usize) -> Result<(), Wrong> {
        match self.peek() {
            Some(')') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected()),
            None => Err(self.wrong(opened, opened + 1, phrase::FORMULA_ENDS, "(")),
        }
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        let inside = &self.text[start + 1..];
        let Some(len) = inside.find('\'') else {
            return Err(self.wrong(start, self.text.len(), phrase::QUOTE_UNCLOSED, ""));
        };
        self.at = start + len + 2;
        Ok(inside[..len].to_owned())
    }

    fn number(&mut self) -> Result<Node, Wrong> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start;
        while let Some(byte) = bytes.get(end) {
            let signed = matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || *byte == b'.' || (end > start && signed)) {
                break;
            }
            end += 1;
        }
        let digits = &self.text[start..end];
        self.at = end;
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => self.node(start, NodeKind::Number(number)),
            _ => Err(self.wrong(start, end, phrase::NOT_EXPECTED, digits)),
        }
    }

    /// A function or the name of a tag.
    fn named(&mut self, depth: u32) -> Result<Node, Wrong> {
        let start = self.at;
        let rest = self.rest();
        let len = rest.find(|sign| !is_name_sign(sign)).unwrap_or(rest.len());
        let name = rest[..len].to_owned();
        self.at += len;
        if self.peek() == Some('(') {
            return self.function(start, &name, depth);
        }
        let end = start + len;
        let node = self.node(start, NodeKind::Tag(name))?;
        Ok(Node { end, ..node })
    }

    fn function(&mut self, start: usize, name: &str, depth: u32) -> Result<Node, Wrong> {
        let opened = self.at;
        self.at += 1;
        let end = start + name.len();
        let aggregate = match name {
            "min" => Some(Aggregate::Min),
            "max" => Some(Aggregate::Max),
            "sum" => Some(Aggregate::Sum),
            "mean" => Some(Aggregate::Mean),
            "spread" => Some(Aggregate::Spread),
            _ => None,
        };
        let parts = self.parts(opened, depth)?;
        let is_group = |part: &Node| matches!(part.kind, NodeKind::Group(_));
        if let (None, Some(group)) = (aggregate, parts.iter().find(|part| is_group(part))) {
            return Err(self.wrong(group.start, group.end, phrase::GROUP_ALONE, ""));
        }
        let takes = |count: usize, of: &Self| {
            if parts.len() == count {
                return Ok(());
            }
            let mut wrong = of.wrong(start, end, phrase::WRONG_COUNT, name);
            wrong.count = count;
            Err(wrong)
        };
        let kind = match (name, aggregate) {
            (_, Some(aggregate)) => {
                if parts.is_empty() {
                    takes(1, self)?;
                }
                NodeKind::Aggregate(aggregate, parts)
            }
            ("abs" | "sqrt", _) => {
                takes(1, self)?;
                NodeKind::Fixed(if name == "abs" { Step::Abs } else { Step::Sqrt }, parts)
            }
            ("if", _) => {
                takes(3, self)?;
                NodeKind::Fixed(Step::If, parts)
            }
            ("age" | "group", _) => {
                takes(1, self)?;
                match &parts[0].kind {
                    NodeKind::Tag(tag) if name == "age" => NodeKind::Age(tag.clone()),
                    NodeKind::Tag(pattern) => NodeKind::Group(pattern.clone()),
                    _ => {
                        let Node { start, end, .. } = parts[0];
                        let what = &self.text[start..end];
                        return Err(self.wrong(start, end, phrase::NOT_EXPECTED, what));
                    }
                }
            }
            _ => return Err(self.wrong(start, end, phrase::NO_FUNCTION, name)),
        };
        self.node(start, kind)
    }

    /// What stands in the brackets of a function.
    fn parts(&mut self, opened: usize, depth: u32) -> Result<Vec<Node>, Wrong> {
        let mut parts = Vec::new();
        if self.peek() == Some(')') {
            self.at += 1;
            return Ok(parts);
        }
        loop {
            parts.push(self.either(depth + 1)?);
            if self.peek() != Some(',') {
                self.close(opened)?;
                return Ok(parts);
            }
            self.at += 1;
        }
    }
}

/// Signs of a name that needs no quotes; `[0]` is an element of an array.
fn is_name_sign(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '.' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use super::{Node, NodeKind, parse};
    use crate::texts::phrase;
    use forehearth_model::Step;
    use proptest::prelude::*;

    /// The value of a formula without tags.
    fn value(node: &Node) -> f64 {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match &node.kind {
            NodeKind::Number(number) => *number,
            NodeKind::Fixed(step, parts) => {
                let of: Vec<f64> = parts.iter().map(value).collect();
                match step {
                    Step::Negate => -of[0],
                    Step::Not => truth(of[0] == 0.0),
                    Step::Abs => of[0].abs(),
                    Step::Sqrt => of[0].sqrt(),
                    Step::Add => of[0] + of[1],
                    Step::Subtract => of[0] - of[1],
                    Step::Multiply => of[0] * of[1],
                    Step::Divide => of[0] / of[1],
                    Step::Power => of[0].powf(of[1]),
                    Step::Less => truth(of[0] < of[1]),
                    Step::LessOrEqual => truth(of[0] <= of[1]),
                    Step::Equal => truth(of[0] == of[1]),
                    Step::NotEqual => truth(of[0] != of[1]),
                    Step::And => truth(of[0] != 0.0 && of[1] != 0.0),
                    Step::Or => truth(of[0] != 0.0 || of[1] != 0.0),
                    Step::If => {
                        if of[0] != 0.0 {
                            of[1]
                        } else {
                            of[2]
                        }
                    }
                    _ => panic!(),
                }
            }
            NodeKind::Aggregate(_, parts) => parts.iter().map(value).sum(),
            _ => panic!("a tag"),
        }
    }

    #[test]
    fn formulas_mean_what_they_mean_on_paper() {
        for (text, expected) in [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("-2 ^ 2", -4.0),
            ("2 ^ -1", 0.5),
            ("2 ^ 3 ^ 2", 512.0),
            ("10 - 4 - 3", 3.0),
            ("8 / 4 / 2", 1.0),
            ("1 < 2 and 2 >= 2 or 0", 1.0),
            ("not 1 == 1", 0.0),
            ("if(3 > 2, 1.5e1, 2E-1)", 15.0),
            ("sum(1, abs(-2), sqrt(9))", 6.0),
            ("1 != 1 + 0", 0.0),
        ] {
            assert_eq!(value(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, start, end, label) in [
            ("a + ", 3, 4, phrase::FORMULA_ENDS),
            ("", 0, 0, phrase::FORMULA_ENDS),
            ("a * (b + c", 4, 5, phrase::FORMULA_ENDS),
            ("a $ b", 2, 3, phrase::NOT_EXPECTED),
            ("a b", 2, 3, phrase::NOT_EXPECTED),
            ("1 < 2 < 3", 6, 7, phrase::NOT_EXPECTED),
            ("avg(a)", 0, 3, phrase::NO_FUNCTION),
            ("if(a, b)", 0, 2, phrase::WRONG_COUNT),
            ("'a b", 0, 4, phrase::QUOTE_UNCLOSED),
            ("abs(group('a*'))", 4, 15, phrase::GROUP_ALONE),
            ("1.2.3", 0, 5, phrase::NOT_EXPECTED),
            ("age(1)", 4, 5, phrase::NOT_EXPECTED),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!((wrong.start, wrong.end, wrong.label), (start, end, label), "{text}");
        }
        assert_eq!(parse(&"(".repeat(99)).unwrap_err().label, phrase::TOO_MANY_BRACKETS);
        assert_eq!(parse(&"-".repeat(99)).unwrap_err().label, phrase::TOO_MANY_BRACKETS);
        assert_eq!(parse(&"a+".repeat(999)).unwrap_err().label, phrase::TOO_LONG);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[a-c0-9 +*/^<>=!().,'电e-]{0,60}") {
            if let Err(wrong) = parse(&text) {
                prop_assert!(wrong.start <= wrong.end && wrong.end <= text.len());
            }
        }
    }
}
