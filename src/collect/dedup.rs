//! Which event ids were heard within the horizon.
//!
//! A table of 64-byte lines, each of five ids (a 64-bit hash and the millisecond when it arrived), so that one cache line
//! answers both "was it heard?" and "where is room?": an expired id is simply overwritten. A line that is full of live
//! ids spills into a small set; the mark that says so expires like the ids it stands for. Two different ids are taken for
//! one only if their 64-bit hashes agree: at 20,000 events a second and ten minutes' horizon that happens once in two or
//! three years (12 million live ids × 6.3e11 new ones a year ÷ 2^64 = 0.4 a year).

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::event::EventTime;

const IDS_PER_LINE: usize = 5;
const LINES_MIN: usize = 64;
/// Past this many milliseconds since `base` all ticks are counted anew, long before 32 bits end.
const TICKS_MAX: i64 = 1 << 31;

/// One cache line of ids. A tick of 0 is an empty slot.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Line {
    hashes: [u64; IDS_PER_LINE],
    ticks: [u32; IDS_PER_LINE],
    /// The tick of the newest id that did not find room here; 0: none.
    spilled: u32,
}

/// Slots are asked for all at once and as bits: how many of a line are taken is chance, which no branch can be right about.
impl Line {
    /// Which slots `holds` is true of.
    fn slots(&self, holds: impl Fn(u64, u32) -> bool) -> u32 {
        (0..IDS_PER_LINE)
            .fold(0, |bits, slot| bits | u32::from(holds(self.hashes[slot], self.ticks[slot])) << slot)
    }

    /// Puts an id into the first slot of `free`; false if there is none.
    fn put(&mut self, free: u32, hash: u64, tick: u32) -> bool {
        let slot = free.trailing_zeros() as usize;
        let room = slot < IDS_PER_LINE;
        if room {
            self.hashes[slot] = hash;
            self.ticks[slot] = tick;
        }
        room
    }
}

/// The ids that arrived within the horizon.
pub struct SeenIds {
    horizon_ms: i64,
    /// Tick 1 is this moment's first millisecond.
    base: EventTime,
    lines: Vec<Line>,
    spill: HashTable<(u64, u32)>,
    lines_max: usize,
    forgotten: u64,
}

impl SeenIds {
    /// The longest horizon that ticks can hold: about twelve days.
    pub const HORIZON_MS_MAX: i64 = TICKS_MAX / 2;

    /// Remembers ids for `horizon_ms` (at most [`Self::HORIZON_MS_MAX`]) after they arrived, about `ids_max` of them.
    pub fn new(horizon_ms: i64, ids_max: usize) -> Self {
        SeenIds {
            horizon_ms: horizon_ms.clamp(0, Self::HORIZON_MS_MAX),
            base: EventTime::MIN,
            lines: vec![Line::default(); LINES_MIN],
            spill: HashTable::new(),
            lines_max: (ids_max / IDS_PER_LINE).max(LINES_MIN),
            forgotten: 0,
        }
    }

    /// The stable hash of an id.
    pub fn hash(id: &str) -> u64 {
        xxh3_64(id.as_bytes())
    }

    /// Brings the line of an id near, for a look at it soon to come.
    pub fn touch(&self, hash: u64) -> u64 {
        self.lines[line_of(hash, self.lines.len())].hashes[0]
    }

    /// Whether this id was heard at most `horizon_ms` before `now`; if not, it is remembered from `now` on. `now` never
    /// moves back. Being heard again does not make it younger.
    pub fn heard(&mut self, hash: u64, now: EventTime) -> bool {
        let tick = self.tick(now);
        let oldest = oldest_live(tick, self.horizon_ms);
        let index = line_of(hash, self.lines.len());
        let line = &mut self.lines[index];
        let live = line.slots(|_, tick| tick >= oldest);
        if live & line.slots(|known, _| known == hash) != 0
            || (line.spilled >= oldest && find_spilled(&self.spill, hash, oldest))
        {
            return true;
        }
        if !line.put(!live, hash, tick) {
            self.spill(hash, tick, oldest);
        }
        false
    }

    /// Forgets an id just heard: its event was refused after all.
    pub fn forget(&mut self, hash: u64) {
        let index = line_of(hash, self.lines.len());
        let line = &mut self.lines[index];
        for slot in 0..IDS_PER_LINE {
            if line.hashes[slot] == hash {
                line.ticks[slot] = 0;
            }
        }
        self.spill.retain(|(spilled, _)| *spilled != hash);
    }

    /// Slots that the table holds, live or not: its size in memory is 64 bytes for each five.
    pub fn slots(&self) -> usize {
        self.lines.len() * IDS_PER_LINE + self.spill.capacity()
    }

    /// Ids that were forgotten within the horizon because the table may not grow, since this was asked last.
    pub fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// Ids that are live at `now`; counts them one by one.
    #[cfg(test)]
    pub fn live(&self, now: EventTime) -> usize {
        if self.base == EventTime::MIN {
            return 0;
        }
        let oldest = oldest_live(self.ticks_to(now), self.horizon_ms);
        let in_lines: usize =
            self.lines.iter().map(|line| line.ticks.iter().filter(|tick| **tick >= oldest).count()).sum();
        in_lines + self.spill.iter().filter(|(_, tick)| *tick >= oldest).count()
    }

    fn tick(&mut self, now: EventTime) -> u32 {
        if self.base == EventTime::MIN {
            self.base = now;
        }
        if now.since_ms(self.base) >= TICKS_MAX {
            self.count_anew(now);
        }
        self.ticks_to(now)
    }

    fn ticks_to(&self, now: EventTime) -> u32 {
        now.since_ms(self.base).clamp(0, TICKS_MAX) as u32 + 1
    }

    /// Remembers an id for which its line has no room.
    fn spill(&mut self, hash: u64, tick: u32, oldest: u32) {
        if self.spill.len() >= self.lines.len() / 8 {
            self.spill.retain(|(_, tick)| *tick >= oldest);
        }
        if self.spill.len() < self.lines.len() / 8 {
            self.place(hash, tick);
        } else if self.lines.len() < self.lines_max {
            let lines = (self.lines.len() + self.lines.len() / 2).min(self.lines_max);
            self.rebuild(lines, oldest, 0);
            self.place(hash, tick);
        } else {
            self.forgotten += 1;
            let line = &mut self.lines[line_of(hash, self.lines_max)];
            let eldest = (0..IDS_PER_LINE).min_by_key(|slot| line.ticks[*slot]).unwrap_or(0);
            line.hashes[eldest] = hash;
            line.ticks[eldest] = tick;
        }
    }

    /// Moves `base` forward so that ticks fit again; ids that expired meanwhile are forgotten.
    fn count_anew(&mut self, now: EventTime) {
        let oldest_moment = now.plus_ms(-self.horizon_ms);
        let shift = oldest_moment.since_ms(self.base);
        let shift = u32::try_from(shift).unwrap_or(u32::MAX);
        self.base = oldest_moment;
        self.rebuild(self.lines.len(), shift.saturating_add(1), shift);
    }

    /// Moves every live id into a table of `lines` lines, its tick lowered by `shift`.
    fn rebuild(&mut self, lines: usize, oldest: u32, shift: u32) {
        let old = std::mem::replace(&mut self.lines, vec![Line::default(); lines]);
        let spilled = std::mem::take(&mut self.spill);
        for line in &old {
            for slot in 0..IDS_PER_LINE {
                if line.ticks[slot] >= oldest {
                    self.place(line.hashes[slot], line.ticks[slot] - shift);
                }
            }
        }
        for (hash, tick) in spilled {
            if tick >= oldest {
                self.place(hash, tick - shift);
            }
        }
    }

    /// Puts a live id, known to be new, into its line or into the spill.
    fn place(&mut self, hash: u64, tick: u32) {
        let index = line_of(hash, self.lines.len());
        let line = &mut self.lines[index];
        if !line.put(line.slots(|_, tick| tick == 0), hash, tick) {
            line.spilled = line.spilled.max(tick);
            self.spill.insert_unique(hash, (hash, tick), |(hash, _)| *hash);
        }
    }
}

/// The smallest tick that is within the horizon of `tick`; at least 1, so that empty slots are never live.
fn oldest_live(tick: u32, horizon_ms: i64) -> u32 {
    (i64::from(tick) - horizon_ms).max(1) as u32
}

/// The line of a hash among any number of lines: the high half, scaled.
fn line_of(hash: u64, lines: usize) -> usize {
    (((hash >> 32) * lines as u64) >> 32) as usize
}

fn find_spilled(spill: &HashTable<(u64, u32)>, hash: u64, oldest: u32) -> bool {
    // An expired copy of the same hash may still lie here beside a live one, hence the tick in the comparison.
    spill.find(hash, |(known, tick)| *known == hash && *tick >= oldest).is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Remembers every id with the moment when it was new.
    #[derive(Default)]
    struct Naive(BTreeMap<u64, i64>);

    impl Naive {
        fn heard(&mut self, id: u64, now: i64, horizon_ms: i64) -> bool {
            if self.0.get(&id).is_some_and(|since| now - since <= horizon_ms) {
                return true;
            }
            self.0.insert(id, now);
            false
        }
    }

    #[test]
    fn an_id_is_known_to_the_last_millisecond_of_the_horizon() {
        let hash = SeenIds::hash("a");
        for (after_ms, expected) in [(0, true), (600_000, true), (600_001, false)] {
            let mut seen = SeenIds::new(600_000, 1_000);
            let start = EventTime::from_ms(1_700_000_000_000);
            assert!(!seen.heard(hash, start));
            assert_eq!(seen.heard(hash, start.plus_ms(after_ms)), expected, "after {after_ms} ms");
        }
    }

    #[test]
    fn hearing_it_again_does_not_make_an_id_younger() {
        let mut seen = SeenIds::new(100, 1_000);
        let known: Vec<bool> = [0, 60, 120].map(|ms| seen.heard(7, EventTime::from_ms(ms))).into();
        assert_eq!(known, [false, true, false]);
    }

    #[test]
    fn ids_are_known_across_more_years_than_ticks_can_count() {
        let mut seen = SeenIds::new(600_000, 1_000);
        for day in 0..400_i64 {
            let now = EventTime::from_ms(day * 7 * 86_400_000);
            assert!(!seen.heard(1, now), "day {day}");
            assert!(seen.heard(1, now.plus_ms(600_000)), "day {day}");
        }
    }

    #[test]
    fn a_full_table_forgets_the_eldest_and_counts_it() {
        let mut seen = SeenIds::new(600_000, 320);
        for id in 0..10_000_u64 {
            seen.heard(SeenIds::hash(&id.to_string()), EventTime::from_ms(id as i64));
        }
        assert!(seen.slots() < 700, "{}", seen.slots());
        let forgotten = seen.take_forgotten();
        assert!(forgotten > 9_000, "{forgotten}");
        assert!(seen.heard(SeenIds::hash("9999"), EventTime::from_ms(10_000)), "the newest is known");
    }

    #[test]
    fn the_table_follows_the_live_ids_not_all_that_ever_came() {
        let mut seen = SeenIds::new(1_000, 10_000_000);
        for id in 0..200_000_u64 {
            seen.heard(SeenIds::hash(&id.to_string()), EventTime::from_ms(id as i64));
        }
        assert_eq!(seen.live(EventTime::from_ms(199_999)), 1_001);
        assert!(seen.slots() < 4_000, "{} slots", seen.slots());
    }

    proptest! {
        #[test]
        fn the_table_answers_as_one_that_remembers_everything(
            steps in prop::collection::vec((0..3_000_u64, 0..40_i64), 1..4_000),
            jump in 0..3_000_000_000_i64,
        ) {
            let mut seen = SeenIds::new(20_000, 1_000_000);
            let mut naive = Naive::default();
            let mut now = 1_000;
            for (step, (id, pause)) in steps.iter().enumerate() {
                now += pause + if step == 2_000 { jump } else { 0 };
                let answer = seen.heard(SeenIds::hash(&id.to_string()), EventTime::from_ms(now));
                prop_assert_eq!(answer, naive.heard(*id, now, 20_000), "step {}", step);
            }
        }
    }
}
