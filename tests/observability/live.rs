//! The running program under a real Prometheus: its page, the rules, every query of the dashboards, and an alert that
//! reaches a real Alertmanager. One test, for one set of processes.

use std::io::Write;
use std::process::Stdio;

use super::dashboards::queries;
use super::files::rules;
use super::stack::{Stack, until_nothing_is_left};
use super::tool::{command, left_out, missing};

#[test]
fn prometheus_scrapes_it_evaluates_every_rule_and_query_and_alertmanager_hears_of_it() {
    if left_out() {
        return;
    }
    let stack = Stack::start();
    every_query_has_an_answer(&stack);
    every_rule_evaluates(&stack);
    an_alert_reaches_alertmanager(&stack);
    promtool_is_content_with_the_page(&stack.page());
}

/// Only numbers count as an answer: a quantile of nothing is not a number.
fn every_query_has_an_answer(stack: &Stack) {
    let mut left = queries();
    assert!(left.len() > 50, "{}", left.len());
    until_nothing_is_left(|| {
        left.retain(|query| match stack.query(&query.resolved("30s")) {
            Ok(values) => !values.iter().any(|value| value.is_finite()),
            Err(error) => panic!("{query}: {error}"),
        });
        left.iter().map(ToString::to_string).collect()
    });
}

fn every_rule_evaluates(stack: &Stack) {
    until_nothing_is_left(|| {
        let loaded = stack.rules();
        assert_eq!(loaded.len(), rules().len(), "rules that Prometheus has loaded");
        let broken: Vec<_> = loaded.iter().filter(|rule| rule["health"] == "err").collect();
        assert!(broken.is_empty(), "{broken:#?}");
        loaded.into_iter().filter(|rule| rule["health"] != "ok").collect()
    });
}

/// The demo's clock leaps by seconds at a time, so its events miss the objective, and the burn-rate alert must say so.
fn an_alert_reaches_alertmanager(stack: &Stack) {
    const ALERT: &str = "HazstreamLatencyBudgetBurn";
    until_nothing_is_left(|| {
        let received = stack.received();
        let found = received.iter().find(|alert| alert["labels"]["alertname"] == ALERT);
        let whole = found.is_some_and(|alert| {
            alert["annotations"]["runbook_url"] == format!("docs/runbooks/{ALERT}.md").as_str()
                && alert["labels"]["job"] == "hazstream"
                && alert["annotations"]["summary_zh"].is_string()
        });
        if whole { Vec::new() } else { vec![(ALERT, received)] }
    });
}

fn promtool_is_content_with_the_page(page: &str) {
    let mut promtool = command("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap_or_else(|error| panic!("{}", missing("promtool", &error)));
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let complaints: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    // It keeps the ending for histograms; the name is the domain's word, and part of the contract.
    let known = "hazard_window_count non-histogram and non-summary metrics should not have \"_count\" suffix";
    assert_eq!(complaints, [known]);
}
