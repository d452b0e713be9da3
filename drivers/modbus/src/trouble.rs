//! What the log has been told about refused reads: each of them once, not at every poll.

use forehearth_modbus::{ReadRequest, ResponseError};

/// Refusals remembered per group. Chosen: a map that is wrong in more places
/// needs no more lines to be noticed.
const REMEMBERED: usize = 64;

/// The refusals of a group that the log knows.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    told: Vec<(ReadRequest, ResponseError)>,
}

impl Trouble {
    /// Writes a line for a refusal the log does not know yet.
    pub(crate) fn tell(&mut self, unit: u8, request: ReadRequest, error: ResponseError) {
        if !self.is_new(request, error) {
            return;
        }
        let check = match error {
            ResponseError::Exception(exception) => exception.hint(),
            _ => "does the device speak Modbus TCP correctly?",
        };
        tracing::warn!(unit, %request, %error, check, "read refused");
    }

    fn is_new(&mut self, request: ReadRequest, error: ResponseError) -> bool {
        let refusal = (request, error);
        if self.told.len() >= REMEMBERED || self.told.contains(&refusal) {
            return false;
        }
        self.told.push(refusal);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, Trouble};
    use forehearth_modbus::{Exception, ReadRequest, ResponseError, Table};

    #[test]
    fn a_refusal_is_told_once_and_only_so_many_are() {
        let mut trouble = Trouble::default();
        let request = |start| ReadRequest::new(Table::HoldingRegisters, start, 1).unwrap();
        let busy = ResponseError::Exception(Exception::ServerDeviceBusy);
        assert!(trouble.is_new(request(0), busy));
        assert!(!trouble.is_new(request(0), busy));
        assert!(trouble.is_new(request(0), ResponseError::Empty), "another reason");
        let told = (1..1000).filter(|start| trouble.is_new(request(*start), busy)).count();
        assert_eq!(told, REMEMBERED - 2);
    }
}
