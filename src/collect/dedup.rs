//! Which event ids were heard within the horizon.
//!
//! A table of 64-byte lines, each of five ids (a 64-bit hash and the millisecond when it arrived), so that one cache line
//! answers both "was it heard?" and "where is room?": an expired id is simply overwritten. A line that is full of live
//! ids spills into a small set; the mark that says so expires like the ids it stands for. When too many have spilled, the
//! table grows by an eighth, a line at a time (Litwin, Linear hashing, VLDB 1980): each new line takes its ids from one old
//! line, so that no growth moves the whole table or needs room for two. Two different ids are taken for one only if their
//! 64-bit hashes agree: at 20,000 events a second and ten minutes' horizon that happens once in two or three years (12
//! million live ids × 6.3e11 new ones a year ÷ 2^64 = 0.4 a year).

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::event::EventTime;

const IDS_PER_LINE: usize = 5;
const LINES_MIN: usize = 64;
/// Lines that are allocated together: 256 kB.
const LINES_PER_CHUNK: usize = 4_096;
/// One in so many lines may have a spilled id before the table grows, and it grows by one in so many.
const SPILL_SHARE: usize = 8;
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

/// Any number of lines, to which lines are added without moving those that are there.
struct Lines {
    chunks: Vec<Vec<Line>>,
    count: usize,
}

impl Lines {
    fn new(count: usize) -> Self {
        let mut lines = Lines { chunks: Vec::new(), count: 0 };
        (0..count).for_each(|_| lines.push(Line::default()));
        lines
    }

    fn push(&mut self, line: Line) {
        if self.count.is_multiple_of(LINES_PER_CHUNK) {
            self.chunks.push(Vec::with_capacity(LINES_PER_CHUNK));
        }
        self.chunks[self.count / LINES_PER_CHUNK].push(line);
        self.count += 1;
    }

    fn get(&self, index: usize) -> &Line {
        &self.chunks[index / LINES_PER_CHUNK][index % LINES_PER_CHUNK]
    }

    fn get_mut(&mut self, index: usize) -> &mut Line {
        &mut self.chunks[index / LINES_PER_CHUNK][index % LINES_PER_CHUNK]
    }

    /// The line of a hash.
    fn of(&mut self, hash: u64) -> &mut Line {
        self.get_mut(line_of(hash, self.count))
    }

    /// Adds one line, and moves there what is its own of the live ids of the line that stood for it.
    fn grow(&mut self, oldest: u32) {
        let added = self.count;
        let old = self.get_mut(added - (1 << added.ilog2()));
        let mut new = Line { spilled: old.spilled, ..Line::default() };
        // Which ids move is chance, which no branch can be right about.
        let mut moved = 0;
        for slot in 0..IDS_PER_LINE {
            let (hash, tick) = (old.hashes[slot], old.ticks[slot]);
            let moves = tick >= oldest && line_of(hash, added + 1) == added;
            new.hashes[moved] = hash;
            new.ticks[moved] = if moves { tick } else { 0 };
            old.ticks[slot] = if moves { 0 } else { tick };
            moved += usize::from(moves);
        }
        self.push(new);
    }
}

/// The ids that arrived within the horizon.
pub struct SeenIds {
    horizon_ms: i64,
    /// Tick 1 is this moment's first millisecond.
    base: EventTime,
    lines: Lines,
    spill: HashTable<(u64, u32)>,
    lines_max: usize,
    /// The tick when room was last made for spilled ids.
    swept: u32,
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
            lines: Lines::new(LINES_MIN),
            spill: HashTable::new(),
            lines_max: (ids_max / IDS_PER_LINE).max(LINES_MIN),
            swept: 0,
            forgotten: 0,
        }
    }

    /// The stable hash of an id.
    pub fn hash(id: &str) -> u64 {
        xxh3_64(id.as_bytes())
    }

    /// Brings the line of an id near, for a look at it soon to come.
    pub fn touch(&self, hash: u64) -> u64 {
        self.lines.get(line_of(hash, self.lines.count)).hashes[0]
    }

    /// Whether this id was heard at most `horizon_ms` before `now`; if not, it is remembered from `now` on. `now` never
    /// moves back. Being heard again does not make it younger.
    pub fn heard(&mut self, hash: u64, now: EventTime) -> bool {
        let tick = self.tick(now);
        let oldest = oldest_live(tick, self.horizon_ms);
        let line = self.lines.of(hash);
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
        let line = self.lines.of(hash);
        for slot in 0..IDS_PER_LINE {
            if line.hashes[slot] == hash {
                line.ticks[slot] = 0;
            }
        }
        self.spill.retain(|(spilled, _)| *spilled != hash);
    }

    /// Slots that the table holds, live or not: its size in memory is 64 bytes for each five.
    pub fn slots(&self) -> usize {
        self.lines.count * IDS_PER_LINE + self.spill.capacity()
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
        let in_lines: usize = self
            .lines
            .chunks
            .iter()
            .flatten()
            .map(|line| line.slots(|_, tick| tick >= oldest).count_ones() as usize)
            .sum();
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
        let may_grow = self.lines.count < self.lines_max;
        let since_swept = i64::from(tick.abs_diff(self.swept));
        // Where it cannot grow it looks only now and then whether enough has expired.
        if self.spill.len() >= self.lines.count / SPILL_SHARE
            && (may_grow || since_swept > self.horizon_ms / SPILL_SHARE as i64)
        {
            self.make_room(oldest);
            self.swept = tick;
        }
        if self.spill.len() < self.lines.count / SPILL_SHARE {
            self.place(hash, tick, oldest);
        } else {
            self.forgotten += 1;
            let line = self.lines.of(hash);
            let eldest = (0..IDS_PER_LINE).min_by_key(|slot| line.ticks[*slot]).unwrap_or(0);
            line.hashes[eldest] = hash;
            line.ticks[eldest] = tick;
        }
    }

    /// Lets the spilled ids go that have expired or for which their lines have room again. If most are left, the table grows,
    /// up to its bound: otherwise the next one would soon find no room either.
    fn make_room(&mut self, oldest: u32) {
        let live = self.spill.iter().filter(|(_, tick)| *tick >= oldest).count();
        if live >= self.lines.count / SPILL_SHARE * 3 / 4 {
            let room = self.lines_max.saturating_sub(self.lines.count);
            (0..room.min(self.lines.count / SPILL_SHARE)).for_each(|_| self.lines.grow(oldest));
        }
        let lines = &mut self.lines;
        self.spill.retain(|&mut (hash, tick)| {
            let line = lines.of(hash);
            tick >= oldest && !line.put(line.slots(|_, tick| tick < oldest), hash, tick)
        });
    }

    /// Moves `base` forward so that ticks fit again; ids that expired meanwhile are forgotten.
    fn count_anew(&mut self, now: EventTime) {
        let oldest_moment = now.plus_ms(-self.horizon_ms);
        let shift = u32::try_from(oldest_moment.since_ms(self.base)).unwrap_or(u32::MAX);
        self.base = oldest_moment;
        self.swept = self.swept.saturating_sub(shift);
        for line in self.lines.chunks.iter_mut().flatten() {
            line.ticks
                .iter_mut()
                .chain([&mut line.spilled])
                .for_each(|tick| *tick = tick.saturating_sub(shift));
        }
        self.spill.retain(|(_, tick)| {
            *tick = tick.saturating_sub(shift);
            *tick > 0
        });
    }

    /// Puts a live id, known to be new, into its line or into the spill.
    fn place(&mut self, hash: u64, tick: u32, oldest: u32) {
        let line = self.lines.of(hash);
        if !line.put(line.slots(|_, tick| tick < oldest), hash, tick) {
            line.spilled = line.spilled.max(tick);
            self.spill.insert_unique(hash, (hash, tick), |(hash, _)| *hash);
        }
    }
}

/// The smallest tick that is within the horizon of `tick`; at least 1, so that empty slots are never live.
fn oldest_live(tick: u32, horizon_ms: i64) -> u32 {
    (i64::from(tick) - horizon_ms).max(1) as u32
}

/// The line of a hash among any number of lines: its low bits, one fewer where that line is not there yet. Of the high half,
/// since the spill goes by the low one.
fn line_of(hash: u64, lines: usize) -> usize {
    let (index, mask) = ((hash >> 32) as usize, lines.next_power_of_two() - 1);
    let index = index & mask;
    if index < lines { index } else { index & (mask >> 1) }
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
