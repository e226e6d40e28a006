//! The three envelopes, told apart as the CloudEvents Kafka binding says, and what is inside.
//!
//! Envelopes carry; they do not decide. A value that is an event as it stands needs none; type, id and time are the
//! payload's own fields, whatever `ce_type`, `ce_id` or `ce_time` say: a re-sent or re-wrapped event stays the same event.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::{Reason, Reject};

/// How a message is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// The value is the event: plain JSON, or CloudEvents binary, whose attributes are headers.
    Bare,
    /// CloudEvents structured: the event is the value's `data`.
    Structured,
}

impl Envelope {
    /// Tells the envelope by the headers.
    pub(super) fn of(headers: &[(&str, &[u8])]) -> Result<Envelope, Reject> {
        let mut envelope = Envelope::Bare;
        let mut attributes = None;
        let mut version = None;
        for &(name, value) in headers {
            if name.eq_ignore_ascii_case("content-type") {
                envelope = Envelope::by_content_type(value)?;
            } else if name == "ce_specversion" {
                if value != b"1.0" {
                    return Err(invalid("ce_specversion", &String::from_utf8_lossy(value), "1.0"));
                }
                version = Some(name);
            } else if name.starts_with("ce_") {
                attributes = Some(name);
            }
        }
        match (envelope, attributes, version) {
            // A structured message may repeat attributes as headers: the binding lets it, and they decide nothing.
            (Envelope::Bare, Some(_), None) => Err(invalid("ce_specversion", "absent", "1.0")),
            (envelope, ..) => Ok(envelope),
        }
    }

    fn by_content_type(value: &[u8]) -> Result<Envelope, Reject> {
        const FAMILY: &[u8] = b"application/cloudevents";
        let media = value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii();
        if media.eq_ignore_ascii_case(b"application/cloudevents+json") {
            return Ok(Envelope::Structured);
        }
        if media.get(..FAMILY.len()).is_some_and(|start| start.eq_ignore_ascii_case(FAMILY)) {
            let expected = "application/cloudevents+json for a structured CloudEvent";
            return Err(invalid("content-type", &String::from_utf8_lossy(value), expected));
        }
        Ok(Envelope::Bare)
    }
}

/// What hazstream reads of a structured CloudEvent; other attributes are ignored.
#[derive(Deserialize)]
struct CloudEvent<'a> {
    #[serde(borrow)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The event's own text in a structured CloudEvent's.
pub(super) fn open_structured(text: &str) -> Result<&str, Reject> {
    let event: CloudEvent<'_> = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let reason = match error.classify() {
            serde_json::error::Category::Data if message.starts_with("duplicate field") => {
                Reason::DuplicateKey
            }
            serde_json::error::Category::Data => Reason::BadEnvelope,
            _ => Reason::Malformed,
        };
        Reject { reason, detail: format!("not a structured CloudEvent: {message}") }
    })?;
    match event.specversion.as_deref() {
        Some("1.0") => {}
        other => return Err(invalid("specversion", other.unwrap_or("absent"), "1.0")),
    }
    match event.data.map(RawValue::get) {
        Some(data) if data.starts_with('{') => Ok(data),
        other => Err(invalid("data", other.unwrap_or("absent"), "the event as a JSON object")),
    }
}

fn invalid(name: &str, found: &str, expected: &str) -> Reject {
    let detail = format!("envelope: `{name}` is {found:.80?}: expected {expected}");
    Reject { reason: Reason::BadEnvelope, detail }
}
