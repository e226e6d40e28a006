//! What goes through stages: a hazard from its finding to its closing, an order, an issue, a permit, a call-out.

use crate::event::EventTime;

use super::calendar::{DAY_MS, HOUR_MS};
use super::dice::Dice;
use super::place::Enterprise;
use super::render::Object;
use super::totals::{Added, NOTHING, one};

/// Something on its way through stages.
pub struct Chain {
    /// `hazard`, or the item's kind.
    pub kind: &'static str,
    /// Its owner.
    pub who: Enterprise,
    /// When its newest message was sent.
    pub sent: EventTime,
    id: String,
    major: bool,
    steps: Vec<Step>,
    next: usize,
}

/// A stage to come.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The stage's code.
    pub stage: &'static str,
    /// How long after the stage before it.
    pub wait_ms: i64,
    /// What this stage says besides.
    extra: Option<(&'static str, &'static str)>,
}

/// An item's kind: its weight among new items, and its stages with the median wait for each, in minutes.
type Course = (&'static str, f64, &'static [(&'static str, f64)]);

const MINUTE_MS: f64 = 60_000.0;
const HOUR: f64 = 60.0;
const DAY: f64 = 24.0 * HOUR;

const COURSES: [Course; 10] = [
    (
        "issue",
        400.0,
        &[
            ("reported", 0.0),
            ("dispatched", 12.0),
            ("handled", 5.0 * HOUR),
            ("fed_back", HOUR),
            ("closed", DAY),
        ],
    ),
    ("hot_work", 250.0, &[("permitted", 0.0), ("started", 20.0), ("stopped", 90.0), ("closed", 45.0)]),
    (
        "confined_space",
        120.0,
        &[
            ("permitted", 0.0),
            ("ventilated", 25.0),
            ("tested", 10.0),
            ("entered", 12.0),
            ("retested", 80.0),
            ("exited", 25.0),
            ("closed", 15.0),
        ],
    ),
    ("task", 3.0, &[("planned", 0.0), ("done", 20.0 * DAY)]),
    ("order_task", 3.0, ORDER),
    ("order_notice", 1.5, ORDER),
    ("order_control", 0.5, ORDER),
    ("order_supervision", 0.16, ORDER),
    ("hotspot", 2.0, &[("detected", 0.0), ("fed_back", 25.0)]),
    ("accident", 0.1, &[("reported", 0.0), ("closed", 30.0 * DAY)]),
];
const ORDER: &[(&str, f64)] =
    &[("issued", 0.0), ("received", 90.0), ("feedback", 4.0 * DAY), ("closed", DAY)];
/// How much waits spread around their medians.
const SPREAD: f64 = 0.4;
/// A general hazard is mended in three days (median); one in twenty takes longer than twenty.
const MENDING: (f64, f64) = (3.0 * DAY, 1.153);

impl Chain {
    /// What follows the finding of a hazard.
    pub fn hazard(dice: &mut Dice, id: String, who: Enterprise, major: bool, sent: EventTime) -> Self {
        let steps = if major { major_steps(dice) } else { vec![after(dice, "closed", MENDING.0, MENDING.1)] };
        Chain { kind: "hazard", who, sent, id, major, steps, next: 0 }
    }

    /// A new item of some kind.
    pub fn item(dice: &mut Dice, id: String, who: Enterprise) -> Self {
        let weights: [(usize, f64); COURSES.len()] = std::array::from_fn(|at| (at, COURSES[at].1));
        let (kind, _, course) = COURSES[dice.weighted(&weights).copied().unwrap_or(0)];
        let steps = course.iter().map(|(stage, minutes)| after(dice, stage, *minutes, SPREAD)).collect();
        Chain { kind, who, sent: EventTime::MIN, id, major: false, steps, next: 0 }
    }

    /// One person called out; 95 % acknowledge.
    pub fn call_out(dice: &mut Dice, number: u64, who: Enterprise) -> Self {
        let mut steps = vec![Step {
            stage: "sent",
            wait_ms: 0,
            extra: Some(("attributes", "{\"channel\":\"phone\",\"people\":1}")),
        }];
        if dice.chance(0.95) {
            steps.push(after(dice, "acknowledged", 4.0, 0.8));
        }
        Chain {
            kind: "callout",
            who,
            sent: EventTime::MIN,
            id: format!("CO-{number:07}"),
            major: false,
            steps,
            next: 0,
        }
    }

    /// The stage to come, if any.
    pub fn next_step(&self) -> Option<Step> {
        self.steps.get(self.next).copied()
    }

    /// Takes the next stage.
    pub fn advance(&mut self) -> Option<Step> {
        let step = self.next_step();
        self.next += 1;
        step
    }

    /// The message key: hazards go with their enterprise, items by themselves.
    pub fn key(&self) -> &str {
        if self.kind == "hazard" { &self.who.id } else { &self.id }
    }
}

/// Writes a stage's message, its head being written already.
pub fn write(object: Object, chain: &Chain, step: &Step) -> String {
    let object = if chain.kind == "hazard" {
        let grade = if chain.major { "major" } else { "general" };
        let object = object.text("enterprise_id", &chain.who.id).text("hazard_id", &chain.id);
        object.text("status", step.stage).text("grade", grade)
    } else {
        let object = object.text("kind", chain.kind).text("item_id", &chain.id).text("stage", step.stage);
        object.text("enterprise_id", &chain.who.id)
    };
    match step.extra {
        Some(("attributes", value)) => object.raw("attributes", value).end(),
        Some((name, value)) => object.text(name, value).end(),
        None => object.end(),
    }
}

/// What a stage adds to the totals.
pub fn added(chain: &Chain, step: &Step) -> Added {
    match (chain.kind, step.stage, chain.major) {
        ("hazard", "closed", false) => one(4),
        ("hazard", "closed", true) => one(5),
        ("hazard", ..) => NOTHING,
        _ => one(6),
    }
}

fn after(dice: &mut Dice, stage: &'static str, median_minutes: f64, spread: f64) -> Step {
    let minutes = if median_minutes > 0.0 { dice.log_normal(median_minutes, spread) } else { 0.0 };
    Step { stage, wait_ms: (minutes * MINUTE_MS) as i64, extra: None }
}

/// Registered, sometimes listed, rectified, sometimes returned, accepted, closed, rechecked.
fn major_steps(dice: &mut Dice) -> Vec<Step> {
    let mut steps = vec![after(dice, "registered", DAY, SPREAD)];
    if dice.chance(0.3) {
        steps.push(Step { stage: "listed", wait_ms: 2 * DAY_MS, extra: Some(("listed_level", "county")) });
    }
    steps.push(after(dice, "rectifying", 2.0 * DAY, SPREAD));
    steps.push(after(dice, "submitted", 20.0 * DAY, 0.6));
    if dice.chance(0.1) {
        steps.push(after(dice, "returned", 2.0 * DAY, SPREAD));
        steps.push(after(dice, "submitted", 5.0 * DAY, SPREAD));
    }
    steps.push(after(dice, "accepted", 3.0 * DAY, SPREAD));
    steps.push(after(dice, "closed", DAY, SPREAD));
    steps.push(Step {
        stage: "rechecked",
        wait_ms: 30 * DAY_MS + 9 * HOUR_MS,
        extra: Some(("recheck", "pass")),
    });
    steps
}
