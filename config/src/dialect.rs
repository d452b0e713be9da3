//! Syntax that only TOML 1.1 knows, found before an editor stumbles over it.
//!
//! The parser accepts TOML 1.1; the editors, formatters and scripts around a
//! map mostly know 1.0 and refuse the whole file.

/// What TOML 1.0 refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Novelty {
    /// A line break within `{ … }`.
    LineBreakInTable,
    /// A comma before `}`.
    TrailingComma,
    /// `\e` or `\xHH` in a string.
    Escape,
}

/// Each novelty of a file with its byte range, at most one of a kind per
/// inline table. Only for files without syntax errors.
pub(crate) fn find(text: &str) -> Vec<(Novelty, usize, usize)> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, open: Vec::new(), found: Vec::new() };
    scan.run();
    scan.found
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Open brackets: which, and whether a line break was already reported.
    open: Vec<(u8, bool)>,
    found: Vec<(Novelty, usize, usize)>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'#' => self.skip_comment(),
                b'"' | b'\'' => self.skip_string(byte),
                b'{' | b'[' => self.open.push((byte, false)),
                b'}' | b']' => {
                    self.open.pop();
                }
                b',' if self.in_table() => self.trailing_comma(),
                b'\n' if self.in_table() => self.line_break(),
                _ => {}
            }
            self.at += 1;
        }
    }

    fn in_table(&self) -> bool {
        self.open.last().is_some_and(|(bracket, _)| *bracket == b'{')
    }

    fn line_break(&mut self) {
        if let Some((_, reported @ false)) = self.open.last_mut() {
            *reported = true;
            let start = self.bytes[..self.at].iter().rposition(|b| !b.is_ascii_whitespace());
            let start = start.unwrap_or(self.at);
            self.found.push((Novelty::LineBreakInTable, start, start + 1));
        }
    }

    fn trailing_comma(&mut self) {
        let next = self.bytes[self.at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
        if next == Some(&b'}') {
            self.found.push((Novelty::TrailingComma, self.at, self.at + 1));
        }
    }

    /// Stops before the line break.
    fn skip_comment(&mut self) {
        while self.bytes.get(self.at + 1).is_some_and(|byte| *byte != b'\n') {
            self.at += 1;
        }
    }

    /// Stops on the last quote.
    fn skip_string(&mut self, quote: u8) {
        let triple = self.bytes[self.at..].starts_with(&[quote; 3]);
        let len = if triple { 3 } else { 1 };
        self.at += len;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if byte == b'\\' && quote == b'"' {
                if let Some(b'e' | b'x') = self.bytes.get(self.at + 1) {
                    self.found.push((Novelty::Escape, self.at, self.at + 2));
                }
                self.at += 1;
            } else if byte == quote
                && self.bytes[self.at..].iter().take_while(|b| **b == quote).count() >= len
            {
                // A triple string may end with up to two quotes of its own.
                let run = self.bytes[self.at..].iter().take_while(|b| **b == quote).count();
                self.at += if triple { run.min(5) } else { 1 } - 1;
                return;
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Novelty, find};

    fn kinds(text: &str) -> Vec<Novelty> {
        find(text).into_iter().map(|(novelty, _, _)| novelty).collect()
    }

    #[test]
    fn toml_1_0_has_no_novelties() {
        let text = "# { \n[a]\nb = { c = \"}{,\\n\", d = [1,\n 2, ] } # ,}\ne = '''{\n''''\nf = [\n{ g = 1 },\n]\n[[h]]\n";
        assert_eq!(kinds(text), []);
    }

    #[test]
    fn each_novelty_is_found_at_its_place() {
        assert_eq!(find("a = { b = 1, }"), [(Novelty::TrailingComma, 11, 12)]);
        assert_eq!(find("a = {\n b = 1\n}\nc = 1"), [(Novelty::LineBreakInTable, 4, 5)]);
        assert_eq!(find("a = \"\\e[1m\""), [(Novelty::Escape, 5, 7)]);
        assert_eq!(kinds("a = { b = 1,\n}"), [Novelty::TrailingComma, Novelty::LineBreakInTable]);
    }
}
