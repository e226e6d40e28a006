//! The demo as a newcomer runs it: the real binary, its story, its pages, its end.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A running demo, killed if a test fails in the middle.
struct Demo {
    child: Child,
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(arguments: &[&str]) -> Demo {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hazstream"));
    command.arg("demo").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("HAZSTREAM_CONFIG").env_remove("HAZSTREAM_HTTP_LISTEN");
    Demo { child: command.spawn().unwrap() }
}

fn get(address: &str, path: &str) -> String {
    ureq::get(format!("http://{address}{path}")).call().unwrap().body_mut().read_to_string().unwrap()
}

#[test]
fn the_story_is_told_the_pages_are_served_and_ctrl_c_ends_it_with_a_summary() {
    let mut demo = start(&["--port", "0", "--sensors", "200", "--speed", "1200"]);
    let mut lines = BufReader::new(demo.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut address = None;
    let mut missing = vec!["sensor_level", "major_hazard_found", "major_hazard_cluster", "gateway_silent"];
    while !missing.is_empty() {
        let line = lines.next().expect("the demo goes on until it is told to stop");
        if let Some((_, rest)) = line.split_once("http://") {
            address.get_or_insert_with(|| rest.split('/').next().unwrap().to_owned());
        }
        missing.retain(|rule| !line.ends_with(rule));
    }
    let address = address.expect("the first lines say where it listens");
    assert!(get(&address, "/metrics").contains("hazard_window_count{"));
    assert!(get(&address, "/api/v1/alerts").contains("gateway_silent"));

    let interrupted = Command::new("kill").args(["-INT", &demo.child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    assert!(rest.iter().any(|line| line.contains("consumed") && line.starts_with("sensors")), "{rest:?}");
}

#[test]
fn it_ends_in_time_though_no_machine_is_that_fast_and_takes_a_free_port_when_its_own_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut demo = start(&["--port", &port, "--speed", "100000", "--for", "1s"]);
    let mut told = String::new();
    demo.child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    let mut warned = String::new();
    demo.child.stderr.take().unwrap().read_to_string(&mut warned).unwrap();
    assert_eq!(demo.child.wait().unwrap().code(), Some(0), "{warned}");
    assert!(warned.contains(&format!("port {port} is taken")), "{warned}");
    assert!(told.contains("/metrics") && !told.contains(&format!("127.0.0.1:{port}/")), "{told}");
}
