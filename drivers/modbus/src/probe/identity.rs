//! Identity: what a device says it is, by functions 43/14 and 17.

use forehearth_modbus::Question;

use super::{Heard, Looking, ProbeError};

/// Answers of function 43 that are followed up; each holds at least one
/// object, and the basic ones are three.
const MOST_ANSWERS: usize = 3;

/// What a device says it is. Empty where it does not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// Vendor, product code and revision (function 43, MEI type 14).
    pub objects: Vec<String>,
    /// The vendor's own text (function 17).
    pub server_id: Option<String>,
}

impl Identity {
    /// Whether the device said nothing of itself.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.server_id.is_none()
    }

    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.server_id {
            Some(text) if self.objects.is_empty() => text.clone(),
            _ => self.objects.join(" "),
        }
    }
}

/// Asks `unit` who it is; function 17 only where 43 is not known.
///
/// # Errors
/// When the link is lost.
pub async fn identify(link: &mut Looking, unit: u8) -> Result<Identity, ProbeError> {
    let mut identity = Identity::default();
    let mut first = 0;
    for _ in 0..MOST_ANSWERS {
        let Heard::Answer(pdu) = link.ask(unit, Question::Identification { first }).await? else {
            break;
        };
        let Some((objects, next)) = objects(&pdu) else { break };
        identity.objects.extend(objects);
        match next {
            Some(next) if next > first => first = next,
            _ => break,
        }
    }
    if identity.objects.is_empty()
        && let Heard::Answer(pdu) = link.ask(unit, Question::ServerId).await?
        && let [17, count, id @ ..] = &pdu[..]
        && id.len() == usize::from(*count)
    {
        identity.server_id = Some(text(id));
    }
    Ok(identity)
}

/// The objects of an answer of function 43/14, and where to go on.
fn objects(pdu: &[u8]) -> Option<(Vec<String>, Option<u8>)> {
    let [43, 14, _code, _conformity, more, next, count, rest @ ..] = pdu else {
        return None;
    };
    let mut objects = Vec::new();
    let mut rest = rest;
    for _ in 0..*count {
        let [_id, length, tail @ ..] = rest else { return None };
        let (object, tail) = tail.split_at_checked(usize::from(*length))?;
        objects.push(text(object));
        rest = tail;
    }
    Some((objects, (*more != 0).then_some(*next)))
}

/// What can be shown of a text of a device.
fn text(bytes: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() || c == '\u{fffd}' { ' ' } else { c })
        .collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::objects;

    #[test]
    fn objects_are_read_and_an_answer_that_lies_about_its_lengths_is_none() {
        let answer = [43, 14, 1, 0x81, 0xFF, 2, 2, 0, 3, b'A', b'B', 0, 1, 1, b'C'];
        assert_eq!(objects(&answer), Some((vec!["AB".to_owned(), "C".to_owned()], Some(2))));
        for cut in 0..answer.len() {
            assert_eq!(objects(&answer[..cut]), None, "{cut}");
        }
        assert_eq!(objects(&[0xAB, 1]), None);
    }
}
