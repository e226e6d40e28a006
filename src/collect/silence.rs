//! When a sensor is woken: a delay ends, it has fallen silent, it is no longer expected.
//!
//! A sensor is heard when a reading of it arrives, however old that reading is. It is silent once the watermark has passed
//! its newest reading by the no-data time and, unless what came last of it came on time, nothing of it has arrived for as
//! long either. The second half is for what was stored and comes late: the watermark may have passed it before it came, or
//! may leap over it when an idle partition begins to follow the clock. A delay that a late reading began ends likewise: the
//! readings after it are on their way. All of it depends on the records read, their arrival stamps and the ticks alone.

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
        while let Some(due) = self.delay(index).filter(|due| *due <= at) {
            let sensor = &self.table[index as usize];
            if arrival_for(sensor, sensor.taken, due, world) > world.clock.present() {
                break;
            }
            self.move_level(index, None, world, |alarm, profile, tell| alarm.settle(profile, due, tell));
        }
        let sensor = &self.table[index as usize];
        let silence = self.silence_at(sensor);
        if !sensor.silent
            && silence <= at
            && arrival_for(sensor, sensor.arrived, silence, world) <= world.clock.present()
        {
            let on_time = came_on_time(sensor, sensor.arrived, world);
            self.fall_silent(index, if on_time { silence } else { world.clock.watermark() }, world);
        }
        let sensor = &self.table[index as usize];
        if sensor.silent && leaving_at(sensor, world) <= at {
            self.depart(index, at, world);
        } else {
            self.set_timer(index, world);
        }
    }

    /// Arrivals have come as far as a sensor waited for: whether it has been heard since is seen when its timer wakes it.
    pub fn miss(&mut self, index: u32, at: EventTime, world: &mut World) {
        let Some(sensor) = self.table.get_mut(index as usize).filter(|sensor| sensor.missed == at) else {
            return;
        };
        sensor.missed = EventTime::from_ms(NONE);
        self.set_timer(index, world);
    }

    /// A reading of a silent sensor came: of the present, or of the time when it was silent.
    pub(super) fn hear_again(&mut self, index: u32, time: EventTime, offset: i64, world: &mut World) {
        let at = time.max(world.clock.watermark());
        let sensor = &mut self.table[index as usize];
        sensor.silent = false;
        self.silent -= 1;
        mark(sensor, index, &mut self.dirty);
        let of = Whereabouts { place: sensor.place, enterprise: Some(&sensor.enterprise) };
        world.coverage.change(sensor.place, sensor.gateway, 1, 0, at);
        let subject = Subject::Sensor(self.names.name(index).to_owned());
        world.signal(subject, of, at, Some(offset), What::Heard);
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
        sensor.missed = EventTime::from_ms(NONE);
        self.silent -= 1;
        self.names.remove(index);
        if world.numbers.departed.len() < DEPARTED_NAMES_MAX {
            world.numbers.departed.push(id.clone());
        }
        self.departed.push(id);
    }

    /// The first moment at which the sensor's newest reading is older than its no-data time.
    fn silence_at(&self, sensor: &Sensor) -> EventTime {
        sensor.last.plus_ms(self.profile(sensor).no_data_after_ms + 1)
    }

    /// When its next delay ends.
    fn delay(&self, index: u32) -> Option<EventTime> {
        let sensor = &self.table[index as usize];
        sensor.alarm.as_ref().and_then(|alarm| alarm.next_due(self.profile(sensor)))
    }

    /// Brings the timer forward if a delay ends before it.
    pub(super) fn wake_by_delay(&mut self, index: u32, world: &mut World) {
        let sensor = &self.table[index as usize];
        if self.delay(index).is_some_and(|due| due < sensor.wake || sensor.wake.ms == NONE) {
            self.set_timer(index, world);
        }
    }

    /// Lets the watermark wake the sensor for what waits for it, and arrivals for what the watermark has passed too early.
    pub(super) fn set_timer(&mut self, index: u32, world: &mut World) {
        let sensor = &self.table[index as usize];
        let idle = if sensor.silent {
            (leaving_at(sensor, world), EventTime::MIN)
        } else {
            let silence = self.silence_at(sensor);
            (silence, arrival_for(sensor, sensor.arrived, silence, world))
        };
        let delay = self.delay(index).map(|due| (due, arrival_for(sensor, sensor.taken, due, world)));
        let (mut wake, mut missed) = (None, None);
        for (moment, arrival) in [Some(idle), delay].into_iter().flatten() {
            let early = moment <= world.clock.watermark() && arrival > world.clock.present();
            let (timer, at) = if early { (&mut missed, arrival) } else { (&mut wake, moment) };
            *timer = Some(timer.map_or(at, |sooner: EventTime| sooner.min(at)));
        }
        let sensor = &mut self.table[index as usize];
        if let Some(at) = missed.filter(|at| sensor.missed.ms == NONE || *at < sensor.missed) {
            sensor.missed = at;
            world.missed.set(at, Wake::Sensor(index));
        }
        let wake = wake.unwrap_or(EventTime::from_ms(NONE));
        if sensor.wake != wake {
            sensor.wake = wake;
            if wake.ms != NONE {
                world.timers.set(wake, Wake::Sensor(index));
            }
        }
    }
}

/// Whether what arrived of a sensor did so on time, by its newest reading.
fn came_on_time(sensor: &Sensor, arrived: EventTime, world: &World) -> bool {
    arrived.since_ms(sensor.last) <= world.settings.allowed_disorder_ms
}

/// How far arrivals must have come before a moment after a sensor's newest reading is believed to have passed without
/// another: for what came on time the watermark is enough.
fn arrival_for(sensor: &Sensor, arrived: EventTime, moment: EventTime, world: &World) -> EventTime {
    if came_on_time(sensor, arrived, world) {
        return EventTime::MIN;
    }
    arrived.plus_ms(moment.since_ms(sensor.last))
}

/// The first moment at which a silent sensor, unless heard again, is no longer expected.
fn leaving_at(sensor: &Sensor, world: &World) -> EventTime {
    sensor.last.max(sensor.arrived).plus_ms(world.settings.expected_for_ms + 1)
}
