//! The real binary on a real broker: its settings, its topics, its processes, and what befalls them.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use hazstream::taxonomy::{FILES, SHIPPED};
use tempfile::TempDir;

use crate::client::PATIENCE;
use crate::support::broker::signal;

/// What all processes of a test share: settings in a file, and topics of their own.
pub struct Deployment {
    name: &'static str,
    address: String,
    folder: TempDir,
}

/// One process of `hazstream run`, killed at the end of the test.
pub struct Process {
    child: Child,
    http: String,
    log: PathBuf,
    /// Where its own lines begin: the file is appended to.
    began: u64,
}

/// How a command ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stderr: String,
}

/// Small windows, short delays and quick failure detection: a test should take seconds, and cross many slides.
const SETTINGS: &str = include_str!("settings.yaml");
const RULES: &str = include_str!("rules.yaml");

impl Deployment {
    /// Settings and topics under a prefix that nobody else uses, on this broker or any other.
    pub fn new(name: &'static str, address: &str) -> Deployment {
        Deployment::with_window(name, address, "")
    }

    /// The same with one more window, as a line of the list.
    pub fn with_window(name: &'static str, address: &str, more: &str) -> Deployment {
        Deployment::build(name, [address, address], "{}", more)
    }

    /// Its processes come by the second address with librdkafka's properties, a YAML map; the test itself by the first.
    pub fn with_properties(name: &'static str, plain: &str, address: &str, properties: &str) -> Deployment {
        Deployment::build(name, [plain, address], properties, "")
    }

    fn build(name: &'static str, [plain, address]: [&str; 2], properties: &str, more: &str) -> Deployment {
        let folder = TempDir::with_prefix_in(format!("{name}-"), env!("CARGO_TARGET_TMPDIR")).unwrap();
        let prefix = folder.path().file_name().unwrap().to_str().unwrap();
        let rules = folder.path().join("rules.yaml");
        std::fs::write(&rules, RULES).unwrap();
        let taxonomy = folder.path().join("taxonomy");
        std::fs::create_dir(&taxonomy).unwrap();
        for (name, text) in FILES.iter().zip(SHIPPED) {
            std::fs::write(taxonomy.join(name), text).unwrap();
        }
        let settings = SETTINGS
            .replace("{taxonomy}", taxonomy.to_str().unwrap())
            .replace("{address}", address)
            .replace("{properties}", properties)
            .replace("{prefix}", prefix)
            .replace(
                "{session}",
                if std::env::var_os("HAZSTREAM_TEST_KAFKA").is_some() { "6s" } else { "2s" },
            )
            .replace("{more}", more)
            .replace("{rules}", rules.to_str().unwrap());
        std::fs::write(folder.path().join("settings.yaml"), settings).unwrap();
        let deployment = Deployment { name, address: plain.to_string(), folder };
        let created = deployment.command(&["topics", "create"]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        deployment
    }

    /// Where its broker is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A topic's full name.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.folder.path().file_name().unwrap().to_str().unwrap())
    }

    /// The consumer group.
    pub fn group(&self) -> String {
        self.folder.path().file_name().unwrap().to_str().unwrap().to_string()
    }

    /// Run a command that must end by itself, with these variables.
    pub fn end_of(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = self.command(arguments);
        command.env("HAZSTREAM_HTTP_LISTEN", "127.0.0.1:0").env("HAZSTREAM_KAFKA_INSTANCE", "a");
        let child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().to_string();
        let (done, ended) = std::sync::mpsc::channel::<()>();
        // A command that stays would hold the test up for ever.
        let watch = std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                signal("KILL", &id);
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(done);
        watch.join().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ended {
            code: output.status.code().unwrap_or_else(|| panic!("{arguments:?} did not end: {stderr}")),
            stderr,
        }
    }

    /// Start a process; `instance` names it: the same name is the same replica, started again.
    pub fn start(&self, instance: &str) -> Process {
        let http = format!("127.0.0.1:{}", free_port());
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{instance}.log", self.name));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let began = output.metadata().unwrap().len();
        let child = self
            .command(&["run"])
            .env("HAZSTREAM_KAFKA_INSTANCE", instance)
            .env("HAZSTREAM_HTTP_LISTEN", &http)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Process { child, http, log, began }
    }

    /// Fills the inputs by `hazstream generate`; what it says it sent.
    pub fn generate(&self, arguments: &str) -> serde_json::Value {
        let totals = self.folder.path().join("totals.json");
        let mut command = self.command(&["generate", "--to", "kafka", "--totals", totals.to_str().unwrap()]);
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&std::fs::read(totals).unwrap()).unwrap()
    }

    /// Runs another command with its settings to its end.
    pub fn run(&self, arguments: &str) -> Output {
        self.command(&arguments.split(' ').collect::<Vec<_>>()).output().unwrap()
    }

    /// The rules, as they are written.
    pub fn rules(&self) -> &'static str {
        RULES
    }

    /// A file beside its settings, with this text; its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hazstream"));
        command.args(arguments).arg("--config").arg(self.folder.path().join("settings.yaml"));
        command
    }
}

impl Process {
    /// The samples of a metric, each with its labels; none while the process does not answer.
    pub fn metric(&self, name: &str) -> Vec<(String, f64)> {
        let answer = ureq::get(format!("http://{}/metrics", self.http)).call();
        let text = answer.map(|mut answer| answer.body_mut().read_to_string().unwrap()).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '))
            .filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'))
            .map(|(labels, value)| (labels.to_string(), value.parse().unwrap()))
            .collect()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let all = std::fs::read_to_string(&self.log).unwrap();
        all[usize::try_from(self.began).unwrap()..].to_string()
    }

    /// Look at it until something holds.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Process) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}; its log: {}", self.log.display());
            std::thread::yield_now();
        }
    }

    /// How many partitions it owns now.
    pub fn owned(&self) -> usize {
        self.metric("hazstream_assigned_partitions").iter().map(|(_, value)| *value as usize).sum()
    }

    /// The code with which it ended by itself, if it has.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().and_then(|status| status.code())
    }

    /// It must still run: nothing that these tests do may end it.
    pub fn expect_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("hazstream ended by itself ({status}); its log: {}", self.log.display());
        }
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: it must commit, leave and end well.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; its log: {}", self.log.display());
    }

    /// SIGSTOP and SIGCONT make a zombie, SIGKILL a crash.
    pub fn signal(&self, name: &str) {
        signal(name, &self.child.id().to_string());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, or about to be: either is fine at the end of a test.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
