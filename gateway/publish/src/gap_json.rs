//! A gap record as JSON text, for formats that have no message of their own for it.

use forehearth_model::GapRecord;

/// `{"id":…,"cause":"shed","epoch":…,"first":…,"last":…,"readings":…,"from":…,"to":…}`;
/// times are UTC milliseconds, `last` and `readings` are null where unknown.
pub(crate) fn text(record: &GapRecord) -> String {
    serde_json::json!({
        "id": record.id,
        "cause": record.cause.name(),
        "epoch": record.first.epoch.0,
        "first": record.first.number,
        "last": (record.last.number != u64::MAX).then_some(record.last.number),
        "lane": record.lane.map(forehearth_model::Lane::name),
        "readings": (record.readings > 0).then_some(record.readings),
        "from": record.from.millis(),
        "to": record.to.millis(),
        "declared": record.declared.millis(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use crate::plant;

    #[test]
    fn a_crash_whose_end_is_unknown_says_null_and_not_a_huge_number() {
        let mut record = plant::gap(9);
        record.last.number = u64::MAX;
        record.readings = 0;
        let json: serde_json::Value = serde_json::from_str(&super::text(&record)).unwrap();
        assert_eq!(json["id"], 9);
        assert_eq!(json["cause"], "shed");
        assert!(json["last"].is_null() && json["readings"].is_null());
    }
}
