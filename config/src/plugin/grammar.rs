//! A grammar of addresses: a small regular expression that says where a wrong address stops being one.
//!
//! A library of regular expressions says yes or no; an engineer needs the
//! character. Literals, `.`, classes `[0-9A-F]` and `[^#]`, `\d`, escapes,
//! groups with alternatives, and the repeats `? * + {n} {n,m}`; the whole
//! address must match.

/// Longest pattern in characters, which also bounds how deep groups nest.
const LONGEST: usize = 500;
/// Most repetitions of one part.
const MOST: u32 = 1000;
/// Steps after which an address counts as wrong: nested repeats can try
/// without end (chosen: an address of 100 characters needs some hundreds).
const STEPS: u32 = 50_000;

#[derive(Clone, PartialEq, Debug)]
enum Part {
    /// One character of these ranges, or of none of them.
    Class { ranges: Vec<(char, char)>, negated: bool },
    /// Each in turn.
    Row(Vec<Part>),
    /// One of them.
    Choice(Vec<Part>),
    /// So many times, as often as possible.
    Repeat(Box<Part>, u32, u32),
}

/// The form of an address.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Grammar {
    whole: Part,
}

impl Grammar {
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        if pattern.chars().count() > LONGEST {
            return Err(format!("a pattern of more than {LONGEST} characters"));
        }
        let mut parser = Parser { rest: pattern.chars().collect(), at: 0 };
        let whole = parser.choice().map_err(|what| format!("pattern `{pattern}`: {what}"))?;
        match parser.peek() {
            None => Ok(Self { whole }),
            Some(c) => Err(format!("pattern `{pattern}`: `{c}` without its beginning")),
        }
    }

    /// `Err`: the byte at which no further reading of the address is possible.
    pub(crate) fn check(&self, address: &str) -> Result<(), usize> {
        let chars: Vec<(usize, char)> = address.char_indices().collect();
        let mut walk = Walk { chars: &chars, furthest: 0, steps: 0 };
        let end = chars.len();
        let mut ended = false;
        walk.go(&self.whole, 0, &mut |walk, at| {
            walk.furthest = walk.furthest.max(at);
            ended = at == end;
            ended
        });
        if ended {
            return Ok(());
        }
        Err(chars.get(walk.furthest).map_or(address.len(), |(byte, _)| *byte))
    }
}

struct Walk<'a> {
    chars: &'a [(usize, char)],
    furthest: usize,
    steps: u32,
}

type Then<'t> = &'t mut dyn FnMut(&mut Walk<'_>, usize) -> bool;

impl Walk<'_> {
    /// Whether `part` matches from `at` on so that `then` agrees to where it ends.
    fn go(&mut self, part: &Part, at: usize, then: Then<'_>) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            return false;
        }
        match part {
            Part::Class { ranges, negated } => {
                self.furthest = self.furthest.max(at);
                let Some((_, c)) = self.chars.get(at) else { return false };
                let within = ranges.iter().any(|(low, high)| (low..=high).contains(&c));
                within != *negated && then(self, at + 1)
            }
            Part::Row(parts) => self.row(parts, at, then),
            Part::Choice(parts) => parts.iter().any(|part| self.go(part, at, then)),
            Part::Repeat(part, least, most) => self.repeat(part, *least, *most, at, then),
        }
    }

    fn row(&mut self, parts: &[Part], at: usize, then: Then<'_>) -> bool {
        let Some((first, rest)) = parts.split_first() else { return then(self, at) };
        self.go(first, at, &mut |walk, at| walk.row(rest, at, then))
    }

    fn repeat(&mut self, part: &Part, least: u32, most: u32, at: usize, then: Then<'_>) -> bool {
        if most > 0 {
            let again = self.go(part, at, &mut |walk, end| {
                // A part that takes nothing would be repeated for ever.
                end > at && walk.repeat(part, least.saturating_sub(1), most - 1, end, then)
            });
            if again {
                return true;
            }
        }
        least == 0 && then(self, at)
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn take(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        self.at += usize::from(there);
        there
    }

    fn choice(&mut self) -> Result<Part, String> {
        let mut rows = vec![self.row()?];
        while self.take('|') {
            rows.push(self.row()?);
        }
        Ok(if rows.len() == 1 { rows.remove(0) } else { Part::Choice(rows) })
    }

    fn row(&mut self) -> Result<Part, String> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            self.at += 1;
            let part = match c {
                '(' => {
                    let inner = self.choice()?;
                    if !self.take(')') {
                        return Err("a `(` is not closed".to_owned());
                    }
                    inner
                }
                '[' => self.class()?,
                '.' => Part::Class { ranges: Vec::new(), negated: true },
                '\\' => self.escape()?,
                '*' | '+' | '?' | '{' | '}' | ']' | '^' | '$' => {
                    return Err(format!("`{c}` stands for nothing here"));
                }
                c => one(c),
            };
            parts.push(self.repeated(part)?);
        }
        Ok(Part::Row(parts))
    }

    fn escape(&mut self) -> Result<Part, String> {
        match self.next() {
            Some('d') => Ok(Part::Class { ranges: vec![('0', '9')], negated: false }),
            Some(c) if !c.is_ascii_alphanumeric() => Ok(one(c)),
            _ => Err("a `\\` with nothing known behind it".to_owned()),
        }
    }

    fn class(&mut self) -> Result<Part, String> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        loop {
            let low = match self.next() {
                None => return Err("a `[` is not closed".to_owned()),
                Some(']') if !ranges.is_empty() => return Ok(Part::Class { ranges, negated }),
                Some('\\') => self.next().ok_or("a `\\` at the end")?,
                Some(c) => c,
            };
            let is_range = self.peek() == Some('-')
                && self.rest.get(self.at + 1).is_some_and(|high| *high != ']');
            let high = if is_range {
                self.at += 1;
                self.next().unwrap_or(low)
            } else {
                low
            };
            if high < low {
                return Err(format!("the range {low}-{high} is empty"));
            }
            ranges.push((low, high));
        }
    }

    fn repeated(&mut self, part: Part) -> Result<Part, String> {
        let (least, most) = match self.peek() {
            Some('?') => (0, 1),
            Some('*') => (0, MOST),
            Some('+') => (1, MOST),
            Some('{') => {
                self.at += 1;
                let least = self.number()?;
                let most = if self.take(',') { self.number()? } else { least };
                if self.peek() != Some('}') || most < least || most > MOST {
                    return Err(format!("a repeat is {{n}} or {{n,m}} up to {MOST}"));
                }
                (least, most)
            }
            _ => return Ok(part),
        };
        self.at += 1;
        Ok(Part::Repeat(Box::new(part), least, most))
    }

    fn number(&mut self) -> Result<u32, String> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.rest[from..self.at].iter().collect();
        digits.parse().map_err(|_| "a repeat needs a number".to_owned())
    }
}

fn one(c: char) -> Part {
    Part::Class { ranges: vec![(c, c)], negated: false }
}

#[cfg(test)]
mod tests {
    use super::Grammar;

    fn stops(pattern: &str, address: &str) -> Option<usize> {
        Grammar::parse(pattern).unwrap().check(address).err()
    }

    #[test]
    fn a_wrong_address_is_told_from_the_character_where_it_goes_wrong() {
        let meter = "[0-9]{12}#[0-9A-F]{2}(-[0-9A-F]{2}){3}";
        assert_eq!(stops(meter, "123456789012#02-01-01-00"), None);
        assert_eq!(stops(meter, "12345678901#02-01-01-00"), Some(11));
        assert_eq!(stops(meter, "123456789012#02-01-0x-00"), Some(20));
        assert_eq!(stops(meter, "123456789012#02-01-01"), Some(21));
        assert_eq!(stops(meter, "123456789012#02-01-01-00-00"), Some(24));
        assert_eq!(stops(meter, ""), Some(0));
    }

    #[test]
    fn alternatives_repeats_classes_and_escapes() {
        assert_eq!(stops("r[0-9]{1,3}|in(put)?\\.\\d+", "input.77"), None);
        assert_eq!(stops("r[0-9]{1,3}|in(put)?\\.\\d+", "in.x"), Some(3));
        assert_eq!(stops("[^#]+#.*", "电表#温度"), None);
        assert_eq!(stops("[^#]+#.+", "电表#"), Some("电表#".len()));
        assert_eq!(stops("(a|ab)(c|bcd)", "abcd"), None);
        assert_eq!(stops("[-a]+", "a-"), None);
    }

    #[test]
    fn a_pattern_that_tries_without_end_ends() {
        assert!(stops("(a*)*b", &"a".repeat(60)).is_some());
        assert!(stops("(a|a)*b", &"a".repeat(60)).is_some());
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for wrong in ["(", ")", "[", "a{", "a{2,1}", "a{5000}", "*", "\\q", "[z-a]", "^a$"] {
            assert!(Grammar::parse(wrong).is_err(), "{wrong}");
        }
    }
}
