//! One list of limits: its fields, and the order that set points and levels must keep.

use super::Level;
use super::document::Node;
use super::fields::{At, Fields};
use super::problem::{Problems, choose};
use super::quantities::{Basis, Limit, Side};

const KEYS: [&str; 9] =
    ["side", "set_point", "level", "deadband", "restore", "on_delay", "off_delay", "source", "basis"];

/// Reads the list under `key`, most severe first on each side, high sides before low ones.
pub(super) fn read(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Vec<Limit> {
    let mut limits: Vec<At<Limit>> =
        fields.list(key, problems).iter().filter_map(|entry| read_one(entry, problems)).collect();
    limits.sort_by(|a, b| {
        let side = b.value.side.is_high().cmp(&a.value.side.is_high());
        side.then(b.value.level.cmp(&a.value.level)).then(a.line.cmp(&b.line))
    });
    for pair in limits.windows(2) {
        check_order(&pair[1], &pair[0], problems);
    }
    check_gap(&limits, problems);
    limits.into_iter().map(|limit| limit.value).collect()
}

fn read_one(entry: &Node, problems: &mut Problems) -> Option<At<Limit>> {
    let fields = Fields::of(entry, &KEYS, problems)?;
    let side = fields.required_word(
        "side",
        &[("H", Side::H), ("HH", Side::HH), ("L", Side::L), ("LL", Side::LL)],
        problems,
    );
    let level = fields.required_word("level", &LEVELS, problems);
    let set_point = fields.required_number("set_point", problems);
    let basis = fields.required_word("basis", &BASES, problems);
    let source = fields.required_text("source", problems);
    let deadband = fields.number("deadband", problems);
    let restore = fields.number("restore", problems);
    let on_delay = fields.duration_ms("on_delay", problems);
    let off_delay = fields.duration_ms("off_delay", problems);
    let (side, level, set_point, basis, source) = (side?, level?, set_point?, basis?, source?);
    let deadband = match (deadband, restore) {
        (Some(deadband), Some(_)) => {
            let message = "`deadband` and `restore` say the same thing twice";
            problems.add(deadband.line, deadband.value.to_string(), message, "keep one of them");
            deadband.value
        }
        (Some(deadband), None) => {
            if deadband.value < 0.0 {
                problems.add(
                    deadband.line,
                    deadband.value.to_string(),
                    "`deadband` is negative",
                    "write 0 or more",
                );
            }
            deadband.value
        }
        (None, Some(restore)) => {
            let deadband = if side.is_high() {
                set_point.value - restore.value
            } else {
                restore.value - set_point.value
            };
            if deadband < 0.0 {
                let message = "`restore` lies on the alarm's own side of `set_point`";
                let remedy = "restore a high alarm at or below its set point, a low one at or above";
                problems.add(restore.line, restore.value.to_string(), message, remedy);
            }
            deadband
        }
        (None, None) => 0.0,
    };
    let limit = Limit {
        side,
        set_point: set_point.value,
        level,
        deadband,
        on_delay_ms: on_delay.map_or(0, |duration| duration.value),
        off_delay_ms: off_delay.map_or(0, |duration| duration.value),
        source: source.value.to_owned(),
        basis,
    };
    Some(At { line: set_point.line, value: limit })
}

pub(super) const LEVELS: [(&str, Level); 4] =
    [("blue", Level::Blue), ("yellow", Level::Yellow), ("orange", Level::Orange), ("red", Level::Red)];

pub(super) const BASES: [(&str, Basis); 3] =
    [("cited", Basis::Cited), ("known", Basis::Known), ("design", Basis::Design)];

impl<'n> Fields<'n> {
    /// One of a closed set of words under `key`, which must be there.
    pub(super) fn required_word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let word = self.required_text(key, problems)?;
        let found = words.iter().find(|(name, _)| *name == word.value).map(|(_, value)| *value);
        if found.is_none() {
            let remedy = choose(word.value, words.iter().map(|(name, _)| *name));
            problems.add(word.line, word.value, format!("unknown {key}"), remedy);
        }
        found
    }
}

/// On one side the more severe limit must lie further out, and the doubled side (HH, LL) outside the single one.
fn check_order(milder: &At<Limit>, severer: &At<Limit>, problems: &mut Problems) {
    let (low, high) = (&milder.value, &severer.value);
    if low.side.is_high() != high.side.is_high() {
        return;
    }
    let later = if milder.line > severer.line { milder } else { severer };
    let shown = later.value.set_point.to_string();
    if low.level == high.level {
        let message = format!(
            "two {} limits have the level {}",
            if low.side.is_high() { "high" } else { "low" },
            low.level.code()
        );
        problems.add(later.line, shown, message, "give each limit of a side its own level");
        return;
    }
    let outward =
        if low.side.is_high() { high.set_point > low.set_point } else { high.set_point < low.set_point };
    if !outward {
        let than = if low.side.is_high() { "above" } else { "below" };
        let message =
            format!("the set point of {} is not {than} that of {}", high.level.code(), low.level.code());
        let remedy =
            format!("{} was {}: order the set points by their levels", low.level.code(), low.set_point);
        problems.add(severer.line, high.set_point.to_string(), message, remedy);
    }
    if matches!((low.side, high.side), (Side::HH, Side::H) | (Side::LL, Side::L)) {
        let message = format!("{} is milder than {}", low.side.code(), high.side.code());
        let remedy = format!("give {} the higher level, or exchange the sides", low.side.code());
        problems.add(milder.line, low.side.code(), message, remedy);
    }
}

/// The lowest high limit must restore above where the highest low limit restores, or a value could satisfy neither.
fn check_gap(limits: &[At<Limit>], problems: &mut Problems) {
    let high = limits
        .iter()
        .filter(|limit| limit.value.side.is_high())
        .min_by(|a, b| a.value.set_point.total_cmp(&b.value.set_point));
    let low = limits
        .iter()
        .filter(|limit| !limit.value.side.is_high())
        .max_by(|a, b| a.value.set_point.total_cmp(&b.value.set_point));
    if let (Some(high), Some(low)) = (high, low)
        && high.value.set_point - high.value.deadband <= low.value.set_point + low.value.deadband
    {
        let message = "no value is normal: the high limits restore below the low ones";
        let remedy = "move the set points apart, or make the deadbands smaller";
        problems.add(high.line.max(low.line), high.value.set_point.to_string(), message, remedy);
    }
}
