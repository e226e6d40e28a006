//! A few records ahead: what they will touch is fetched before their turn comes.
//!
//! The ids of ten minutes and the sensors of a city do not fit the processor's cache, so that nearly each reading waits for
//! memory four times: for its id, its sensor's name, its sensor, and its gateway. A record at a time waits for one after
//! the other. So a batch is decoded first, then everything that it will touch is looked at in tight loops, whose waits the
//! processor overlaps, and only then do the records take effect, one by one and in order. What was looked up ahead is a
//! hint: it decides nothing.

use std::hint::black_box;

use super::dedup::SeenIds;
use super::world::World;
use super::{CollectTask, id_and_time};
use crate::event::{Decoder, Event, Reason, Reject};
use crate::log::Record;

/// Records in a batch: enough to overlap their waits, few enough to stay in the nearest cache.
pub(super) const BATCH: usize = 32;

const CACHE_LINE_BYTES: usize = 64;

/// A record's event, and what is known of it ahead.
pub(super) struct Ahead<'a> {
    pub event: Result<Event<'a>, Reject>,
    /// The hash of its id; 0 for a reject.
    pub hash: u64,
    /// The index of its sensor, as of the names' generation when it was looked up.
    pub sensor: Option<u32>,
}

impl CollectTask {
    /// Decodes a batch and looks at what it will touch; `batch` is emptied before.
    pub(super) fn look_ahead<'a>(&mut self, records: &[Record<'a>], batch: &mut Vec<Ahead<'a>>) {
        batch.clear();
        let mut touched = 0;
        // The bytes come from the client's thread: they lie far away.
        for bytes in records.iter().filter_map(|record| record.value) {
            touched ^= bytes.iter().step_by(CACHE_LINE_BYTES).fold(0, |sum, byte| sum ^ u64::from(*byte));
        }
        for record in records {
            let event = admit(&mut self.decoder, record, &mut self.world);
            let hash = event.as_ref().map_or(0, |event| SeenIds::hash(id_and_time(event).0));
            batch.push(Ahead { event, hash, sensor: None });
        }
        for ahead in &*batch {
            touched ^= self.seen.touch(ahead.hash);
        }
        for ahead in batch.iter_mut() {
            if let Ok(Event::Reading(reading)) = &ahead.event {
                ahead.sensor = self.sensors.find(&reading.sensor_id);
            }
        }
        for ahead in &*batch {
            let gateway = ahead.sensor.and_then(|sensor| self.sensors.touch(sensor));
            touched ^= gateway.map_or(0, |gateway| self.world.coverage.touch(gateway));
        }
        black_box(touched);
    }
}

/// The event of a record, if it is valid and its clock is sane: what can be said without any state.
pub(super) fn admit<'a>(
    decoder: &mut Decoder,
    record: &Record<'a>,
    world: &mut World,
) -> Result<Event<'a>, Reject> {
    let mut event = decoder.decode(record);
    // An event is large: it stays where it was decoded.
    if let Ok(decoded) = &event
        && let Some(reject) = objection(decoded, record, world)
    {
        event = Err(reject);
    }
    event
}

/// What speaks against a valid event.
fn objection(event: &Event<'_>, record: &Record<'_>, world: &mut World) -> Option<Reject> {
    let (id, time) = id_and_time(event);
    let ahead_ms = time.since_ms(record.arrival);
    let most = world.settings.max_future_skew_ms;
    if ahead_ms > most {
        let name = match event {
            Event::Reading(reading) => &*reading.sensor_id,
            Event::Inspection(_) | Event::Stage(_) | Event::Record(_) | Event::Command(_) => id,
        };
        world.numbers.quarantined = Some(name.to_owned());
        let detail =
            format!("time: {ahead_ms} ms ahead of its arrival, at most {most} ms are allowed ({name})");
        return Some(Reject { reason: Reason::ClockAhead, detail });
    }
    if let Event::Command(command) = event
        && (command.alert_id.len() < 16 || !command.alert_id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        let detail = format!("alert_id: `{}` is not an alert's id: 16 or more hex digits", command.alert_id);
        return Some(Reject { reason: Reason::UnknownAlert, detail });
    }
    None
}
