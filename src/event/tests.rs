//! What the decoder accepts and refuses, as data.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::log::{Headers, Input, Record, Topic, TopicPartition};
use crate::taxonomy::{Kinds, Regions, Taxonomy};

const READING: &str = r#"{"type":"reading","id":"01JDBX3T0000000000000001","time":"2026-11-23T10:15:00.250+08:00","region":"330604104","sector":"hazardous_chemicals","enterprise_id":"91330604MA2BE0001X","sensor_id":"SX-0001234","quantity":"combustible_gas","value":12.5,"unit":"%LEL","quality":"good","seq":88123}"#;
const INSPECTION: &str = r#"{"type":"inspection","id":"i1","time":"2026-11-23T09:30:00+08:00","region":"330602001","sector":"small_workshops","enterprise_id":"e1","enterprise_name":"某厂","source":"grid","inspector_id":"p1","hazards":[{"hazard_id":"H-1","grade":"major","clause":"GM-2023-11-8","description":"d","due":"2026-12-03"},{"hazard_id":"H-2","grade":"general"}]}"#;
const HAZARD: &str = r#"{"type":"hazard","id":"h1","time":"2026-11-23T09:30:00+08:00","region":"330602001","sector":"small_workshops","enterprise_id":"e1","hazard_id":"H-1","status":"closed","grade":"major","due":"2026-12-20","note":"n"}"#;
const ITEM: &str = r#"{"type":"item","id":"t1","time":"2026-11-23T09:30:00+08:00","region":"330604104","sector":"small_workshops","kind":"order_supervision","item_id":"DB-1","stage":"issued","due":"2026-12-01T17:00:00+08:00","enterprise_id":"e1","level":"orange","by":"b","attributes":{"problems":49,"channel":"remote","first":true},"note":"n"}"#;
const RECORD: &str = r#"{"type":"record","id":"r1","time":"2026-11-23T09:30:00+08:00","region":"330604","sector":"mining","kind":"enforcement_case","enterprise_id":"e1","attributes":{"channel":"remote","amount":30000}}"#;
const COMMAND: &str = r#"{"type":"ack","id":"c1","time":"2026-11-23T09:30:00+08:00","alert_id":"a5f0c1","by":"li","expires_at":"2026-11-24T09:30:00+08:00","note":"n"}"#;

/// The shipped taxonomy, read once for all tests.
pub(super) fn taxonomy() -> Arc<Taxonomy> {
    static SHIPPED: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| Arc::new(Taxonomy::shipped()));
    Arc::clone(&SHIPPED)
}

fn decoder(input: Input) -> Decoder {
    Decoder::new(taxonomy(), DecodeSettings::default(), input)
}

fn record<'a>(input: Input, value: Option<&'a [u8]>, headers: &'a [(&'a str, &'a [u8])]) -> Record<'a> {
    let at = TopicPartition { topic: Topic::Input(input), partition: 0 };
    Record {
        at,
        offset: 0,
        arrival: EventTime::from_ms(0),
        key: None,
        value,
        headers: Headers::Known(headers),
    }
}

fn decode(input: Input, value: &str) -> Result<Event<'_>, Reject> {
    decoder(input).decode(&record(input, Some(value.as_bytes()), &[]))
}

fn code(outcome: Result<Event<'_>, Reject>) -> &'static str {
    match outcome {
        Ok(_) => "accepted",
        Err(reject) => {
            assert!(!reject.detail.is_empty() && reject.detail.len() < 1_000, "{reject:?}");
            reject.reason.code()
        }
    }
}

/// A message of the contract and where it goes.
fn sample(name: &str) -> (Input, &'static str) {
    match name {
        "reading" => (Input::Sensors, READING),
        "inspection" => (Input::Inspections, INSPECTION),
        "hazard" => (Input::Inspections, HAZARD),
        "item" => (Input::Items, ITEM),
        "record" => (Input::Records, RECORD),
        "command" => (Input::Commands, COMMAND),
        other => panic!("no sample {other}"),
    }
}

#[test]
fn every_shape_of_the_contract_is_read_in_full() {
    let Ok(Event::Reading(reading)) = decode(Input::Sensors, READING) else { panic!() };
    assert_eq!(reading.head.time, EventTime::from_ms(1_795_400_100_250));
    assert_eq!((&*reading.head.id, &*reading.sensor_id), ("01JDBX3T0000000000000001", "SX-0001234"));
    assert_eq!((reading.value, reading.quality, reading.gateway_id), (Some(12.5), Quality::Good, None));

    let Ok(Event::Inspection(inspection)) = decode(Input::Inspections, INSPECTION) else { panic!() };
    assert_eq!((inspection.source, inspection.hazards.len()), (InspectionSource::Grid, 2));
    assert_eq!(inspection.hazards[0].due, Some(EventTime::from_ms(1_796_313_599_999)));
    assert!(inspection.hazards[0].clause.is_some() && inspection.hazards[1].clause.is_none());

    let Ok(Event::Stage(hazard)) = decode(Input::Inspections, HAZARD) else { panic!() };
    assert_eq!((hazard.kind, &*hazard.item_id), (Kinds::HAZARD, "H-1"));

    let Ok(Event::Stage(item)) = decode(Input::Items, ITEM) else { panic!() };
    assert_eq!(item.attributes[0], ("problems".into(), Scalar::Number(49.0)));
    assert_eq!(item.attributes[2], ("first".into(), Scalar::Flag(true)));

    let Ok(Event::Record(fact)) = decode(Input::Records, RECORD) else { panic!() };
    assert_eq!(&*fact.kind, "enforcement_case");

    let Ok(Event::Command(command)) = decode(Input::Commands, COMMAND) else { panic!() };
    assert_eq!((command.action, command.by.as_deref()), (Action::Ack, Some("li")));
}

#[test]
fn texts_are_borrowed_unless_they_hold_an_escape() {
    let Ok(Event::Reading(plain)) = decode(Input::Sensors, READING) else { panic!() };
    assert!(matches!(plain.sensor_id, std::borrow::Cow::Borrowed(_)));
    let escaped = READING.replace("SX-0001234", r"S\u0058\u002d1");
    let Ok(Event::Reading(escaped)) = decode(Input::Sensors, &escaped) else { panic!() };
    assert_eq!(&*escaped.sensor_id, "SX-1");
}

#[test]
fn an_unknown_region_is_counted_as_unknown_and_keeps_its_code() {
    for (sent, known) in
        [("999999", false), ("330604104", true), ("330604104001", true), ("330604104001007", true)]
    {
        let message = READING.replace("330604104", sent);
        let Ok(Event::Reading(reading)) = decode(Input::Sensors, &message) else { panic!("{sent}") };
        assert_eq!(reading.head.region != Regions::UNKNOWN, known, "{sent}");
        assert_eq!(&*reading.head.region_code, sent);
    }
}

/// (sample, what is replaced, by what, outcome)
const EDITS: &[(&str, &str, &str, &str)] = &[
    // Accepted: what the contract leaves open.
    ("reading", r#""seq":88123"#, r#""extra":{"deep":[1,[2,{"x":1e999}]]},"extra":1"#, "accepted"),
    ("reading", r#","quality":"good","seq":88123"#, "", "accepted"),
    ("reading", r#""quality":"good""#, r#""quality":null,"gateway_id":null"#, "accepted"),
    ("reading", r#""value":12.5"#, r#""quality":"bad""#, "duplicate_key"),
    (
        "reading",
        r#""value":12.5,"unit":"%LEL","quality":"good""#,
        r#""unit":"%LEL","quality":"bad""#,
        "accepted",
    ),
    ("reading", "12.5", "-0.0", "accepted"),
    ("reading", "12.5", "1.7976931348623157e308", "accepted"),
    ("reading", r#""type""#, r#""\u0074ype""#, "accepted"),
    ("reading", r#""seq""#, r#" "note" : "\ud83d\ude00", "hazards" : 7 , "seq""#, "accepted"),
    ("inspection", r#""source":"grid""#, r#""source":"self","landlord_id":"l","campaign":"c""#, "accepted"),
    ("inspection", r#""inspector_id":"p1","hazards""#, r#""other""#, "accepted"),
    ("hazard", r#""grade":"major","due":"2026-12-20","note":"n""#, r#""x":1"#, "accepted"),
    ("hazard", r#""closed""#, r#""listed","listed_level":"city""#, "accepted"),
    ("hazard", r#""closed""#, r#""rechecked","recheck":"fail""#, "accepted"),
    ("item", r#""first":true"#, r#""first":null"#, "accepted"),
    ("command", r#""ack""#, r#""assign","assignee":"wang""#, "accepted"),
    // Not one JSON object of bounded depth with distinct keys.
    ("reading", "{\"type\"", "{\"type", "malformed"),
    ("reading", "}", "", "malformed"),
    ("reading", "}", "}}", "malformed"),
    ("reading", "12.5", "012.5", "malformed"),
    ("reading", "12.5", "+12.5", "malformed"),
    ("reading", "12.5", "0x1F", "malformed"),
    ("reading", "SX-0001234", "S\nX", "malformed"),
    ("reading", "SX-0001234", r"\ud800", "malformed"),
    ("reading", r#""seq":88123"#, r#""x":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"#, "too_deep"),
    ("reading", r#""seq":88123"#, r#""x":"[[[[[[[[[[[[[[[[[[[[\"[[""#, "accepted"),
    ("reading", r#""seq":88123"#, r#""value":12.5"#, "duplicate_key"),
    ("reading", r#""seq":88123"#, r#""v\u0061lue":null"#, "duplicate_key"),
    ("inspection", r#""grade":"major""#, r#""grade":"major","grade":"general""#, "duplicate_key"),
    ("item", r#""first":true"#, r#""problems":1"#, "duplicate_key"),
    // Types and required fields.
    ("reading", "\"reading\"", "\"Reading\"", "unknown_type"),
    ("reading", "\"reading\"", "\"inspection\"", "unknown_type"),
    ("item", "\"item\"", "\"hazard\"", "unknown_type"),
    ("command", "\"ack\"", "\"acknowledge\"", "unknown_type"),
    ("reading", r#""type":"reading","#, "", "missing_field"),
    ("reading", r#""type":"reading""#, r#""type":null"#, "missing_field"),
    ("reading", r#""type":"reading""#, r#""type":7"#, "bad_field"),
    ("reading", r#""id":"01JDBX3T0000000000000001","#, "", "missing_field"),
    ("reading", r#""sensor_id":"SX-0001234","#, "", "missing_field"),
    ("reading", r#""enterprise_id":"91330604MA2BE0001X","#, "", "missing_field"),
    ("reading", r#""region":"330604104","#, "", "missing_field"),
    ("reading", r#""sector":"hazardous_chemicals","#, "", "missing_field"),
    ("reading", r#""quantity":"combustible_gas","#, "", "missing_field"),
    ("reading", r#""value":12.5,"#, "", "missing_field"),
    ("reading", "12.5", "null", "missing_field"),
    ("reading", r#""unit":"%LEL","#, "", "missing_field"),
    ("inspection", r#""source":"grid","#, "", "missing_field"),
    ("inspection", r#""hazard_id":"H-2","#, "", "missing_field"),
    ("hazard", r#""status":"closed","#, "", "missing_field"),
    ("hazard", r#""closed""#, r#""listed""#, "missing_field"),
    ("hazard", r#""closed""#, r#""rechecked""#, "missing_field"),
    ("item", r#""item_id":"DB-1","#, "", "missing_field"),
    ("record", r#""kind":"enforcement_case","#, "", "missing_field"),
    ("command", r#""alert_id":"a5f0c1","#, "", "missing_field"),
    ("command", r#""ack""#, r#""assign""#, "missing_field"),
    // Values.
    ("reading", "\"01JDBX3T0000000000000001\"", "1", "bad_field"),
    ("reading", "SX-0001234", "", "bad_field"),
    ("reading", "12.5", "\"12.5\"", "bad_field"),
    ("reading", "12.5", "true", "bad_field"),
    ("reading", "12.5", "[12.5]", "bad_field"),
    ("reading", "\"good\"", "\"Good\"", "bad_field"),
    ("reading", "88123", "-1", "bad_field"),
    ("reading", "88123", "18446744073709551616", "bad_field"),
    ("reading", "\"330604104\"", "330604104", "bad_field"),
    ("reading", "330604104", "3306", "bad_field"),
    ("reading", "330604104", "33060410x", "bad_field"),
    ("reading", "330604104", "３３", "bad_field"),
    ("inspection", "\"grid\"", "\"police\"", "bad_field"),
    ("inspection", r#"{"hazard_id":"H-2","grade":"general"}"#, "7", "bad_field"),
    ("inspection", r#""grade":"general""#, r#""grade":"serious""#, "bad_field"),
    ("item", r#"{"problems":49,"#, r#"{"nested":{},"#, "bad_field"),
    ("item", r#""level":"orange""#, r#""level":"purple""#, "bad_field"),
    ("hazard", r#""closed""#, r#""listed","listed_level":"village""#, "bad_field"),
    ("reading", "12.5", "NaN", "bad_number"),
    ("reading", "12.5", "Infinity", "bad_number"),
    ("reading", "12.5", "-Infinity", "bad_number"),
    ("reading", "12.5", "1e999", "bad_number"),
    ("reading", "12.5", "-1e999", "bad_number"),
    ("reading", "2026-11-23T10:15:00.250+08:00", "99999-11-23T10:15:00Z", "bad_time"),
    ("reading", "2026-11-23T10:15:00.250+08:00", "2026-11-23T10:15:00", "bad_time"),
    ("reading", "2026-11-23T10:15:00.250+08:00", "1969-12-31T23:59:59Z", "bad_time"),
    ("reading", "\"2026-11-23T10:15:00.250+08:00\"", "1795400100250", "bad_field"),
    ("inspection", "2026-12-03", "2026-12-32", "bad_time"),
    ("item", "2026-12-01T17:00:00+08:00", "2026-12-01", "bad_time"),
    // Taxonomy.
    ("reading", "hazardous_chemicals", "space_travel", "unknown_sector"),
    ("reading", "hazardous_chemicals", "all", "unknown_sector"),
    ("reading", "combustible_gas", "happiness", "unknown_quantity"),
    ("reading", "%LEL", "ppm", "unit_mismatch"),
    ("item", "order_supervision", "order_of_merit", "unknown_kind"),
    ("item", "order_supervision", "hazard", "unknown_kind"),
    ("item", "\"issued\"", "\"lost\"", "unknown_stage"),
    ("hazard", "\"closed\"", "\"finished\"", "bad_field"),
    ("inspection", "GM-2023-11-8", "GM-1999-1-1", "unknown_clause"),
];

#[test]
fn each_edit_of_a_valid_message_has_its_outcome() {
    for (name, from, to, outcome) in EDITS {
        let (input, message) = sample(name);
        assert!(message.contains(from), "{name} has no {from}");
        let edited = message.replacen(from, to, 1);
        assert_eq!(code(decode(input, &edited)), *outcome, "{name}: {from} -> {to}");
    }
}

#[test]
fn an_id_of_64_bytes_is_the_longest() {
    for (id, outcome) in
        [("x".repeat(64), "accepted"), ("x".repeat(65), "too_long"), ("危".repeat(22), "too_long")]
    {
        assert_eq!(code(decode(Input::Sensors, &READING.replace("SX-0001234", &id))), outcome);
    }
    let many: Vec<String> = (0..65).map(|nth| format!("\"a{nth}\":1")).collect();
    let edited = ITEM.replace(r#""first":true"#, &many.join(","));
    assert_eq!(code(decode(Input::Items, &edited)), "too_long");
}

#[test]
fn a_value_that_is_no_text_of_bounded_length_is_refused_by_its_own_reason() {
    let mut oversized = READING.to_owned();
    oversized.extend(std::iter::repeat_n(' ', 64 * 1024 + 1 - READING.len()));
    let not_utf8 =
        READING.replace("SX", "\u{1}").into_bytes().iter().map(|b| b.max(&2) | 0x80).collect::<Vec<u8>>();
    for (value, outcome) in [
        (None, "null_value"),
        (Some(&b""[..]), "empty_value"),
        (Some(oversized.as_bytes()), "oversized"),
        (Some(&oversized.as_bytes()[1..]), "malformed"),
        (Some(&oversized.as_bytes()[..64 * 1024]), "accepted"),
        (Some(&not_utf8), "not_utf8"),
        (Some(b"\xef\xbb\xbf{}"), "malformed"),
        (Some(b" "), "malformed"),
        (Some(b"null"), "malformed"),
        (Some(b"[]"), "malformed"),
        (Some(b"\"text\""), "malformed"),
        (Some(b"{}"), "missing_field"),
        (Some("[".repeat(60_000).as_bytes()), "too_deep"),
        (Some("{\"a\":".repeat(10_000).as_bytes()), "too_deep"),
    ] {
        assert_eq!(code(decoder(Input::Sensors).decode(&record(Input::Sensors, value, &[]))), outcome);
    }
}

#[test]
fn three_envelopes_carry_the_same_event() {
    let structured = format!(
        r#"{{"specversion":"1.0","type":"city.reading","source":"/gw/7","id":"other","time":"2020-01-01T00:00:00Z","data":{READING}}}"#
    );
    let kind: (&str, &[u8]) = ("content-type", b"application/cloudevents+json; charset=UTF-8");
    let binary: &[(&str, &[u8])] =
        &[("content-type", b"application/json"), ("ce_specversion", b"1.0"), ("ce_id", b"other")];
    let plain = decode(Input::Sensors, READING).unwrap();
    for (value, headers) in [(READING, binary), (&*structured, &[kind]), (READING, &[("trace", b"x")])] {
        let record = record(Input::Sensors, Some(value.as_bytes()), headers);
        assert_eq!(decoder(Input::Sensors).decode(&record).unwrap(), plain);
    }
}

#[test]
fn a_value_that_is_an_event_is_taken_as_it_stands_whatever_its_headers_say() {
    let plain = decode(Input::Sensors, READING).unwrap();
    let mut learnt = decoder(Input::Sensors);
    for (name, value) in [("content-type", &b"application/cloudevents+json"[..]), ("ce_specversion", b"0.3")]
    {
        let headers = [(name, value)];
        let record = record(Input::Sensors, Some(READING.as_bytes()), &headers);
        assert_eq!(decoder(Input::Sensors).decode(&record).unwrap(), plain, "{name}, the twin");
        learnt.decode(&record).unwrap();
        assert_eq!(learnt.decode(&record).unwrap(), plain, "{name}, the template");
    }
}

#[test]
fn an_envelope_that_is_none_is_refused() {
    let json: (&str, &[u8]) = ("Content-Type", b"application/cloudevents+json");
    for (value, headers, outcome) in [
        ("{}", &[("ce_specversion", &b"0.3"[..])][..], "bad_envelope"),
        ("{}", &[("ce_id", b"x")], "bad_envelope"),
        ("{}", &[("content-type", b"application/cloudevents+avro")], "bad_envelope"),
        ("{}", &[("content-type", b"application/cloudevents-batch+json")], "bad_envelope"),
        ("{}", &[json], "bad_envelope"),
        (r#"{"specversion":"1.0"}"#, &[json], "bad_envelope"),
        (r#"{"specversion":"1.0","data":null}"#, &[json], "bad_envelope"),
        (r#"{"specversion":"1.0","data":"text"}"#, &[json], "bad_envelope"),
        (r#"{"specversion":"2.0","data":{}}"#, &[json], "bad_envelope"),
        (r#"{"specversion":1.0,"data":{}}"#, &[json], "bad_envelope"),
        (r#"{"specversion":"1.0","data":{},"data":{}}"#, &[json], "duplicate_key"),
        (r#"{"specversion":"1.0","data":{}"#, &[json], "malformed"),
        (r#"{"specversion":"1.0","data":{}}"#, &[json], "missing_field"),
    ] {
        let record = record(Input::Sensors, Some(value.as_bytes()), headers);
        assert_eq!(code(decoder(Input::Sensors).decode(&record)), outcome, "{value} {headers:?}");
    }
}

#[test]
fn a_detail_names_field_value_and_expectation() {
    for (name, from, to, detail) in [
        ("reading", "%LEL", "ppm", r#"`unit` is "ppm": expected "%LEL", the unit of combustible_gas"#),
        (
            "reading",
            r#""value":12.5,"#,
            "",
            "`value` is missing: expected a finite number, unless `quality` is \"bad\"",
        ),
        ("reading", "\"good\"", "\"great\"", r#"`quality` is "great": expected good, uncertain or bad"#),
        ("inspection", "\"major\"", "1", r#"hazards[0]: `grade` is "1": expected general or major"#),
    ] {
        let (input, message) = sample(name);
        let edited = message.replacen(from, to, 1);
        assert_eq!(decode(input, &edited).unwrap_err().detail, detail);
    }
}

#[test]
fn every_reason_the_decoder_can_give_has_a_test() {
    let elsewhere = [
        Reason::ClockAhead,
        Reason::BeyondHorizon,
        Reason::IllegalTransition,
        Reason::UnknownAlert,
        Reason::OverLimit,
    ];
    let source = include_str!("tests.rs");
    for reason in Reason::ALL.into_iter().filter(|reason| !elsewhere.contains(reason)) {
        assert!(source.contains(&format!("\"{}\")", reason.code())), "{}", reason.code());
    }
}
