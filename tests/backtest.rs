//! generate, import and backtest as one would use them: the real binary, files in a fresh directory.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

fn hazstream(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hazstream"));
    command.current_dir(directory).args(arguments).env_remove("HAZSTREAM_CONFIG");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_generated_half_hour_replays_to_the_same_alerts_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let generate = [
        "generate",
        "--for",
        "1h",
        "--sensors",
        "200",
        "--rate",
        "4",
        "--scenario",
        "gas_leak",
        "--totals",
        "t.json",
    ];
    std::fs::write(directory.path().join("half-hour.jsonl"), hazstream(directory.path(), &generate).stdout)
        .unwrap();
    let replay = || {
        hazstream(directory.path(), &["backtest", "--input", "half-hour.jsonl", "--json", "--step", "1m"])
            .stdout
    };
    let alerts = String::from_utf8(replay()).unwrap();
    assert!(alerts.lines().any(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["rule"] == "sensor_level" && event["level"] == "red" && event["status"] == "firing"
    }));
    assert_eq!(alerts.as_bytes(), replay());
    let totals: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.path().join("t.json")).unwrap()).unwrap();
    assert!(totals["inputs"]["sensors"]["sent"].as_u64().unwrap() > 5_000);
}

#[test]
fn a_mines_record_becomes_events_that_the_rules_of_the_example_judge() {
    let directory = tempfile::tempdir().unwrap();
    // Eleven fortnights of twelve violations each: over ten times the mean of all mines in well under a year.
    let mut record = String::from("mine_name,iss_dt,violation_occur_dt,likelihood,inj_illness,negligence\n");
    for day in 0..11 {
        let date = format!("2004-{:02}-{:02}", 1 + day / 2, 1 + 14 * (day % 2));
        for _ in 0..12 {
            record.push_str(&format!("Made-up Mine,{date},{date},Unlikely,LostDays,ModNegligence\n"));
        }
    }
    std::fs::write(directory.path().join("record.csv"), record).unwrap();
    let imported = hazstream(directory.path(), &["import", "mine-violations", "record.csv"]).stdout;
    let events = directory.path().join("mine.jsonl");
    std::fs::write(&events, imported).unwrap();
    let told = hazstream(
        repository(),
        &["backtest", "--config", "examples/mine.yaml", "--input", events.to_str().unwrap()],
    );
    let told = String::from_utf8(told.stdout).unwrap();
    // The tenth visit brings the sum to 120, which is more than 116.
    let fired: Vec<&str> =
        told.lines().filter(|line| line.contains("mine_") && line.contains("  2004  ")).collect();
    assert_eq!(fired.len(), 1, "{told}");
    assert!(fired[0].starts_with("mine_hazards_10_times ") && fired[0].contains("2004-05-15"), "{told}");
}
