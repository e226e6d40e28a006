//! When a sensor is woken: a delay ends, it has fallen silent, it is no longer expected.

use super::sensor::{NONE, Sensor, Sensors, mark};
use super::timer::Wake;
use super::world::{Whereabouts, World};
use crate::event::EventTime;
use crate::tally::{Subject, What};

/// Departures are reported by name, up to so many in one flush.
const DEPARTED_NAMES_MAX: usize = 100;

impl Sensors {
    /// The timer of a sensor came.
    pub fn wake(&mut self, index: u32, at: EventTime, world: &mut World) {
        let Some(sensor) = self.table.get_mut(index as usize).filter(|sensor| sensor.wake == at) else {
            return;
        };
        sensor.wake = EventTime::from_ms(NONE);
        if sensor.alarm.is_some() {
            self.move_level(index, None, world, |alarm, profile, tell| alarm.settle(profile, at, tell));
        }
        let sensor = &self.table[index as usize];
        let silence = self.silence_at(sensor);
        if !sensor.silent && silence <= at {
            self.fall_silent(index, silence, world);
        }
        let leaving = self.table[index as usize].last.plus_ms(world.settings.expected_for_ms + 1);
        if self.table[index as usize].silent && leaving <= at {
            self.depart(index, at, world);
        } else {
            self.set_timer(index, world);
        }
    }

    pub(super) fn hear_again(&mut self, index: u32, offset: i64, world: &mut World) {
        let sensor = &self.table[index as usize];
        // A reading that was itself uploaded later than the no-data time leaves its sensor silent.
        if self.silence_at(sensor) <= world.clock.watermark() {
            return;
        }
        let sensor = &mut self.table[index as usize];
        sensor.silent = false;
        self.silent -= 1;
        mark(sensor, index, &mut self.dirty);
        let of = Whereabouts { place: sensor.place, enterprise: Some(&sensor.enterprise) };
        world.coverage.change(sensor.place, sensor.gateway, 1, 0, sensor.last);
        let subject = Subject::Sensor(self.names.name(index).to_owned());
        world.signal(subject, of, sensor.last, Some(offset), What::Heard);
        self.set_timer(index, world);
    }

    fn fall_silent(&mut self, index: u32, at: EventTime, world: &mut World) {
        let sensor = &mut self.table[index as usize];
        sensor.silent = true;
        self.silent += 1;
        mark(sensor, index, &mut self.dirty);
        let of = Whereabouts { place: sensor.place, enterprise: Some(&sensor.enterprise) };
        world.coverage.change(sensor.place, sensor.gateway, -1, 0, at);
        let subject = Subject::Sensor(self.names.name(index).to_owned());
        world.signal(subject, of, at, None, What::Silent { last: sensor.last });
    }

    fn depart(&mut self, index: u32, at: EventTime, world: &mut World) {
        let id = self.names.name(index).to_owned();
        let sensor = &mut self.table[index as usize];
        world.coverage.change(sensor.place, sensor.gateway, 0, -1, at);
        sensor.dirty = false;
        sensor.unwritten = NONE;
        sensor.alarm = None;
        self.silent -= 1;
        self.names.remove(index);
        if world.numbers.departed.len() < DEPARTED_NAMES_MAX {
            world.numbers.departed.push(id.clone());
        }
        self.departed.push(id);
    }

    /// The first moment at which the sensor, unless heard again, has been silent for its no-data time.
    pub(super) fn silence_at(&self, sensor: &Sensor) -> EventTime {
        sensor.last.plus_ms(self.profile(sensor).no_data_after_ms + 1)
    }

    /// Brings the timer forward if a delay ends before it.
    pub(super) fn wake_by_delay(&mut self, index: u32, world: &mut World) {
        let sensor = &self.table[index as usize];
        let due = sensor.alarm.as_ref().and_then(|alarm| alarm.next_due(self.profile(sensor)));
        if due.is_some_and(|due| due < sensor.wake || sensor.wake.ms == NONE) {
            self.set_timer(index, world);
        }
    }

    pub(super) fn set_timer(&mut self, index: u32, world: &mut World) {
        let sensor = &self.table[index as usize];
        let idle = if sensor.silent {
            sensor.last.plus_ms(world.settings.expected_for_ms + 1)
        } else {
            self.silence_at(sensor)
        };
        let due = sensor.alarm.as_ref().and_then(|alarm| alarm.next_due(self.profile(sensor)));
        let at = due.map_or(idle, |due| due.min(idle));
        let sensor = &mut self.table[index as usize];
        if sensor.wake != at {
            sensor.wake = at;
            world.timers.set(at, Wake::Sensor(index));
        }
    }
}
