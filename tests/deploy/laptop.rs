//! compose.yaml and what it mounts: taken by Compose's own loader, by promtool and amtool, and by the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hazstream::config::Settings;
use serde_json::{Map, Value};

use super::tool::{left_out, path, read, root};

/// The file as `docker compose config` reads it: paths resolved, short forms written out.
fn services() -> Map<String, Value> {
    let loader = path("compose");
    let output =
        Command::new(loader).args(["--format", "json", "compose.yaml"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model: Value = serde_json::from_slice(&output.stdout).unwrap();
    let services = model["services"].as_object().unwrap().clone();
    assert!(services.len() >= 7, "{services:?}");
    services
}

/// What is mounted from the repository: from where, and to where.
fn mounts(service: &Value) -> Vec<(PathBuf, String)> {
    let volumes = service["volumes"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    volumes
        .filter(|volume| volume["type"] == "bind")
        .map(|volume| (PathBuf::from(text(&volume["source"])), text(&volume["target"])))
        .collect()
}

/// What depends on a service, and on which condition.
fn awaited<'a>(services: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let conditions =
        services.values().filter_map(|service| service["depends_on"][name]["condition"].as_str());
    conditions.collect()
}

#[test]
fn every_service_has_an_exact_version_and_a_health_check_or_ends() {
    if left_out() {
        return;
    }
    let services = services();
    for (name, service) in &services {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag"));
        let is_exact = tag == "laptop" || tag.trim_start_matches('v').split('.').count() == 3;
        assert!(is_exact, "{name}: {image}");
        let ends = service["restart"] == "no";
        assert_ne!(ends, service["healthcheck"]["test"].is_array(), "{name}: a health check, or it ends");
        for (other, dependency) in service["depends_on"].as_object().into_iter().flatten() {
            let wanted = match services.get(other).map(|other| other["restart"] == "no") {
                Some(true) => "service_completed_successfully",
                Some(false) => "service_healthy",
                None => panic!("{name} depends on {other}, which is not there"),
            };
            assert_eq!(dependency["condition"], wanted, "{name} waits for {other}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: open to the network");
        }
        for (source, target) in mounts(service) {
            assert!(source.exists(), "{name}: {} is not there, for {target}", source.display());
        }
    }
    assert_eq!(awaited(&services, "topics"), ["service_completed_successfully"]);
    assert_eq!(awaited(&services, "hazstream"), ["service_healthy"]);
}

/// A mistyped key or a wrong type is found: the loader is not content with everything.
#[test]
fn the_loader_refuses_a_mistake() {
    if left_out() {
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, read(&root().join("compose.yaml")).replace("healthcheck:", "healthchek:")).unwrap();
    let output = Command::new(path("compose")).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("healthchek"), "{said}");
}

/// The Kafka beside it is the one that the tests run on.
#[test]
fn the_broker_is_of_the_version_that_the_tests_run_on() {
    let pom = read(&root().join("tests/support/kafka/pom.xml"));
    let version = pom.split("<artifactId>kafka_2.13</artifactId>").nth(1).unwrap();
    let version = version.split(['<', '>']).nth(2).unwrap();
    let compose = read(&root().join("compose.yaml"));
    assert!(compose.contains(&format!("image: apache/kafka:{version} ")), "not {version}");
}

/// Every variable is a setting, with a value that it takes; every argument is one that the program knows.
#[test]
fn the_program_takes_the_variables_and_the_arguments() {
    if left_out() {
        return;
    }
    let mut commands = BTreeSet::new();
    for (name, service) in services().iter().filter(|(_, service)| service["image"] == "hazstream:laptop") {
        let variables = service["environment"].as_object().unwrap().iter();
        let variables = variables.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()));
        let settings =
            Settings::resolve(None, variables).unwrap_or_else(|problems| panic!("{name}: {}", problems[0]));
        assert_eq!(settings.kafka.bootstrap_servers, "kafka:19092");
        let words: Vec<&str> =
            service["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let (options, command): (Vec<&str>, Vec<&str>) =
            words.iter().partition(|word| word.starts_with("--"));
        // --help ends it before anything is done, and after every argument was read.
        let mut asked = Command::new(env!("CARGO_BIN_EXE_hazstream"));
        let output = asked.args(&command).args(&options).arg("--help").output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        let help = String::from_utf8(output.stdout).unwrap();
        for option in options {
            let option = option.split('=').next().unwrap();
            assert!(help.contains(&format!("{option} ")), "{words:?}: no {option}");
        }
        commands.insert(command.join(" "));
    }
    assert_eq!(commands, ["generate", "run", "topics create"].map(str::to_owned).into());
}

/// Lays out what is mounted under /etc/NAME and has the tool look at it there.
fn as_mounted(service: &str, tool: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (source, target) in mounts(&services()[service]) {
        let target = folder.path().join(target.strip_prefix(&format!("/etc/{service}/")).unwrap());
        copy(&source, &target);
    }
    let output = Command::new(tool).args(arguments).current_dir(folder.path()).output();
    let output = output.unwrap_or_else(|error| panic!("{tool}: {error}. Type: scripts/setup test"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

fn copy(source: &Path, target: &Path) {
    if source.is_dir() {
        std::fs::create_dir_all(target).unwrap();
        for entry in std::fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &target.join(entry.file_name()));
        }
    } else {
        std::fs::copy(source, target).unwrap();
    }
}

#[test]
fn prometheus_and_alertmanager_take_what_is_mounted() {
    if left_out() {
        return;
    }
    let said = as_mounted("prometheus", "promtool", &["check", "config", "prometheus.yml"]);
    assert!(said.contains("1 rule files found") && said.contains("rules found"), "{said}");
    let said = as_mounted("alertmanager", "amtool", &["check-config", "alertmanager.yml"]);
    assert!(said.contains("SUCCESS"), "{said}");
}

/// Grafana finds its source of data and its dashboards where they are mounted.
#[test]
fn grafana_is_given_prometheus_and_the_three_dashboards() {
    if left_out() {
        return;
    }
    let services = services();
    let mounts = mounts(&services["grafana"]);
    let mounted = |target: &str| {
        let found = mounts.iter().find(|(_, to)| to == target);
        found.unwrap_or_else(|| panic!("{target} is not mounted")).0.clone()
    };
    let yaml = |file: PathBuf| -> Value { serde_saphyr::from_str(&read(&file)).unwrap() };
    let source = yaml(mounted("/etc/grafana/provisioning/datasources").join("prometheus.yaml"));
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    let provider = yaml(mounted("/etc/grafana/provisioning/dashboards").join("hazstream.yaml"));
    let folder = mounted(provider["providers"][0]["options"]["path"].as_str().unwrap());
    assert_eq!(folder, root().join("helm/hazstream/files/dashboards"));
    let home =
        services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().unwrap();
    assert!(folder.join(Path::new(home).file_name().unwrap()).exists(), "{home}");
}
