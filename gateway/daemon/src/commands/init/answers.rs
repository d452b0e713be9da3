//! The four answers a first configuration is made from.

use std::io::{BufRead, Write};

use crate::cli::{FirstFormat, InitArgs};

/// What a first configuration says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answers {
    /// Name of the gateway.
    pub id: String,
    /// Where it stands.
    pub path: String,
    /// URL of the broker.
    pub broker: String,
    /// URL of the first device.
    pub device: String,
    /// Its Modbus unit id.
    pub unit: u8,
    /// What the broker is sent.
    pub format: FirstFormat,
}

/// The answers as far as they are known.
pub struct Asked {
    questions: [Question; 4],
    unit: u8,
    format: FirstFormat,
}

struct Question {
    flag: &'static str,
    text: &'static str,
    example: String,
    answer: Option<String>,
}

impl Asked {
    /// What the flags say.
    pub fn from_flags(args: &InitArgs) -> Self {
        let question = |flag, text, example: &str, answer: &Option<String>| Question {
            flag,
            text,
            example: example.to_owned(),
            answer: answer.clone(),
        };
        let questions = [
            question("--id", "Name of this gateway", &machine_name(), &args.id),
            question("--path", "Where it stands", "plant/area/line-1", &args.path),
            question("--broker", "MQTT broker", "mqtt://127.0.0.1:1883", &args.broker),
            question("--device", "First device", "tcp://192.168.0.10:502", &args.device),
        ];
        Self { questions, unit: args.unit, format: args.format }
    }

    /// Asks for what no flag gave. An empty line takes the answer in brackets.
    ///
    /// # Errors
    /// When the terminal closes; says how to go on without one.
    pub fn at_terminal(
        mut self,
        mut input: impl BufRead,
        mut output: impl Write,
    ) -> Result<Answers, String> {
        for question in self.questions.iter_mut().filter(|question| question.answer.is_none()) {
            // A terminal that can't be written to can't be read from either.
            let _ = write!(output, "{} [{}]: ", question.text, question.example);
            let _ = output.flush();
            let mut line = String::new();
            match input.read_line(&mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
            let typed = line.trim();
            let answer = if typed.is_empty() { &question.example } else { typed };
            question.answer = Some(answer.to_owned());
        }
        self.complete()
    }

    /// The answers, when all are there.
    ///
    /// # Errors
    /// Names the flags that are missing.
    pub fn complete(self) -> Result<Answers, String> {
        let missing: Vec<_> = self
            .questions
            .iter()
            .filter(|question| question.answer.is_none())
            .map(|question| format!("{} (for example {})", question.flag, question.example))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(format!("no terminal to ask at: also give {missing}"));
        }
        let [id, path, broker, device] =
            self.questions.map(|question| question.answer.unwrap_or_default());
        Ok(Answers { id, path, broker, device, unit: self.unit, format: self.format })
    }
}

/// The machine's name as far as a topic may hold it.
fn machine_name() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.split('.').next().unwrap_or_default().chars().map(legal).collect();
    if name.is_empty() { "gateway-1".to_owned() } else { name }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Asked;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn asked(flags: &[&str]) -> Asked {
        let arguments = ["forehearth", "init"].iter().chain(flags);
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Init(args) => Asked::from_flags(&args),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn only_what_no_flag_gave_is_asked_and_an_empty_line_takes_the_offer() {
        let mut screen = Vec::new();
        let typed = b"east-2\n\n tcp://10.0.0.7:502 \n".as_slice();
        let answers =
            asked(&["--broker", "mqtt://b:1883"]).at_terminal(typed, &mut screen).unwrap();
        let answered = [&answers.id, &answers.path, &answers.broker, &answers.device];
        assert_eq!(
            answered,
            ["east-2", "plant/area/line-1", "mqtt://b:1883", "tcp://10.0.0.7:502"]
        );
        assert_eq!(String::from_utf8(screen).unwrap().matches("]: ").count(), 3);
    }

    #[test]
    fn without_a_terminal_the_missing_flags_are_named() {
        let missing = asked(&["--id", "a"]).complete().unwrap_err();
        for flag in ["--path", "--broker", "--device"] {
            assert!(missing.contains(flag), "{missing}");
        }
        assert!(!missing.contains("--id"), "{missing}");
    }

    #[test]
    fn a_terminal_that_closes_ends_the_questions() {
        let ended = asked(&[]).at_terminal(b"one\n".as_slice(), Vec::new()).unwrap_err();
        assert!(ended.contains("--path") && !ended.contains("--id"), "{ended}");
    }
}
