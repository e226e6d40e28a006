//! The demo, a real Prometheus that scrapes it, and a real Alertmanager behind: each on a free port, each gone when the
//! test ends, however it ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::files::RULES;
use super::tool::{missing, root};

/// How long something may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Everything, running.
pub struct Stack {
    demo: String,
    prometheus: String,
    alertmanager: String,
    _processes: [Running; 3],
    _folder: tempfile::TempDir,
}

impl Stack {
    /// Starts all three.
    pub fn start() -> Stack {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (demo, address) = demo();
        let alertmanager = format!("127.0.0.1:{}", free_port());
        let prometheus = format!("127.0.0.1:{}", free_port());
        let write = |name: &str, text: String| -> PathBuf {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let alertmanager_config = write("alertmanager.yaml", compose("alertmanager.yml"));
        let config = write("prometheus.yaml", config(&address, &alertmanager));
        let keep = |name: &str| folder.path().join(name).display().to_string();
        let processes = [
            demo,
            start(
                "prometheus-alertmanager",
                &[
                    format!("--config.file={}", alertmanager_config.display()),
                    format!("--storage.path={}", keep("alertmanager")),
                    format!("--web.listen-address={alertmanager}"),
                    "--cluster.listen-address=".to_owned(),
                ],
            ),
            start(
                "prometheus",
                &[
                    format!("--config.file={}", config.display()),
                    format!("--storage.tsdb.path={}", keep("prometheus")),
                    format!("--web.listen-address={prometheus}"),
                ],
            ),
        ];
        Stack { demo: address, prometheus, alertmanager, _processes: processes, _folder: folder }
    }

    /// The demo's metrics page.
    pub fn page(&self) -> String {
        let url = format!("http://{}/metrics", self.demo);
        ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// What a query answers now: each series' value. An error is Prometheus' own message.
    pub fn query(&self, expr: &str) -> Result<Vec<f64>, String> {
        let url = format!("http://{}/api/v1/query", self.prometheus);
        let asked = ureq::get(url).query("query", expr).config().http_status_as_error(false).build().call();
        // Before it listens, and while it starts, there is nothing to hear yet.
        let Ok(mut asked) = asked else { return Ok(Vec::new()) };
        if asked.status() == 503 {
            return Ok(Vec::new());
        }
        let answer: Value = asked.body_mut().read_json().unwrap();
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let result = answer["data"]["result"].as_array().unwrap();
        Ok(result.iter().map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect())
    }

    /// The rules as Prometheus has loaded and evaluated them.
    pub fn rules(&self) -> Vec<Value> {
        let answer = json(&format!("http://{}/api/v1/rules", self.prometheus)).unwrap_or_default();
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The alerts that Alertmanager has received.
    pub fn received(&self) -> Vec<Value> {
        let answer = json(&format!("http://{}/api/v2/alerts", self.alertmanager)).unwrap_or_default();
        answer.as_array().cloned().unwrap_or_default()
    }
}

/// Asks again and again until there is nothing left to wait for; what is left at the end fails the test.
pub fn until_nothing_is_left<T: std::fmt::Debug>(mut left: impl FnMut() -> Vec<T>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waits_for = left();
        if waits_for.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "after {PATIENCE:?} still: {waits_for:#?}");
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

fn json(url: &str) -> Option<Value> {
    ureq::get(url).call().ok()?.body_mut().read_json().ok()
}

/// The demo and its address. Its clock leaps by seconds, so its events are judged later than the objective allows.
fn demo() -> (Running, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hazstream"));
    command.args(["demo", "--port", "0", "--sensors", "300", "--speed", "120"]).stdout(Stdio::piped());
    command.env_remove("HAZSTREAM_CONFIG").env_remove("HAZSTREAM_HTTP_LISTEN");
    let mut child = command.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let demo = Running(child);
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    let address = lines
        .find_map(|line| Some(line.split_once("http://")?.1.split('/').next()?.to_owned()))
        .expect("the demo says where it listens");
    // Its story must be taken from it, or it stops when the pipe is full.
    std::thread::spawn(move || lines.for_each(drop));
    (demo, address)
}

/// A configuration that compose.yaml mounts.
fn compose(name: &str) -> String {
    std::fs::read_to_string(root().join("examples/compose").join(name)).unwrap()
}

/// Prometheus' configuration of compose.yaml, with the addresses of these processes in the place of the services' names.
fn config(demo: &str, alertmanager: &str) -> String {
    let rules = root().join(RULES);
    let places = [
        ("hazstream:8080", demo),
        ("alertmanager:9093", alertmanager),
        ("rules/*.yaml", rules.to_str().unwrap()),
    ];
    places.iter().fold(compose("prometheus.yml"), |text, (name, place)| {
        assert!(text.contains(name), "prometheus.yml names no {name}");
        text.replace(name, place)
    })
}

fn start(program: &str, arguments: &[String]) -> Running {
    let mut command = Command::new(program);
    command.args(arguments).arg("--log.level=error").stdin(Stdio::null());
    Running(command.spawn().unwrap_or_else(|error| panic!("{}", missing(program, &error))))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
