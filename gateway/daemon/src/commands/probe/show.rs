//! A value that was read, as columns or as JSON.

use std::fmt::Write as _;

use forehearth_driver_modbus::probe::Failure;
use forehearth_model::Value;
use serde_json::json;

use crate::cli::Lang;
use crate::commands::look::words;

use super::point::Wanted;

/// A value, what was asked of it and what came.
pub struct Shown<'a> {
    /// What was asked for.
    pub wanted: &'a Wanted,
    /// Parallel to [`Wanted::points`].
    pub results: &'a [Result<Value, Failure>],
    /// Whether all orders were read.
    pub orders: bool,
    /// Whether the registers were read one by one.
    pub raw: bool,
}

impl Shown<'_> {
    /// Whether it is a value.
    pub fn is_read(&self) -> bool {
        matches!(self.results.first(), Some(Ok(_)))
    }

    /// As columns: one line, one more for each order.
    pub fn text(&self, lang: Lang) -> String {
        let address = self.wanted.point.address.to_string();
        let head = format!("{address:<20} {:<8}", self.wanted.type_name);
        let mut text = match self.results.first() {
            Some(Ok(value)) => format!("{head} {value}"),
            Some(Err(failure)) => {
                return format!(
                    "{head} - {}\n{:<20} {}: {}\n",
                    words::failure(lang, failure),
                    "",
                    words::check(lang),
                    words::hint(lang, failure)
                );
            }
            None => head,
        };
        if self.raw {
            let _ = write!(text, "   [{}]", self.hex());
        }
        text.push('\n');
        for (order, value) in self.in_orders() {
            let mark = if order == self.wanted.point.order.name() { "*" } else { " " };
            let _ = writeln!(text, "{:<20} {mark}{order:<7} {value}", "");
        }
        text
    }

    /// As an object.
    pub fn json(&self, lang: Lang) -> serde_json::Value {
        let address = self.wanted.point.address;
        let mut object = json!({
            "address": address.to_string(),
            "type": self.wanted.type_name,
            "order": self.wanted.point.order.name(),
        });
        match self.results.first() {
            Some(Ok(value)) => object["value"] = json_value(value),
            Some(Err(failure)) => {
                object["value"] = serde_json::Value::Null;
                object["error"] = json!(words::failure(lang, failure));
                object["check"] = json!(words::hint(lang, failure));
                return object;
            }
            None => {}
        }
        if self.raw {
            object["raw"] = json!(self.hex());
        }
        if self.orders {
            let orders =
                self.in_orders().map(|(order, value)| (order.to_owned(), json_value(value)));
            object["orders"] = serde_json::Value::Object(orders.collect());
        }
        object
    }

    fn in_orders(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let orders = if self.orders { self.wanted.orders() } else { &[] };
        let values = self.results.iter().skip(1);
        orders
            .iter()
            .zip(values)
            .filter_map(|(order, value)| Some((order.name(), value.as_ref().ok()?)))
    }

    /// The registers as they came.
    fn hex(&self) -> String {
        let skipped = 1 + if self.orders { self.wanted.orders().len() } else { 0 };
        let words = self.results.iter().skip(skipped).map(|word| match word {
            Ok(Value::UInt(word)) => format!("{word:04X}"),
            Ok(Value::Bool(bit)) => u8::from(*bit).to_string(),
            _ => "----".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// JSON has no NaN and no infinity: they become null.
fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(bit) => json!(bit),
        Value::Int(int) => json!(int),
        Value::UInt(int) => json!(int),
        Value::F32(real) => json!(real),
        Value::F64(real) => json!(real),
        Value::Text(text) => json!(&**text),
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;
    use crate::cli::Lang;
    use crate::commands::probe::point::Wanted;
    use forehearth_model::Value;

    #[test]
    fn a_value_is_shown_in_every_order_and_as_it_came() {
        let wanted = &Wanted::parse("40101:REAL").unwrap()[0];
        let reals = [4.25, 4.25, 2.5, 1.5, 0.5].map(|real| Ok(Value::F32(real)));
        let words = [0x4088, 0].map(|word| Ok(Value::UInt(word)));
        let results: Vec<_> = reals.into_iter().chain(words).collect();
        let shown = Shown { wanted, results: &results, orders: true, raw: true };
        let text = shown.text(Lang::En);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "40101 (hr:100)       REAL     4.25   [4088 0000]",
                "*ABCD    4.25",
                "CDAB    2.5",
                "BADC    1.5",
                "DCBA    0.5",
            ]
        );
        let json = shown.json(Lang::En);
        assert_eq!((&json["raw"], &json["orders"]["DCBA"]), (&"4088 0000".into(), &0.5.into()));
    }
}
