//! A real Apache Kafka that the tests start themselves, and that goes however they end.
//!
//! `scripts/kafka serve` runs the broker and watches a pipe that this process holds: when the process ends, by whatever
//! means, the pipe closes, the broker is killed and its data are removed. Its log stays in target/kafka/.
//!
//! `HAZSTREAM_TEST_KAFKA=host:port` takes another broker for the tests that need not restart it;
//! `HAZSTREAM_TEST_SKIP=kafka:reason` leaves every test that needs Kafka out.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running broker.
pub struct Broker {
    address: String,
    own: Option<Own>,
}

/// A broker that this process started.
struct Own {
    name: String,
    /// The plain one, the controller's, and the secure one if there is to be one.
    ports: Vec<u16>,
    serve: Child,
    /// Closing it ends the broker and removes its data, and [`Child::wait`] would close it: so it is kept apart.
    pipe: Option<ChildStdin>,
    java: String,
}

/// The one broker that all tests of a binary share; `None` when they are to be left out.
pub fn shared() -> Option<&'static Broker> {
    static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
    if left_out() {
        return None;
    }
    let broker = SHARED.get_or_init(|| match std::env::var("HAZSTREAM_TEST_KAFKA") {
        Ok(address) => Ok(Broker { address, own: None }),
        Err(_) => Broker::start("shared", 2),
    });
    Some(broker.as_ref().unwrap_or_else(|why| panic!("{why}")))
}

/// A broker of a test's own, to be killed and started again; `None` when such tests are to be left out.
pub fn own(name: &str) -> Option<Broker> {
    if left_out() {
        return None;
    }
    Some(Broker::start(name, 2).unwrap_or_else(|why| panic!("{why}")))
}

/// The one broker with a listener of TLS and SASL, and with ACLs, that all tests of a binary share.
pub fn secured() -> Option<&'static Broker> {
    static SECURED: OnceLock<Result<Broker, String>> = OnceLock::new();
    if left_out() {
        return None;
    }
    let broker = SECURED.get_or_init(|| Broker::start("secured", 3));
    Some(broker.as_ref().unwrap_or_else(|why| panic!("{why}")))
}

/// Whether the tests that need Kafka are to be left out. `make test` says so in its last line.
pub fn left_out() -> bool {
    super::skip::left_out("kafka")
}

impl Broker {
    /// Where clients connect: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where clients that know a password connect, and the certificate that they must trust.
    pub fn secure(&self) -> (String, PathBuf) {
        let own = self.own.as_ref().expect("a broker of the tests' own");
        (format!("127.0.0.1:{}", own.ports[2]), directory(&own.name).join("broker.pem"))
    }

    /// Run one of Kafka's stock tools against it.
    pub fn tool(&self, class: &str, arguments: &[&str]) {
        let mut tool = Command::new(root().join("scripts/kafka"));
        tool.args(["tool", class, "--bootstrap-server", &self.address]).args(arguments);
        let output = tool.output().expect("scripts/kafka can be run");
        assert!(
            output.status.success(),
            "{class} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Kill the broker as a crash would, and start it again on the same port with the same data.
    pub fn crash_and_restart(&mut self) {
        self.crash();
        self.restart();
    }

    /// Kill the broker as a crash would.
    pub fn crash(&mut self) {
        let own = self.own.as_mut().expect("only a broker of the test's own can be restarted");
        signal("KILL", &own.java);
        own.serve.wait().expect("the script ends when its broker does");
    }

    /// Wait until the broker has ended by itself.
    pub fn expect_end(&mut self) {
        let own = self.own.as_mut().expect("a broker of the tests' own");
        let began = Instant::now();
        while own.serve.try_wait().expect("it is our child").is_none() {
            assert!(began.elapsed() < Duration::from_secs(120), "the broker goes on");
            std::thread::yield_now();
        }
    }

    /// Start it again on the same port with the same data.
    pub fn restart(&mut self) {
        let own = self.own.as_mut().expect("only a broker of the test's own can be restarted");
        *own = serve(&own.name, own.ports.clone()).expect("the broker starts again");
    }

    fn start(name: &str, listeners: usize) -> Result<Broker, String> {
        // A port that was free a moment ago may be taken by somebody else before the broker binds it.
        let mut why = String::new();
        for _ in 0..3 {
            let ports = free_ports(listeners);
            let address = format!("127.0.0.1:{}", ports[0]);
            match serve(name, ports) {
                Ok(own) => return Ok(Broker { address, own: Some(own) }),
                Err(text) => why = text,
            }
            if !why.contains("Address already in use") {
                break;
            }
        }
        Err(format!(
            "no Kafka for this test, and none can be started:\n{why}\n\
             Type scripts/setup test (it installs a JDK and Maven), or set HAZSTREAM_TEST_KAFKA=host:port, \
             or leave these tests out by HAZSTREAM_TEST_SKIP=kafka:reason"
        ))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            own.pipe = None;
            own.serve.wait().expect("the script ends when the pipe closes");
        }
    }
}

/// Run the script until its broker is ready.
fn serve(name: &str, ports: Vec<u16>) -> Result<Own, String> {
    let mut script = Command::new(root().join("scripts/kafka"))
        .args(["serve".as_ref(), directory(name).as_os_str()])
        .args(ports.iter().map(u16::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("scripts/kafka cannot be started: {error}"))?;
    let mut line = String::new();
    let stdout = script.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the script writes text");
    match line.trim().strip_prefix("ready ") {
        Some(java) => Ok(Own {
            name: name.to_string(),
            ports,
            pipe: script.stdin.take(),
            serve: script,
            java: java.to_string(),
        }),
        None => {
            let mut why = String::new();
            script
                .stderr
                .take()
                .expect("stderr is piped")
                .read_to_string(&mut why)
                .expect("the script writes text");
            script.wait().expect("it has ended");
            Err(why)
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Two runs of the tests at once do not share a directory.
pub fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string()).join(name)
}

fn free_ports(count: usize) -> Vec<u16> {
    // All are held until all are known, so that they differ.
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    held.iter().map(|listener| listener.local_addr().expect("a bound port").port()).collect()
}

/// Send a signal to a process by its id.
pub fn signal(signal: &str, process: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), process]).status().expect("kill can be run");
    assert!(sent.success(), "signal {signal} to {process}");
}
