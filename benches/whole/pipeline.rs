//! The program under measurement: its settings, its input, its rate, its memory.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hazstream::config::Settings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::report::Figure;

/// The topic that the throughput runs read.
pub const INPUT: &str = "bench.sensors";
/// What the runs with a slide of 100 ms read: 35,000 readings for each second of event time instead of 2,780, or there would be
/// more slices to add up in than readings.
pub const DENSE: &str = "bench.dense";
/// Its partitions.
pub const PARTITIONS: i32 = 8;

/// Look at the progress so often.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(300);

/// The environment of a run with topics and a group of its own.
pub fn environment(address: &str, name: &str, windows: &str, commit: &str) -> Vec<(String, String)> {
    let settings = [
        ("KAFKA_BOOTSTRAP_SERVERS", address),
        ("KAFKA_GROUP", name),
        ("KAFKA_INSTANCE", name),
        ("KAFKA_TOPIC_PREFIX", &format!("{name}.")),
        ("KAFKA_TOPICS_SENSORS", INPUT),
        ("KAFKA_INPUTS", "[sensors]"),
        ("TOPICS_PARTITIONS", &PARTITIONS.to_string()),
        ("WINDOWS", windows),
        ("COMMIT_INTERVAL", commit),
        ("HTTP_LISTEN", "127.0.0.1:39108"),
        ("RULES_FILE", if windows.contains("24h") { "" } else { "benches/whole/rules.yaml" }),
    ];
    settings.map(|(key, value)| (format!("HAZSTREAM_{key}"), value.to_string())).to_vec()
}

/// The same, resolved.
pub fn settings(address: &str, name: &str, windows: &str, commit: &str) -> anyhow::Result<Settings> {
    let environment = environment(address, name, windows, commit);
    Settings::load(None, environment.into_iter()).map_err(|problems| anyhow::anyhow!("{}", problems[0]))
}

/// Put readings into an input, once, so many for each second of event time.
pub fn fill(address: &str, input: &str, events: u64, rate: u32) -> anyhow::Result<()> {
    println!("filling {input} with {events} readings");
    let mut environment = environment(address, "bench", "[]", "100ms");
    environment.push(("HAZSTREAM_KAFKA_TOPICS_SENSORS".to_owned(), input.to_owned()));
    hazstream("0", &["topics", "create"], &environment).wait_well()?;
    let (events, rate) = (events.to_string(), rate.to_string());
    let generate = ["generate", "--to", "kafka", "--events", &events, "--rate", &rate];
    hazstream("0", &[&generate[..], &["--sensors", "100000", "--inspections", "0"]].concat(), &environment)
        .wait_well()
}

/// What a throughput run reads, and how.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub input: &'a str,
    pub windows: &'a str,
    pub commit: &'a str,
    /// The longest interval while it is behind, as it is all the time here; `""`: the default.
    pub behind: &'a str,
    /// A file; `""`: as the windows allow.
    pub rules: &'a str,
}

/// Run the pipeline over its whole input; events per second between the first committed offset and the last.
pub fn rate(address: &str, events: u64, run: Run<'_>) -> anyhow::Result<f64> {
    let name = fresh("rate");
    let mut environment = environment(address, &name, run.windows, run.commit);
    environment.push(("HAZSTREAM_KAFKA_TOPICS_SENSORS".to_owned(), run.input.to_owned()));
    if !run.behind.is_empty() {
        environment.push(("HAZSTREAM_COMMIT_INTERVAL_BEHIND".to_owned(), run.behind.to_owned()));
    }
    if !run.rules.is_empty() {
        environment.push(("HAZSTREAM_RULES_FILE".to_owned(), run.rules.to_owned()));
    }
    hazstream("0", &["topics", "create"], &environment).wait_well()?;
    let running = hazstream("1", &["run"], &environment).start()?;
    let committed = Committed::of(address, &name, run.input)?;
    let mut first = None;
    let began = Instant::now();
    loop {
        let now = committed.records()?;
        let (at, records) = *first.get_or_insert_with(|| (Instant::now(), now));
        if now >= events {
            drop(running);
            return Ok((events - records) as f64 / at.elapsed().as_secs_f64());
        }
        if records == 0 {
            first = None;
        }
        ensure!(began.elapsed() < PATIENCE, "{now} of {events} were committed in {PATIENCE:?}");
        std::thread::sleep(LOOK);
    }
}

/// M1: resident memory with 100,000 sensors and ten minutes of ids, at 2,780 events a second.
pub fn memory(address: &str) -> anyhow::Result<Figure> {
    const EVENTS: u64 = 1_670_000;
    /// The allocator gives back what a catch-up needed within ten seconds.
    const STEADY: Duration = Duration::from_secs(30);
    let name = fresh("memory");
    let mut environment = environment(address, &name, crate::FIVE, "100ms");
    environment.retain(|(key, _)| key != "HAZSTREAM_KAFKA_TOPICS_SENSORS");
    hazstream("0", &["topics", "create"], &environment).wait_well()?;
    let events = EVENTS.to_string();
    let generate =
        ["generate", "--to", "kafka", "--sensors", "100000", "--rate", "2780", "--inspections", "0"];
    hazstream("0", &[&generate[..], &["--events", &events]].concat(), &environment).wait_well()?;
    let running = hazstream("1", &["run"], &environment).start()?;
    let committed = Committed::of(address, &name, &format!("{name}.sensors"))?;
    wait_for("the input to be read", || Ok(committed.records()? >= EVENTS))?;
    let live =
        hazstream("0", &[&generate[..], &["--speed", "1", "--for", "1h"]].concat(), &environment).start()?;
    std::thread::sleep(STEADY);
    let resident = running.memory_mb("VmRSS:")?;
    drop(live);
    let peak = format!("; peak of the catch-up before: {:.0} MB", running.memory_mb("VmHWM:")?);
    let what = "resident memory at 2,780 events/s, 100,000 sensors, 5 windows, 1.67 M ids remembered";
    Ok(Figure::value("M1", what, "200 MB", "MB", &[resident], &peak))
}

/// Look until something holds.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The offsets that a group has committed in a topic.
pub struct Committed {
    topic: String,
    consumer: BaseConsumer,
    partitions: TopicPartitionList,
}

impl Committed {
    pub fn of(address: &str, group: &str, topic: &str) -> anyhow::Result<Committed> {
        // A reader of committed records would wait while a transaction that carries offsets is open.
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("group.id", group)
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(topic, 0, PARTITIONS - 1);
        Ok(Committed { topic: topic.to_owned(), consumer, partitions })
    }

    pub fn records(&self) -> anyhow::Result<u64> {
        let offsets = self.consumer.committed_offsets(self.partitions.clone(), Duration::from_secs(10))?;
        Ok(offsets.elements().iter().filter_map(|at| at.offset().to_raw()).map(|at| at.max(0) as u64).sum())
    }
}

impl Committed {
    /// How many offsets there are behind the committed ones, control records included.
    pub fn lag(&self) -> anyhow::Result<u64> {
        let mut end = 0;
        for partition in 0..PARTITIONS {
            end += self.consumer.fetch_watermarks(&self.topic, partition, Duration::from_secs(10))?.1;
        }
        Ok((end as u64).saturating_sub(self.records()?))
    }
}

/// The release binary with arguments and environment, on a core.
pub fn hazstream(core: &str, arguments: &[&str], environment: &[(String, String)]) -> Prepared {
    let mut command = Command::new("taskset");
    command.args(["-c", core, env!("CARGO_BIN_EXE_hazstream")]).args(arguments);
    command.envs(environment.iter().map(|(key, value)| (key, value)));
    Prepared { command }
}

/// About to be run.
pub struct Prepared {
    command: Command,
}

impl Prepared {
    /// Run it to its end.
    pub fn wait_well(mut self) -> anyhow::Result<()> {
        let output = self.command.output()?;
        ensure!(output.status.success(), "{:?}: {}", self.command, String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Run it to its end, and take what it says to people.
    pub fn wait_for_words(mut self) -> anyhow::Result<String> {
        let output = self.command.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{:?}: {said}", self.command);
        Ok(said)
    }

    /// Start it; its log goes to target.
    pub fn start(mut self) -> anyhow::Result<Running> {
        let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench.log");
        let log = File::options().create(true).append(true).open(&log)?;
        let child = self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Running { child })
    }
}

/// Running; killed when dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// What the kernel says of its memory under this name.
    fn memory_mb(&self, name: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context(name.to_owned())?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
    }
}

impl Running {
    /// SIGTERM: the last commit, and the end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        crate::broker::signal("TERM", &self.child.id().to_string());
        let status = self.child.wait()?;
        ensure!(status.success(), "run ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, or about to be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A name that no other run has.
pub fn fresh(what: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
