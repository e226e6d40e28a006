//! The real binary in a fresh directory: help, exit codes, and every mistake at once. No Kafka is touched.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs `hazstream` in `dir` and gives exit code, standard output and standard error.
fn hazstream(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hazstream"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_teaches_with_examples_and_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let (code, help, _) = hazstream(dir.path(), &["--help"], &[]);
    assert_eq!(code, 0);
    for part in
        ["Examples:", "hazstream topics create --config", "Exit codes:", "  7  another process", "HAZSTREAM_"]
    {
        assert!(help.contains(part), "{part} is missing from\n{help}");
    }
    for command in ["run", "demo", "check", "topics", "health", "generate", "backtest"] {
        let (code, help, _) = hazstream(dir.path(), &[command, "--help"], &[]);
        assert!(code == 0 && help.contains("--config"), "{command}");
    }
}

#[test]
fn the_defaults_are_well() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = hazstream(dir.path(), &["check"], &[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("windows:  10m every 10s") && out.ends_with("all is well\n"), "{out}");
    assert_eq!(hazstream(dir.path(), &["check", "--quiet"], &[]).1, "");
}

#[test]
fn the_shipped_example_is_well() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/hazstream.yaml");
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(hazstream(dir.path(), &["check", "--quiet", "--config", example], &[]).0, 0);
    assert_eq!(hazstream(dir.path(), &["check", "--quiet"], &[("HAZSTREAM_CONFIG", example)]).0, 0);
}

#[test]
fn check_names_every_mistake_in_settings_taxonomy_and_rules_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "city.yaml",
        "emit: lates\nrules: {file: rules.yaml}\nkafka:\n  properties:\n    sasl.pasword: river-4711\n",
    );
    write(
        "rules.yaml",
        "rules:\n  - {name: a, no_data: nothing, level: purple, summary: x, summary_zh: y}\n",
    );
    let settings = [("HAZSTREAM_WORKERS", "many")];
    let (code, out, err) = hazstream(dir.path(), &["check", "--config", "city.yaml"], &settings);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    for part in [
        "city.yaml:1: emit is not",
        "city.yaml:5: kafka.properties: sasl.pasword",
        "HAZSTREAM_WORKERS: workers is not a count (found \"many\"): write a whole number of at least 1",
        "rules.yaml:2: ",
        "purple",
    ] {
        assert!(err.contains(part), "{part} is missing from\n{err}");
    }
    assert!(!err.contains("river-4711"), "{err}");
}

#[test]
fn a_taxonomy_that_is_wrong_is_told_beside_wrong_settings() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [("HAZSTREAM_TAXONOMY_DIR", "nowhere"), ("HAZSTREAM_EMIT", "x")];
    let (code, _, err) = hazstream(dir.path(), &["check"], &settings);
    assert_eq!(code, 2);
    assert!(err.contains("HAZSTREAM_EMIT") && err.contains("nowhere"), "{err}");
}

#[test]
fn what_cannot_be_done_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["check", "--config", "missing.yaml"],
        &["run", "--config", "missing.yaml"],
        &["topics", "create", "--config", "missing.yaml"],
    ] {
        let (code, _, err) = hazstream(dir.path(), arguments, &[]);
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn run_without_a_broker_stays_says_what_it_waits_for_and_ends_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_hazstream"))
        .arg("run")
        .current_dir(dir.path())
        .env_clear()
        // Nothing listens on port 1.
        .env("HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .env("HAZSTREAM_HTTP_LISTEN", "127.0.0.1:0")
        .env("HAZSTREAM_LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut logged = |wanted: &str| {
        let fits =
            |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.starts_with(wanted));
        lines
            .by_ref()
            .filter_map(|line| serde_json::from_str(&line).ok())
            .find(fits)
            .expect("the process ended")
    };
    let address = logged("started")["listen"].as_str().unwrap().to_owned();
    logged("waits: ");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(format!("http://{address}/readyz")).call().unwrap();
    assert_eq!(answer.status(), 503);
    let body = answer.body_mut().read_to_string().unwrap();
    assert!(body.contains("worker 0: waits for "), "{body}");
    // A broker that is away is no fault of the process: it lives, and it has started.
    for path in ["livez", "startupz"] {
        assert_eq!(agent.get(format!("http://{address}/{path}")).call().unwrap().status(), 200, "{path}");
    }
    let (code, _, err) = hazstream(dir.path(), &["health", "--at", &address], &[]);
    assert!(code == 1 && err.starts_with("not ready: worker 0: waits for "), "{code}: {err}");
    assert!(Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap().success());
    // Whoever does not read what it says would hold it up.
    let warnings: Vec<String> =
        lines.filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\"")).collect();
    assert_eq!(warnings, Vec::<String>::new(), "it was said once, and nothing floods the log beside it");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let (code, _, err) = hazstream(dir.path(), &["health", "--at", &address], &[]);
    assert!(code == 3 && err.contains(&address), "{code}: {err}");
}
