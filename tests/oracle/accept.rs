//! Which messages are valid, and what they say; by the contract's text, plain JSON only.

use serde_json::Value;

use super::{City, Message, Settings};

/// A valid event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub time_ms: i64,
    pub region: String,
    pub sector: String,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub enum Body {
    Reading(Reading),
    /// Hazard ids and grades.
    Inspection {
        hazards: Vec<(String, String)>,
    },
    Hazard {
        hazard: String,
        status: String,
        grade: Option<String>,
    },
    /// The stage is an index into those of its kind.
    Item {
        kind: String,
        item: String,
        stage: usize,
        due_ms: Option<i64>,
    },
    Record {
        kind: String,
        channel: Option<String>,
    },
    Command,
}

#[derive(Clone, Debug)]
pub struct Reading {
    pub sensor_id: String,
    pub quantity: String,
    pub value: Option<f64>,
    pub quality: String,
    pub gateway: Option<String>,
}

/// The event, or a reason to reject it.
pub fn read(city: &City, settings: &Settings, message: &Message) -> Result<Event, String> {
    let bytes = message.value.as_deref().ok_or("null_value")?;
    if bytes.is_empty() {
        return Err("empty_value".to_owned());
    }
    if bytes.len() > settings.max_event_bytes {
        return Err("oversized".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "not_utf8")?;
    let value: Value = serde_json::from_str(text).map_err(|_| "malformed")?;
    if !value.is_object() {
        return Err("malformed".to_owned());
    }
    let kind = required(&value, "type", usize::MAX)?;
    match (message.input, kind.as_str()) {
        ("sensors", "reading") | ("inspections", "inspection" | "hazard") => {}
        ("items", "item") | ("records", "record") => {}
        ("commands", "ack" | "unack" | "assign" | "silence" | "unsilence" | "close") => {
            let alert = required(&value, "alert_id", 64)?;
            if alert.len() < 16 || !alert.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err("unknown_alert".to_owned());
            }
            let (id, time_ms) = (required(&value, "id", 64)?, time(&value, "time")?);
            return Ok(Event {
                id,
                time_ms,
                region: String::new(),
                sector: String::new(),
                body: Body::Command,
            });
        }
        _ => return Err("unknown_type".to_owned()),
    }
    let region = required(&value, "region", 64)?;
    if ![6, 9, 12].contains(&region.len()) || !region.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("bad_field".to_owned());
    }
    let sector = required(&value, "sector", 64)?;
    if !city.has_sector(&sector) {
        return Err("unknown_sector".to_owned());
    }
    let body = match kind.as_str() {
        "reading" => Body::Reading(reading(city, &value)?),
        "inspection" => inspection(city, &value)?,
        "hazard" => hazard(&value)?,
        "item" => item(city, &value)?,
        _ => Body::Record {
            kind: required(&value, "kind", 64)?,
            channel: value["attributes"]["channel"].as_str().map(str::to_owned),
        },
    };
    Ok(Event { id: required(&value, "id", 64)?, time_ms: time(&value, "time")?, region, sector, body })
}

fn reading(city: &City, value: &Value) -> Result<Reading, String> {
    required(value, "enterprise_id", 64)?;
    let quantity = required(value, "quantity", 64)?;
    let unit = city.unit(&quantity).ok_or("unknown_quantity")?;
    if required(value, "unit", 64)? != unit {
        return Err("unit_mismatch".to_owned());
    }
    let quality = optional(value, "quality")?.unwrap_or_else(|| "good".to_owned());
    one_of(&quality, &["good", "uncertain", "bad"])?;
    let number = match value.get("value") {
        None | Some(Value::Null) if quality == "bad" => None,
        None | Some(Value::Null) => return Err("missing_field".to_owned()),
        Some(number) => Some(number.as_f64().ok_or("bad_field")?),
    };
    let gateway = optional(value, "gateway_id")?;
    Ok(Reading { sensor_id: required(value, "sensor_id", 64)?, quantity, value: number, quality, gateway })
}

fn inspection(city: &City, value: &Value) -> Result<Body, String> {
    required(value, "enterprise_id", 64)?;
    let source = required(value, "source", 64)?;
    one_of(&source, &["grid", "station", "department", "self", "third_party", "insurer"])?;
    let mut hazards = Vec::new();
    let listed = match value.get("hazards") {
        None | Some(Value::Null) => &Vec::new(),
        Some(listed) => listed.as_array().ok_or("bad_field")?,
    };
    for hazard in listed {
        let grade = required(hazard, "grade", 64)?;
        one_of(&grade, &["general", "major"])?;
        if optional(hazard, "clause")?.is_some_and(|clause| !city.has_clause(&clause)) {
            return Err("unknown_clause".to_owned());
        }
        hazards.push((required(hazard, "hazard_id", 64)?, grade));
    }
    Ok(Body::Inspection { hazards })
}

fn hazard(value: &Value) -> Result<Body, String> {
    const STATUSES: [&str; 12] = [
        "found",
        "registered",
        "listed",
        "rectifying",
        "extended",
        "submitted",
        "returned",
        "accepted",
        "closed",
        "rechecked",
        "rebounded",
        "void",
    ];
    required(value, "enterprise_id", 64)?;
    let status = required(value, "status", 64)?;
    one_of(&status, &STATUSES)?;
    let grade = optional(value, "grade")?;
    if let Some(grade) = &grade {
        one_of(grade, &["general", "major"])?;
    }
    Ok(Body::Hazard { hazard: required(value, "hazard_id", 64)?, status, grade })
}

fn required(value: &Value, field: &str, bytes_max: usize) -> Result<String, String> {
    let text = optional(value, field)?.ok_or("missing_field")?;
    if text.len() > bytes_max {
        return Err("too_long".to_owned());
    }
    Ok(text)
}

fn optional(value: &Value, field: &str) -> Result<Option<String>, String> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err("bad_field".to_owned()),
    }
}

fn one_of(text: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&text) { Ok(()) } else { Err("bad_field".to_owned()) }
}

fn item(city: &City, value: &Value) -> Result<Body, String> {
    let kind = city.kind(&required(value, "kind", 64)?).ok_or("unknown_kind")?;
    let stage = required(value, "stage", 64)?;
    let stage = kind.stages.iter().position(|known| known.code == stage).ok_or("unknown_stage")?;
    let due_ms = if value.get("due").is_some() { Some(time(value, "due")?) } else { None };
    Ok(Body::Item { kind: kind.code, item: required(value, "item_id", 64)?, stage, due_ms })
}

fn time(value: &Value, field: &str) -> Result<i64, String> {
    let text = required(value, field, usize::MAX)?;
    let time: jiff::Timestamp = text.parse().map_err(|_| "bad_time")?;
    let ms = time.as_millisecond();
    if ms < 0 { Err("bad_time".to_owned()) } else { Ok(ms) }
}
