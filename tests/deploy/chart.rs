//! What the chart makes of its examples is what Kubernetes takes, and what the operators take.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::tool::{chart, find, helm, left_out, objects, path, read, rendered, root, yaml};

const EXAMPLES: [&str; 3] = ["laptop", "city", "city-sasl-tls"];

/// Kinds that an operator brings; kubeconform has no schema of them.
const FOREIGN: &str =
    "ServiceMonitor,PodMonitor,PrometheusRule,ScaledObject,TriggerAuthentication,KafkaTopic,KafkaUser";

#[test]
fn helm_lints_every_example() {
    if left_out() {
        return;
    }
    for example in EXAMPLES {
        let values = format!("helm/hazstream/examples/{example}.yaml");
        let output = helm(&["lint", "--strict", "helm/hazstream", "--values", &values]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("[WARNING]"), "{example}: {said}");
    }
}

#[test]
fn kubernetes_own_schemas_take_every_object() {
    if left_out() {
        return;
    }
    let schemas = format!("{}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", path("schemas"));
    for example in EXAMPLES {
        let mut kubeconform = Command::new(path("kubeconform"))
            .args(["-strict", "-summary", "-skip", FOREIGN, "-schema-location", &schemas])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = rendered("hazstream", example, &[]);
        kubeconform.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = kubeconform.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("Invalid: 0, Errors: 0"), "{example}: {said}");
        assert!(!said.contains("Valid: 0,"), "{example}: nothing was looked at: {said}");
    }
}

/// `HAZSTREAM_TEST_CRDS` is a folder with the operators' own definitions (Prometheus' and KEDA's): .ci/run knows where one is.
#[test]
fn the_operators_own_definitions_take_every_object_of_theirs() {
    let Some(folder) = std::env::var_os("HAZSTREAM_TEST_CRDS").filter(|_| !left_out()) else { return };
    let mut checked = 0;
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let definition = yaml(&read(&file));
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        let group = definition["spec"]["group"].as_str().unwrap();
        for version in definition["spec"]["versions"].as_array().unwrap() {
            let api = format!("{group}/{}", version["name"].as_str().unwrap());
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            close(&mut schema);
            let validator = jsonschema::validator_for(&schema).unwrap();
            for object in EXAMPLES.iter().flat_map(|example| objects("hazstream", example, &[])) {
                if object["kind"] == kind && object["apiVersion"] == json!(api) {
                    let wrong: Vec<String> = validator
                        .iter_errors(&object)
                        .map(|error| format!("{}: {error}", error.instance_path()))
                        .collect();
                    assert!(wrong.is_empty(), "{kind}: {wrong:#?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 0, "{} defines no kind that the chart makes", folder.display());
}

/// A field that is not defined is wrong, as for the API server with strict checking.
fn close(schema: &mut Value) {
    if let Value::Object(map) = schema {
        let is_open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        if map.get("properties").is_some_and(Value::is_object) && !is_open {
            map.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        // The API server's own: what every object begins with.
        map.values_mut().for_each(close);
    } else if let Value::Array(list) = schema {
        list.iter_mut().for_each(close);
    }
}

/// Pod Security `restricted`, for every pod that the chart makes: no exception, no token.
#[test]
fn every_pod_is_restricted_and_has_no_token() {
    if left_out() {
        return;
    }
    let mut pods = 0;
    for object in EXAMPLES.iter().flat_map(|example| objects("hazstream", example, &[])) {
        let spec = match object["kind"].as_str().unwrap() {
            "Pod" => &object["spec"],
            "StatefulSet" | "Job" => &object["spec"]["template"]["spec"],
            _ => continue,
        };
        pods += 1;
        assert_eq!(spec["automountServiceAccountToken"], json!(false));
        // Service links would come as HAZSTREAM_ variables, which are taken for settings.
        assert_eq!(spec["enableServiceLinks"], json!(false));
        assert_eq!(spec["securityContext"]["runAsNonRoot"], json!(true));
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], json!("RuntimeDefault"));
        let lists =
            ["containers", "initContainers"].map(|list| spec[list].as_array().cloned().unwrap_or_default());
        for container in lists.concat() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], json!(false));
            assert_eq!(context["readOnlyRootFilesystem"], json!(true));
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
            assert!(container["resources"]["limits"]["memory"].is_string());
        }
    }
    assert!(pods >= 9, "{pods}");
}

#[test]
fn whatever_is_read_at_the_start_rolls_the_pods_and_nothing_else() {
    if left_out() {
        return;
    }
    let template = |sets: &[&str]| {
        let objects = objects("hazstream", "laptop", sets);
        find(&objects, "StatefulSet", "hazstream")["spec"]["template"].clone()
    };
    let (one, other) = (template(&["rules.text=a: 1"]), template(&["rules.text=a: 2"]));
    assert_eq!(one, other, "rules are read again while the pods run");
    let mounts = one["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    assert!(
        mounts.iter().all(|mount| mount["subPath"].is_null()),
        "a change never reaches a subPath: {mounts:?}"
    );
    assert_eq!(one, template(&["rules.text=a: 1", "podDisruptionBudget.enabled=false"]));
    assert_ne!(one, template(&["rules.text=a: 1", "settings.windows={1h/1m}"]));
    let file = |name: &str, text: &str| template(&[&format!("taxonomy.files.{name}={text}")]);
    assert_ne!(file("regions\\.csv", "a"), file("regions\\.csv", "b"));
    assert_eq!(file("quantities\\.yaml", "a"), file("quantities\\.yaml", "b"), "limits are read again too");
}

#[test]
fn a_stop_has_time_for_the_last_commit() {
    if left_out() {
        return;
    }
    let grace = |sets: &[&str]| {
        let objects = objects("hazstream", "laptop", sets);
        find(&objects, "StatefulSet", "hazstream")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].clone()
    };
    // preStop, the commit interval and the transaction's time-out, rounded up, and ten to leave the group.
    assert_eq!(grace(&[]), json!(5 + 1 + 10 + 10));
    let slow = [
        "settings.commit_interval=20s",
        "settings.kafka.transaction_timeout=1m30s",
        "lifecycle.preStopSeconds=0",
    ];
    assert_eq!(grace(&slow), json!(20 + 90 + 10));
}

#[test]
fn two_releases_of_one_namespace_share_no_name() {
    if left_out() {
        return;
    }
    let long = "a-release-whose-name-is-as-long-as-helm-allows-it-00";
    let names = |release: &str| -> Vec<String> {
        let of = |object: &Value| format!("{}/{}", object["kind"], object["metadata"]["name"]);
        objects(release, "laptop", &[]).iter().map(of).collect()
    };
    for (one, other) in
        [("hazstream", "hazstream-b"), ("b", "b-hazstream"), (&format!("{long}1"), &format!("{long}2"))]
    {
        let taken = names(one);
        let both: Vec<String> = names(other).into_iter().filter(|name| taken.contains(name)).collect();
        assert!(both.is_empty(), "{one} and {other}: {both:?}");
    }
}

#[test]
fn the_job_that_checks_sees_what_is_about_to_be_and_no_secret() {
    if left_out() {
        return;
    }
    let objects = objects("hazstream", "city-sasl-tls", &["rules.text=rules: []"]);
    let job = find(&objects, "Job", "-check");
    assert_eq!(job["metadata"]["annotations"]["helm.sh/hook"], json!("pre-install,pre-upgrade"));
    let text = job.to_string();
    assert!(text.contains("hazstream-next") && !text.contains("secret"), "{text}");
    let next = find(&objects, "ConfigMap", "-next");
    let now = find(&objects, "ConfigMap", "-settings");
    assert_eq!(next["data"]["hazstream.yaml"], now["data"]["hazstream.yaml"]);
    assert_eq!(next["data"]["rules.yaml"], json!("rules: []\n"));
}

#[test]
fn rules_and_dashboards_reach_the_operators_as_in_their_files_with_whole_links_to_runbooks() {
    if left_out() {
        return;
    }
    let sets = ["monitoring.runbookBase=https://example.org/hazstream/"];
    let objects = objects("hazstream", "city", &sets);
    let rule = find(&objects, "PrometheusRule", "hazstream");
    let text = read(&chart("files/rules/hazstream.rules.yaml"));
    let linked = text.replace("docs/runbooks/", "https://example.org/hazstream/docs/runbooks/");
    assert_eq!(
        rule["spec"]["groups"].as_array().unwrap().len(),
        yaml(&text)["groups"].as_array().unwrap().len()
    );
    assert_eq!(rule["spec"]["groups"][1], yaml(&linked)["groups"][1]);
    for file in std::fs::read_dir(root().join("helm/hazstream/files/dashboards")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap();
        let map = find(&objects, "ConfigMap", name.trim_end_matches(".json"));
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], json!("1"));
        let linked =
            read(&file).replace("\"docs/runbooks\"", "\"https://example.org/hazstream/docs/runbooks\"");
        assert!(linked.contains("https://example.org/hazstream/docs/runbooks\""), "{name}");
        assert_eq!(map["data"][name].as_str().unwrap().trim(), linked.trim());
    }
}
