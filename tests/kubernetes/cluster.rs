//! The cluster, from `scripts/cluster`: it goes when its owner does, and then the machine must be as it was.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// For how long a step may wait for something to come true.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Where the broker is, for pods and for the test.
pub const KAFKA: &str = "10.10.0.1:9092";

/// A running cluster.
pub struct Cluster {
    serve: Child,
    /// Closing it ends the cluster.
    pipe: Option<ChildStdin>,
    /// The process whose namespaces it lives in.
    inside: String,
    kubectl: String,
    helm: String,
}

impl Cluster {
    /// Starts one. Images that lie in [`folder`] are loaded into it.
    pub fn start() -> Cluster {
        let mut serve = Command::new(root().join("scripts/cluster"))
            .arg("serve")
            .arg(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(inside) = line.trim().strip_prefix("ready ") else {
            panic!(
                "{}\nor leave this test out by HAZSTREAM_TEST_SKIP=kubernetes:reason",
                rest_of(&mut serve)
            );
        };
        let kubectl = format!("{}/kubectl", tool("kubernetes"));
        let (pipe, inside) = (serve.stdin.take(), inside.to_owned());
        Cluster { serve, pipe, inside, kubectl, helm: tool("helm") }
    }

    /// Ends it; nothing may be left behind.
    pub fn stop(mut self) {
        self.pipe = None;
        let said = rest_of(&mut self.serve);
        let status = self.serve.wait().unwrap();
        assert!(status.success(), "{said}");
    }

    /// A command that sees the cluster's network, and otherwise this machine.
    pub fn command(&self, program: &str) -> Command {
        self.enter(&["--net"], program)
    }

    /// A command among the cluster's processes: what it kills is killed.
    pub fn inside(&self, program: &str) -> Command {
        self.enter(&["--net", "--pid", "--mount"], program)
    }

    fn enter(&self, namespaces: &[&str], program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.inside]).args(namespaces).arg("--").arg(program);
        command.current_dir(root()).env("KUBECONFIG", folder().join("kubeconfig")).env("KAFKA_SERVER", KAFKA);
        for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }

    /// What kubectl prints; it must succeed.
    pub fn kubectl(&self, arguments: &str) -> String {
        let output = self.try_kubectl(arguments);
        assert!(output.status.success(), "kubectl {arguments}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// kubectl, however it ends.
    pub fn try_kubectl(&self, arguments: &str) -> Output {
        self.command(&self.kubectl).args(arguments.split(' ')).output().unwrap()
    }

    /// What kubectl prints as JSON.
    pub fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.kubectl(&format!("{arguments} --output json"))).unwrap()
    }

    /// Makes a namespace that refuses whatever Pod Security's `restricted` does not allow.
    pub fn restricted_namespace(&self, name: &str) {
        self.kubectl(&format!("create namespace {name}"));
        self.kubectl(&format!("label namespace {name} pod-security.kubernetes.io/enforce=restricted"));
    }

    /// helm, however it ends.
    pub fn helm(&self, arguments: &[&str]) -> Output {
        self.command(&self.helm).args(arguments).output().unwrap()
    }

    /// Looks again and again until it holds; what it says in the end fails the test.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> Result<(), String>) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(why) = holds() {
            assert!(Instant::now() < deadline, "waited in vain for {what}: {why}; logs: {}", logs());
            std::thread::park_timeout(Duration::from_millis(300));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.pipe = None;
        // After `stop` it has ended already.
        self.serve.wait().ok();
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where images, kubeconfig and logs are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubernetes")
}

/// Where to look after a failure.
pub fn logs() -> String {
    folder().join("log").display().to_string()
}

/// Where a tool is; it is made first, if need be.
pub fn tool(name: &str) -> String {
    crate::tools::path(name, "kubernetes")
}

/// Runs a command to its end, which must be a good one; what it prints.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{said}", text(&output.stdout));
    text(&output.stdout)
}

/// Printed bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn rest_of(serve: &mut Child) -> String {
    let mut said = String::new();
    serve.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}
