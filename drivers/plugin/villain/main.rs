//! A plugin that can misbehave in every way the host promises to survive; the tests choose which.
//!
//! It speaks the protocol by hand, so that a defect of the SDK and one of the
//! host can't cancel out. Its pid goes into the file `pid` of its working directory.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it exists to fail")]

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

use forehearth_plugin_protocol::v1::{
    Batch, Capabilities, ConfigError, Configure, Configured, Health, Hello, Section, ToHost,
    ToPlugin, Type, to_host::Kind, to_plugin,
};
use forehearth_plugin_protocol::{Frames, frame};

fn say(kind: Kind) {
    let bytes = frame(&ToHost { kind: Some(kind) }).unwrap();
    raw(&bytes);
}

fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

fn hear(frames: &mut Frames) -> to_plugin::Kind {
    let mut bytes = [0; 65_536];
    loop {
        if let Some(message) = frames.next::<ToPlugin>().unwrap() {
            return message.kind.unwrap();
        }
        match std::io::stdin().read(&mut bytes).unwrap() {
            0 => std::process::exit(0),
            read => frames.push(&bytes[..read]),
        }
    }
}

/// A value for each tag of the group, one section per type, or all Bad.
fn sections(configure: &Configure, group: u32, refuse: bool, lie: bool) -> Vec<Section> {
    let tags = configure.tags.iter().filter(|tag| tag.group == group);
    let mut doubles = Section::default();
    let mut ints = Section::default();
    for tag in tags {
        let real = tag.r#type == i32::from(Type::Double);
        let section = if real { &mut doubles } else { &mut ints };
        section.tags.push(tag.id);
        match (refuse, real != lie) {
            (true, _) => section.qualities.push(35),
            (false, true) => doubles.doubles.push(f64::from(tag.id)),
            (false, false) => ints.ints.push(i64::from(tag.id)),
        }
    }
    if lie {
        std::mem::swap(&mut doubles.doubles, &mut ints.doubles);
        std::mem::swap(&mut doubles.ints, &mut ints.ints);
    }
    [doubles, ints].into_iter().filter(|section| !section.tags.is_empty()).collect()
}

fn main() {
    let mood = std::env::args().nth(1).unwrap_or_default();
    let mood = mood.as_str();
    std::fs::write("pid", std::process::id().to_string()).unwrap();
    let environment: Vec<String> = std::env::vars().map(|(key, _)| key).collect();
    std::fs::write("environment", environment.join(" ")).unwrap();
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let open: Vec<String> = open.map(|path| path.display().to_string()).collect();
        std::fs::write("descriptors", open.join("\n")).unwrap();
    }
    match mood {
        "no-plugin" => raw(b"\x10Usage: villain [OPTION]\n"),
        "mute" => sleep(Duration::from_secs(60)),
        "dies-at-once" => std::process::exit(3),
        _ => {}
    }
    let can = Capabilities { poll: true, push: mood.starts_with("push"), ..Default::default() };
    say(Kind::Hello(Hello {
        magic: "forehearth.plugin".to_owned(),
        version_min: 1,
        version_max: if mood == "from-the-future" { 9 } else { 1 },
        name: "villain".to_owned(),
        capabilities: Some(can),
        ..Hello::default()
    }));
    let mut frames = Frames::default();
    let to_plugin::Kind::Configure(configure) = hear(&mut frames) else { return };
    let errors = configure.tags.iter().filter(|tag| tag.at.contains('!')).map(|tag| ConfigError {
        key: "at".to_owned(),
        tag: Some(tag.id),
        offset: u32::try_from(tag.at.find('!').unwrap()).unwrap(),
        length: 1,
        message: "`!` is no register".to_owned(),
        hint: "write r0 … r9".to_owned(),
    });
    let errors: Vec<_> = errors.collect();
    let refused = !errors.is_empty();
    say(Kind::Configured(Configured { errors }));
    if refused {
        return;
    }
    if mood == "deaf" {
        sleep(Duration::from_secs(60));
    }
    let mut sequence = 0;
    let mut answered = 0;
    loop {
        match hear(&mut frames) {
            to_plugin::Kind::Start(_) => match mood {
                "push" | "push-hangs" => {
                    sequence += 1;
                    let sections = sections(&configure, 0, false, false);
                    say(Kind::Batch(Batch { sequence, poll: 0, last: false, sections }));
                    if mood == "push-hangs" {
                        sleep(Duration::from_secs(60));
                    }
                }
                "push-floods" => loop {
                    sequence += 1;
                    let sections = sections(&configure, 0, false, false);
                    say(Kind::Batch(Batch { sequence, poll: 0, last: false, sections }));
                },
                "push-overdraws" => {
                    let sections: Vec<_> =
                        (0..1250).flat_map(|_| sections(&configure, 0, false, false)).collect();
                    sequence += 1;
                    say(Kind::Batch(Batch { sequence, poll: 0, last: false, sections }));
                }
                "prattles" => loop {
                    say(Kind::Health(Health::default()));
                },
                _ => {}
            },
            to_plugin::Kind::Poll(poll) => {
                answered += 1;
                let (number, group) = (poll.poll, poll.group);
                let whole =
                    |sequence, sections| Batch { sequence, poll: number, last: true, sections };
                let good = || sections(&configure, group, false, false);
                match mood {
                    "silent" => continue,
                    "garbage" => raw(&[0xFF; 40]),
                    "closes-mid-answer" if answered % 2 == 0 => {
                        let batch = whole(sequence + 1, good());
                        let bytes = frame(&ToHost { kind: Some(Kind::Batch(batch)) }).unwrap();
                        raw(&bytes[..bytes.len() / 2]);
                        return;
                    }
                    "crashes" => std::process::abort(),
                    "lies" => say(Kind::Batch(whole(sequence + 7, good()))),
                    "twice" => {
                        let mut sections = good();
                        sections.extend(good());
                        say(Kind::Batch(whole(sequence + 1, sections)));
                    }
                    "forgets" => {
                        let mut sections = good();
                        sections.truncate(1);
                        say(Kind::Batch(whole(sequence + 1, sections)));
                    }
                    "refuses" => {
                        let sections = sections(&configure, group, true, false);
                        say(Kind::Batch(whole(sequence + 1, sections)));
                    }
                    "wrong-types" => {
                        let sections = sections(&configure, group, false, true);
                        say(Kind::Batch(whole(sequence + 1, sections)));
                    }
                    "huge" => raw(&[0xFF, 0xFF, 0xFF, 0x7F]),
                    "shouts" => {
                        for line in 0..20_000 {
                            eprintln!("line {line}");
                        }
                        say(Kind::Batch(whole(sequence + 1, good())));
                    }
                    _ => say(Kind::Batch(whole(sequence + 1, good()))),
                }
                sequence += 1;
            }
            to_plugin::Kind::Ping(ping) => {
                say(Kind::Health(Health { ping: ping.number, ..Health::default() }));
            }
            to_plugin::Kind::Shutdown(_) => return,
            _ => {}
        }
    }
}
