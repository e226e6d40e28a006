//! The workflows: taken by actionlint, least rights, actions by commit, and the commands of the project.

use std::process::Command;

use serde_json::Value;

use super::tool::{left_out, path, read, root, yaml};

const WORKFLOWS: [&str; 2] = ["ci", "release"];

fn workflow(name: &str) -> (String, Value) {
    let text = read(&root().join(format!(".github/workflows/{name}.yaml")));
    let value = yaml(&text);
    (text, value)
}

#[test]
fn actionlint_takes_every_workflow() {
    if left_out() {
        return;
    }
    let mut lint = Command::new(path("actionlint"));
    // Shell inside a workflow is looked at by shellcheck where it is installed; here the same everywhere.
    lint.args(["-shellcheck=", "-pyflakes="]).current_dir(root());
    lint.args(WORKFLOWS.map(|name| format!(".github/workflows/{name}.yaml")));
    let output = lint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Rights are given job by job, runs of one branch don't overlap, and each action is a commit of an exact version.
#[test]
fn every_workflow_has_the_least_rights_and_names_actions_by_commit() {
    for name in WORKFLOWS {
        let (text, value) = workflow(name);
        assert_eq!(value["permissions"], serde_json::json!({}), "{name}");
        assert!(value["concurrency"]["group"].is_string(), "{name}");
        let mut actions = 0;
        for line in
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "))
        {
            let (action, version) =
                line.split_once(" # v").unwrap_or_else(|| panic!("{name}: {line} names no version"));
            let commit = action.rsplit_once('@').unwrap_or_else(|| panic!("{name}: {line}")).1;
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            let numbers: Vec<&str> = version.split('.').collect();
            let is_exact = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok());
            assert!(is_commit && is_exact, "{name}: {line} is no commit of an exact version");
            actions += 1;
        }
        assert!(actions > 0 && !text.contains("latest"), "{name}");
        for (job, value) in value["jobs"].as_object().unwrap() {
            assert!(value["permissions"].is_object(), "{name}: {job} has no rights of its own");
            assert!(value["timeout-minutes"].is_number(), "{name}: {job} may run for ever");
        }
    }
}

/// What a release hands to the image's build is what the Dockerfile asks for; the base is the one that the Dockerfile pins.
#[test]
fn a_release_builds_the_image_with_arguments_that_the_dockerfile_has() {
    let (_, release) = workflow("release");
    let steps = release["jobs"]["image"]["steps"].as_array().unwrap();
    let arguments = steps.iter().find_map(|step| step["with"]["build-args"].as_str()).unwrap();
    let dockerfile = read(&root().join("Dockerfile"));
    let names: Vec<&str> = arguments.lines().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["VERSION", "REVISION"]);
    for name in names {
        assert!(dockerfile.lines().any(|line| line.starts_with(&format!("ARG {name}="))), "no ARG {name}");
    }
}

#[test]
fn the_workflows_call_what_the_project_has() {
    let makefile = read(&root().join("Makefile"));
    for name in WORKFLOWS {
        let (text, _) = workflow(name);
        for target in
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("run: make "))
        {
            assert!(makefile.contains(&format!("\n{target}:")), "{name}: make {target}");
        }
    }
    let (ci, _) = workflow("ci");
    for command in ["make check", "make test"] {
        assert!(ci.contains(command), "{command} is not run");
    }
}
