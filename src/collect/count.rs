//! What events add up to between two flushes: per leaf cell, measure and finest slice; rolled up to every cell above only
//! when it is flushed.
//!
//! Readings are nearly all of the events, and nearly all of them count for the same measures. So each open slice has a
//! dense row of numbers for every *class* of readings (those that count for the same measures), and a reading costs one
//! comparison and one addition. Everything else is rare and lies in a map.

use std::collections::BTreeMap;

use super::cell::{CellId, Cells};
use crate::event::EventTime;
use crate::event::Quality;
use crate::taxonomy::{MeasureId, QuantityId, Taxonomy};

/// Slices found without a search: where readings come out of order, each falls into another one than that before.
const RECENT: usize = 64;
const QUALITIES: [Quality; 3] = [Quality::Good, Quality::Uncertain, Quality::Bad];

/// Readings of one slice by class and leaf cell.
#[derive(Default)]
struct Slice {
    start: EventTime,
    readings: Vec<u32>,
    touched: Vec<u32>,
}

/// The counts since the last flush.
pub struct Counts {
    slice_ms: i64,
    cells: usize,
    /// The measures of each class.
    classes: Vec<Vec<MeasureId>>,
    /// The class of each quantity × quality.
    class_of: Vec<u16>,
    slices: Vec<Slice>,
    /// The slice of the reading before; most readings fall into the same one.
    current: usize,
    /// By the number of a slice, modulo: where it was found last.
    recent: [usize; RECENT],
    by_start: BTreeMap<EventTime, usize>,
    /// Emptied slices, their rows kept.
    spare: Vec<Slice>,
    rare: BTreeMap<(EventTime, MeasureId, CellId), u32>,
}

impl Counts {
    /// No counts, in slices of `slice_ms`; of 0, none is ever kept.
    pub fn new(slice_ms: i64, taxonomy: &Taxonomy) -> Self {
        let mut classes: Vec<Vec<MeasureId>> = Vec::new();
        let mut class_of = Vec::new();
        for quantity in taxonomy.quantities.iter() {
            for quality in QUALITIES {
                let measures = taxonomy.measures.reading(quantity, quality);
                let known = classes.iter().position(|class| class == measures);
                class_of.push(known.unwrap_or(classes.len()) as u16);
                if known.is_none() {
                    classes.push(measures.to_vec());
                }
            }
        }
        Counts {
            slice_ms,
            cells: taxonomy.regions.len() * taxonomy.sectors.len(),
            classes,
            class_of,
            slices: Vec::new(),
            current: 0,
            recent: [0; RECENT],
            by_start: BTreeMap::new(),
            spare: Vec::new(),
            rare: BTreeMap::new(),
        }
    }

    /// One reading in a leaf cell.
    pub fn add_reading(&mut self, leaf: CellId, quantity: QuantityId, quality: Quality, time: EventTime) {
        let in_current = self.slices.get(self.current).is_some_and(|slice| {
            let into = time.since_ms(slice.start);
            0 <= into && into < self.slice_ms
        });
        if !in_current {
            if self.slice_ms == 0 {
                return;
            }
            self.current = self.slice_of(time);
        }
        let class = self.class_of[usize::from(quantity.0) * QUALITIES.len() + quality as usize];
        let index = usize::from(class) * self.cells + leaf.0 as usize;
        let slice = &mut self.slices[self.current];
        let count = &mut slice.readings[index];
        if *count == 0 {
            slice.touched.push(index as u32);
        }
        *count = count.saturating_add(1);
    }

    /// One of a measure in a leaf cell.
    pub fn add(&mut self, leaf: CellId, measure: MeasureId, time: EventTime) {
        if self.slice_ms == 0 {
            return;
        }
        *self.rare.entry((time.floor_to(self.slice_ms), measure, leaf)).or_default() += 1;
    }

    /// Hands out (and forgets) every count, rolled up to every cell above its leaf by the regions' tree at the slice's
    /// start: by slice, measure and cell.
    pub fn roll_up(&mut self, cells: &Cells, mut each: impl FnMut(CellId, MeasureId, EventTime, u32)) {
        let mut sums = Sums { by_cell: vec![0; self.cells], touched: Vec::new() };
        for index in std::mem::take(&mut self.by_start).into_values() {
            let slice = &mut self.slices[index];
            slice.touched.sort_unstable();
            let mut touched = slice.touched.drain(..).peekable();
            while let Some(index) = touched.next() {
                let (class, leaf) = (index as usize / self.cells, index as usize % self.cells);
                let count = std::mem::take(&mut slice.readings[index as usize]);
                cells.above(CellId(leaf as u32), slice.start, |cell| sums.add(cell, count));
                if touched.peek().is_none_or(|next| *next as usize / self.cells != class) {
                    sums.hand_out(|cell, count| {
                        self.classes[class]
                            .iter()
                            .for_each(|measure| each(cell, *measure, slice.start, count));
                    });
                }
            }
        }
        self.spare.append(&mut self.slices);
        self.spare.truncate(64);
        let mut rare = std::mem::take(&mut self.rare).into_iter().peekable();
        while let Some(((slice, measure, leaf), count)) = rare.next() {
            cells.above(leaf, slice, |cell| sums.add(cell, count));
            if rare.peek().is_none_or(|((next, of, _), _)| (*next, *of) != (slice, measure)) {
                sums.hand_out(|cell, count| each(cell, measure, slice, count));
            }
        }
    }

    fn slice_of(&mut self, time: EventTime) -> usize {
        let start = time.floor_to(self.slice_ms);
        let recent = (start.ms / self.slice_ms).unsigned_abs() as usize % RECENT;
        let known = self.recent[recent];
        if self.slices.get(known).is_some_and(|slice| slice.start == start) {
            return known;
        }
        self.recent[recent] = match self.by_start.get(&start) {
            Some(index) => *index,
            None => self.open(start),
        };
        self.recent[recent]
    }

    fn open(&mut self, start: EventTime) -> usize {
        let mut slice = self.spare.pop().unwrap_or_default();
        slice.start = start;
        slice.readings.resize(self.classes.len() * self.cells, 0);
        self.slices.push(slice);
        self.by_start.insert(start, self.slices.len() - 1);
        self.slices.len() - 1
    }
}

/// Sums by cell, and which cells have any.
struct Sums {
    by_cell: Vec<u32>,
    touched: Vec<CellId>,
}

impl Sums {
    fn add(&mut self, cell: CellId, count: u32) {
        let sum = &mut self.by_cell[cell.0 as usize];
        if *sum == 0 {
            self.touched.push(cell);
        }
        *sum = sum.saturating_add(count);
    }

    fn hand_out(&mut self, mut each: impl FnMut(CellId, u32)) {
        self.touched.sort_unstable();
        for cell in self.touched.drain(..) {
            each(cell, std::mem::take(&mut self.by_cell[cell.0 as usize]));
        }
    }
}
