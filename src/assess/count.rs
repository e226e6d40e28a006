//! Count rules: the episodes in which a window's count is above a rule's threshold.
//!
//! For one rule on one cell, window ends t are judged in order: an episode starts at the first t whose count reaches
//! `threshold` and ends at the first later t whose count is below `clear`. A count only grows while its window is open,
//! so a crossing may be told at once ("early and exact"); a fall only when the event clock has passed t. A late event
//! grows counts of window ends that were judged before: what would have crossed on time crosses now, and where it has
//! fallen back since, the alert fires and resolves at once, reason `late`.

use super::cell::Watch;
use super::cells::{Cells, Entered, Spot};
use super::draft::Draft;
use super::judge::Judge;
use super::rule::{Condition, Rule};
use crate::event::EventTime;
use crate::tally::Subject;
use crate::taxonomy::Level;
use crate::warn::{Alert, Cue, Reason, Status, Step, alert_id};

/// A watch on which an episode is under way: cell, measure, watch.
pub type ActiveWatch = (u32, usize, usize);

/// The numbers of a count rule.
#[derive(Clone, Copy)]
struct Limits {
    window: usize,
    threshold: u64,
    clear: u64,
}

impl Limits {
    fn of(rule: &Rule) -> Limits {
        match rule.condition {
            Condition::Count { window, threshold, clear, .. } => Limits { window, threshold, clear },
            Condition::Event { .. } | Condition::SensorLevel { .. } | Condition::NoData(_) => {
                unreachable!("only count rules watch a track")
            }
        }
    }
}

impl Judge<'_> {
    /// After `delta` was added to the slice at `spot`: judges the window ends that cover it.
    pub fn added(&mut self, cells: &mut Cells, (cell, measure): (u32, usize), spot: &Spot, delta: u64) {
        let watches = cells.get(cell).track(measure).map_or(0, |track| track.watches.len());
        for watch in 0..watches {
            let Some(track) = cells.get(cell).track(measure) else { return };
            let Watch { rule, since, .. } = track.watches[watch];
            let limits = Limits::of(&self.rules[rule]);
            let grid = cells.windows.grid_of[limits.window];
            let Some(index) = spot.index[grid] else { continue };
            if track.series[grid].total() < limits.threshold {
                continue;
            }
            // No window end before index + 1 has changed: an episode under way by then is all there is to tell.
            if since.is_some_and(|since| since <= index + 1) {
                continue;
            }
            let as_of = cells.as_of[limits.window];
            let size = super::cell::size_slices(&cells.windows, limits.window);
            let ends = (index + 1, as_of.min(index + size));
            let newly = track.runs(&cells.windows, limits.window, as_of, ends, |count| {
                count >= limits.threshold && count.saturating_sub(delta) < limits.threshold
            });
            let crossed: Vec<i64> = newly.iter().map(|run| run.first).collect();
            self.crossed(cells, (cell, measure, watch), &crossed);
        }
    }

    /// After time has reached slices that were added ahead of it.
    pub fn entered(&mut self, cells: &mut Cells, entered: &Entered) {
        let Entered { cell, measure, window, ends } = *entered;
        let watches = cells.get(cell).track(measure).map_or(0, |track| track.watches.len());
        for watch in 0..watches {
            let Some(track) = cells.get(cell).track(measure) else { return };
            let limits = Limits::of(&self.rules[track.watches[watch].rule]);
            if limits.window != window || track.watches[watch].since.is_some() {
                continue;
            }
            let runs =
                track.runs(&cells.windows, window, cells.as_of[window], ends, |n| n >= limits.threshold);
            let crossed: Vec<i64> = runs.iter().map(|run| run.first).collect();
            self.crossed(cells, (cell, measure, watch), &crossed);
        }
    }

    /// Judges by rule `index`, which never judged this cell, the window ends that are still open.
    pub fn count_anew(&mut self, index: usize, cells: &mut Cells, (cell, measure): (u32, usize)) {
        let limits = Limits::of(&self.rules[index]);
        let (as_of, judged) = (cells.as_of[limits.window], cells.judged[limits.window]);
        let Some(track) = cells.get(cell).track(measure) else { return };
        let watch = track.watches.iter().position(|watch| watch.rule == index && watch.since.is_none());
        let Some(watch) = watch.filter(|_| as_of > i64::MIN) else { return };
        let first = if judged == i64::MIN { as_of } else { as_of.min(judged + 1) };
        let ends = (first, as_of);
        let runs = track.runs(&cells.windows, limits.window, as_of, ends, |n| n >= limits.threshold);
        let crossed: Vec<i64> = runs.iter().map(|run| run.first).collect();
        self.crossed(cells, (cell, measure, watch), &crossed);
    }

    /// Window ends at which newly crossing runs begin, in order.
    fn crossed(&mut self, cells: &mut Cells, active: ActiveWatch, crossed: &[i64]) {
        let mut settled = i64::MIN;
        for &first in crossed {
            let Watch { rule, since, .. } = watch_of(cells, active);
            match since {
                _ if first < settled => {}
                None => {
                    let late = first <= cells.judged[Limits::of(&self.rules[rule]).window];
                    let first = if late { self.begun(cells, active, first) } else { first };
                    let reasons =
                        if late { (Reason::Late, Reason::Late) } else { (Reason::Crossed, Reason::Cleared) };
                    settled = self.open(cells, active, first, reasons).unwrap_or(i64::MAX);
                }
                Some(since) if first < since => {
                    let limits = Limits::of(&self.rules[rule]);
                    let fell = falls(cells, active, limits, (first + 1, since - 1));
                    let late = first <= cells.judged[limits.window];
                    let first = if late { self.begun(cells, active, first) } else { first };
                    let slide_ms = cells.windows.windows[limits.window].slide_ms;
                    if fell.is_some_and(|end| (end - first) * slide_ms < self.rules[rule].for_ms) {
                        continue;
                    }
                    self.earlier(cells, active, first, fell, late);
                    if fell.is_none() {
                        set_since(cells, active, Some(first));
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Where the episode began that a late event has made to go on through `first`: it may have lapsed before, too short for
    /// the rule's `for`, and be long enough now.
    fn begun(&self, cells: &Cells, active: ActiveWatch, first: i64) -> i64 {
        let rule = &self.rules[watch_of(cells, active).rule];
        let limits = Limits::of(rule);
        let for_slides = rule.for_ms / cells.windows.windows[limits.window].slide_ms;
        let mut begun = first;
        for end in (first.saturating_sub(for_slides)..first).rev() {
            match count_at(cells, active, limits, end) {
                count if count < limits.clear => break,
                count if count >= limits.threshold => begun = end,
                _ => {}
            }
        }
        begun
    }

    /// An officer closed an alert: the episode behind it is over too, as a restart would find it.
    pub fn closed(&mut self, cells: &mut Cells, id: &str) {
        let is_its = |active: &ActiveWatch| self.id_of(cells, *active) == id;
        let closed = self.book.get(id).is_some_and(|alert| alert.status == Status::Resolved);
        if let Some(active) = self.active.iter().copied().find(is_its).filter(|_| closed) {
            set_since(cells, active, None);
            self.active.remove(&active);
        }
    }

    /// An episode begins at window end `first`. Returns the window end at which it is over, if it is.
    fn open(
        &mut self,
        cells: &mut Cells,
        active: ActiveWatch,
        first: i64,
        reasons: (Reason, Reason),
    ) -> Option<i64> {
        let rule = watch_of(cells, active).rule;
        let limits = Limits::of(&self.rules[rule]);
        let for_ms = self.rules[rule].for_ms;
        let fell = falls(cells, active, limits, (first + 1, cells.judged[limits.window]));
        match fell {
            Some(end) => {
                let held_ms = (end - first) * cells.windows.windows[limits.window].slide_ms;
                if held_ms >= for_ms {
                    self.tell(cells, active, first, Cue::Fire, reasons.0, first);
                    self.tell(cells, active, end, Cue::Clear, reasons.1, end);
                }
            }
            None => {
                set_since(cells, active, Some(first));
                self.active.insert(active);
                let cue = if for_ms > 0 { Cue::Wait } else { Cue::Fire };
                self.tell(cells, active, first, cue, reasons.0, first);
            }
        }
        fell
    }

    /// After the event clock has moved on: what has fallen back, what has held for long enough.
    pub fn fall_back(&mut self, cells: &mut Cells, active: ActiveWatch, judged_before: &[i64]) {
        let Watch { rule, since: Some(since), blind } = watch_of(cells, active) else { return };
        let limits = Limits::of(&self.rules[rule]);
        let judged = cells.judged[limits.window];
        let as_of = cells.as_of[limits.window];
        let unknown = blind && self.status(cells, active) == Some(Status::Unknown);
        let fell = if unknown {
            (count_at(cells, active, limits, judged) < limits.clear).then_some(judged)
        } else {
            // What is pending while its sources are silent has neither lapsed nor held: its fall is remembered.
            let waits = self.rules[rule].for_ms > 0;
            let pending = waits && self.status(cells, active) == Some(Status::Pending);
            let from = if pending { since } else { since.max(judged_before[limits.window]) };
            falls(cells, active, limits, (from + 1, judged))
        };
        // Nearly always, and asked of every episode under way after every tally: it goes on.
        if fell.is_none() && !unknown && self.rules[rule].for_ms == 0 {
            return;
        }
        self.sustain(cells, active, since, fell.unwrap_or(i64::MAX));
        let Some(mut end) = fell else {
            let holds =
                self.covered(cells, active.0) || count_at(cells, active, limits, as_of) >= limits.threshold;
            if unknown && holds {
                self.tell(cells, active, judged, Cue::Fire, Reason::SourcesHeard, judged);
                set_blind(cells, active, false);
            }
            return;
        };
        if !self.covered(cells, active.0) {
            self.tell(cells, active, end, Cue::Blind, Reason::SourcesSilent, end);
            set_blind(cells, active, true);
            return;
        }
        let lapsed = self.status(cells, active) == Some(Status::Pending);
        self.tell(cells, active, end, Cue::Clear, if lapsed { Reason::Lapsed } else { Reason::Cleared }, end);
        set_since(cells, active, None);
        set_blind(cells, active, false);
        self.active.remove(&active);
        // In catch-up the event clock passes many window ends at once: there may be whole episodes after this one.
        while let Some(again) = track_of(cells, active)
            .runs(&cells.windows, limits.window, as_of, (end + 1, as_of), |n| n >= limits.threshold)
            .first()
        {
            match self.open(cells, active, again.first, (Reason::Crossed, Reason::Cleared)) {
                Some(over) => end = over,
                None => return,
            }
        }
    }

    fn status(&self, cells: &Cells, active: ActiveWatch) -> Option<Status> {
        self.book.get(&self.id_of(cells, active)).map(|alert| alert.status)
    }

    /// The id of a watch's alert.
    pub fn id_of(&self, cells: &Cells, active: ActiveWatch) -> String {
        let rule = &self.rules[watch_of(cells, active).rule];
        alert_id(&Subject::Cell(cells.key(active.0).clone()), rule.id_hash())
    }

    /// A watch's alert as of now.
    pub fn drafted(&self, cells: &Cells, active: ActiveWatch) -> Alert {
        let window = Limits::of(&self.rules[watch_of(cells, active).rule]).window;
        self.draft(cells, active, cells.as_of[window]).alert(self.taxonomy, self.zone, self.clock)
    }

    /// A pending alert whose episode has lasted for the rule's `for` before it falls at `end`.
    fn sustain(&mut self, cells: &mut Cells, active: ActiveWatch, since: i64, end: i64) {
        let rule = watch_of(cells, active).rule;
        let limits = Limits::of(&self.rules[rule]);
        let slide_ms = cells.windows.windows[limits.window].slide_ms;
        let for_ms = self.rules[rule].for_ms;
        let ripe = EventTime::from_ms(since.saturating_mul(slide_ms)).plus_ms(for_ms);
        let pending = self.status(cells, active) == Some(Status::Pending);
        if pending && self.event_clock >= ripe && end.saturating_mul(slide_ms) >= ripe.ms {
            self.tell_at(cells, active, since, Cue::Fire, Reason::Sustained, ripe);
        }
    }

    fn tell(&mut self, cells: &Cells, active: ActiveWatch, as_of: i64, cue: Cue, reason: Reason, at: i64) {
        let window = Limits::of(&self.rules[watch_of(cells, active).rule]).window;
        let at = cells.windows.grids[cells.windows.grid_of[window]].start(at);
        self.tell_at(cells, active, as_of, cue, reason, at);
    }

    fn tell_at(
        &mut self,
        cells: &Cells,
        active: ActiveWatch,
        as_of: i64,
        cue: Cue,
        reason: Reason,
        at: EventTime,
    ) {
        let alert = self.draft(cells, active, as_of).alert(self.taxonomy, self.zone, self.clock);
        let step = self.step(cue, reason, at);
        self.book.tell(alert, step, self.out);
    }

    /// A crossing was found before the episode that is under way: that one began earlier, or there was another that was
    /// over at window end `fell`.
    fn earlier(&mut self, cells: &Cells, active: ActiveWatch, first: i64, fell: Option<i64>, late: bool) {
        let draft = self.draft(cells, active, first);
        let (id, starts_at) = (draft.id(), draft.starts_at);
        let window = Limits::of(draft.rule).window;
        let until = fell.map(|end| cells.windows.grids[cells.windows.grid_of[window]].start(end));
        let reason = if late { Reason::Late } else { Reason::Crossed };
        let step = Step { until, ..self.step(Cue::Fire, reason, starts_at) };
        let evidence = self.evidence.clone();
        let edit = |alert: &mut Alert| {
            alert.evidence = evidence;
            if fell.is_none() {
                alert.starts_at = starts_at;
            }
        };
        self.book.amend(&id, step, edit, self.out);
    }

    /// The alert of a watch as of window end `as_of`.
    fn draft<'a>(&'a self, cells: &'a Cells, active: ActiveWatch, as_of: i64) -> Draft<'a> {
        let rule = &self.rules[watch_of(cells, active).rule];
        let limits = Limits::of(rule);
        let key = cells.key(active.0);
        let spec = &cells.windows.windows[limits.window];
        let time = EventTime::from_ms(as_of.saturating_mul(spec.slide_ms));
        Draft {
            rule,
            subject: Subject::Cell(key.clone()),
            region: &key.region,
            sector: &key.sector,
            level: rule.level.unwrap_or(Level::Yellow),
            window: Some(&spec.name),
            value: count_at(cells, active, limits, as_of) as f64,
            threshold: limits.threshold as f64,
            as_of: time,
            starts_at: time,
            deadline: None,
            evidence: self.evidence.clone(),
            what: None,
        }
    }
}

fn watch_of(cells: &Cells, (cell, measure, watch): ActiveWatch) -> Watch {
    cells.get(cell).track(measure).expect("a watch lives on a track").watches[watch]
}

fn track_of(cells: &Cells, (cell, measure, _): ActiveWatch) -> &super::cell::Track {
    cells.get(cell).track(measure).expect("a watch lives on a track")
}

fn set_since(cells: &mut Cells, active: ActiveWatch, since: Option<i64>) {
    watch_mut(cells, active).since = since;
}

fn set_blind(cells: &mut Cells, active: ActiveWatch, blind: bool) {
    watch_mut(cells, active).blind = blind;
}

fn watch_mut(cells: &mut Cells, (cell, measure, watch): ActiveWatch) -> &mut Watch {
    let track = cells.get_mut(cell).tracks[measure].as_mut();
    &mut track.expect("a watch lives on a track").watches[watch]
}

fn count_at(cells: &Cells, active: ActiveWatch, limits: Limits, t: i64) -> u64 {
    track_of(cells, active).count_at(&cells.windows, limits.window, cells.as_of[limits.window], t)
}

/// The first window end within [first, last] whose count is below `clear`.
fn falls(cells: &Cells, active: ActiveWatch, limits: Limits, ends: (i64, i64)) -> Option<i64> {
    let as_of = cells.as_of[limits.window];
    let runs = track_of(cells, active)
        .runs(&cells.windows, limits.window, as_of, ends, |count| count < limits.clear);
    runs.first().map(|run| run.first)
}
