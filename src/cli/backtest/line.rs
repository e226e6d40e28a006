//! A line of a file of events: as `generate` and `import` write it, or the bare event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Input, Topic};

/// A record to be replayed.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// Its topic.
    pub input: Input,
    /// Its key.
    pub key: Cow<'a, str>,
    /// Its bytes.
    pub value: Cow<'a, str>,
    /// When it arrived: as the line says, or else when it happened.
    pub arrival: EventTime,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arrival: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// What of an event tells where it belongs.
#[derive(Deserialize)]
struct Bare<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sensor_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    enterprise_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    item_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alert_id: Option<Cow<'a, str>>,
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn read<'a>(text: &'a str, settings: &KafkaSettings) -> Result<Line<'a>, String> {
    // An event may carry fields named `topic` or `key`; a wrapped one has no `type`.
    if let Ok(Wrapped { topic: Some(topic), key, arrival, value: Some(value) }) = serde_json::from_str(text) {
        return wrapped(&topic, key, arrival.as_deref(), value.get(), settings);
    }
    let event: Bare<'a> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let input = input_of(event.kind.as_deref())?;
    let arrival = event.time.as_deref().and_then(moment).ok_or("no `time` as RFC 3339 with an offset")?;
    let key = match input {
        Input::Sensors => event.sensor_id,
        Input::Inspections => event.enterprise_id,
        Input::Items => event.item_id,
        Input::Records => event.enterprise_id.or(event.id),
        Input::Commands => event.alert_id,
    };
    Ok(Line { input, key: key.unwrap_or_default(), value: Cow::Borrowed(text), arrival })
}

fn wrapped<'a>(
    topic: &str,
    key: Option<Cow<'a, str>>,
    arrival: Option<&str>,
    raw: &'a str,
    settings: &KafkaSettings,
) -> Result<Line<'a>, String> {
    let named = |input: &&Input| {
        topic == settings.topic(Topic::Input(**input)) || topic.strip_prefix("hazard.") == Some(input.name())
    };
    let input =
        *Input::ALL.iter().find(named).ok_or_else(|| format!("`{topic}` is none of the input topics"))?;
    // Bytes that were no JSON came as a JSON text.
    let value = match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(raw),
    };
    let said = match arrival {
        Some(arrival) => {
            Some(moment(arrival).ok_or_else(|| format!("arrival `{arrival}` is no RFC 3339 time"))?)
        }
        None => {
            serde_json::from_str::<Bare<'_>>(&value).ok().and_then(|event| moment(event.time.as_deref()?))
        }
    };
    let arrival = said.ok_or("neither `arrival` nor the event says when it came")?;
    Ok(Line { input, key: key.unwrap_or_default(), value, arrival })
}

fn input_of(kind: Option<&str>) -> Result<Input, String> {
    match kind {
        Some("reading") => Ok(Input::Sensors),
        Some("inspection" | "hazard") => Ok(Input::Inspections),
        Some("item") => Ok(Input::Items),
        Some("record") => Ok(Input::Records),
        Some("ack" | "unack" | "assign" | "silence" | "unsilence" | "close") => Ok(Input::Commands),
        Some(other) => Err(format!("type `{other}` is none of the contract's")),
        None => Err("neither `topic` and `value` nor `type`".to_owned()),
    }
}

fn moment(text: &str) -> Option<EventTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(EventTime::from_ms(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn lines_are_read_wrapped_or_bare() {
        let settings = Settings::default().kafka;
        let reading = r#"{"type":"reading","id":"a","time":"1970-01-01T08:00:01+08:00","sensor_id":"S"}"#;
        let cases = [
            (
                format!(r#"{{"topic":"hazard.sensors","key":"S","value":{reading}}}"#),
                Input::Sensors,
                "S",
                reading,
                1_000,
            ),
            (
                format!(
                    r#"{{"topic":"hazard.sensors","key":"S","arrival":"1970-01-01T00:00:02Z","value":{reading}}}"#
                ),
                Input::Sensors,
                "S",
                reading,
                2_000,
            ),
            (
                r#"{"topic":"hazard.records","key":"r","arrival":"1970-01-01T00:00:02Z","value":"{\"ty"}"#
                    .to_owned(),
                Input::Records,
                "r",
                r#"{"ty"#,
                2_000,
            ),
            (reading.to_owned(), Input::Sensors, "S", reading, 1_000),
            (
                r#"{"type":"hazard","time":"1970-01-01T00:00:03Z","enterprise_id":"E"}"#.to_owned(),
                Input::Inspections,
                "E",
                r#"{"type":"hazard","time":"1970-01-01T00:00:03Z","enterprise_id":"E"}"#,
                3_000,
            ),
        ];
        for (text, input, key, value, ms) in &cases {
            let line = read(text, &settings).unwrap();
            let expected = Line {
                input: *input,
                key: (*key).into(),
                value: (*value).into(),
                arrival: EventTime::from_ms(*ms),
            };
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn lines_that_belong_nowhere_are_named() {
        let settings = Settings::default().kafka;
        for text in [
            "{",
            "[]",
            "{}",
            r#"{"type":"gossip","time":"1970-01-01T00:00:00Z"}"#,
            r#"{"type":"reading"}"#,
            r#"{"topic":"hazard.alerts","key":"a","arrival":"1970-01-01T00:00:00Z","value":{}}"#,
            r#"{"topic":"hazard.sensors","key":"a","arrival":"soon","value":{}}"#,
            r#"{"topic":"hazard.sensors","key":"a","value":"{"}"#,
        ] {
            assert!(read(text, &settings).is_err(), "{text}");
        }
    }
}
