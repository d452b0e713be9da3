//! Finding out about a device without a map, against the server of tokio-modbus.

use forehearth_driver_modbus::probe::{Target, probe, scan_registers, scan_units};
use forehearth_modbus::Table;
use forehearth_model::{DataType, Quality, Value};
use tokio::task::JoinSet;

use crate::honest::{point, serve};

#[tokio::test]
async fn points_units_and_registers_are_found_as_the_device_has_them() {
    let mut tasks = JoinSet::new();
    let target = Target::Tcp(serve(&mut tasks).await);
    let points = [point("hr:1200", DataType::Uint), point("40101", DataType::Real)];
    let samples = probe(&target, 17, &points).await.unwrap();
    assert_eq!(samples[0].quality, Quality::BadConfiguration);
    assert_eq!(samples[1].value, Value::F32(123.456));
    assert_eq!(scan_units(&target, 15..=19).await.unwrap(), [17]);
    let holding = scan_registers(&target, 17, Table::HoldingRegisters, 900..=1100).await.unwrap();
    assert_eq!(holding, [900..=999]);
    let coils = scan_registers(&target, 17, Table::Coils, 2_990..=3_010).await.unwrap();
    assert_eq!(coils, [2_990..=2_999]);
}
