//! Sensors in `hazard.state`: what is written, when, and how it is taken up again.
//!
//! A sensor is written when something changes that its next reading would not tell. That it was heard is not written for
//! each reading: the tail of the input holds the newest readings anyway. Only before a sensor's first unwritten reading
//! leaves the tail is its record written again, so that state and tail together are exact: a reading's arrival is its
//! record's own stamp.

use serde::{Deserialize, Serialize};

use super::cell::CellId;
use super::level::{Alarm, Bound, Move, Phase, Profile};
use super::sensor::{NONE, Sensor, Sensors, mark, tell_move};
use super::state::{PlaceRecord, decode, version};
use super::world::World;
use crate::event::{EventTime, Quality, Reading};
use crate::tally::StateError;
use crate::taxonomy::{Level, QuantityId};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum PhaseRecord {
    Rising(EventTime),
    Active,
    Falling(EventTime),
}

/// A limit that is not normal, by what identifies it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LimitRecord {
    side: String,
    level: Level,
    phase: PhaseRecord,
}

/// A sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SensorRecord {
    known: FirstSensorRecord,
    taken: EventTime,
    arrived: EventTime,
}

/// What version 1 held of a sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FirstSensorRecord {
    place: PlaceRecord,
    quantity: String,
    gateway: Option<String>,
    last: EventTime,
    value: f64,
    silent: bool,
    limits: Vec<LimitRecord>,
    /// The level told last.
    level: Option<Level>,
}

impl SensorRecord {
    pub fn new(sensor: &Sensor, profile: &Profile, world: &World) -> Self {
        let phases = sensor.alarm.iter().flat_map(|alarm| alarm.phases());
        let limits = phases.filter_map(|(index, phase)| {
            let bound = &profile.bounds()[index];
            let phase = match phase {
                Phase::Normal => return None,
                Phase::Rising(since) => PhaseRecord::Rising(since),
                Phase::Active => PhaseRecord::Active,
                Phase::Falling(since) => PhaseRecord::Falling(since),
            };
            Some(LimitRecord { side: bound.side.to_owned(), level: bound.level, phase })
        });
        let holder = sensor.alarm.as_ref().and_then(|alarm| alarm.holder(profile));
        let known = FirstSensorRecord {
            place: PlaceRecord::new(sensor.place, &sensor.enterprise, world),
            quantity: world.taxonomy.quantities.get(sensor.quantity).code.clone(),
            gateway: sensor.gateway.map(|index| world.coverage.gateway_id(index).to_owned()),
            last: sensor.last,
            value: sensor.value,
            silent: sensor.silent,
            limits: limits.collect(),
            level: holder.map(|index| profile.bounds()[index].level),
        };
        SensorRecord { known, taken: sensor.taken, arrived: sensor.arrived }
    }

    /// Reads a stored form; `what` names it in the error.
    pub fn read(stored: &[u8], what: &str) -> Result<Self, StateError> {
        if version(stored) == Some(1) {
            // It was heard by event time alone.
            let known: FirstSensorRecord = decode(stored, what)?;
            return Ok(SensorRecord { taken: known.last, arrived: known.last, known });
        }
        decode(stored, what)
    }

    /// The sensor under the present taxonomy; `None` where its quantity is gone.
    pub fn resolve(self, sensors: &Sensors, world: &mut World) -> Option<Restored> {
        let SensorRecord { known, taken, arrived } = self;
        let quantity = world.taxonomy.quantities.find(&known.quantity)?;
        let place = known.place.cell(world);
        let profile = sensors.profile_at(quantity, place);
        let mut alarm = Alarm::new(profile);
        for limit in &known.limits {
            let same = |bound: &Bound| bound.side == limit.side && bound.level == limit.level;
            if let Some(index) = profile.bounds().iter().position(same) {
                let phase = match limit.phase {
                    PhaseRecord::Rising(since) => Phase::Rising(since),
                    PhaseRecord::Active => Phase::Active,
                    PhaseRecord::Falling(since) => Phase::Falling(since),
                };
                alarm.restore(index, phase);
            }
        }
        let enterprise = known.place.enterprise.as_str();
        let gateway = known.gateway.and_then(|id| world.coverage.gateway(&id, place, enterprise, usize::MAX));
        Some(Restored {
            last: known.last,
            value: known.value,
            taken,
            arrived,
            alarm: (!alarm.is_normal()).then(|| Box::new(alarm)),
            enterprise: enterprise.into(),
            place,
            gateway,
            quantity,
            silent: known.silent,
            told: known.level,
        })
    }
}

/// A sensor as the state remembers it, resolved.
pub(super) struct Restored {
    pub last: EventTime,
    pub value: f64,
    pub taken: EventTime,
    pub arrived: EventTime,
    pub alarm: Option<Box<Alarm>>,
    pub enterprise: Box<str>,
    pub place: CellId,
    pub gateway: Option<u32>,
    pub quantity: QuantityId,
    pub silent: bool,
    /// The level told last.
    pub told: Option<Level>,
}

impl Sensors {
    /// A reading of the input's tail, read again after a restart, `arrival` being the newest one then: it may be newer than
    /// what the state says, or have come later, and no more.
    pub fn relearn(&mut self, reading: &Reading<'_>, offset: i64, arrival: EventTime) {
        let Some(value) = reading.value.filter(|_| reading.quality != Quality::Bad) else { return };
        let Some(index) = self.names.find(&reading.sensor_id) else { return };
        let sensor = &mut self.table[index as usize];
        let is_newer = reading.head.time > sensor.last;
        if is_newer {
            sensor.last = reading.head.time;
            sensor.value = value;
            sensor.taken = arrival;
        }
        if (is_newer || arrival > sensor.arrived) && sensor.unwritten == NONE {
            sensor.unwritten = offset;
            self.unwritten.push_back((offset, index));
        }
        sensor.arrived = sensor.arrived.max(arrival);
    }

    /// Puts a sensor that the state remembers in its place. Its timer is set by [`Sensors::resume`].
    pub(super) fn restore(&mut self, id: &str, known: Restored, world: &mut World) {
        self.forget(id, world);
        let index = self.names.insert(id);
        let sensor = Sensor {
            last: known.last,
            value: known.value,
            taken: known.taken,
            arrived: known.arrived,
            missed: EventTime::from_ms(NONE),
            wake: EventTime::from_ms(NONE),
            unwritten: NONE,
            alarm: known.alarm,
            enterprise: known.enterprise,
            place: known.place,
            gateway: known.gateway,
            quantity: known.quantity,
            silent: known.silent,
            dirty: false,
        };
        let heard = i32::from(!sensor.silent);
        self.silent += u64::from(sensor.silent);
        world.coverage.change(sensor.place, sensor.gateway, heard, 1, sensor.last);
        let profile = self.profile(&sensor);
        let holder = sensor.alarm.as_ref().and_then(|alarm| alarm.holder(profile));
        if holder.map(|index| profile.bounds()[index].level) == known.told {
            self.owed.remove(&index);
        } else {
            self.owed.insert(index, known.told);
        }
        self.put(index, sensor);
    }

    /// Forgets a sensor whose record the state has deleted.
    pub(super) fn forget(&mut self, id: &str, world: &mut World) {
        if let Some(index) = self.names.find(id) {
            let sensor = &self.table[index as usize];
            let heard = i32::from(!sensor.silent);
            self.silent -= u64::from(sensor.silent);
            world.coverage.change(sensor.place, sensor.gateway, -heard, -1, EventTime::MIN);
            self.owed.remove(&index);
            self.names.remove(index);
        }
    }

    /// Once the state and the tail have been read: tells the levels that changed limits have moved, and sets every timer.
    pub(super) fn resume(&mut self, world: &mut World) {
        for (index, _) in std::mem::take(&mut self.owed) {
            let sensor = &self.table[index as usize];
            let profile = self.profile(sensor);
            let holder = sensor.alarm.as_ref().and_then(|alarm| alarm.holder(profile));
            let moved = Move { at: sensor.last, from: holder, to: holder };
            tell_move(self.names.name(index), sensor, profile, moved, None, world);
            mark(&mut self.table[index as usize], index, &mut self.dirty);
        }
        for index in 0..self.table.len() as u32 {
            if self.names.find(self.names.name(index)) == Some(index) {
                self.set_timer(index, world);
            }
        }
    }

    /// Hands out every sensor whose record must be written now: it changed otherwise than by being heard, or its first
    /// unwritten reading lies before `tail`, where a restart would no longer find it.
    pub(super) fn take_written(&mut self, tail: i64, mut each: impl FnMut(&str, &Sensor, &Profile)) {
        while let Some((offset, index)) = self.unwritten.front().copied().filter(|(offset, _)| *offset < tail)
        {
            self.unwritten.pop_front();
            if self.table[index as usize].unwritten == offset {
                mark(&mut self.table[index as usize], index, &mut self.dirty);
            }
        }
        for index in std::mem::take(&mut self.dirty) {
            let sensor = &mut self.table[index as usize];
            if std::mem::take(&mut sensor.dirty) {
                sensor.unwritten = NONE;
                let sensor = &self.table[index as usize];
                each(self.names.name(index), sensor, self.profile(sensor));
            }
        }
    }

    /// Hands out the ids of sensors that left, whose records must be deleted.
    pub(super) fn take_departed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.departed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::encode;
    use super::*;

    #[test]
    fn a_sensor_of_version_1_was_heard_at_its_newest_reading() {
        let place = PlaceRecord { region: "330600".into(), sector: "all".into(), enterprise: "E".into() };
        let known = FirstSensorRecord {
            place,
            quantity: "methane".into(),
            gateway: None,
            last: EventTime::from_ms(1_000),
            value: 0.5,
            silent: false,
            limits: Vec::new(),
            level: None,
        };
        let mut first = encode(&known);
        first[0] = 1;
        let heard = EventTime::from_ms(1_000);
        let record = SensorRecord { known, taken: heard, arrived: heard };
        assert_eq!(SensorRecord::read(&first, "it"), Ok(record.clone()));
        assert_eq!(SensorRecord::read(&encode(&record), "it"), Ok(record));
    }
}
