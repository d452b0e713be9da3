//! What on the page should be looked at, and what to do about it.

use serde::Serialize;

use super::files::FileEntry;
use super::reach::Reach;

/// One thing to look at.
#[derive(Serialize, PartialEq, Eq, Debug)]
pub struct Concern {
    /// A broker, a device or a file.
    pub about: String,
    /// What is the matter and what to do.
    pub text: String,
}

/// Everything that should be looked at.
pub fn of(reach: &Reach, files: &[FileEntry]) -> Vec<Concern> {
    let clear = reach.brokers.iter().filter(|broker| broker.clear).map(|broker| Concern {
        about: format!("broker {}", broker.name),
        text: if broker.password.is_some() {
            "the password and all readings travel in the clear; use mqtts://".to_owned()
        } else {
            "readings travel in the clear and anybody may play the broker; use mqtts://".to_owned()
        },
    });
    let unsigned = reach.devices.iter().filter(|device| device.unsigned).map(|device| Concern {
        about: format!("device {}", device.name),
        text: "anybody on the way can forge its values; give security a policy and a mode"
            .to_owned(),
    });
    let open = files.iter().filter_map(|file| {
        let text = file.too_open?.to_owned();
        Some(Concern { about: file.path.display().to_string(), text })
    });
    clear.chain(unsigned).chain(open).collect()
}
