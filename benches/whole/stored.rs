//! R11: how much faster than the day itself a backtest of its stored tallies is.

use std::time::Instant;

use anyhow::ensure;

use crate::pipeline::{Committed, environment, fresh, hazstream, wait_for};
use crate::report::Figure;
use crate::{Arguments, FIVE};

/// Readings per second of event time.
const RATE: u64 = 500;

/// R11: event time ÷ the wall time of a backtest whose alert events are those that were sent, to the byte.
pub fn figure(arguments: &Arguments, address: &str) -> anyhow::Result<Figure> {
    let name = fresh("stored");
    let mut environment = environment(address, &name, FIVE, "100ms");
    // Topics of its own, and every input.
    environment
        .retain(|(key, _)| !["HAZSTREAM_KAFKA_TOPICS_SENSORS", "HAZSTREAM_KAFKA_INPUTS"].contains(&&**key));
    hazstream("0", &["topics", "create"], &environment).wait_well()?;
    let (events, rate) = (arguments.events.to_string(), RATE.to_string());
    let generate = ["generate", "--to", "kafka", "--events", &events, "--rate", &rate, "--sensors", "20000"];
    let stories = ["--scenario", "gas_leak", "--scenario", "workshop_cluster", "--scenario", "mine_methane"];
    hazstream("0", &[&generate[..], &stories[..]].concat(), &environment).wait_well()?;

    let running = hazstream("1", &["run"], &environment).start()?;
    let sensors = Committed::of(address, &name, &format!("{name}.sensors"))?;
    wait_for("the readings to be judged", || Ok(sensors.lag()? == 0))?;
    let tallies = Committed::of(address, &name, &format!("{name}.tallies"))?;
    wait_for("the tallies to be judged", || Ok(tallies.lag()? < 100))?;
    running.stop()?;

    let event_s = (arguments.events / RATE) as f64;
    let mut speeds = Vec::new();
    for round in 1..=arguments.runs {
        let began = Instant::now();
        // Its exit code says whether the alert events are those that were sent.
        let said =
            hazstream("1", &["backtest", "--from", "kafka", "--json"], &environment).wait_for_words()?;
        speeds.push(event_s / began.elapsed().as_secs_f64());
        ensure!(!said.contains(" 0 identical"), "nothing was compared: {said}");
        println!("round {round}: {:.0} × real time; {}", speeds[round - 1], said.trim().replace('\n', "; "));
    }
    let what =
        format!("backtest of {:.1} h of stored tallies ÷ real time at 500 events/s", event_s / 3_600.0);
    Ok(Figure::times("R11", &what, 1_000.0, &speeds))
}
