//! A broker that asks who is there: a real handshake of TLS and SASL, a wrong password, an unknown certificate, missing ACLs.

use crate::acls;
use crate::client::{Reader, Sender};
use crate::deployment::Deployment;
use crate::support::broker::{self, Broker};

const PASSWORD: &str = "river-4711";
const ACLS: &str = "org.apache.kafka.tools.AclCommand";

#[test]
fn tls_and_scram_carry_the_whole_pipeline() {
    let Some(broker) = broker::secured() else { return };
    expect_an_alert(&deployment("tls", broker));
}

#[test]
fn a_wrong_password_ends_topics_and_run_with_one_line_that_does_not_show_it() {
    let Some(broker) = broker::secured() else { return };
    let deployment = deployment("password", broker);
    let properties = properties(broker).replace(PASSWORD, "flood-0815");
    for command in [&["topics", "check"][..], &["topics", "create"], &["run"]] {
        let ended = deployment.end_of(command, &[("HAZSTREAM_KAFKA_PROPERTIES", &properties)]);
        assert_eq!(ended.code, 4, "{ended:?}");
        let last = ended.stderr.trim_end().lines().last().unwrap();
        assert!(last.contains("check sasl.username, sasl.password and sasl.mechanism"), "{ended:?}");
        assert!(!ended.stderr.contains("flood-0815"), "{ended:?}");
        assert!(command == ["run"] || ended.stderr.trim_end().lines().count() == 1, "{ended:?}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_named_as_the_reason() {
    let Some(broker) = broker::secured() else { return };
    let deployment = deployment("certificate", broker);
    let (_, certificate) = broker.secure();
    let properties = properties(broker).replace(&format!(", ssl.ca.location: {}", certificate.display()), "");
    let ended = deployment.end_of(&["topics", "check"], &[("HAZSTREAM_KAFKA_PROPERTIES", &properties)]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("ssl.ca.location"), "{ended:?}");
    assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{ended:?}");
}

#[test]
fn run_ends_for_a_missing_permission_with_the_acl_that_it_lacks() {
    let Some(broker) = broker::secured() else { return };
    let deployment = deployment("acl", broker);
    let alerts = deployment.topic("alerts");
    // A thing with ACLs allows what they say and no more.
    broker.tool(
        ACLS,
        &["--add", "--allow-principal", "User:bureau", "--operation", "Describe", "--topic", &alerts],
    );
    send_major_hazard(&deployment);
    let ended = deployment.end_of(&["run"], &[]);
    assert_eq!(ended.code, 4, "{ended:?}");
    let last = ended.stderr.trim_end().lines().last().unwrap();
    assert!(last.contains("grant Write on this topic"), "{ended:?}");
}

#[test]
fn the_rights_that_the_documents_list_carry_topics_check_and_the_whole_pipeline() {
    let Some(broker) = broker::secured() else { return };
    let deployment = deployment("least", broker);
    let commands = acls::documented();
    assert_eq!(commands.len(), 5, "{commands:?}");
    for command in commands {
        // Each of these names has ACLs from now on, so that nothing else is allowed on it.
        let words: Vec<String> = command
            .iter()
            .map(|word| match word.strip_prefix("hazard.") {
                Some(topic) => deployment.topic(topic),
                None => word.replace("hazstream", &deployment.group()),
            })
            .collect();
        let words = words.iter().map(String::as_str);
        broker.tool(
            ACLS,
            &["--add", "--allow-principal", "User:bureau"].into_iter().chain(words).collect::<Vec<_>>(),
        );
    }
    expect_an_alert(&deployment);
    // Restored by the same rights.
    let process = deployment.start("a");
    process
        .wait_until("it to be ready", |process| process.metric("hazstream_ready") == [(String::new(), 1.0)]);
    process.stop();
}

/// A deployment that comes by the secure listener; the test's own clients come by the plain one.
fn deployment(name: &'static str, broker: &Broker) -> Deployment {
    Deployment::with_properties(name, broker.address(), &broker.secure().0, &properties(broker))
}

fn properties(broker: &Broker) -> String {
    let (_, certificate) = broker.secure();
    format!(
        "{{security.protocol: sasl_ssl, sasl.mechanism: SCRAM-SHA-512, sasl.username: bureau, sasl.password: \
         {PASSWORD}, ssl.ca.location: {}}}",
        certificate.display()
    )
}

/// The topics pass, and a major hazard goes the whole way.
fn expect_an_alert(deployment: &Deployment) {
    let checked = deployment.end_of(&["topics", "check"], &[]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let process = deployment.start("a");
    send_major_hazard(deployment);
    Reader::committed(deployment.address(), &deployment.topic("alerts")).wait_for(1);
    process.stop();
}

fn send_major_hazard(deployment: &Deployment) {
    let sender = Sender::new(deployment.address());
    let event = serde_json::json!({
        "type": "inspection", "id": "i1", "time": jiff::Timestamp::now().to_string(), "region": "330602001",
        "sector": "small_workshops", "enterprise_id": "e1", "source": "grid",
        "hazards": [{"hazard_id": "h1", "grade": "major"}],
    });
    sender.send(&deployment.topic("inspections"), "e1", event.to_string().as_bytes());
    sender.flush();
}
