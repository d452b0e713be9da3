//! One link that is written on a command line instead of in a file.

use std::sync::Arc;

use crate::finding::{Findings, Log};
use crate::plan::Transport;
use crate::reader::Text;
use crate::source::{Place, Sources};
use crate::{line, link};

/// Reads a link's `url` as a map does; `shown` is what findings name as its file.
///
/// # Errors
/// What is wrong with it, with its place in `url`.
pub fn link_of(url: &str, shown: &str) -> Result<Transport, Findings> {
    let log = Log::default();
    let mut sources = Sources::default();
    // As in a file, so that places within it are found: a text in quotes.
    let quoted = format!("\"{url}\"");
    let end = u32::try_from(quoted.len()).unwrap_or(u32::MAX);
    let file = sources.add(shown.to_owned(), quoted);
    let text = Text { value: url.into(), place: Place { file, start: 0, end } };
    let transport = link::transport(&log, &text);
    match transport {
        Some(transport) if log.errors() == 0 => Ok(transport),
        _ => Err(log.into_findings(Arc::new(sources))),
    }
}

/// What a link occupies: two links with the same are two voices on one line.
/// `None` for OPC UA, whose sessions are told apart.
#[must_use]
pub fn occupied(transport: &Transport) -> Option<String> {
    line::port(transport)
}

#[cfg(test)]
mod tests {
    use super::{link_of, occupied};
    use crate::{Lang, render};

    #[test]
    fn a_url_is_read_as_in_a_map_and_its_mistakes_have_a_place() {
        let link = link_of("rtu+tcp://Moxa:4001", "URL").unwrap();
        assert_eq!(occupied(&link).as_deref(), Some("moxa:4001"));
        let link = link_of("serial:///dev//ttyS2?baud=9600", "URL").unwrap();
        assert_eq!(occupied(&link).as_deref(), Some("/dev/ttyS2"));
        for (url, words) in [
            ("serial:///dev/ttyS2", "baud"),
            ("serial:///dev/ttyS2?baut=9600", "URL:1:22"),
            ("rtu+tcp://moxa", "port"),
            ("", ""),
        ] {
            let findings = link_of(url, "URL").unwrap_err();
            let text = render(&findings, Lang::En, false);
            assert!(text.contains(words) && text.contains("[FH"), "{url}: {text}");
        }
    }
}
