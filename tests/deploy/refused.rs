//! Values that cannot work are refused before anything is installed, in words that say what to do.

use super::tool::{helm, left_out};

/// What is set on top of the laptop's values, and what helm must say.
const REFUSED: &[(&[&str], &[&str])] = &[
    (&["replicas=3"], &["additional properties 'replicas' not allowed"]),
    (&["settings.kafka.groop=x"], &["/settings/kafka", "additional properties 'groop' not allowed"]),
    (&["settings.rules.file=x"], &["/settings", "rules"]),
    (&["settings.kafka.instance=x"], &["/settings/kafka", "additional properties 'instance' not allowed"]),
    (&["replicaCount=many"], &["/replicaCount", "got string, want integer"]),
    (&["replicaCount=0"], &["/replicaCount", "minimum"]),
    (&["image.digest=latest"], &["/image/digest", "does not match pattern"]),
    (&["image.repository=x/y:latest"], &["/image/repository", "does not match pattern"]),
    (&["kafka.sasl.mechanism=GSSAPI"], &["/kafka/sasl/mechanism", "must be one of"]),
    (&["taxonomy.files.region\\.csv=x"], &["additional properties 'region.csv' not allowed"]),
    (&["kafka.bootstrapServers="], &["kafka.bootstrapServers is empty: name your brokers"]),
    (&["kafka.bootstrapServers=kafka"], &["\"kafka\" has no port: write HOST:PORT"]),
    (&["kafka.sasl.mechanism=SCRAM-SHA-512"], &["kafka.sasl.existingSecret is empty: name a Secret"]),
    (&["kafka.sasl.existingSecret=x"], &["kafka.sasl.mechanism is empty: say SCRAM-SHA-512"]),
    (
        &["kafka.sasl.mechanism=PLAIN", "kafka.sasl.existingSecret=x"],
        &["sends the password in the clear: enable TLS"],
    ),
    (&["kafka.tls.existingSecret=x"], &["kafka.tls.enabled is false: enable it"]),
    (
        &["kafka.tls.enabled=true", "kafka.tls.existingSecret=x", "kafka.tls.certKey=tls.crt"],
        &["kafka.tls.certKey and kafka.tls.keyKey go together"],
    ),
    (
        &["settings.kafka.properties.sasl\\.password=river"],
        &["sasl.password is a secret and would stand readable in a ConfigMap: put it into a Secret"],
    ),
    (
        &["extraEnv[0].name=HAZSTREAM_KAFKA_INSTANCE", "extraEnv[0].value=x"],
        &["HAZSTREAM_KAFKA_INSTANCE is set by the chart: remove it"],
    ),
    (&["rules.text=x", "rules.existingConfigMap=y"], &["are both set: keep one"]),
    (
        &["replicaCount=3"],
        &["replicaCount 3 times settings.workers 1 is more than settings.topics.partitions 2"],
    ),
    (
        &["replicaCount=2", "settings.workers=2"],
        &["replicaCount 2 times settings.workers 2 is more than settings.topics.partitions 2"],
    ),
    (
        &["keda.enabled=true", "keda.maxReplicas=9"],
        &["keda.maxReplicas 9 is more than settings.topics.partitions 2"],
    ),
    (&["keda.enabled=true", "keda.minReplicas=3"], &["keda.minReplicas 3 is more than the most replicas, 2"]),
    (&["keda.enabled=true", "keda.minReplicas=0"], &["/keda/minReplicas", "minimum"]),
    (
        &["monitoring.serviceMonitor.enabled=true", "monitoring.podMonitor.enabled=true"],
        &["everything would be counted twice, keep one"],
    ),
    (&["topics.manage=strimzi"], &["strimzi.cluster is empty"]),
    (&["lifecycle.terminationGracePeriodSeconds=5"], &["no time would be left for the last commit"]),
];

#[test]
fn what_cannot_work_is_refused_in_words_that_say_what_to_do() {
    if left_out() {
        return;
    }
    let mut complaints = String::new();
    for (sets, wanted) in REFUSED {
        let mut arguments =
            vec!["template", "x", "helm/hazstream", "--values", "helm/hazstream/examples/laptop.yaml"];
        for set in *sets {
            arguments.extend(["--set", set]);
        }
        let output = helm(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() || !wanted.iter().all(|part| said.contains(part)) {
            complaints.push_str(&format!("{sets:?}: wanted {wanted:?}, got {} {said}\n", output.status));
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn every_mistake_is_told_at_once() {
    if left_out() {
        return;
    }
    let output = helm(&[
        "template",
        "x",
        "helm/hazstream",
        "--set",
        "replicaCount=9,rules.text=a,rules.existingConfigMap=b",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["kafka.bootstrapServers is empty", "replicaCount 9", "rules.text and"] {
        assert!(said.contains(part), "{part} is missing from {said}");
    }
}
