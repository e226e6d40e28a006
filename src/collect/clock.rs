//! How far one input partition has come in event time, and how an event stands to that.
//!
//! Three moments, none of which ever moves back: the newest *arrival*, which ages remembered ids; the *frontier*, the
//! newest event time that arrivals vouch for; and the *watermark*, which trails it by the disorder allowed. A device with
//! a wrong clock moves none of them: an event counts at most for the moment when it arrived, and one that claims to come
//! from further ahead than `max_future_skew` is quarantined.

use crate::event::EventTime;

/// How an event stands to the watermark before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// Not before the watermark.
    OnTime,
    /// Behind the watermark by this many milliseconds, yet inside some window's horizon.
    Late {
        /// Milliseconds, ≥ 1.
        by_ms: i64,
    },
    /// Behind it by more than the longest horizon: no window would count it.
    BeyondHorizon {
        /// Milliseconds.
        by_ms: i64,
    },
}

/// The clock of one input partition.
#[derive(Clone, Debug)]
pub struct Clock {
    allowed_disorder_ms: i64,
    idle_after_ms: i64,
    longest_horizon_ms: i64,
    arrival: EventTime,
    frontier: EventTime,
    watermark: EventTime,
    at_end: bool,
    idle: bool,
    /// The worker's clock at the last record; before the first one, at the first call after the assignment.
    busy_until: Option<EventTime>,
}

impl Clock {
    /// A clock that has heard nothing.
    pub fn new(allowed_disorder_ms: i64, idle_after_ms: i64, longest_horizon_ms: i64) -> Self {
        Clock {
            allowed_disorder_ms,
            idle_after_ms,
            longest_horizon_ms,
            arrival: EventTime::MIN,
            frontier: EventTime::MIN,
            watermark: EventTime::MIN,
            at_end: false,
            idle: false,
            busy_until: None,
        }
    }

    /// Sets the three moments that a task's state holds.
    pub fn restore(&mut self, arrival: EventTime, frontier: EventTime, watermark: EventTime) {
        self.arrival = arrival;
        self.frontier = frontier;
        self.watermark = watermark;
    }

    /// The newest arrival.
    pub fn arrival(&self) -> EventTime {
        self.arrival
    }

    /// The newest event time that an arrival vouches for.
    pub fn frontier(&self) -> EventTime {
        self.frontier
    }

    /// How far arrivals have come: the newest one, or the worker's clock where an idle partition follows it.
    pub fn present(&self) -> EventTime {
        self.arrival.max(self.frontier)
    }

    /// No on-time event before this is still to come.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Read to its end and silent for the idle time, as of the last tick.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// Whether the partition was read to its end: whoever reads it says so, after the records.
    pub fn set_at_end(&mut self, at_end: bool) {
        self.at_end = at_end;
        self.idle &= at_end;
    }

    /// Records are being read at this moment of the worker's clock: the end, if it was reached, is further on now.
    pub fn busy(&mut self, now: EventTime) {
        self.at_end = false;
        self.busy_until = Some(self.busy_until.map_or(now, |until| until.max(now)));
        self.idle = false;
    }

    /// A record arrived, whatever is in it.
    pub fn hear(&mut self, arrival: EventTime) {
        self.arrival = self.arrival.max(arrival);
    }

    /// How an event stands to the watermark.
    pub fn judge(&self, time: EventTime) -> Lateness {
        if time >= self.watermark {
            return Lateness::OnTime;
        }
        let by_ms = self.watermark.since_ms(time);
        if by_ms > self.longest_horizon_ms {
            Lateness::BeyondHorizon { by_ms }
        } else {
            Lateness::Late { by_ms }
        }
    }

    /// An event was accepted: it vouches for its own time, but not beyond the moment when it arrived.
    pub fn accept(&mut self, time: EventTime, arrival: EventTime) {
        self.reach(time.min(arrival));
    }

    /// The worker's clock is `now`: an idle partition follows it, any other one stays where its events left it.
    pub fn tick(&mut self, now: EventTime) {
        let since = *self.busy_until.get_or_insert(now);
        self.idle = self.at_end && now.since_ms(since) >= self.idle_after_ms;
        if self.idle {
            self.reach(now);
        }
    }

    fn reach(&mut self, moment: EventTime) {
        if moment > self.frontier {
            self.frontier = moment;
            self.watermark = self.watermark.max(moment.plus_ms(-self.allowed_disorder_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(s: i64) -> EventTime {
        EventTime::from_ms(s * 1000)
    }

    fn clock() -> Clock {
        Clock::new(30_000, 10_000, 3_600_000)
    }

    #[test]
    fn the_watermark_trails_the_newest_event_and_never_moves_back() {
        let mut clock = clock();
        for (time, expected) in [(100, 70), (90, 70), (130, 100), (20, 100), (131, 101)] {
            clock.accept(at(time), at(time + 5));
            assert_eq!(clock.watermark(), at(expected), "after {time}");
        }
    }

    #[test]
    fn an_event_ahead_of_its_arrival_moves_time_no_further_than_its_arrival() {
        let mut clock = clock();
        clock.accept(at(159), at(100));
        assert_eq!((clock.frontier(), clock.watermark()), (at(100), at(70)));
    }

    #[test]
    fn lateness_tells_by_how_much_and_the_horizon_itself_is_still_inside() {
        let mut clock = clock();
        assert_eq!(clock.judge(at(-9_000_000)), Lateness::OnTime, "nothing is late before the first event");
        clock.accept(at(10_030), at(10_030));
        let cases = [
            (at(10_000), Lateness::OnTime),
            (EventTime::from_ms(9_999_999), Lateness::Late { by_ms: 1 }),
            (at(6_400), Lateness::Late { by_ms: 3_600_000 }),
            (EventTime::from_ms(6_399_999), Lateness::BeyondHorizon { by_ms: 3_600_001 }),
        ];
        for (time, expected) in cases {
            assert_eq!(clock.judge(time), expected, "{time:?}");
        }
    }

    #[test]
    fn an_idle_partition_follows_the_worker_and_a_lagging_one_holds() {
        let mut clock = clock();
        clock.busy(at(100));
        clock.accept(at(50), at(50));
        clock.tick(at(500));
        assert_eq!((clock.is_idle(), clock.frontier()), (false, at(50)), "not read to its end: it lags");
        clock.set_at_end(true);
        clock.tick(at(109));
        assert!(!clock.is_idle(), "silent for 9 s only");
        clock.tick(at(110));
        assert_eq!((clock.is_idle(), clock.frontier(), clock.watermark()), (true, at(110), at(80)));
        clock.busy(at(111));
        clock.accept(at(105), at(111));
        assert_eq!((clock.is_idle(), clock.watermark()), (false, at(80)));
        clock.tick(at(150));
        assert_eq!(clock.frontier(), at(110));
    }

    #[test]
    fn an_empty_partition_is_idle_after_the_idle_time_of_its_assignment() {
        let mut clock = clock();
        clock.set_at_end(true);
        clock.tick(at(1_000));
        assert_eq!((clock.is_idle(), clock.frontier()), (false, EventTime::MIN));
        clock.tick(at(1_010));
        assert_eq!((clock.is_idle(), clock.watermark()), (true, at(980)));
        clock.set_at_end(false);
        assert!(!clock.is_idle(), "records are waiting");
    }
}
