//! Sensors: when each was last heard, and its alarm level.
//!
//! Each sensor's own newest reading decides its level, by event time; an older one, or one of the same moment, is counted
//! and heard, but moves nothing. A sensor is woken by at most one valid timer: the earliest of a running delay, its silence
//! and its leaving. Readings only move the moment of silence away, so the timer is not touched by them; when it comes too
//! early it is set anew, and a reading costs no heap operation.

use super::cell::CellId;
use super::intern::Names;
use super::level::{Alarm, Move, Profile};
use super::timer::Wake;
use super::world::{Fate, Whereabouts, World};
use crate::event::{EventTime, Quality, Reading, Reason};
use crate::tally::{Subject, What};
use crate::taxonomy::{Level, QuantityId, Taxonomy};

/// No timer is set; no reading is unwritten.
pub(super) const NONE: i64 = i64::MIN;

/// What is known of one sensor: in one cache line what each reading needs, and then the rest.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Sensor {
    /// The event time of its newest reading.
    pub last: EventTime,
    /// That reading's value.
    pub value: f64,
    /// When that reading arrived: the newest arrival of its partition then.
    pub taken: EventTime,
    /// When a reading of it, new or old, arrived last.
    pub arrived: EventTime,
    /// The offset of the first reading that its record in the state does not reflect.
    pub unwritten: i64,
    /// Its limits that are not normal.
    pub alarm: Option<Box<Alarm>>,
    pub place: CellId,
    pub gateway: Option<u32>,
    pub quantity: QuantityId,
    pub silent: bool,
    /// Its record must be written at the next flush; it is in the list of those.
    pub dirty: bool,
    /// The moment of the one timer that may wake it.
    pub wake: EventTime,
    /// How far arrivals must come before it is looked at again.
    pub missed: EventTime,
    pub enterprise: Box<str>,
}

const _: () =
    assert!(std::mem::offset_of!(Sensor, wake) == 64, "what each reading needs fills one cache line");

/// The sensors of one task.
pub struct Sensors {
    pub(super) names: Names,
    pub(super) table: Vec<Sensor>,
    /// By quantity and sector.
    profiles: Vec<Profile>,
    sectors: usize,
    pub(super) silent: u64,
    pub(super) dirty: Vec<u32>,
    /// Sensors with an unwritten reading, by its offset; stale where the sensor was written since.
    pub(super) unwritten: std::collections::VecDeque<(i64, u32)>,
    pub(super) departed: Vec<String>,
    /// Restored sensors and the level told last, where the present limits make another of it.
    pub(super) owed: std::collections::BTreeMap<u32, Option<Level>>,
}

impl Sensors {
    /// No sensors, under the taxonomy's limits.
    pub fn new(taxonomy: &Taxonomy) -> Self {
        let mut profiles = Vec::new();
        for quantity in taxonomy.quantities.iter() {
            for sector in taxonomy.sectors.iter() {
                let bounds = taxonomy.quantities.limits(quantity, sector).iter().map(Into::into).collect();
                profiles.push(Profile::new(bounds, taxonomy.quantities.get(quantity).no_data_after_ms));
            }
        }
        Sensors {
            names: Names::default(),
            table: Vec::new(),
            profiles,
            sectors: taxonomy.sectors.len(),
            silent: 0,
            dirty: Vec::new(),
            unwritten: std::collections::VecDeque::new(),
            departed: Vec::new(),
            owed: std::collections::BTreeMap::new(),
        }
    }

    /// How many sensors are expected.
    pub fn count(&self) -> usize {
        self.names.count()
    }

    /// How many of them are silent.
    pub fn silent(&self) -> u64 {
        self.silent
    }

    /// The index of a sensor, valid for this generation of names.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.names.find(id)
    }

    /// Moves on when an index may stand for another sensor than before.
    pub fn generation(&self) -> u64 {
        self.names.removed()
    }

    /// Brings a sensor near, for a reading soon to come, and tells its gateway.
    pub fn touch(&self, index: u32) -> Option<u32> {
        self.table[index as usize].gateway
    }

    /// An accepted reading at an offset, of the sensor with this index if that is known already.
    pub fn hear(
        &mut self,
        reading: &Reading<'_>,
        known: Option<u32>,
        offset: i64,
        world: &mut World,
    ) -> Fate {
        let place = world.cells.at(reading.head.region, reading.head.sector);
        // A bad value is counted, but its sensor is not heard.
        let Some(value) = reading.value.filter(|_| reading.quality != Quality::Bad) else {
            count(reading, place, world);
            return Fate::Counted;
        };
        let index = match known.or_else(|| self.names.find(&reading.sensor_id)) {
            Some(index) => index,
            None if self.count() >= world.settings.subjects_max => {
                world.numbers.limit("subjects_max", 1);
                return Fate::rejected(
                    Reason::OverLimit,
                    "sensor_id: no room for another sensor (subjects_max)",
                );
            }
            None => self.enter(reading, place, world),
        };
        count(reading, place, world);
        let sensor = &mut self.table[index as usize];
        sensor.arrived = world.clock.arrival();
        if sensor.unwritten == NONE {
            sensor.unwritten = offset;
            self.unwritten.push_back((offset, index));
        }
        let time = reading.head.time;
        if time <= sensor.last {
            if sensor.silent {
                self.hear_again(index, time, offset, world);
            }
            return Fate::Counted;
        }
        if sensor.alarm.is_some() {
            // Delays that ended before this reading ended with the value before it.
            self.move_level(index, None, world, |alarm, profile, tell| alarm.settle(profile, time, tell));
        }
        let sensor = &self.table[index as usize];
        if sensor.place != place || sensor.quantity != reading.quantity || has_moved(sensor, reading, world) {
            self.relocate(index, reading, place, offset, world);
        }
        let sensor = &mut self.table[index as usize];
        sensor.last = time;
        sensor.value = value;
        sensor.taken = sensor.arrived;
        if sensor.silent {
            self.hear_again(index, time, offset, world);
        }
        let sensor = &self.table[index as usize];
        if sensor.alarm.is_some() || !self.profile(sensor).is_quiet(value) {
            // Compared only here: a signal is all that names the enterprise.
            if *sensor.enterprise != *reading.enterprise_id {
                self.relocate(index, reading, place, offset, world);
            }
            let trusted = reading.quality == Quality::Good;
            self.move_level(index, Some(offset), world, |alarm, profile, tell| {
                alarm.hear(profile, time, value, trusted, tell);
            });
            self.wake_by_delay(index, world);
        }
        Fate::Counted
    }

    /// The limits that hold for a quantity at a place.
    pub(super) fn profile_at(&self, quantity: QuantityId, place: CellId) -> &Profile {
        &self.profiles[self.profile_index(quantity, place)]
    }

    pub(super) fn profile(&self, sensor: &Sensor) -> &Profile {
        self.profile_at(sensor.quantity, sensor.place)
    }

    fn profile_index(&self, quantity: QuantityId, place: CellId) -> usize {
        usize::from(quantity.0) * self.sectors + place.0 as usize % self.sectors
    }

    fn enter(&mut self, reading: &Reading<'_>, place: CellId, world: &mut World) -> u32 {
        let gateway = gateway_of(reading, place, world);
        let index = self.names.insert(&reading.sensor_id);
        let sensor = Sensor {
            // Older than any reading, so that the one that brought it counts as newer.
            last: EventTime::MIN,
            value: 0.0,
            taken: EventTime::MIN,
            arrived: EventTime::MIN,
            wake: EventTime::from_ms(NONE),
            missed: EventTime::from_ms(NONE),
            unwritten: NONE,
            alarm: None,
            enterprise: (*reading.enterprise_id).into(),
            place,
            gateway,
            quantity: reading.quantity,
            silent: false,
            dirty: false,
        };
        self.put(index, sensor);
        world.coverage.change(place, gateway, 1, 1, reading.head.time);
        mark(&mut self.table[index as usize], index, &mut self.dirty);
        let silence =
            reading.head.time.plus_ms(self.profile(&self.table[index as usize]).no_data_after_ms + 1);
        self.table[index as usize].wake = silence;
        world.timers.set(silence, Wake::Sensor(index));
        index
    }

    pub(super) fn put(&mut self, index: u32, sensor: Sensor) {
        if index as usize == self.table.len() {
            self.table.push(sensor);
        } else {
            self.table[index as usize] = sensor;
        }
    }

    /// The sensor stands elsewhere, or measures something else: its level there begins anew.
    fn relocate(&mut self, index: u32, reading: &Reading<'_>, place: CellId, offset: i64, world: &mut World) {
        let sensor = &self.table[index as usize];
        if sensor.quantity != reading.quantity
            || world.cells.sector(sensor.place) != world.cells.sector(place)
        {
            self.end_level(index, reading.head.time, offset, world);
        }
        let gateway = gateway_of(reading, place, world);
        let sensor = &mut self.table[index as usize];
        let heard = i32::from(!sensor.silent);
        world.coverage.change(sensor.place, sensor.gateway, -heard, -1, reading.head.time);
        sensor.place = place;
        sensor.gateway = gateway.or(sensor.gateway);
        sensor.quantity = reading.quantity;
        if *sensor.enterprise != *reading.enterprise_id {
            sensor.enterprise = (*reading.enterprise_id).into();
        }
        world.coverage.change(sensor.place, sensor.gateway, heard, 1, reading.head.time);
        mark(sensor, index, &mut self.dirty);
    }

    fn end_level(&mut self, index: u32, at: EventTime, offset: i64, world: &mut World) {
        let sensor = &mut self.table[index as usize];
        let Some(alarm) = sensor.alarm.take() else { return };
        let sensor = &self.table[index as usize];
        let profile = self.profile(sensor);
        if let Some(holder) = alarm.holder(profile) {
            let moved = Move { at, from: Some(holder), to: None };
            tell_move(self.names.name(index), sensor, profile, moved, Some(offset), world);
        }
    }

    /// Lets the sensor's alarm change, and tells each move of its level.
    pub(super) fn move_level(
        &mut self,
        index: u32,
        offset: Option<i64>,
        world: &mut World,
        change: impl FnOnce(&mut Alarm, &Profile, &mut dyn FnMut(Move)),
    ) {
        let sensor = &self.table[index as usize];
        let profile = &self.profiles[self.profile_index(sensor.quantity, sensor.place)];
        let sensor = &mut self.table[index as usize];
        let before = sensor.alarm.take();
        let mut alarm = before.clone().unwrap_or_else(|| Box::new(Alarm::new(profile)));
        let name = self.names.name(index);
        let at_rest = &*sensor;
        change(&mut alarm, profile, &mut |moved| tell_move(name, at_rest, profile, moved, offset, world));
        let after = (!alarm.is_normal()).then_some(alarm);
        if before != after {
            mark(sensor, index, &mut self.dirty);
        }
        sensor.alarm = after;
    }
}

/// Puts a sensor on the list of records to be written.
pub(super) fn mark(sensor: &mut Sensor, index: u32, dirty: &mut Vec<u32>) {
    if !sensor.dirty {
        sensor.dirty = true;
        dirty.push(index);
    }
}

/// Whether the reading names another gateway than the sensor's. A reading without one says nothing about it.
fn has_moved(sensor: &Sensor, reading: &Reading<'_>, world: &World) -> bool {
    match (&reading.gateway_id, sensor.gateway) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(id), Some(index)) => world.coverage.gateway_id(index) != *id,
    }
}

fn gateway_of(reading: &Reading<'_>, place: CellId, world: &mut World) -> Option<u32> {
    let id = reading.gateway_id.as_deref()?;
    let gateway = world.coverage.gateway(id, place, &reading.enterprise_id, world.settings.subjects_max);
    if gateway.is_none() {
        world.numbers.limit("subjects_max", 1);
    }
    gateway
}

fn count(reading: &Reading<'_>, place: CellId, world: &mut World) {
    world.counts.add_reading(place, reading.quantity, reading.quality, reading.head.time);
}

pub(super) fn tell_move(
    name: &str,
    sensor: &Sensor,
    profile: &Profile,
    moved: Move,
    offset: Option<i64>,
    world: &mut World,
) {
    let bound = |index: usize| &profile.bounds()[index];
    let level = moved.to.map(|to| bound(to).level);
    if let Some(level) = level.filter(|_| moved.is_onset(profile)) {
        for measure in world.taxonomy.measures.alarm(sensor.quantity, level) {
            world.counts.add(sensor.place, *measure, moved.at);
        }
    }
    let what = What::Level {
        quantity: world.taxonomy.quantities.get(sensor.quantity).code.clone(),
        level,
        side: moved.to.map_or("", |to| bound(to).side).to_owned(),
        value: sensor.value,
        set_point: moved.to.or(moved.from).map_or(0.0, |index| bound(index).set_point),
    };
    let of = Whereabouts { place: sensor.place, enterprise: Some(&sensor.enterprise) };
    world.signal(Subject::Sensor(name.to_owned()), of, moved.at, offset, what);
}
