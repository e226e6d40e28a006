//! A small city's day in two minutes: readings, inspections and hazards with disorder, re-sent, late and broken ones.

use std::ops::Range;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use hazstream::log::Input;

use super::affairs;

/// When the first message is sent: a moment that no slide divides evenly.
pub const START_MS: i64 = 1_795_406_400_000 + 13_707;

/// A message to be sent.
pub struct Planned {
    pub at_ms: i64,
    pub input: Input,
    pub key: String,
    pub value: Option<Vec<u8>>,
}

/// Towns, villages of them, a county, the city, and a place nobody knows.
const REGIONS: [&str; 7] =
    ["330602001", "330602002", "330604104", "330604104201", "330604", "330600000000", "110101001"];
const SECTORS: [&str; 4] = ["hazardous_chemicals", "chemical_parks", "mining", "small_workshops"];
/// Quantities with their units and a scale that reaches all of their limits.
const QUANTITIES: [(&str, &str, f64); 5] = [
    ("combustible_gas", "%LEL", 70.0),
    ("methane", "%CH4", 3.6),
    ("toxic_gas", "mg/m3", 30.0),
    // With delays before an alarm, and limits on the low side.
    ("pressure", "MPa", 2.0),
    ("level", "m", 10.0),
];

struct Sensor {
    id: String,
    enterprise: String,
    region: &'static str,
    sector: &'static str,
    quantity: (&'static str, &'static str, f64),
    /// Share of the scale.
    value: f64,
}

/// Where things happen in one seed's city: few places, or every seed would spend its time writing cells.
pub struct Places {
    pub regions: [&'static str; 3],
    pub sectors: [&'static str; 2],
}

/// Everything that is sent within `length_ms`, in order.
pub fn plan(draw: &mut Pcg64Mcg, length_ms: i64) -> Vec<Planned> {
    let places = Places {
        regions: std::array::from_fn(|_| pick(draw, &REGIONS)),
        sectors: std::array::from_fn(|_| pick(draw, &SECTORS)),
    };
    let mut planned = readings(draw, &places, length_ms);
    planned.extend(inspections(draw, &places, length_ms));
    planned.extend(affairs::plan(draw, &places, length_ms));
    let resent: Vec<Planned> = planned.iter().filter_map(|message| resend(draw, message)).collect();
    planned.extend(resent);
    planned.extend(broken(draw, length_ms));
    planned.sort_by_key(|message| message.at_ms);
    planned
}

fn readings(draw: &mut Pcg64Mcg, places: &Places, length_ms: i64) -> Vec<Planned> {
    let mut sensors: Vec<Sensor> = (0..draw.random_range(2..6))
        .map(|at| Sensor {
            id: format!("s-{at}"),
            enterprise: format!("e-{}", at / 2),
            region: pick(draw, &places.regions),
            sector: pick(draw, &places.sectors),
            quantity: pick(draw, &QUANTITIES),
            value: 0.2,
        })
        .collect();
    let every_ms = draw.random_range(2_500..9_000);
    let mut planned = Vec::new();
    for sensor in &mut sensors {
        let mut at_ms = START_MS + draw.random_range(0..every_ms);
        let offline = offline(draw, length_ms);
        // A delay that runs when the link breaks ends by the clock, which messages do not show: such a sensor is quiet.
        let most = if offline.is_empty() { 0.99 } else { 0.2 };
        if !offline.is_empty() {
            sensor.quantity = QUANTITIES[0];
        }
        // A sensor may fall silent for good.
        let until_ms = START_MS + if draw.random_range(0..4) == 0 { length_ms / 2 } else { length_ms };
        while at_ms < until_ms {
            sensor.value = (sensor.value + draw.random_range(-0.25..0.25)).clamp(0.01, most);
            let first = at_ms < START_MS + every_ms;
            let time_ms = if first { at_ms } else { at_ms - lateness(draw) };
            let sent_ms = if offline.contains(&at_ms) { offline.end } else { at_ms };
            planned.push(reading(draw, sensor, sent_ms, time_ms));
            at_ms += draw.random_range(every_ms / 2..every_ms * 3 / 2);
        }
    }
    planned
}

/// When a sensor's readings are stored behind its gateway, to be sent all at once in the end; for most sensors never.
fn offline(draw: &mut Pcg64Mcg, length_ms: i64) -> Range<i64> {
    let from_ms = START_MS + draw.random_range(0..length_ms / 2);
    let for_ms = if draw.random_range(0..3) == 0 { draw.random_range(10_000..60_000) } else { 0 };
    // From its very first reading, now and then: nobody has heard of it before.
    let from_ms = if draw.random_range(0..3) == 0 { START_MS } else { from_ms };
    from_ms..from_ms + for_ms
}

/// How much older than its sending an event is: mostly a little, sometimes a good deal, now and then hopelessly; and a
/// few come from clocks that run ahead.
fn lateness(draw: &mut Pcg64Mcg) -> i64 {
    match draw.random_range(0..1000) {
        0..8 => 40 * 86_400_000,
        8..14 => -2 * 3_600_000,
        14..30 => -draw.random_range(0..3_000),
        30..90 => draw.random_range(5_000..45_000),
        _ => draw.random_range(0..2_500),
    }
}

fn reading(draw: &mut Pcg64Mcg, sensor: &Sensor, at_ms: i64, time_ms: i64) -> Planned {
    let (quantity, unit, scale) = sensor.quantity;
    // Three decimals ending in 7: never on a set point nor on the edge of a deadband.
    let value = ((sensor.value * scale * 100.0).round() / 100.0) + 0.007;
    let mut event = json!({
        "type": "reading", "id": id(draw), "time": text(time_ms), "region": sensor.region, "sector": sensor.sector,
        "enterprise_id": sensor.enterprise, "sensor_id": sensor.id, "quantity": quantity, "value": value, "unit": unit,
    });
    match draw.random_range(0..50) {
        0 => event["quality"] = json!("uncertain"),
        1 => {
            event["quality"] = json!("bad");
            event["value"] = Value::Null;
        }
        2..6 => event["gateway_id"] = json!(["gw-1", "gw-2"][draw.random_range(0..2)]),
        _ => {}
    }
    planned(at_ms, Input::Sensors, &sensor.id, &event)
}

/// Inspections; what they find is listed again now and then, and gets closed, a major hazard by all its steps.
fn inspections(draw: &mut Pcg64Mcg, places: &Places, length_ms: i64) -> Vec<Planned> {
    let mut messages = Vec::new();
    for at in 0..draw.random_range(3..10) {
        let enterprise = format!("e-{}", draw.random_range(0..4));
        let (region, sector) = (pick(draw, &places.regions), pick(draw, &places.sectors));
        let at_ms = START_MS + 1000 + draw.random_range(0..length_ms);
        let hazards: Vec<(String, bool)> = (0..draw.random_range(0..4))
            .map(|number| (format!("h-{at}-{number}"), draw.random_range(0..4) == 0))
            .collect();
        let listed: Vec<Value> = hazards
            .iter()
            .map(|(id, major)| json!({"hazard_id": id, "grade": if *major { "major" } else { "general" }}))
            .collect();
        let place = json!({"region": region, "sector": sector, "enterprise_id": enterprise});
        let mut say = |at_ms: i64, mut event: Value| {
            for (field, value) in place.as_object().expect("an object") {
                event[field] = value.clone();
            }
            event["id"] = json!(id(draw));
            event["time"] = json!(text(at_ms - 300));
            messages.push(planned(at_ms, Input::Inspections, &enterprise, &event));
        };
        say(at_ms, json!({"type": "inspection", "source": "grid", "hazards": listed}));
        if at % 3 == 0 {
            say(at_ms + 1_700, json!({"type": "inspection", "source": "station", "hazards": listed}));
        }
        for ((hazard, major), delay_ms) in hazards.iter().zip([9_000, 21_000, 47_000]) {
            let stages: &[&str] = if *major { &["submitted", "accepted", "closed"] } else { &["closed"] };
            for (stage, step_ms) in stages.iter().zip([0, 3_000, 6_000]) {
                let event = json!({"type": "hazard", "hazard_id": hazard, "status": stage});
                say(at_ms + delay_ms + step_ms, event);
            }
        }
    }
    messages.retain(|message| message.at_ms < START_MS + length_ms);
    messages
}

/// The same message once more, soon.
fn resend(draw: &mut Pcg64Mcg, message: &Planned) -> Option<Planned> {
    let again = draw.random_range(0..100) < 4;
    // A stage that waits for its predecessor must not be given up before.
    let within_ms = if message.input == Input::Items { 8_000 } else { 20_000 };
    again.then(|| Planned {
        at_ms: message.at_ms + draw.random_range(0..within_ms),
        input: message.input,
        key: message.key.clone(),
        value: message.value.clone(),
    })
}

fn broken(draw: &mut Pcg64Mcg, length_ms: i64) -> Vec<Planned> {
    let good = json!({
        "type": "reading", "id": "x", "time": text(START_MS), "region": "330602001", "sector": "mining",
        "enterprise_id": "e-1", "sensor_id": "s-1", "quantity": "methane", "value": 0.1, "unit": "%CH4",
    });
    let with = |field: &str, value: Value| {
        let mut event = good.clone();
        event[field] = value;
        Some(event.to_string().into_bytes())
    };
    let kinds: [Option<Vec<u8>>; 10] = [
        None,
        Some(Vec::new()),
        Some(b"{\"type\":".to_vec()),
        Some(vec![b'{', 0xff, b'}']),
        with("unit", json!("ppm")),
        with("sector", json!("astrology")),
        with("time", json!("yesterday")),
        with("type", json!("prophecy")),
        with("sensor_id", Value::Null),
        with("id", json!("i".repeat(65))),
    ];
    (0..draw.random_range(0..10))
        .map(|_| Planned {
            at_ms: START_MS + 10_000 + draw.random_range(0..length_ms - 10_000),
            input: Input::Sensors,
            key: format!("s-{}", draw.random_range(0..8)),
            value: kinds[draw.random_range(0..kinds.len())].clone(),
        })
        .collect()
}

pub fn planned(at_ms: i64, input: Input, key: &str, event: &Value) -> Planned {
    Planned { at_ms, input, key: key.to_owned(), value: Some(event.to_string().into_bytes()) }
}

pub fn id(draw: &mut Pcg64Mcg) -> String {
    format!("{:016x}", draw.random::<u64>())
}

pub fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a time of this century").to_string()
}

pub fn pick<T: Copy>(draw: &mut Pcg64Mcg, from: &[T]) -> T {
    from[draw.random_range(0..from.len())]
}
