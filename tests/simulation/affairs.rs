//! What else a city sends: items through their stages, records, officers' commands.
//!
//! What would hang on when exactly a worker reads is kept out: a predecessor comes soon or never, a deadline passes with
//! nothing behind it.

use hazstream::log::Input;
use hazstream::tally::{Cell, Subject};
use hazstream::warn::alert_id;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::input::{Places, Planned, START_MS, id, pick, planned, text};
use super::plan;

/// Kinds, and a whole life of each.
const LIVES: [(&str, &[&str]); 5] = [
    ("order_supervision", &["issued", "received", "feedback", "returned", "feedback", "closed"]),
    ("confined_space", &["permitted", "ventilated", "tested", "entered", "retested", "exited", "closed"]),
    ("callout", &["sent", "acknowledged"]),
    ("hotspot", &["detected", "fed_back"]),
    ("accident", &["reported", "closed"]),
];
const ACTIONS: [&str; 6] = ["ack", "unack", "assign", "close", "silence", "unsilence"];

/// How an item's life is told.
#[derive(Clone, Copy, PartialEq)]
enum Telling {
    InOrder,
    /// Phones come online late: each stage is sent up to this much after the next.
    Disordered,
    /// A stage that is never sent.
    Without(usize),
    /// Nothing after this stage, whose deadline passes.
    Abandoned(usize),
}

/// All of them, in no order.
pub fn plan(draw: &mut Pcg64Mcg, places: &Places, length_ms: i64) -> Vec<Planned> {
    let mut messages = Vec::new();
    for number in 0..draw.random_range(2..8) {
        life(draw, places, number, length_ms, &mut messages);
    }
    for _ in 0..draw.random_range(0..6) {
        messages.push(record(draw, places, length_ms));
    }
    for number in 0..draw.random_range(0..14) {
        messages.push(command(draw, number, length_ms));
    }
    messages.retain(|message| message.at_ms < START_MS + length_ms);
    messages
}

fn life(draw: &mut Pcg64Mcg, places: &Places, number: usize, length_ms: i64, messages: &mut Vec<Planned>) {
    let (kind, stages) = pick(draw, &LIVES);
    let telling = match draw.random_range(0..5) {
        0 | 1 => Telling::Disordered,
        2 => Telling::Without(draw.random_range(1..stages.len())),
        3 => Telling::Abandoned(draw.random_range(0..stages.len() - 1)),
        _ => Telling::InOrder,
    };
    let item = format!("i-{number}");
    let (region, sector) = (pick(draw, &places.regions), pick(draw, &places.sectors));
    let mut time_ms = START_MS + 1_000 + draw.random_range(0..length_ms * 2 / 3);
    for (nth, stage) in stages.iter().enumerate() {
        time_ms += draw.random_range(1_000..4_000);
        let mut event = json!({
            "type": "item", "id": id(draw), "time": text(time_ms), "region": region, "sector": sector,
            "kind": kind, "item_id": item, "stage": stage,
        });
        let delay_ms = if telling == Telling::Disordered { draw.random_range(0..8_000) } else { 300 };
        match telling {
            Telling::Without(left_out) if nth == left_out => continue,
            Telling::Abandoned(last) if nth > last => break,
            Telling::Abandoned(last) if nth == last => {
                event["due"] = json!(text(time_ms + draw.random_range(5_000..15_000)));
            }
            _ => {}
        }
        messages.push(planned(time_ms + delay_ms, Input::Items, &item, &event));
    }
}

fn record(draw: &mut Pcg64Mcg, places: &Places, length_ms: i64) -> Planned {
    let at_ms = START_MS + draw.random_range(1_000..length_ms);
    let event = json!({
        "type": "record", "id": id(draw), "time": text(at_ms - draw.random_range(0..30_000)),
        "region": pick(draw, &places.regions), "sector": pick(draw, &places.sectors),
        "kind": pick(draw, &["enforcement_case", "exam"]),
        "attributes": {"channel": pick(draw, &["remote", "on_site"])},
    });
    planned(at_ms, Input::Records, "r", &event)
}

/// A command for an alert that may be there by then, or never is.
fn command(draw: &mut Pcg64Mcg, number: usize, length_ms: i64) -> Planned {
    let at_ms = START_MS + draw.random_range(length_ms / 4..length_ms);
    let county = Cell { region: "330602".to_owned(), sector: "all".to_owned() };
    let (rule, subject) = match draw.random_range(0..6) {
        0 => ("busy_county", Subject::Cell(county)),
        1 => ("major_hazard", Subject::Hazard(format!("h-{}-0", draw.random_range(0..4)))),
        2 => (
            "entry_early",
            Subject::Item { kind: "confined_space".to_owned(), id: format!("i-{}", number % 4) },
        ),
        3 => (
            "order_overdue",
            Subject::Item { kind: "order_supervision".to_owned(), id: format!("i-{}", number % 4) },
        ),
        4 => ("sensor_red", Subject::Sensor(format!("s-{}", draw.random_range(0..3)))),
        _ => ("sensor_red", Subject::Sensor("never heard of".to_owned())),
    };
    let rule = plan::rules().into_iter().find(|own| own.name == rule).expect("it is one of them");
    let alert =
        if draw.random_range(0..20) == 0 { "not hex".to_owned() } else { alert_id(&subject, rule.id_hash()) };
    let action = ACTIONS[[0, 0, 0, 0, 1, 2, 3, 4, 5][draw.random_range(0..9)]];
    let mut event = json!({
        "type": action, "id": id(draw), "time": text(at_ms - 200), "alert_id": alert,
        "by": format!("officer-{number}"),
    });
    match action {
        "ack" if draw.random() => event["expires_at"] = json!(text(at_ms + draw.random_range(2_000..30_000))),
        "assign" => event["assignee"] = Value::from("team"),
        _ => {}
    }
    planned(at_ms, Input::Commands, &alert, &event)
}
