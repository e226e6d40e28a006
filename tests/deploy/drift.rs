//! The chart and the program say the same: settings, defaults, paths, topics, versions.

use std::collections::BTreeSet;

use hazstream::config::{ROWS, Settings};
use hazstream::kafka::topics::TopicsPlan;
use serde_json::{Map, Value, json};

use super::acls;
use super::tool::{chart, find, left_out, objects, read, root, yaml};

/// Settings that the chart sets itself, so nobody else may.
const OWN: [&str; 6] =
    ["kafka.bootstrap_servers", "kafka.group", "kafka.instance", "http.listen", "rules.file", "taxonomy.dir"];

/// `values.schema.json` knows every setting of the program, and no other. `HAZSTREAM_TEST_WRITE=1` writes it anew.
#[test]
fn the_schema_has_every_setting() {
    let path = chart("values.schema.json");
    let mut schema: Value = serde_json::from_str(&read(&path)).unwrap();
    schema["properties"]["settings"] = settings_schema();
    let wanted = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("HAZSTREAM_TEST_WRITE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(read(&path) == wanted, "{} is old: type `make docs`", path.display());
}

fn settings_schema() -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": {}});
    for row in ROWS.iter().filter(|row| !OWN.contains(&row.key)) {
        let mut at = &mut schema;
        let names: Vec<&str> = row.key.split('.').collect();
        for (depth, name) in names.iter().enumerate() {
            let properties = at["properties"].as_object_mut().unwrap();
            let is_last = depth + 1 == names.len();
            at = properties.entry(*name).or_insert_with(|| match is_last {
                true => json!({"type": types(row.takes)}),
                false => json!({"type": "object", "additionalProperties": false, "properties": {}}),
            });
        }
    }
    schema
}

fn types(takes: &str) -> Value {
    match takes {
        "list" => json!(["array", "string"]),
        "map" => json!("object"),
        "count" | "number" => json!("integer"),
        "share" => json!("number"),
        "size" => json!(["string", "integer"]),
        _ => json!("string"),
    }
}

/// Helm has to know some defaults: of durations for the grace period, of partitions for the bound on replicas.
#[test]
fn the_defaults_that_helm_knows_are_the_programs() {
    let text = read(&chart("templates/_settings.tpl"));
    let (_, rest) = text.split_once("$defaults := dict\n").unwrap();
    let (lines, _) = rest.split_once("-}}").unwrap();
    let mut found = 0;
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, default) = line.trim_start_matches('"').split_once("\" ").unwrap();
        let row = ROWS.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("{key} is no setting"));
        let words = default.trim_start_matches("(list ").trim_end_matches(')').replace('"', "");
        let wanted = row.default.trim_matches(['[', ']']).replace(',', "");
        assert_eq!(words, wanted, "{key}");
        found += 1;
    }
    assert!(found >= 10, "{found}");
}

#[test]
fn every_variable_is_a_setting() {
    if left_out() {
        return;
    }
    let mut names = Vec::new();
    for example in ["laptop", "city-sasl-tls"] {
        let text = objects("hazstream", example, &[]).iter().map(Value::to_string).collect::<String>();
        names.extend(
            text.split("\"name\":\"HAZSTREAM_")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
    }
    assert!(names.contains(&"KAFKA_PROPERTIES_SASL_PASSWORD".to_owned()), "{names:?}");
    for name in names {
        let name = format!("HAZSTREAM_{name}");
        let is_known = name == "HAZSTREAM_CONFIG"
            || ROWS.iter().any(|row| {
                row.env() == name || (row.takes == "map" && name.starts_with(&format!("{}_", row.env())))
            });
        assert!(is_known, "{name} is no setting");
    }
}

/// The settings file that the chart writes is one that the program takes.
#[test]
fn the_program_takes_the_settings_of_every_example() {
    if left_out() {
        return;
    }
    for example in ["laptop", "city", "city-sasl-tls"] {
        let settings = settings_of(&objects("hazstream", example, &[]));
        assert_eq!(settings.http_listen.port(), 8080, "{example}");
        assert_eq!(settings.kafka.group, "hazstream", "{example}");
    }
}

fn settings_of(objects: &[Value]) -> Settings {
    let file = find(objects, "ConfigMap", "-settings")["data"]["hazstream.yaml"].as_str().unwrap();
    Settings::resolve(Some(("hazstream.yaml", file)), std::iter::empty())
        .unwrap_or_else(|problems| panic!("{}\n{file}", problems[0]))
}

/// Strimzi's operator makes the topics that `hazstream topics create` would make.
#[test]
fn the_topics_for_strimzi_are_those_of_topics_create() {
    if left_out() {
        return;
    }
    let objects = objects("hazstream", "city-sasl-tls", &["settings.topics.input_retention=1d12h"]);
    let plan = TopicsPlan::new(&settings_of(&objects));
    let made: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "KafkaTopic").collect();
    assert_eq!(made.len(), plan.topics.len());
    for topic in &plan.topics {
        let spec = &made.iter().find(|made| made["spec"]["topicName"] == json!(topic.name)).unwrap()["spec"];
        assert_eq!(spec["partitions"], json!(topic.partitions), "{}", topic.name);
        assert_eq!(spec["replicas"].as_u64(), topic.replication.map(u64::from), "{}", topic.name);
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let config: &Map<String, Value> = spec["config"].as_object().unwrap();
        for (key, wanted) in &topic.settings {
            assert_eq!(plain(&config[*key]), *wanted, "{} {key}", topic.name);
        }
    }
}

/// Strimzi's operator grants what docs/operations/secure.md lists, no more and no less.
#[test]
fn the_rights_for_strimzi_are_those_of_the_documents() {
    if left_out() {
        return;
    }
    let objects = objects("hazstream", "city-sasl-tls", &[]);
    let mut granted = BTreeSet::new();
    for acl in find(&objects, "KafkaUser", "hazstream")["spec"]["authorization"]["acls"].as_array().unwrap() {
        let resource = &acl["resource"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for operation in acl["operations"].as_array().unwrap() {
            let what = ["type", "name", "patternType"].map(|key| text(&resource[key]));
            granted.insert((what, text(operation)));
        }
    }
    let mut documented = BTreeSet::new();
    for command in acls::documented() {
        let options: Vec<(&str, &str)> =
            command.chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
        let is_prefixed = options.contains(&("--resource-pattern-type", "prefixed"));
        let pattern = if is_prefixed { "prefix" } else { "literal" };
        for (option, name) in &options {
            let kind = match *option {
                "--topic" => "topic",
                "--group" => "group",
                "--transactional-id" => "transactionalId",
                _ => continue,
            };
            for (_, operation) in options.iter().filter(|(option, _)| *option == "--operation") {
                documented.insert(([kind, name, pattern].map(str::to_owned), (*operation).to_owned()));
            }
        }
    }
    assert_eq!(documented, granted);
}

/// Every probe and link asks for a path that is served, at a port that is open.
#[test]
fn every_path_and_port_is_the_programs() {
    if left_out() {
        return;
    }
    let api: Value = serde_json::from_str(&read(&root().join("docs/openapi.json"))).unwrap();
    let objects = objects("hazstream", "city", &["service.port=9000"]);
    let container = &find(&objects, "StatefulSet", "hazstream")["spec"]["template"]["spec"]["containers"][0];
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(api["paths"][path].is_object(), "{probe}: {path}");
    }
    let monitor = find(&objects, "ServiceMonitor", "hazstream");
    assert!(api["paths"][monitor["spec"]["endpoints"][0]["path"].as_str().unwrap()].is_object());
    assert_eq!(container["ports"][0]["containerPort"], json!(9000));
    assert_eq!(settings_of(&objects).http_listen.port(), 9000);
}

#[test]
fn the_chart_is_of_the_programs_version() {
    let chart = yaml(&read(&chart("Chart.yaml")));
    assert_eq!(chart["appVersion"], json!(env!("CARGO_PKG_VERSION")));
}
