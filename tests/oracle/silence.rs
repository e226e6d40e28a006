//! Silence: between which messages of a sensor it must have been missed, as far as messages alone can tell.
//!
//! A sensor is heard whenever a value of it comes in. It is missed when two things hold at once: time has gone past its
//! newest value by more than its no-data time, and so long has nothing of it come in. Where nothing at all comes in, time
//! goes on by a clock that no message shows: so what is found here is certain, but need not be all. What is not possible
//! either can be told by how far apart two messages came in.

use std::collections::BTreeMap;

/// What lies between two values of a sensor, as they came in; or behind its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From one arrival to the next; `None` behind the last one.
    pub arrival_ms: Option<i64>,
    pub no_data_ms: i64,
    /// Other messages show that it was missed.
    pub is_missed: bool,
}

#[derive(Default)]
pub struct Ears {
    by_sensor: BTreeMap<String, Ear>,
    gaps: BTreeMap<String, Vec<Gap>>,
}

struct Ear {
    newest_ms: i64,
    arrival_ms: i64,
    no_data_ms: i64,
    is_missed: bool,
}

impl Ears {
    /// A value of this sensor came in.
    pub fn hear(&mut self, sensor: &str, time_ms: i64, arrival_ms: i64, no_data_ms: i64) {
        let mut newest_ms = time_ms;
        if let Some(ear) = self.by_sensor.get(sensor) {
            newest_ms = newest_ms.max(ear.newest_ms);
            let between = Some(arrival_ms - ear.arrival_ms);
            let gap = Gap { arrival_ms: between, no_data_ms: ear.no_data_ms, is_missed: ear.is_missed };
            self.gaps.entry(sensor.to_owned()).or_default().push(gap);
        }
        self.by_sensor.insert(sensor.to_owned(), Ear { newest_ms, arrival_ms, no_data_ms, is_missed: false });
    }

    /// Events have brought time so far; the last of them came in at `arrival_ms`.
    pub fn pass(&mut self, time_ms: i64, arrival_ms: i64) {
        for ear in self.by_sensor.values_mut() {
            let is_old = time_ms > ear.newest_ms + ear.no_data_ms;
            ear.is_missed |= is_old && arrival_ms > ear.arrival_ms + ear.no_data_ms;
        }
    }

    /// The gaps of each sensor, in their order; the last is the one behind its last value.
    pub fn end(mut self) -> BTreeMap<String, Vec<Gap>> {
        for (sensor, ear) in self.by_sensor {
            let gap = Gap { arrival_ms: None, no_data_ms: ear.no_data_ms, is_missed: ear.is_missed };
            self.gaps.entry(sensor).or_default().push(gap);
        }
        self.gaps
    }
}
