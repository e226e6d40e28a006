//! The image and the unchanged chart on a real Kubernetes with a real Kafka, both started for this test on this machine.
//!
//! `scripts/cluster` starts and ends them, in namespaces of their own. `make test-kubernetes` runs this, plain `cargo test`
//! does not: it needs root, a quarter of an hour for building Kubernetes once, and then minutes.
//! `HAZSTREAM_TEST_SKIP=kubernetes:reason` leaves it out; where the machine lacks something, it fails and names that.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod cluster;
mod image;
mod objects;
mod release;
#[path = "../support/skip.rs"]
mod skip;
mod stream;
#[path = "../support/tools.rs"]
mod tools;
#[path = "../support/totals.rs"]
mod totals;
mod upgrades;

use std::io::Write as _;
use std::time::Instant;

use cluster::Cluster;
use stream::City;

/// One test, for the cluster is started once. Its steps are told as they are done, each with its seconds.
#[test]
fn hazstream_lives_on_a_real_cluster() {
    if skip::left_out("kubernetes") {
        return;
    }
    let mut told = Told::new();
    image::build();
    told.done("the image is built, small, and says what it is");
    let cluster = Cluster::start();
    told.done("etcd, API server, controllers, scheduler, kubelet, kwok and Kafka are up");

    objects::a_city_is_admitted_and_rolled_out(&cluster);
    told.done(
        "the city's example: every object is admitted under `restricted`, the budget holds a drain back",
    );
    real_pods(&cluster, &mut told);

    cluster.stop();
    told.done("everything is gone, and the machine is as it was");
}

/// The same chart in real pods, under `restricted` as well, with events that come without a pause.
fn real_pods(cluster: &Cluster, told: &mut Told) {
    let mut release = upgrades::release(cluster);
    upgrades::install(&release);
    told.done("the chart is installed in real pods under `restricted`: topics are made, the pod is ready");
    release.expect_plain(&["test", "hazstream"]);
    told.done("helm test passes, by the Service's name");

    let city = City::start(cluster);
    upgrades::kill(&release);
    told.done("kill -9: the container starts again");
    upgrades::scale(&release, 3);
    told.done("scaled from 1 to 3");
    upgrades::delete(&release);
    told.done("a deleted pod makes its last commit; another takes its place");
    upgrades::upgrade(&release);
    told.done("upgraded to another image and setting");
    upgrades::bad_configuration(&release);
    told.done("a bad setting is refused, with the reason; no pod is touched");
    upgrades::roll_back(&release, "2");
    told.done("rolled back");
    upgrades::scale(&release, 2);
    told.done("scaled from 3 to 2");
    let two = ["replicaCount=2"];
    upgrades::change(&mut release, &two, upgrades::RULES, "rules", ["level: orange", "level: red"]);
    told.done("other rules are in force in every pod, and none was started again");
    upgrades::change(&mut release, &two, upgrades::LIMITS, "taxonomy", ["set_point: 1.25", "set_point: 1.3"]);
    told.done("other limits of sensors are, and none was started again");
    let totals = city.stop();
    stream::expect_totals(cluster, &totals);
    told.done("every count is what the generator says it sent");
    let alerts = stream::expect_alerts_exactly_once(cluster);
    assert!(alerts > 20, "only {alerts} alerts: the city is too quiet to prove anything");
    told.done(&format!("each of {alerts} alerts has its events once and in order"));
    upgrades::uninstall(&release);
    told.done("uninstalled; the topics are still there");
}

/// Tells how long each step took.
struct Told(Instant);

impl Told {
    fn new() -> Told {
        Told(Instant::now())
    }

    fn done(&mut self, claim: &str) {
        let line = format!("{:6.1} s  {claim}\n", self.0.elapsed().as_secs_f64());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        self.0 = Instant::now();
    }
}
