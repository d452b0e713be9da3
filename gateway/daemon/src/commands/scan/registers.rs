//! `forehearth scan registers`: which addresses of a table a unit lets be read.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use forehearth_driver_modbus::probe::{Heard, Looking, ProbeError, RegisterSearch, SearchStep};
use forehearth_modbus::{Address, Question, ReadRequest, Table};
use serde_json::json;

use crate::cli::{Lang, ScanRegistersArgs};
use crate::commands::look::interrupt::{Interrupt, Step};
use crate::commands::look::progress::Progress;
use crate::commands::look::{self, Site, words};
use crate::commands::{FINDINGS, USAGE, say, say_error};

/// Between two requests, unless the map or the command line says otherwise.
/// Chosen: 20 requests a second, which the smallest PLC bears beside its work.
const PAUSE: Duration = Duration::from_millis(50);

/// Prints the stretches that can be read; exit status 1 when there are none.
pub fn run(args: &ScanRegistersArgs) -> ExitCode {
    let (table, addresses) = match range(&args.from, &args.to) {
        Ok(range) => range,
        Err(error) => {
            say_error(&error);
            return ExitCode::from(USAGE);
        }
    };
    let site = match Site::find(&args.url, &args.link, PAUSE) {
        Ok(site) => site,
        Err(code) => return code,
    };
    match site.may_be_searched() {
        Ok(()) => {
            look::run(scan(args, &site, RegisterSearch::new(table, addresses, args.most), table))
        }
        Err(code) => code,
    }
}

async fn scan(
    args: &ScanRegistersArgs,
    site: &Site,
    mut search: RegisterSearch,
    table: Table,
) -> Result<(), ExitCode> {
    let mut link = site.open().await?;
    let (mut interrupt, progress) = (Interrupt::new(), Progress::new());
    let all = search.left();
    let mut is_stopped = false;
    while let Some(request) = search.next() {
        progress.tell(&format!("{} of {all} left, {} requests", search.left(), link.asked()));
        match interrupt.or(step(&mut link, args.unit, request)).await {
            Step::Done(step) => search.tell(step.map_err(|error| site.fail(&error))?),
            Step::Stopped => {
                is_stopped = true;
                break;
            }
        }
    }
    drop(progress);
    print(args, site.lang, &search, table, is_stopped, link.asked());
    if search.is_table_missing() {
        say_error(match site.lang {
            Lang::En => "exception 1: the unit does not have this table",
            Lang::Zh => "异常码 1：该单元没有这个区",
        });
    }
    if is_stopped {
        say_error(words::stopped(site.lang));
    }
    let is_whole = !is_stopped && !search.readable().is_empty() && search.unknown().is_empty();
    if is_whole { Ok(()) } else { Err(ExitCode::from(FINDINGS)) }
}

async fn step(
    link: &mut Looking,
    unit: u8,
    request: ReadRequest,
) -> Result<SearchStep, ProbeError> {
    Ok(match link.ask(unit, Question::Read(request)).await? {
        Heard::Answer(pdu) => match request.check(&pdu) {
            Ok(_) => SearchStep::Readable,
            Err(error) => SearchStep::Refused(error),
        },
        Heard::Silence | Heard::Damaged => SearchStep::Silence,
    })
}

fn print(
    args: &ScanRegistersArgs,
    lang: Lang,
    search: &RegisterSearch,
    table: Table,
    is_stopped: bool,
    asked: u64,
) {
    let at = |offset: u16| Address { table, offset, bit: None }.to_string();
    if args.link.json {
        let list = |stretches: &[RangeInclusive<u16>]| -> Vec<_> {
            let one = |s: &RangeInclusive<u16>| {
                json!({ "from": at(*s.start()), "to": at(*s.end()),
                "count": u32::from(*s.end()) + 1 - u32::from(*s.start()) })
            };
            stretches.iter().map(one).collect()
        };
        let all = json!({
            "url": args.url, "unit": args.unit, "complete": !is_stopped, "requests": asked,
            "readable": list(search.readable()), "unknown": list(search.unknown()),
        });
        say(&all.to_string());
        return;
    }
    for stretch in search.readable() {
        let count = u32::from(*stretch.end()) + 1 - u32::from(*stretch.start());
        say(&format!("{} … {}  {count}", at(*stretch.start()), at(*stretch.end())));
    }
    for stretch in search.unknown() {
        let why = match lang {
            Lang::En => "no answer, or neither yes nor no",
            Lang::Zh => "无应答或答复不明",
        };
        say(&format!("{} … {}  ? {why}", at(*stretch.start()), at(*stretch.end())));
    }
}

fn range(from: &str, to: &str) -> Result<(Table, RangeInclusive<u16>), String> {
    let parse = |text: &str| -> Result<Address, String> {
        let address: Address = text
            .parse()
            .map_err(|e: forehearth_modbus::AddressError| format!("{e}; {}", e.hint()))?;
        match address.bit {
            None => Ok(address),
            Some(_) => Err(format!("`{text}` is a bit; registers are searched")),
        }
    };
    let (from, to) = (parse(from)?, parse(to)?);
    if from.table != to.table || from.offset > to.offset {
        return Err("--from and --to name the first and the last address of one table".to_owned());
    }
    Ok((from.table, from.offset..=to.offset))
}

#[cfg(test)]
mod tests {
    use super::range;
    use forehearth_modbus::Table;

    #[test]
    fn a_range_lies_in_one_table_and_is_always_given() {
        assert_eq!(range("40001", "hr:999").unwrap(), (Table::HoldingRegisters, 0..=999));
        for (from, to) in [("hr:0", "ir:9"), ("hr:9", "hr:0"), ("hr:0.1", "hr:9"), ("0", "9")] {
            assert!(range(from, to).is_err(), "{from} {to}");
        }
    }
}
