//! L1 and T1: how soon an alert can be read, in peace and after a kill.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Arguments;
use crate::pipeline::{Running, environment, fresh, hazstream};
use crate::probe::Probes;
use crate::report::{Figure, median};

const BETWEEN_PROBES: Duration = Duration::from_millis(100);

/// L1: p99 from the probe to its alert amid 35,000 readings a second; the better of two commit intervals.
pub fn alert_latency(arguments: &Arguments, address: &str) -> anyhow::Result<Figure> {
    let mut best: Option<(f64, Vec<f64>, &str)> = None;
    for commit in ["100ms", "20ms"] {
        let mut p99s = Vec::new();
        for _ in 0..arguments.runs {
            let mut live = Live::start(address, commit, 35_000)?;
            let mut latencies: Vec<f64> = Vec::new();
            for _ in 0..200 {
                latencies
                    .extend(live.probe()?.iter().map(|(sent, seen)| (*seen - *sent).as_secs_f64() * 1e3));
            }
            latencies.sort_by(f64::total_cmp);
            ensure!(latencies.len() > 150, "only {} of 200 probes came back", latencies.len());
            println!(
                "commit each {commit}: p50 {:.0} ms, p99 {:.0} ms of {} probes",
                median(&latencies),
                latencies[latencies.len() * 99 / 100],
                latencies.len()
            );
            p99s.push(latencies[latencies.len() * 99 / 100]);
        }
        let middle = median(&p99s);
        if best.as_ref().is_none_or(|(least, ..)| middle < *least) {
            best = Some((middle, p99s, commit));
        }
    }
    let (_, p99s, commit) = best.expect("two were measured");
    let what = "event produced → alert readable, p99 at 35,000 events/s";
    Ok(Figure::value("L1", what, "250 ms", "ms", &p99s, &format!(" with a commit each {commit}")))
}

/// T1: from kill -9 to the first alert of a probe sent after it, the same process started again at once.
pub fn recovery(arguments: &Arguments, address: &str) -> anyhow::Result<Figure> {
    let mut live = Live::start(address, "100ms", 2_780)?;
    let mut times = Vec::new();
    for _ in 0..arguments.runs {
        let killed = Instant::now();
        live.restart()?;
        let alert = loop {
            ensure!(killed.elapsed() < Duration::from_secs(120), "no alert after the kill");
            if let Some((_, seen)) = live.probe()?.into_iter().find(|(sent, _)| *sent > killed) {
                break seen;
            }
        };
        times.push((alert - killed).as_secs_f64() * 1e3);
        println!("after a kill: {:.0} ms", times.last().expect("one was pushed"));
        for _ in 0..20 {
            live.probe()?;
        }
    }
    let what = "kill -9 → first correct alert at 2,780 events/s, same process started again at once";
    Ok(Figure::value("T1", what, "2,000 ms", "ms", &times, ""))
}

/// The pipeline under a live load.
struct Live {
    environment: Vec<(String, String)>,
    process: Option<Running>,
    _load: Running,
    probes: Probes,
}

impl Live {
    fn start(address: &str, commit: &str, rate: u32) -> anyhow::Result<Live> {
        let name = fresh("live");
        let mut environment = environment(address, &name, crate::FIVE, commit);
        environment
            .retain(|(key, _)| key != "HAZSTREAM_KAFKA_TOPICS_SENSORS" && key != "HAZSTREAM_KAFKA_INPUTS");
        environment.push(("HAZSTREAM_KAFKA_INPUTS".to_string(), "[sensors, inspections]".to_string()));
        hazstream("0", &["topics", "create"], &environment).wait_well()?;
        let rate = rate.to_string();
        let generate =
            ["generate", "--to", "kafka", "--speed", "1", "--events", "100000000", "--sensors", "100000"];
        let load = hazstream("0", &[&generate[..], &["--rate", &rate]].concat(), &environment).start()?;
        let process = Some(hazstream("1", &["run"], &environment).start()?);
        let mut live = Live { environment, process, _load: load, probes: Probes::new(address, &name)? };
        let began = Instant::now();
        while live.probe()?.is_empty() {
            ensure!(began.elapsed() < Duration::from_secs(120), "no alert in two minutes");
        }
        // Whatever heaped up before the first alert is gone after this.
        for _ in 0..50 {
            live.probe()?;
        }
        Ok(live)
    }

    /// One more probe, and whatever alerts come until the next.
    fn probe(&mut self) -> anyhow::Result<Vec<(Instant, Instant)>> {
        self.probes.send()?;
        self.probes.look(BETWEEN_PROBES)
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        self.process = None; // killed here
        self.process = Some(hazstream("1", &["run"], &self.environment).start()?);
        Ok(())
    }
}
