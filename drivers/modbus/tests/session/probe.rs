//! Finding out about a device without a map, against the server of tokio-modbus.

use std::time::Duration;

use forehearth_driver_modbus::probe::{
    Heard, Looking, RegisterSearch, SearchStep, Target, is_there, read,
};
use forehearth_modbus::{Question, Table};
use forehearth_model::{DataType, Value};
use tokio::task::JoinSet;

use crate::honest::{point, serve};

async fn looking(tasks: &mut JoinSet<()>) -> Looking {
    let target = Target::Tcp(serve(tasks).await);
    Looking::open(&target, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn one_wrong_address_costs_its_neighbours_nothing_and_says_what_to_check() {
    let mut tasks = JoinSet::new();
    let mut link = looking(&mut tasks).await;
    let points = [
        point("hr:1200", DataType::Uint),
        point("40101", DataType::Real),
        point("hr:999", DataType::Uint),
        point("hr:1000", DataType::Uint),
    ];
    let read = read(&mut link, 17, &points).await.unwrap();
    assert_eq!(read[1], Ok(Value::F32(123.456)));
    assert!(read[2].is_ok());
    for (place, address) in [(0, "41201 (hr:1200)"), (3, "41001 (hr:1000)")] {
        let failure = read[place].clone().unwrap_err();
        let text = format!("unit 17, function 3, 1 registers from {address}: exception 2 ");
        assert!(failure.to_string().starts_with(&text), "{failure}");
        assert!(failure.hint().contains("address exist"), "{}", failure.hint());
    }
}

#[tokio::test]
async fn units_and_registers_are_found_as_the_device_has_them() {
    let mut tasks = JoinSet::new();
    let mut link = looking(&mut tasks).await;
    let mut found = Vec::new();
    for unit in 15..=19 {
        if is_there(&mut link, unit).await.unwrap() {
            found.push(unit);
        }
    }
    assert_eq!(found, [17]);
    for (table, addresses, held) in [
        (Table::HoldingRegisters, 900..=1100, 900..=999),
        (Table::Coils, 2_990..=3_010, 2_990..=2_999),
    ] {
        let mut search = RegisterSearch::new(table, addresses, 125);
        while let Some(request) = search.next() {
            search.tell(match link.ask(17, Question::Read(request)).await.unwrap() {
                Heard::Answer(pdu) => match request.check(&pdu) {
                    Ok(_) => SearchStep::Readable,
                    Err(error) => SearchStep::Refused(error),
                },
                _ => SearchStep::Silence,
            });
        }
        assert_eq!(search.readable(), [held]);
    }
}
