//! What an operator finds beside the exchange itself: metrics, health, reflection, JSON, completions, DSSE.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde_json::Value;
use talanoa_tests::{Member, day_after, federation, free_ports, program, table, talanoa, wait_for};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

fn exchanged(root: &Path) -> [Member; 2] {
    let [mut fj, mut spc] = federation(root, ["FJ", "SPC"]);
    table(&root.join("one.csv"), 30);
    fj.serve();
    spc.serve();
    fj.publish(&root.join("one.csv"), "A").ok();
    fj.grant("SPC", "A");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    [fj, spc]
}

fn http_get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn metrics_are_read_on_loopback_and_name_no_dataset() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    let [port] = free_ports::<1>();
    let config = fs::read_to_string(fj.dir.join("config.toml")).unwrap();
    let metrics = |address: &str| format!("{config}metrics_listen = \"{address}\"\n");
    fs::write(fj.dir.join("config.toml"), metrics("0.0.0.0:9")).unwrap();
    assert!(!fj.try_serve(None) && fj.log().contains("loopback"), "{}", fj.log());
    fs::write(fj.dir.join("config.toml"), metrics(&format!("127.0.0.1:{port}"))).unwrap();
    fj.serve();
    spc.serve();
    table(&root.path().join("one.csv"), 30);
    fj.publish(&root.path().join("one.csv"), "SECRETNAME").ok();
    fj.grant("SPC", "all");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/SECRETNAME@1"]);
    fj.talanoa(&["revoke", "0000"]).refused(1, "grant.unknown");
    let text = wait_for("the transfer's bytes", || {
        let text = http_get(port, "/metrics");
        (!text.contains("talanoa_sent_bytes_total 0\n")).then_some(text)
    });
    for line in [
        "HTTP/1.1 200 OK",
        "content-type: text/plain; version=0.0.4",
        "# TYPE talanoa_journal_entries gauge",
        "talanoa_follower_lag_steps{member=\"SPC\"} 0",
        "talanoa_refusals_total{code=\"grant.unknown\"} 1",
        "talanoa_key_expiry_days{role=\"node\"} ",
        "talanoa_grant_expiry_days{direction=\"given\"} ",
        "talanoa_signing_stopped 0",
        "talanoa_connections ",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("SECRETNAME"), "{text}");
    assert!(http_get(port, "/").starts_with("HTTP/1.1 404"));
    fj.judge();
    spc.judge();
}

#[test]
fn logs_come_as_json_one_object_a_line() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    let config = fs::read_to_string(fj.dir.join("config.toml")).unwrap();
    fs::write(fj.dir.join("config.toml"), format!("{config}log_format = \"json\"\n")).unwrap();
    fj.serve();
    fj.stop();
    let lines: Vec<Value> = fj.log().lines().map(|l| serde_json::from_str(l).expect(l)).collect();
    assert!(lines.iter().any(|l| l["message"] == "serving" && l["member"] == "FJ" && l["level"] == "INFO"));
    fj.judge();
    spc.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_on_the_operator_socket() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let channel = operator_channel(&fj.dir).await;
    let service = "talanoa.v1.Operator".to_owned();
    let answer = HealthClient::new(channel.clone()).check(HealthCheckRequest { service }).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "serving");
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    assert!(list.service.iter().any(|s| s.name == "talanoa.v1.Operator"), "{list:?}");
    drop(answers);
    fj.judge();
    spc.judge();
}

async fn operator_channel(dir: &Path) -> Channel {
    let socket = dir.join("node.sock");
    let connector = tower::service_fn(move |_: http::Uri| {
        let socket = socket.clone();
        async move {
            let stream = tokio::net::UnixStream::connect(socket).await?;
            std::io::Result::Ok(hyper_util::rt::TokioIo::new(stream))
        }
    });
    Endpoint::from_static("http://node.socket").connect_with_connector(connector).await.unwrap()
}

/// Written from the DSSE standard alone.
fn dsse_verifies(json: &Value, key: &VerifyingKey) -> bool {
    let decode = |v: &Value| {
        use base64ct::{Base64, Encoding};
        Base64::decode_vec(v.as_str().unwrap()).unwrap()
    };
    let (kind, payload) = (json["payloadType"].as_str().unwrap(), decode(&json["payload"]));
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let signed = [head.as_bytes(), &payload].concat();
    let signature = decode(&json["signatures"][0]["sig"]);
    key.verify(&signed, &Signature::from_slice(&signature).unwrap()).is_ok()
}

#[test]
fn an_exported_object_is_dsse_json_that_others_can_verify() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = exchanged(root.path());
    let key = |role: &str| talanoa_node::keys::load(&fj.dir.join(format!("keys/{role}.key"))).unwrap();
    let grant = fj.list("grants")[0]["id"].as_str().unwrap()[..12].to_owned();
    // The reader exports what it received as well as the publisher what it signed.
    for (member, what, role) in
        [(&fj, "FJ/A@1", "node"), (&spc, "FJ/A", "node"), (&spc, grant.as_str(), "consent")]
    {
        let json: Value = serde_json::from_str(&member.talanoa(&["export", what]).ok()).unwrap();
        assert!(dsse_verifies(&json, &key(role).verifying_key()), "{json}");
        let mut altered = json.clone();
        altered["payloadType"] = "application/vnd.talanoa.denial.v1+protobuf".into();
        assert!(!dsse_verifies(&altered, &key(role).verifying_key()));
    }
    fj.talanoa(&["export", "FJ/B@1"]).refused(1, "not_found");
    fj.talanoa(&["export", "ffff"]).refused(1, "grant.unknown");
    fj.judge();
    spc.judge();
}

#[test]
fn every_command_has_completions_and_a_manual_page() {
    let root = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(program()).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = run(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        // Further lines of a description are indented deeper.
        .filter_map(|l| l.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()))
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    let pages = root.path().join("man");
    run(&["man", "--out", pages.to_str().unwrap()]);
    assert!(run(&["man"]).contains(".TH talanoa"));
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(&["completions", shell]);
        assert!(commands.iter().all(|c| completions.contains(c)), "{shell}");
    }
    for command in commands.into_iter().filter(|c| *c != "help") {
        assert!(pages.join(format!("talanoa-{command}.1")).exists(), "no page for {command}");
    }
}

#[test]
fn the_demo_tells_its_story_as_json_events() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("demo");
    let output = Command::new(program())
        .args(["--dir", dir.to_str().unwrap(), "demo", "--once", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect(l)).collect();
    let count = |event: &str| events.iter().filter(|e| e["event"] == event).count();
    assert!(count("step") >= 6 && count("checked") >= 10, "{text}");
    assert_eq!(events.last().unwrap()["event"], "done");
}

/// No bar, no colour, no carriage return where no terminal is.
#[test]
fn nothing_is_drawn_in_a_pipe() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = exchanged(root.path());
    let published = fj.publish(&root.path().join("one.csv"), "A");
    let out = root.path().join("out");
    let gotten = spc.talanoa(&["get", "FJ/A@1", "--out", out.to_str().unwrap()]);
    for done in [published, gotten] {
        let all = format!("{}{}", done.out, done.err);
        assert!(!all.contains(['\x1b', '\r']), "{all:?}");
        done.ok();
    }
    fj.judge();
    spc.judge();
}

/// `talanoa … | head` ends as other tools do.
#[test]
fn a_reader_that_has_gone_ends_a_command_quietly() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    for words in
        [&["card"][..], &["status"], &["grants"], &["peers", "--json"], &["completions", "bash"], &["man"]]
    {
        let (gone, writer) = std::io::pipe().unwrap();
        drop(gone);
        let command = Command::new(program()).arg("--dir").arg(&fj.dir).args(words).stdout(writer).output();
        let done = command.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(141) && said.is_empty(), "{words:?}: {:?} {said}", done.status);
    }
    fj.judge();
    spc.judge();
}

#[test]
fn a_filter_that_nothing_matches_is_not_taken_for_an_empty_register() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let of = |words: &[&str]| fj.talanoa(words).ok();
    assert!(of(&["audit"]).contains("nobody has read anything yet"));
    fj.grant("SPC", "A");
    for words in [&["grants", "--dataset", "B"][..], &["audit", "--member", "SPC"]] {
        assert_eq!(of(words), "nothing here matches what was asked for\n");
    }
    // A directory that is not there is not a node that does not run.
    talanoa(&root.path().join("nowhere"), &["status"]).refused(2, "is no directory");
    fj.stop();
    fj.talanoa(&["status"]).refused(4, "not running");
    // The judge makes nothing, not even a lock.
    fs::remove_file(fj.dir.join("lock")).unwrap();
    fj.judge();
    assert!(!fj.dir.join("lock").exists());
    spc.judge();
}

#[test]
fn a_key_that_replaces_another_is_the_one_that_is_shown() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = exchanged(root.path());
    let shown = |spc: &Member| spc.list("peers")[0]["fingerprint"].as_str().unwrap_or_default().to_owned();
    let (old, next) = (shown(&spc), fj.dir.join("next.key"));
    let until = day_after(100);
    fj.decide(&format!("delegate --role node --key-out {} --until {until}", next.display()));
    wait_for("SPC hears of the next key", || (shown(&spc) != old).then_some(()));
    fj.stop();
    fs::rename(&next, fj.dir.join("keys/node.key")).unwrap();
    fj.serve();
    let status = fj.status();
    let new = status["node_key"].as_str().unwrap();
    assert_eq!(shown(&spc), format!("{new}, {old}"));
    assert!(status["node_key_ends"].as_str().unwrap().starts_with(&day_after(101)), "{status}");
    fj.judge();
    spc.judge();
}
