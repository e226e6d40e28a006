//! What needs no container: the city's example on nodes that run nothing. Its objects are admitted by the real API server, in
//! a namespace that enforces Pod Security `restricted`, and are followed by the real controllers and scheduler.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, text};
use crate::release::Release;

/// The operators' objects are left out: their kinds are not installed here.
const WITHOUT_OPERATORS: [&str; 4] = [
    "keda.enabled=false",
    "monitoring.serviceMonitor.enabled=false",
    "monitoring.prometheusRule.enabled=false",
    "nodeSelector.type=fake",
];

/// Installed, spread over the zones, one pod at a time away, upgraded to four, rolled back to three, and gone.
pub fn a_city_is_admitted_and_rolled_out(cluster: &Cluster) {
    cluster.restricted_namespace("objects");
    let values = &["helm/hazstream/examples/city.yaml"];
    let release = Release { cluster, namespace: "objects", values, files: BTreeMap::new() };
    release.expect("install", &WITHOUT_OPERATORS);
    let zones: BTreeSet<String> =
        release.pods().iter().map(|pod| pod["spec"]["nodeName"].as_str().unwrap().to_owned()).collect();
    assert_eq!(zones.len(), 3, "one in each zone: {zones:?}");

    expect_refused_beside_it(cluster);
    expect_the_budget_to_hold(cluster, &release);

    let mut more = WITHOUT_OPERATORS.to_vec();
    more.push("replicaCount=4");
    release.expect("upgrade", &more);
    assert_eq!(release.pods().len(), 4);
    release.expect_plain(&["rollback", "hazstream", "1", "--wait"]);
    cluster.wait_until("three pods", || match release.pods().len() {
        3 => Ok(()),
        other => Err(format!("{other} pods")),
    });
    release.expect_plain(&["uninstall", "hazstream", "--wait"]);
    let left = cluster.kubectl("get all,configmaps,poddisruptionbudgets,networkpolicies --namespace objects --selector app.kubernetes.io/name=hazstream --output name");
    assert_eq!(left, "", "nothing is left of it");
}

/// That the namespace refuses at all: a pod without a security context.
fn expect_refused_beside_it(cluster: &Cluster) {
    let refused = cluster
        .try_kubectl("run loose --namespace objects --image hazstream.test/hazstream:v1 --restart Never");
    assert!(text(&refused.stderr).contains("violates PodSecurity \"restricted"), "{}", text(&refused.stderr));
}

fn wait_for_budget(cluster: &Cluster, allowed: u32) {
    let budget = "get poddisruptionbudget hazstream --namespace objects";
    cluster.wait_until("the budget", || match &cluster.json(budget)["status"]["disruptionsAllowed"] {
        found if *found == allowed => Ok(()),
        other => Err(format!("{other} may be evicted, not {allowed}")),
    });
}

/// One pod may be evicted; while it is away, none of the others.
fn expect_the_budget_to_hold(cluster: &Cluster, release: &Release) {
    wait_for_budget(cluster, 1);
    // A node that takes no more pods: the evicted one has nowhere to go, and stays away.
    for node in ["fake-0", "fake-1", "fake-2"] {
        cluster.kubectl(&format!("cordon {node}"));
    }
    let pods = release.pods();
    let node = |index: usize| pods[index]["spec"]["nodeName"].as_str().unwrap().to_owned();
    cluster.kubectl(&format!("drain {} --ignore-daemonsets --timeout 60s", node(0)));
    wait_for_budget(cluster, 0);
    let second = cluster.try_kubectl(&format!("drain {} --ignore-daemonsets --timeout 6s", node(1)));
    assert!(
        text(&second.stderr).contains("would violate the pod's disruption budget"),
        "{}",
        text(&second.stderr)
    );
    for node in ["fake-0", "fake-1", "fake-2"] {
        cluster.kubectl(&format!("uncordon {node}"));
    }
    cluster.kubectl("rollout status statefulset/hazstream --namespace objects --timeout 60s");
}
