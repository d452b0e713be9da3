//! Lines of the native format: batches, catalogues, gap records, health.

use forehearth_model::{Catalogue, GapRecord, Reading, Run, Value};

use super::{Line, RenderError, Renderer, Row};
use crate::{gap, health, native};

impl Renderer {
    /// A native batch, for example from the buffer.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn native_batch(&mut self, payload: &[u8]) -> Result<Vec<Line>, RenderError> {
        let decoded = native::decode_with(payload, &self.baselines)?;
        let catalogue = self.catalogues.get(&decoded.batch.catalogue);
        let batch = format!("{}/{}", decoded.gateway, decoded.batch.id);
        let mut lines = Vec::with_capacity(decoded.batch.readings.len() + decoded.skipped.len());
        for range in &decoded.skipped {
            let last = range.first.saturating_add(range.count.saturating_sub(1));
            let epoch = range.epoch.0;
            let text = format!("batches {epoch}/{}…{last}: nothing for here", range.first);
            lines.push(Line::Event { time: None, text });
        }
        for (run, readings) in decoded.batch.iter() {
            lines.extend(
                readings
                    .iter()
                    .map(|reading| Line::Row(row(catalogue, run, reading, batch.clone()))),
            );
        }
        Ok(lines)
    }

    pub(super) fn native_baseline(&mut self, payload: &[u8]) -> Result<Vec<Line>, RenderError> {
        let name = self.baselines.learn(payload)?;
        let text = format!("baseline {name}: what later batches are told against");
        Ok(vec![Line::Event { time: None, text }])
    }

    pub(super) fn native_catalogue(&mut self, payload: &[u8]) -> Result<Vec<Line>, RenderError> {
        let hash = self.learn_catalogue(payload)?;
        let catalogue = &self.catalogues[&hash];
        let text = format!(
            "catalogue {hash} of {}: {} devices, {} tags",
            catalogue.gateway,
            catalogue.devices.len(),
            catalogue.tags.len()
        );
        Ok(vec![Line::Event { time: None, text }])
    }
}

fn row(catalogue: Option<&Catalogue>, run: Run, reading: &Reading, batch: String) -> Row {
    let device = catalogue.and_then(|c| c.devices.get(run.device.index()));
    let tag = catalogue.and_then(|c| c.tags.get(reading.tag.index()));
    let value: Value = match tag {
        Some(tag) => tag.scaling.engineering(&reading.value),
        None => reading.value.clone(),
    };
    Row {
        time: run.stamp,
        device: device.map_or_else(|| format!("#{}", run.device.0), |d| d.name.clone()),
        tag: tag.map_or_else(|| format!("#{}", reading.tag.0), |t| t.name.clone()),
        value,
        unit: tag.map_or_else(String::new, |t| t.unit.clone()),
        quality: reading.quality.name(),
        historical: None,
        batch,
    }
}

pub(super) fn gap_lines(payload: &[u8]) -> Result<Vec<Line>, RenderError> {
    let (gateway, gap) = gap::decode(payload)?;
    let GapRecord { id, destination, cause, first, last, readings, from, to, .. } = gap;
    let whom = if destination.is_empty() { "all".to_owned() } else { destination };
    let last = if last.number == u64::MAX { "unknown".to_owned() } else { last.to_string() };
    let readings = if readings == 0 { "unknown".to_owned() } else { readings.to_string() };
    let cause = cause.name();
    let text = format!(
        "gap {id} of {gateway} for {whom}: {cause}, batches {first} to {last}, readings: {readings}, from {from} to {to}"
    );
    Ok(vec![Line::Event { time: Some(gap.declared), text }])
}

pub(super) fn health_lines(payload: &[u8]) -> Result<Vec<Line>, RenderError> {
    let health = health::decode(payload)?;
    let state = match health.state {
        health::State::Online => "online",
        health::State::Stopped => "stopped",
        health::State::Lost => "connection lost",
    };
    let ledger = &health.ledger;
    let mut text = format!(
        "{} {state}, clock {}: acquired {}, suppressed {}, batched {}",
        health.gateway,
        health.clock.name(),
        ledger.acquired,
        ledger.suppressed,
        ledger.batched
    );
    for books in &ledger.destinations {
        text += &format!(
            "; {}: delivered {}, waiting {}, lost {}",
            books.name,
            books.delivered,
            books.waiting,
            books.lost()
        );
    }
    Ok(vec![Line::Event { time: Some(health.time), text }])
}
