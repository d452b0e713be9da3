//! Expressions in a map's texts: `cell-{n:03}`, `{((n-1)%30)*100}`, `{row.ip}`.
//!
//! Integers, `+ - * / %`, brackets and names; nothing else. `/` rounds towards
//! zero, as PLCs do. `{{` and `}}` are braces.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

/// Brackets and signs within one another; deeper is refused.
const MOST_DEPTH: u32 = 32;

/// Widest number: `{n:020}`.
const MOST_WIDTH: usize = 20;

/// What a name stands for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Binding {
    Integer(i64),
    Text(Arc<str>),
    /// A row of a sheet: `{row.column}`.
    Row {
        columns: Arc<[String]>,
        values: Arc<[String]>,
    },
}

/// Names and what they stand for.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Scope {
    names: Vec<(Arc<str>, Binding)>,
}

enum Bound<'a> {
    Integer(i64),
    Text(&'a str),
}

impl Scope {
    pub(crate) fn bind(&mut self, name: impl Into<Arc<str>>, binding: Binding) {
        self.names.push((name.into(), binding));
    }

    pub(crate) fn bindings(&self) -> &[(Arc<str>, Binding)] {
        &self.names
    }

    /// Every name that can be written, for hints.
    pub(crate) fn known(&self) -> Vec<String> {
        let mut known = Vec::new();
        for (name, binding) in &self.names {
            match binding {
                Binding::Row { columns, .. } => {
                    known.extend(columns.iter().map(|column| format!("{name}.{column}")));
                }
                _ => known.push(name.to_string()),
            }
        }
        known
    }

    fn find(&self, path: &str) -> Option<Bound<'_>> {
        let (name, column) = match path.split_once('.') {
            Some((name, column)) => (name, Some(column)),
            None => (path, None),
        };
        let (_, binding) = self.names.iter().rev().find(|(known, _)| **known == *name)?;
        match (binding, column) {
            (Binding::Integer(integer), None) => Some(Bound::Integer(*integer)),
            (Binding::Text(text), None) => Some(Bound::Text(text)),
            (Binding::Row { columns, values }, Some(column)) => {
                let position = columns.iter().position(|known| known == column)?;
                Some(Bound::Text(values.get(position).map_or("", String::as_str)))
            }
            _ => None,
        }
    }
}

/// Why a text can't be expanded, with the byte range in the text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ExprError {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: ExprErrorKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ExprErrorKind {
    Unclosed,
    Unopened,
    Empty,
    UnknownName(String),
    NotANumber { name: String, value: String },
    DivisionByZero,
    Overflow,
    Unexpected(String),
    Width(String),
    TooDeep,
}

/// The text with every `{…}` replaced.
pub(crate) fn expand<'a>(text: &'a str, scope: &Scope) -> Result<Cow<'a, str>, ExprError> {
    if !text.contains(['{', '}']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(brace) = text[at..].find(['{', '}']) {
        out.push_str(&text[at..at + brace]);
        at += brace;
        if text[at..].starts_with("{{") || text[at..].starts_with("}}") {
            out.push_str(&text[at..=at]);
            at += 2;
        } else if text[at..].starts_with('}') {
            return Err(ExprError { start: at, end: at + 1, kind: ExprErrorKind::Unopened });
        } else {
            let Some(len) = text[at..].find('}') else {
                return Err(ExprError {
                    start: at,
                    end: text.len(),
                    kind: ExprErrorKind::Unclosed,
                });
            };
            let mut placeholder = Placeholder { text: &text[..at + len], at: at + 1, scope };
            placeholder.expand_into(&mut out)?;
            at += len + 1;
        }
    }
    out.push_str(&text[at..]);
    Ok(Cow::Owned(out))
}

/// The inside of one pair of braces.
struct Placeholder<'a> {
    /// Ends where the placeholder ends, so that positions are those of the whole text.
    text: &'a str,
    at: usize,
    scope: &'a Scope,
}

impl Placeholder<'_> {
    fn expand_into(&mut self, out: &mut String) -> Result<(), ExprError> {
        let start = self.at;
        let inside = self.text[start..].trim();
        if inside.is_empty() {
            return Err(self.error(start - 1, ExprErrorKind::Empty));
        }
        if let Some(Bound::Text(text)) = self.scope.find(inside) {
            out.push_str(text);
            return Ok(());
        }
        let value = self.sum(0)?;
        let width = self.width()?;
        let _ = if width == 0 { write!(out, "{value}") } else { write!(out, "{value:0width$}") };
        Ok(())
    }

    fn error(&self, start: usize, kind: ExprErrorKind) -> ExprError {
        ExprError { start, end: self.text.len().max(start), kind }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.text[self.at..].chars().next()
    }

    fn sum(&mut self, depth: u32) -> Result<i64, ExprError> {
        let start = self.at;
        let mut left = self.product(depth)?;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            self.at += 1;
            let right = self.product(depth)?;
            let result =
                if sign == '+' { left.checked_add(right) } else { left.checked_sub(right) };
            left = result.ok_or_else(|| self.error(start, ExprErrorKind::Overflow))?;
        }
        Ok(left)
    }

    fn product(&mut self, depth: u32) -> Result<i64, ExprError> {
        let start = self.at;
        let mut left = self.operand(depth)?;
        while let Some(sign @ ('*' | '/' | '%')) = self.peek() {
            self.at += 1;
            let right = self.operand(depth)?;
            if right == 0 && sign != '*' {
                return Err(self.error(start, ExprErrorKind::DivisionByZero));
            }
            let result = match sign {
                '*' => left.checked_mul(right),
                '/' => left.checked_div(right),
                _ => left.checked_rem(right),
            };
            left = result.ok_or_else(|| self.error(start, ExprErrorKind::Overflow))?;
        }
        Ok(left)
    }

    fn operand(&mut self, depth: u32) -> Result<i64, ExprError> {
        let next = self.peek();
        let start = self.at;
        if depth > MOST_DEPTH {
            return Err(self.error(start, ExprErrorKind::TooDeep));
        }
        match next {
            Some('-') => {
                self.at += 1;
                let value = self.operand(depth + 1)?;
                value.checked_neg().ok_or_else(|| self.error(start, ExprErrorKind::Overflow))
            }
            Some('(') => {
                self.at += 1;
                let value = self.sum(depth + 1)?;
                if self.peek() != Some(')') {
                    return Err(self.error(start, ExprErrorKind::Unexpected("(".into())));
                }
                self.at += 1;
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() => self.number(start),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(start),
            Some(c) => Err(self.error(start, ExprErrorKind::Unexpected(c.into()))),
            None => Err(self.error(start, ExprErrorKind::Unexpected("}".into()))),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        rest[..len].to_owned()
    }

    fn number(&mut self, start: usize) -> Result<i64, ExprError> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        digits.parse().map_err(|_| self.error(start, ExprErrorKind::Overflow))
    }

    fn name(&mut self, start: usize) -> Result<i64, ExprError> {
        let path = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '.');
        let end = self.at;
        match self.scope.find(&path) {
            Some(Bound::Integer(value)) => Ok(value),
            Some(Bound::Text(text)) => text.trim().parse().map_err(|_| {
                let kind = ExprErrorKind::NotANumber { name: path.clone(), value: text.to_owned() };
                ExprError { start, end, kind }
            }),
            None => Err(ExprError { start, end, kind: ExprErrorKind::UnknownName(path) }),
        }
    }

    /// What follows the expression: nothing, or `:03`.
    fn width(&mut self) -> Result<usize, ExprError> {
        let next = self.peek();
        let start = self.at;
        let rest = &self.text[start..];
        match next {
            None => Ok(0),
            Some(':') => {
                let spec = rest[1..].trim();
                let digits =
                    spec.strip_prefix('0').filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
                digits
                    .and_then(|digits| digits.parse().ok())
                    .filter(|width| (1..=MOST_WIDTH).contains(width))
                    .ok_or_else(|| self.error(start, ExprErrorKind::Width(spec.to_owned())))
            }
            Some(other) => Err(self.error(start, ExprErrorKind::Unexpected(other.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, ExprErrorKind, Scope, expand};
    use proptest::prelude::*;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.bind("n", Binding::Integer(42));
        scope.bind("side", Binding::Text("east".into()));
        let columns = ["ip".to_owned(), "unit".to_owned()].into();
        let values = ["10.0.0.7".to_owned(), " 3".to_owned()].into();
        scope.bind("row", Binding::Row { columns, values });
        scope
    }

    #[test]
    fn expressions_give_what_a_pocket_calculator_gives() {
        for (text, expected) in [
            ("cell-{n:03}", "cell-042"),
            ("pc-{(n-1)/30+1:02}", "pc-02"),
            ("hr:{((n-1)%30)*100}", "hr:1100"),
            ("10.20.4.{ 10 + n }", "10.20.4.52"),
            ("{side}/{n}", "east/42"),
            ("{row.ip}:{row.unit*2}", "10.0.0.7:6"),
            ("{-n}", "-42"),
            ("{{n}}", "{n}"),
            ("电解{n}", "电解42"),
        ] {
            assert_eq!(expand(text, &scope()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_expression_is_named_with_its_place() {
        let kind = |text: &str| expand(text, &scope()).unwrap_err().kind;
        assert_eq!(kind("{"), ExprErrorKind::Unclosed);
        assert_eq!(kind("a}"), ExprErrorKind::Unopened);
        assert_eq!(kind("{}"), ExprErrorKind::Empty);
        assert_eq!(kind("{m}"), ExprErrorKind::UnknownName("m".into()));
        assert_eq!(kind("{row.port}"), ExprErrorKind::UnknownName("row.port".into()));
        assert_eq!(kind("{n/0}"), ExprErrorKind::DivisionByZero);
        assert_eq!(kind("{n%(n-42)}"), ExprErrorKind::DivisionByZero);
        assert_eq!(kind("{9223372036854775807+n}"), ExprErrorKind::Overflow);
        assert_eq!(kind("{n:3}"), ExprErrorKind::Width("3".into()));
        assert_eq!(kind("{n^2}"), ExprErrorKind::Unexpected("^".into()));
        assert_eq!(kind(&format!("{{{}1}}", "(".repeat(1000))), ExprErrorKind::TooDeep);
        assert!(matches!(kind("{side+1}"), ExprErrorKind::NotANumber { .. }));
        let error = expand("cell-{m:03}", &scope()).unwrap_err();
        assert_eq!((error.start, error.end), (6, 7));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_expander(text in "[{}n0-9a+*/%().: 电-]{0,40}") {
            let _ = expand(&text, &scope());
        }

        #[test]
        fn a_text_without_braces_stays_as_it_is(text in "[^{}]{0,40}") {
            prop_assert_eq!(expand(&text, &scope()).unwrap().into_owned(), text);
        }
    }
}
