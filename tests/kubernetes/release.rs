//! A release of the chart: installed, upgraded, rolled back and taken away by helm, and looked at by kubectl.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::cluster::{Cluster, text};

/// The label of the pods that run, and not those of Jobs and tests.
const PROCESSOR: &str = "app.kubernetes.io/component=processor";

/// One release in a namespace of its own.
pub struct Release<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'static str,
    /// Files that its values come from.
    pub values: &'static [&'static str],
    /// Values that are files themselves, as `--set-file` names them.
    pub files: BTreeMap<String, PathBuf>,
}

impl Release<'_> {
    /// `helm install` or `upgrade` with these on top of the values; waits until every pod is ready.
    pub fn helm(&self, verb: &str, sets: &[&str]) -> Output {
        let mut arguments = vec![verb, "hazstream", "helm/hazstream", "--namespace", self.namespace];
        arguments.extend(["--wait", "--timeout", "4m"]);
        self.values.iter().for_each(|file| arguments.extend(["--values", file]));
        let files: Vec<String> =
            self.files.iter().map(|(value, file)| format!("{value}={}", file.display())).collect();
        files.iter().for_each(|file| arguments.extend(["--set-file", file]));
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        self.cluster.helm(&arguments)
    }

    /// The same, which must go well.
    pub fn expect(&self, verb: &str, sets: &[&str]) {
        let output = self.helm(verb, sets);
        assert!(output.status.success(), "helm {verb} {sets:?}: {}{}", text(&output.stderr), self.state());
    }

    /// Another command of helm about this release, which must go well.
    pub fn expect_plain(&self, arguments: &[&str]) {
        let mut all = arguments.to_vec();
        all.extend(["--namespace", self.namespace]);
        let output = self.cluster.helm(&all);
        assert!(output.status.success(), "helm {arguments:?}: {}{}", text(&output.stderr), self.state());
    }

    /// Its pods, by name.
    pub fn pods(&self) -> Vec<Value> {
        let all =
            self.cluster.json(&format!("get pods --namespace {} --selector {PROCESSOR}", self.namespace));
        all["items"].as_array().unwrap().clone()
    }

    /// What somebody would look at who wants to know why it does not come up.
    pub fn state(&self) -> String {
        let namespace = self.namespace;
        let mut looks = vec![
            format!("get pods,jobs --namespace {namespace} --output wide"),
            format!("get events --namespace {namespace} --sort-by .lastTimestamp"),
            format!(
                "logs --namespace {namespace} --selector {PROCESSOR} --tail 30 --container hazstream --prefix"
            ),
        ];
        for pod in self.pods() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            looks.push(format!(
                "exec {name} --namespace {namespace} --container hazstream -- hazstream health"
            ));
        }
        let mut said = String::from("\n");
        for look in looks {
            let output = self.cluster.try_kubectl(&look);
            said.push_str(&format!("{look}\n{}{}", text(&output.stdout), text(&output.stderr)));
        }
        said
    }
}
