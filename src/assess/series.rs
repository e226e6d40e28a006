//! One measure of one cell on one grid: the slices that hold a count, and what windows ask of them.

use std::collections::VecDeque;

/// The slices with a count ≥ 1, in order of time. Empty slices are not stored, so a silent year costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Invariant: indexes strictly increase, counts are ≥ 1. Stored as offsets from `base` to halve the memory.
    slices: VecDeque<(i32, u32)>,
    base: i64,
    /// Sum of all counts: an upper bound of every window's count.
    total: u64,
    /// Where a count was added last: the next one is of the same slice or of the one behind it, nearly always.
    latest: usize,
}

/// A maximal run of window ends [first, last] for which a condition holds, in slice indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first window end.
    pub first: i64,
    /// The last window end.
    pub last: i64,
}

impl Series {
    /// Adds `count` to slice `index`, wherever it stands in time.
    pub fn add(&mut self, index: i64, count: u32) {
        if count == 0 {
            return;
        }
        if self.slices.is_empty() {
            self.base = index;
        }
        let offset = self.offset(index);
        self.total += u64::from(count);
        let is_it = |at: &usize| self.slices.get(*at).is_some_and(|slice| slice.0 == offset);
        let near = [self.latest, self.latest + 1].into_iter().find(is_it);
        let place = near.map_or_else(|| self.place(offset), Ok);
        match place {
            Ok(at) => self.slices[at].1 = self.slices[at].1.saturating_add(count),
            Err(at) => self.slices.insert(at, (offset, count)),
        }
        self.latest = place.unwrap_or_else(|at| at);
    }

    /// Sets slice `index` to `count`, whatever it held.
    pub fn set(&mut self, index: i64, count: u32) {
        let offset = self.offset(index);
        if let Ok(at) = self.place(offset)
            && let Some((_, held)) = self.slices.remove(at)
        {
            self.total -= u64::from(held);
        }
        self.add(index, count);
    }

    /// The sum over slices [from, to).
    pub fn sum(&self, from: i64, to: i64) -> u64 {
        self.range(from, to).map(|(_, count)| u64::from(count)).sum()
    }

    /// The slices [from, to) that hold a count.
    pub fn range(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, u32)> + '_ {
        let first = self.place(self.offset(from)).unwrap_or_else(|at| at);
        self.slices
            .range(first..)
            .map(|&(offset, count)| (i64::from(offset) + self.base, count))
            .take_while(move |&(index, _)| index < to)
    }

    /// Forgets the slices before `index` and tells which they were.
    pub fn prune(&mut self, index: i64, mut gone: impl FnMut(i64)) {
        while let Some(&(offset, count)) = self.slices.front() {
            let front = i64::from(offset) + self.base;
            if front >= index {
                break;
            }
            self.slices.pop_front();
            self.total -= u64::from(count);
            gone(front);
        }
    }

    /// The sum of everything kept: no window can count more.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many slices are kept.
    pub fn len(&self) -> usize {
        self.slices.len()
    }

    /// The newest slice that holds a count.
    pub fn newest(&self) -> Option<i64> {
        self.slices.back().map(|slice| i64::from(slice.0) + self.base)
    }

    /// The runs of window ends within [first, last] whose window of `size` slices satisfies `holds`. A window end t
    /// covers slices [t − size, t); `count` is the count as of `first`. Costs one step per stored slice that enters or
    /// leaves, not per window end.
    pub fn runs(
        &self,
        size: i64,
        first: i64,
        last: i64,
        mut count: u64,
        holds: impl Fn(u64) -> bool,
    ) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut from = first;
        // The count changes at t when slice t − 1 enters or slice t − 1 − size leaves.
        let mut entering = self.range(first, last).peekable();
        let mut leaving = self.range(first - size, last - size).peekable();
        while from <= last {
            let next_enter = entering.peek().map_or(i64::MAX, |&(index, _)| index + 1);
            let next_leave = leaving.peek().map_or(i64::MAX, |&(index, _)| index + 1 + size);
            let change = next_enter.min(next_leave).min(last + 1);
            if holds(count) && change > from {
                match runs.last_mut() {
                    Some(run) if run.last + 1 == from => run.last = change - 1,
                    _ => runs.push(Run { first: from, last: change - 1 }),
                }
            }
            if next_enter == change {
                count += entering.next().map_or(0, |(_, n)| u64::from(n));
            }
            if next_leave == change {
                count -= leaving.next().map_or(0, |(_, n)| u64::from(n));
            }
            from = change;
        }
        runs
    }

    /// Where a slice lies, or where it would. Offsets strictly increase, so it lies no further from the first slice, and from
    /// the last one, than in time: in a busy cell, which counts something in nearly every slice, one look finds it.
    fn place(&self, offset: i32) -> Result<usize, usize> {
        let (Some(&(first, _)), Some(&(last, _))) = (self.slices.front(), self.slices.back()) else {
            return Err(0);
        };
        if offset < first {
            return Err(0);
        }
        if offset > last {
            return Err(self.slices.len());
        }
        let newest = self.slices.len() - 1;
        let mut low = newest.saturating_sub(last.abs_diff(offset) as usize);
        let mut high = newest.min(offset.abs_diff(first) as usize);
        while low < high {
            let middle = low.midpoint(high);
            if self.slices[middle].0 < offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if self.slices[low].0 == offset { Ok(low) } else { Err(low) }
    }

    fn offset(&self, index: i64) -> i32 {
        // 2³¹ slices of 100 ms are 6.8 years either way of the first one kept: beyond every horizon.
        index.saturating_sub(self.base).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(events: &[(i64, u32)], from: i64, to: i64) -> u64 {
        events.iter().filter(|(index, _)| (from..to).contains(index)).map(|&(_, n)| u64::from(n)).sum()
    }

    proptest! {
        #[test]
        fn every_window_end_equals_the_sum_of_its_events(
            events in proptest::collection::vec((-40i64..40, 0u32..5), 0..30),
            size in 1i64..20, first in -50i64..50, len in 0i64..60, threshold in 0u64..12,
        ) {
            let mut series = Series::default();
            for &(index, count) in &events {
                series.add(index, count);
            }
            let last = first + len;
            let count = series.sum(first - size, first);
            let runs = series.runs(size, first, last, count, |count| count >= threshold);
            for t in first..=last {
                let expected = naive(&events, t - size, t) >= threshold;
                prop_assert_eq!(runs.iter().any(|run| (run.first..=run.last).contains(&t)), expected, "t = {}", t);
            }
            prop_assert!(runs.windows(2).all(|pair| pair[0].last + 1 < pair[1].first), "runs are maximal: {:?}", runs);
        }

        #[test]
        fn pruning_forgets_exactly_the_older_slices(
            events in proptest::collection::vec((-40i64..40, 1u32..5), 0..30), cut in -45i64..45,
        ) {
            let mut series = Series::default();
            for &(index, count) in &events {
                series.add(index, count);
            }
            series.prune(cut, |_| {});
            prop_assert_eq!(series.sum(i64::MIN / 2, i64::MAX / 2), naive(&events, cut, 100));
            prop_assert_eq!(series.total(), naive(&events, cut, 100));
        }
    }
}
