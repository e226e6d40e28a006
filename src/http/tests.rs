//! The real server on a free port, asked over the network.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::config::Settings;
use crate::event::EventTime;
use crate::log::{Output, Topic, TopicPartition};
use crate::taxonomy::Taxonomy;
use crate::worker::report::{MemberReport, Report};

/// A real server on a free port, with a filled read model.
struct Served {
    server: Server,
    observer: Arc<Observer>,
    log: LogControl,
    _filter: Box<dyn std::any::Any>,
}

impl Served {
    fn new() -> Self {
        let settings = Settings {
            limits: crate::config::Limits { page_max: 50, ..Settings::default().limits },
            ..Settings::default()
        };
        let observer =
            Arc::new(Observer::new(&settings, &Taxonomy::shipped(), EventTime::from_ms(1_763_856_000_000)));
        let (log, filter) = LogControl::detached("info").unwrap();
        let app =
            App { observer: Arc::clone(&observer), log: log.clone(), page_max: settings.limits.page_max };
        let server = Server::start(([127, 0, 0, 1], 0).into(), app).unwrap();
        Served { server, observer, log, _filter: Box::new(filter) }
    }

    fn filled() -> Self {
        let served = Served::new();
        for region in ["330600", "330604", "330604104", "330602", "unknown"] {
            for window in ["10m", "1h"] {
                let value = format!(
                    r#"{{"region":"{region}","sector":"mining","window":"{window}","slide":"1m",
                        "as_of":"2026-11-23T02:16:00Z","complete_to":"2026-11-23T02:15:20Z",
                        "coverage":{{"heard":118,"expected":120}},"counts":{{"readings":5,"alarms_red":1}}}}"#
                );
                served.put(Topic::Windows, &format!("{region}|mining|{window}"), &value);
            }
        }
        for (id, status, level, region) in [
            ("a1", "firing", "red", "330604104"),
            ("b2", "resolved", "blue", "330602"),
            ("c3", "unknown", "red", "330602"),
        ] {
            let value = format!(
                r#"{{"id":"{id}","rule":"r-{level}","status":"{status}","level":"{level}","region":"{region}","sector":"mining","value":3}}"#
            );
            served.put(Topic::Alerts, id, &value);
        }
        served.observer.report(&Report::Collect(Box::new(crate::metrics::collect_report())));
        served
    }

    fn put(&self, topic: Topic, key: &str, value: &str) {
        let (key, value) = (key.into(), Some(value.into()));
        self.observer.committed([&Output { topic, partition: None, key, value, headers: Vec::new() }]);
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.server.address()));
        let mut response = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (response.status().as_u16(), kind.unwrap_or_default(), response.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str) -> Value {
        let (status, kind, body) = self.ask("GET", path, "");
        assert_eq!((status, kind.as_str()), (200, "application/json"), "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The values of one field of the items of a page.
    fn column(&self, path: &str, field: &str) -> Vec<String> {
        let page = self.get(path);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item[field].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn windows_are_filtered_by_region_sector_window_and_measure() {
    let served = Served::filled();
    for (query, regions) in [
        ("?window=1h", &["330600", "330602", "330604", "330604104", "unknown"][..]),
        ("?window=1h&region=330604", &["330604"]),
        ("?window=1h&within=330604", &["330604", "330604104"]),
        ("?window=1h&within=330600", &["330600", "330602", "330604", "330604104"]),
        ("?sector=all", &[]),
        ("?region=330604&sector=mining", &["330604", "330604"]),
    ] {
        assert_eq!(served.column(&format!("/api/v1/windows{query}"), "region"), regions, "{query}");
    }
    let page = served.get("/api/v1/windows?region=330604&window=1h&measure=alarms_red");
    assert_eq!(page["items"][0]["counts"], serde_json::json!({"alarms_red": 1}));
    assert_eq!(page["items"][0]["coverage"], serde_json::json!({"heard": 118, "expected": 120}));
}

#[test]
fn pages_follow_each_other_to_the_last() {
    let served = Served::filled();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = served.get(&format!("/api/v1/windows?limit=3{cursor}"));
        pages += 1;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| format!("{}{}", item["region"], item["window"])),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut distinct = seen.clone();
    distinct.dedup();
    assert_eq!((pages, seen.len(), distinct.len()), (4, 10, 10));
}

#[test]
fn alerts_are_filtered_by_status_level_region_and_rule() {
    let served = Served::filled();
    for (query, ids) in [
        ("", &["a1", "b2", "c3"][..]),
        ("?status=firing,unknown", &["a1", "c3"]),
        ("?level=red&region=330602", &["c3"]),
        ("?region=330600", &["a1", "b2", "c3"]),
        ("?region=330604", &["a1"]),
        ("?rule=r-blue", &["b2"]),
    ] {
        assert_eq!(served.column(&format!("/api/v1/alerts{query}"), "id"), ids, "{query}");
    }
    assert_eq!(served.get("/api/v1/alerts?limit=1")["items"][0]["value"], 3);
}

#[test]
fn regions_are_those_of_the_taxonomy() {
    let served = Served::new();
    let counties = served.column("/api/v1/regions?level=county&within=330600", "code");
    assert_eq!(counties, ["330602", "330603", "330604", "330624", "330681", "330683"]);
    let town = served.get("/api/v1/regions?within=330604104");
    assert_eq!(town["items"][0]["parent"], "330604");
}

#[test]
fn sources_show_lag_watermark_and_ledger() {
    let sources = Served::filled().get("/api/v1/sources");
    let source = &sources["inputs"][0];
    assert_eq!((&source["lag"], &source["ledger"]["difference"]), (&30.into(), &0.into()));
    assert_eq!(source["watermark"], "1970-01-01T00:16:40Z");
    assert_eq!(source["silent_gateways"][0], "GW-7");
}

#[test]
fn what_is_wrong_with_a_request_is_told_as_a_problem() {
    let served = Served::filled();
    for (method, path, status, detail) in [
        ("GET", "/api/v1/windows?limit=0", 400, "1 to 50"),
        ("GET", "/api/v1/windows?limit=51", 400, "1 to 50"),
        ("GET", "/api/v1/windows?limit=x", 400, "limit"),
        ("GET", "/api/v1/windows?regoin=1", 400, "regoin"),
        ("GET", "/api/v1/alerts?status=burning", 400, "burning"),
        ("GET", "/api/v1/regions?level=village", 400, "village"),
        ("GET", "/api/v2/windows", 404, "/api/v2/windows"),
        ("POST", "/api/v1/windows", 405, "POST"),
        ("PUT", "/-/log-level", 400, "not a log filter"),
    ] {
        let (found, kind, body) = served.ask(method, path, "louder");
        assert_eq!((found, kind.as_str()), (status, "application/problem+json"), "{method} {path}: {body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{method} {path}: {body}");
    }
}

#[test]
fn the_metrics_page_is_what_prometheus_reads() {
    let served = Served::filled();
    let (status, kind, body) = served.ask("GET", "/metrics", "");
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let samples = crate::metrics::strict::parse(&body).unwrap();
    let county = "hazard_window_count{region=\"330604\",region_level=\"county\",sector=\"mining\",measure=\"readings\",window=\"1h\"}";
    assert_eq!(samples[county], 5.0);
    assert_eq!(samples["hazard_alerts{region=\"330604\",level=\"red\",status=\"firing\"}"], 1.0);
    assert_eq!(samples["hazstream_ready"], 0.0);
}

#[test]
fn ready_says_why_not_and_alive_is_alive() {
    let served = Served::new();
    assert_eq!(served.ask("GET", "/livez", "").0, 200);
    let (status, _, body) = served.ask("GET", "/readyz", "");
    assert_eq!(status, 503);
    assert!(body.contains("worker 0: not a stable member of the group"), "{body}");
    let (status, _, body) = served.ask("GET", "/startupz", "");
    assert_eq!((status, body.as_str()), (503, "worker 0: not a stable member of the group\n"));
    let at = TopicPartition { topic: Topic::Tallies, partition: 0 };
    let member =
        |assigned| Report::Member(MemberReport { worker: 0, stable: true, assigned, rebalanced: true });
    served.observer.report(&member(vec![at]));
    assert_eq!(served.ask("GET", "/readyz", "").0, 503);
    served.observer.report(&member(Vec::new()));
    assert_eq!(served.get("/readyz"), serde_json::json!({"ready": true, "reasons": []}));
    assert_eq!(served.ask("GET", "/startupz", "").0, 200);
    served.observer.drain();
    assert_eq!(served.ask("GET", "/readyz", "").0, 503);
}

#[test]
fn the_log_level_changes_while_running() {
    let served = Served::new();
    assert_eq!(served.ask("PUT", "/-/log-level", "info,hazstream::kafka=debug\n").0, 200);
    assert_eq!(served.log.level().unwrap(), "hazstream::kafka=debug,info");
    assert_eq!(served.ask("GET", "/-/log-level", "").2, "hazstream::kafka=debug,info\n");
}

#[test]
fn the_front_page_links_only_to_what_is_there() {
    let served = Served::filled();
    let (status, kind, page) = served.ask("GET", "/", "");
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 7);
    for link in links {
        let status = served.ask("GET", &link.replace("&amp;", "&"), "").0;
        assert!(status == 200 || ["/readyz", "/startupz"].contains(&link), "{link}: {status}");
    }
}

#[test]
fn a_stopped_server_answers_no_more_and_frees_its_port() {
    let served = Served::new();
    let address = served.server.address();
    served.server.stop(Duration::from_secs(5)).unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
    drop(std::net::TcpListener::bind(address).unwrap());
}

#[test]
fn a_taken_address_is_named_with_its_remedy() {
    let served = Served::new();
    let app = App { observer: Arc::clone(&served.observer), log: served.log.clone(), page_max: 1 };
    let error = Server::start(served.server.address(), app).err().unwrap().to_string();
    assert!(error.contains(&served.server.address().to_string()) && error.contains("another"), "{error}");
}

#[test]
fn the_document_of_the_api_does_not_drift() {
    crate::config::assert_file_is("docs/openapi.json", &openapi());
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let served = Served::filled();
    for path in document["paths"].as_object().unwrap().keys() {
        assert_ne!(served.ask("GET", path, "").0, 404, "{path}");
    }
    assert_eq!(served.get("/api/openapi.json"), document);
}
