//! Real pods, real processes: what befalls them while events come without a pause, and that nothing is lost or doubled by it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cluster::{Cluster, folder, root, run, text};
use crate::release::Release;

/// The value of the chart that holds the rules.
pub const RULES: &str = "rules.text";
/// The one that holds sensors' limits.
pub const LIMITS: &str = "taxonomy.files.quantities\\.yaml";

/// The release that runs in real pods, with the shipped rules and taxonomy in ConfigMaps.
pub fn release(cluster: &Cluster) -> Release<'_> {
    let mut files = BTreeMap::from([(RULES.to_owned(), root().join("config/rules.yaml"))]);
    for file in
        ["clauses.yaml", "kinds.yaml", "measures.yaml", "quantities.yaml", "regions.csv", "sectors.yaml"]
    {
        let value = format!("taxonomy.files.{}", file.replace('.', "\\."));
        files.insert(value, root().join("config/taxonomy").join(file));
    }
    Release { cluster, namespace: "city", values: &["tests/kubernetes/values.yaml"], files }
}

/// The unchanged chart, in a namespace that enforces `restricted`: the Job has made the topics, the pod is ready.
pub fn install(release: &Release) {
    release.cluster.restricted_namespace("city");
    release.expect("install", &[]);
    assert_eq!(release.pods().len(), 1);
    let topics = topics(release.cluster);
    assert!(topics.contains(&"hazard.alert-events".to_owned()), "{topics:?}");
}

/// `kill -9` of the process: the container starts again, by the same name.
pub fn kill(release: &Release) {
    let pod = &release.pods()[0];
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap();
    let id = id.strip_prefix("containerd://").unwrap();
    let tasks = run(release.cluster.inside("ctr").args(["--namespace", "k8s.io", "tasks", "list"]));
    let line = tasks.lines().find(|line| line.starts_with(id)).unwrap();
    let process = line.split_whitespace().nth(1).unwrap();
    run(release.cluster.inside("kill").args(["-9", process]));
    release.cluster.wait_until("the container to start again", || {
        let status = release.pods()[0]["status"]["containerStatuses"][0].clone();
        match status["restartCount"] == 1 && status["ready"] == true {
            true => Ok(()),
            false => Err(status.to_string()),
        }
    });
    let killed = &release.pods()[0]["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(killed["exitCode"], 137, "{killed}");
}

/// A pod that is deleted commits, leaves the group and ends well; another takes its name and its place.
pub fn delete(release: &Release) {
    let pod = &release.pods()[0];
    let (name, before) = (pod["metadata"]["name"].as_str().unwrap(), pod["metadata"]["uid"].clone());
    let namespace = release.namespace;
    let follow = release
        .cluster
        .command(&format!("{}/kubectl", crate::cluster::tool("kubernetes")))
        .args(["logs", "--container", "hazstream", "--follow", "--tail", "1", "--namespace", namespace, name])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    release.cluster.kubectl(&format!("delete pod {name} --namespace {namespace}"));
    let said = text(&follow.wait_with_output().unwrap().stdout);
    assert!(said.contains("the last commit, then leaving the group"), "{said}");
    assert!(!said.contains("the last commit failed"), "{said}");
    release.cluster.wait_until("a new pod", || {
        let pod = release.pods().into_iter().find(|pod| pod["metadata"]["name"] == name).unwrap_or_default();
        match pod["metadata"]["uid"] != before && is_ready(&pod) {
            true => Ok(()),
            false => Err(pod["status"].to_string()),
        }
    });
}

/// Another version of the image and another setting: every pod runs them in the end.
pub fn upgrade(release: &Release) {
    release.expect("upgrade", &["replicaCount=3", "image.tag=v2", "settings.commit_interval=200ms"]);
    expect_image(release, "hazstream.test/hazstream:v2");
}

/// A setting that cannot be: helm says so with file, line, value and remedy's log, and no pod is touched.
pub fn bad_configuration(release: &Release) {
    let before = identities(release);
    let bad = ["replicaCount=3", "image.tag=v2", "settings.time.idle_after=soon"];
    let output = release.helm("upgrade", &bad);
    assert!(!output.status.success(), "a bad setting went through");
    let said =
        release.cluster.kubectl(&format!("logs job/hazstream-check --namespace {}", release.namespace));
    assert!(said.contains("idle_after") && said.contains("soon"), "{said}");
    assert_eq!(identities(release), before, "no pod was touched");
}

/// Back to what went before the upgrade.
pub fn roll_back(release: &Release, revision: &str) {
    release.expect_plain(&["rollback", "hazstream", revision, "--wait", "--timeout", "4m"]);
    expect_image(release, "hazstream.test/hazstream:v1");
}

/// To so many pods, each of which owns partitions.
pub fn scale(release: &Release, replicas: usize) {
    release.expect("upgrade", &[&format!("replicaCount={replicas}")]);
    release.cluster.wait_until("every pod to own partitions", || {
        let owned: Vec<usize> = release.pods().iter().map(|pod| owned(release.cluster, pod)).collect();
        match owned.len() == replicas && owned.iter().all(|owned| *owned > 0) {
            true => Ok(()),
            false => Err(format!("{owned:?}")),
        }
    });
}

/// One of the files is changed: every pod takes it from its ConfigMap as it runs, and none is started again. `hash` is what
/// `hazstream_config_info` calls it.
pub fn change(release: &mut Release, sets: &[&str], value: &str, hash: &str, [from, to]: [&str; 2]) {
    let (pods, before) = (identities(release), in_force(release, hash));
    let file = release.files.get_mut(value).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{}: no {from}", file.display());
    *file = folder().join(file.file_name().unwrap());
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    release.expect("upgrade", sets);
    release.cluster.wait_until(&format!("every pod to have other {hash}"), || {
        let after = in_force(release, hash);
        match after.len() == 1 && !after.contains("") && after != before {
            true => Ok(()),
            false => Err(format!("{after:?}, before {before:?}")),
        }
    });
    assert_eq!(identities(release), pods, "no pod was started again");
}

/// The hashes of the rules, or of the taxonomy, that pods have in force: one, when they agree; an empty one, where one does
/// not answer.
fn in_force(release: &Release, hash: &str) -> BTreeSet<String> {
    let pods = release.pods();
    let of = |pod| {
        let page = metrics(release.cluster, pod);
        let line = page.lines().find(|line| line.starts_with("hazstream_config_info")).unwrap_or_default();
        let after = line.split_once(&format!("{hash}=\"")).map_or("", |(_, after)| after);
        after.split('"').next().unwrap().to_owned()
    };
    pods.iter().map(of).collect()
}

/// Everything is taken away but the topics.
pub fn uninstall(release: &Release) {
    let before = topics(release.cluster);
    release.expect_plain(&["uninstall", "hazstream", "--wait"]);
    // helm has waited for the objects alone; the last pods may still make their last commit.
    release.cluster.wait_until("the pods to be gone", || match release.pods().len() {
        0 => Ok(()),
        some => Err(format!("{some} pods")),
    });
    assert_eq!(topics(release.cluster), before);
}

/// The partitions that a pod owns.
fn owned(cluster: &Cluster, pod: &Value) -> usize {
    let page = metrics(cluster, pod);
    let lines = page.lines().filter(|line| line.starts_with("hazstream_assigned_partitions"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as usize
}

/// A pod's own metrics, at its own address; nothing while it does not answer.
fn metrics(cluster: &Cluster, pod: &Value) -> String {
    let Some(address) = pod["status"]["podIP"].as_str() else { return String::new() };
    let mut curl = cluster.command("curl");
    let page = curl.args(["--silent", "--max-time", "5", &format!("http://{address}:8080/metrics")]).output();
    text(&page.unwrap().stdout)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn expect_image(release: &Release, image: &str) {
    for pod in release.pods() {
        assert_eq!(pod["spec"]["containers"][0]["image"], image);
        assert!(is_ready(&pod), "{pod:#}");
    }
}

/// Each pod, and how often it was started.
fn identities(release: &Release) -> Vec<(Value, Value)> {
    let pods = release.pods();
    let of = |pod: &Value| {
        (pod["metadata"]["uid"].clone(), pod["status"]["containerStatuses"][0]["restartCount"].clone())
    };
    pods.iter().map(of).collect()
}

fn topics(cluster: &Cluster) -> Vec<String> {
    let mut tool = cluster.command("scripts/kafka");
    let class = "org.apache.kafka.tools.TopicCommand";
    let said = run(tool.args(["tool", class, "--bootstrap-server", crate::cluster::KAFKA, "--list"]));
    said.lines().map(str::to_owned).collect()
}
