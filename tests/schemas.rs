//! The published documents hold: every schema against its examples, the decoder against the same examples, the AsyncAPI
//! document against its meta-schema and the topics, and the lists in the schemas against the code.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use hazstream::event::{DecodeSettings, Decoder, EventTime, Reason};
use hazstream::log::{Headers, Input, Record, Topic, TopicPartition};
use hazstream::taxonomy::{Kinds, Taxonomy};
use jsonschema::{Registry, Validator};
use serde_json::Value;

/// Where the schemas live while they are tested: their references are relative.
const BASE: &str = "json-schema:///";

/// Each input event, and the input that carries it.
const EVENTS: [(&str, Input); 6] = [
    ("reading", Input::Sensors),
    ("inspection", Input::Inspections),
    ("hazard", Input::Inspections),
    ("item", Input::Items),
    ("record", Input::Records),
    ("command", Input::Commands),
];

/// What else has a schema.
const OUTPUTS: [&str; 4] = ["window", "alert", "alert-event", "reject-headers"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema(name: &str) -> Value {
    json(&docs().join(format!("schema/{name}.schema.json")))
}

fn validator(name: &str) -> Validator {
    let mut registry = Registry::new();
    for name in EVENTS.iter().map(|(name, _)| *name).chain(OUTPUTS).chain(["common"]) {
        registry = registry.add(format!("{BASE}{name}.schema.json"), schema(name)).unwrap();
    }
    let registry = registry.prepare().unwrap();
    jsonschema::options()
        .with_base_uri(format!("{BASE}{name}.schema.json"))
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schema(name))
        .unwrap()
}

/// The examples of one schema.
struct Examples {
    valid: Vec<Value>,
    /// Each with why, the decoder's reason, and whether the schema can tell.
    invalid: Vec<(String, String, bool, Value)>,
}

fn examples(name: &str) -> Examples {
    let file = json(&docs().join(format!("schema/examples/{name}.json")));
    let valid = file["valid"].as_array().unwrap().clone();
    let invalid = file["invalid"].as_array().unwrap().iter().map(|example| {
        let mut event = valid[0].clone();
        patch(&mut event, &example["patch"]);
        let text = |key: &str| example[key].as_str().unwrap().to_owned();
        let cannot_tell = example["schema_cannot_tell"].as_bool().unwrap_or(false);
        (text("why"), text("reason"), !cannot_tell, event)
    });
    Examples { invalid: invalid.collect(), valid }
}

/// JSON merge patch (RFC 7396): null takes a field out.
fn patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let fields = target.as_object_mut().unwrap();
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            self::patch(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// `accepted`, or the reason's code.
fn decoded(input: Input, event: &Value) -> String {
    static TAXONOMY: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| Arc::new(Taxonomy::shipped()));
    let taxonomy = Arc::clone(&TAXONOMY);
    let value = event.to_string().into_bytes();
    let at = TopicPartition { topic: Topic::Input(input), partition: 0 };
    let arrival = EventTime::from_ms(0);
    let record = Record { at, offset: 0, arrival, key: None, value: Some(&value), headers: Headers::NONE };
    let outcome = Decoder::new(taxonomy, DecodeSettings::default(), input).decode(&record);
    outcome.map_or_else(|reject| reject.reason.code().to_owned(), |_| "accepted".to_owned())
}

#[test]
fn every_schema_is_one_of_2020_12() {
    let names = EVENTS.iter().map(|(name, _)| *name).chain(OUTPUTS).chain(["common"]);
    for name in names {
        let schema = schema(name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
    }
    let files = fs::read_dir(docs().join("schema")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json")
    });
    assert_eq!(files.count(), EVENTS.len() + OUTPUTS.len() + 1, "a schema without a test");
}

#[test]
fn schema_and_decoder_accept_every_valid_event() {
    for (name, input) in EVENTS {
        let validator = validator(name);
        for event in examples(name).valid {
            validator.validate(&event).unwrap_or_else(|error| panic!("{name}: {error}: {event}"));
            assert_eq!(decoded(input, &event), "accepted", "{name}: {event}");
        }
    }
}

#[test]
fn the_decoder_refuses_every_invalid_event_and_the_schema_those_it_can() {
    for (name, input) in EVENTS {
        let validator = validator(name);
        for (why, reason, schema_can_tell, event) in examples(name).invalid {
            assert_eq!(decoded(input, &event), reason, "{name}: {why}");
            assert_eq!(validator.is_valid(&event), !schema_can_tell, "{name}: {why}");
        }
    }
}

#[test]
fn what_is_optional_may_be_absent_and_what_is_required_may_not() {
    for (name, input) in EVENTS {
        let (validator, examples) = (validator(name), examples(name));
        for field in examples.valid[0].as_object().unwrap().keys() {
            for absent in [true, false] {
                let mut event = examples.valid[0].clone();
                let fields = event.as_object_mut().unwrap();
                if absent {
                    fields.remove(field);
                } else {
                    fields.insert(field.clone(), Value::Null);
                }
                let accepted = decoded(input, &event) == "accepted";
                assert_eq!(validator.is_valid(&event), accepted, "{name} without {field}");
            }
        }
    }
}

#[test]
fn every_output_schema_takes_its_valid_examples_and_no_other() {
    for name in OUTPUTS {
        let (validator, examples) = (validator(name), examples(name));
        for example in examples.valid {
            validator.validate(&example).unwrap_or_else(|error| panic!("{name}: {error}: {example}"));
        }
        for (why, _, _, example) in examples.invalid {
            assert!(!validator.is_valid(&example), "{name}: {why}");
        }
    }
}

#[test]
fn alerts_of_the_code_have_the_fields_of_their_schema() {
    for name in ["alert", "alert-event"] {
        for example in examples(name).valid {
            let read = if name == "alert" {
                serde_json::to_value(
                    serde_json::from_value::<hazstream::warn::Alert>(example.clone()).unwrap(),
                )
            } else {
                serde_json::to_value(
                    serde_json::from_value::<hazstream::warn::AlertEvent>(example.clone()).unwrap(),
                )
            };
            let written = read.unwrap();
            validator(name).validate(&written).unwrap_or_else(|error| panic!("{name}: {error}: {written}"));
            let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(fields(&written), fields(&example), "{name}");
        }
    }
}

#[test]
fn lists_in_the_schemas_are_those_of_the_code() {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.code().to_owned()).collect();
    assert_eq!(texts(&schema("reject-headers")["properties"]["reason"]["enum"]), reasons);

    let why: Vec<_> =
        hazstream::warn::Reason::ALL.iter().map(|reason| serde_json::to_value(reason).unwrap()).collect();
    let why: Vec<_> = why.iter().map(|reason| reason.as_str().unwrap()).collect();
    let transition = &schema("alert-event")["properties"]["transition"];
    assert_eq!(texts(&transition["properties"]["reason"]["enum"]), why);
    let page = fs::read_to_string(docs().join("wire.md")).unwrap();
    assert!(why.iter().all(|reason| page.contains(&format!("`{reason}`"))), "docs/wire.md names them all");

    let taxonomy = Taxonomy::shipped();
    let stages = &taxonomy.kinds.get(Kinds::HAZARD).stages;
    let stages: BTreeSet<_> = stages.iter().map(|stage| stage.code.to_string()).collect();
    let statuses = texts(&schema("hazard")["properties"]["status"]["enum"]);
    assert_eq!(statuses.into_iter().collect::<BTreeSet<_>>(), stages);

    let codes: Vec<_> = hazstream::warn::Status::ALL.iter().map(|status| status.code().to_owned()).collect();
    assert_eq!(texts(&schema("alert")["properties"]["status"]["enum"]), codes);
    assert_eq!(
        texts(&schema("alert-event")["properties"]["transition"]["properties"]["from"]["enum"]),
        codes
    );
}

#[test]
fn the_page_of_the_wire_names_every_reason_unit_and_kind() {
    let page = fs::read_to_string(docs().join("wire.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for reason in Reason::ALL {
        assert!(page.contains(&format!("| `{}` | ", reason.code())), "{}", reason.code());
    }
    let taxonomy = Taxonomy::shipped();
    for quantity in taxonomy.quantities.iter().map(|id| taxonomy.quantities.get(id)) {
        assert!(page.contains(&format!("`{}` {}", quantity.code, quantity.unit)), "{}", quantity.code);
    }
    for kind in taxonomy.kinds.iter().map(|id| taxonomy.kinds.get(id)) {
        assert!(page.contains(&format!("`{}`", kind.code)), "{}", kind.code);
    }
}

fn asyncapi() -> Value {
    let text = fs::read_to_string(docs().join("asyncapi.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_asyncapi_document_is_one_of_3_0() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/asyncapi-3.0.0.schema.json");
    let validator = jsonschema::validator_for(&json(&data)).unwrap();
    let document = asyncapi();
    let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = document;
    wrong["operations"]["receiveReadings"]["action"] = "read".into();
    assert!(!validator.is_valid(&wrong), "the meta-schema lets anything pass");
}

#[test]
fn the_asyncapi_channels_are_the_topics() {
    let document = asyncapi();
    let channels = document["channels"].as_object().unwrap();
    let names: BTreeSet<&str> = channels.keys().map(String::as_str).collect();
    assert_eq!(names, Topic::ALL.iter().map(|topic| topic.name()).collect());
    for (name, channel) in channels {
        assert_eq!(channel["address"], format!("hazard.{name}"), "{name}");
    }
    let operations = document["operations"].as_object().unwrap();
    let used: BTreeSet<&str> = operations
        .values()
        .map(|operation| operation["channel"]["$ref"].as_str().unwrap().trim_start_matches("#/channels/"))
        .collect();
    assert_eq!(used, names, "each channel has an operation");
}

#[test]
fn every_reference_of_the_asyncapi_document_resolves() {
    let document = asyncapi();
    let mut files = BTreeSet::new();
    for reference in references(&document) {
        match reference.strip_prefix('#') {
            Some(pointer) => assert!(document.pointer(pointer).is_some(), "{reference}"),
            None => {
                assert!(docs().join(&reference).is_file(), "{reference}");
                files.insert(reference);
            }
        }
    }
    assert_eq!(files.len(), EVENTS.len() + OUTPUTS.len(), "each event and output has its schema: {files:?}");
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
