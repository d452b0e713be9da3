//! Progress on a terminal: one line on standard error that overwrites itself; nothing where nobody looks.

use std::io::{IsTerminal as _, Write as _};

/// The line.
pub struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Shown only when standard error is a terminal.
    pub fn new() -> Self {
        Self { is_shown: std::io::stderr().is_terminal() }
    }

    /// Says how far it is.
    pub fn tell(&self, text: &str) {
        if self.is_shown {
            // Back to the first column, and away with what stood there.
            let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.tell("");
    }
}
