//! Every no is the same: to the byte, headers and trailers included, whatever the cause; and as late.
#![allow(clippy::disallowed_types, reason = "what is measured here is time")]

use std::time::Instant;

use ed25519_dalek::SigningKey;
use prost::Message;
use talanoa_node::{home::Home, keys};
use talanoa_proto::{charter::PURPOSE_DEFAULT, wire};
use talanoa_tests::{
    Member, federation,
    http2::{Victim, answer},
    load::quantile,
    next_year, table,
};

fn fetch(commitment: &[u8], distribution: u32, purpose: &str) -> Vec<u8> {
    let part = wire::fetch_request::Part::Pages(wire::Range { first: 0, count: 0 });
    wire::FetchRequest {
        commitment: commitment.to_vec().into(),
        distribution,
        purpose: purpose.into(),
        part: Some(part),
        ..wire::FetchRequest::default()
    }
    .encode_to_vec()
}

struct Scene {
    fj: Member,
    spc: Member,
    root: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let [mut fj, spc] = federation(root.path(), ["FJ", "SPC"]);
        fj.serve();
        Self { fj, spc, root }
    }

    /// Publishes and returns the release's commitment.
    fn publish(&self, dataset: &str, more: &[&str]) -> Vec<u8> {
        let file = self.root.path().join(format!("{dataset}.csv"));
        table(&file, 20);
        let mut words = vec!["publish", file.to_str().unwrap(), "--dataset", dataset, "--title", "T"];
        words.extend(more);
        let reference = self.fj.talanoa(&words).id();
        let row = self.fj.list("releases").into_iter().find(|r| r["ref"] == reference.as_str()).unwrap();
        hex::decode(row["commitment"].as_str().unwrap()).unwrap()
    }

    fn victim(&self) -> Victim {
        let [home, reader] = [&self.fj, &self.spc].map(|m| Home::open(&m.dir).unwrap());
        Victim {
            address: format!("127.0.0.1:{}", self.fj.port).parse().unwrap(),
            key: home.node_key().unwrap().verifying_key().to_bytes(),
            member: reader.node_key().unwrap(),
            federation: Default::default(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_kinds_of_no_are_one_answer() {
    let mut scene = Scene::new();
    let until = next_year();
    let grant = |line: &str| scene.fj.decide(&format!("grant --to SPC --until {until} {line}"));
    let of = |dataset: &str| scene.publish(dataset, &[]);
    let purpose = PURPOSE_DEFAULT;
    let mut kinds: Vec<(&str, Vec<u8>)> = vec![("never existed", fetch(&[7; 32], 0, purpose))];
    kinds.push(("no grant", fetch(&of("HIDDEN"), 0, purpose)));
    let ranged = of("RANGED");
    grant("--dataset RANGED --from-number 2");
    kinds.push(("before the range", fetch(&ranged, 0, purpose)));
    let read = of("READ");
    grant("--dataset READ");
    kinds.push(("of another purpose", fetch(&read, 0, "something else")));
    kinds.push(("no such file of a release that is given", fetch(&read, 9, purpose)));
    let listed = of("LISTED");
    grant("--dataset LISTED --action list");
    kinds.push(("listed, not to be read", fetch(&listed, 0, purpose)));
    let revoked = of("REVOKED");
    let id = grant("--dataset REVOKED");
    scene.fj.talanoa(&["revoke", &id]).ok();
    kinds.push(("revoked", fetch(&revoked, 0, purpose)));
    let purged = of("PURGED");
    let id = grant("--dataset PURGED");
    scene.fj.talanoa(&["revoke", &id, "--purge"]).ok();
    kinds.push(("revoked with purge", fetch(&purged, 0, purpose)));
    let superseded = of("SUPERSEDED");
    let id = grant("--dataset SUPERSEDED");
    grant(&format!("--dataset SUPERSEDED --from-number 5 --supersedes {id}"));
    kinds.push(("superseded", fetch(&superseded, 0, purpose)));
    let later = of("LATER");
    let last = until.replace("-06-30", "-06-29");
    grant(&format!("--dataset LATER --after {last}"));
    kinds.push(("not yet", fetch(&later, 0, purpose)));
    let denied = of("DENIED");
    grant("--dataset DENIED");
    scene.fj.talanoa(&["deny", "--to", "SPC", "--dataset", "DENIED"]).ok();
    kinds.push(("denied", fetch(&denied, 0, purpose)));
    let all = of("DENIED_TO_ALL");
    grant("--dataset DENIED_TO_ALL");
    scene.fj.talanoa(&["deny", "--to", "everybody", "--dataset", "DENIED_TO_ALL"]).ok();
    kinds.push(("denied to everybody", fetch(&all, 0, purpose)));
    let restricted = scene.publish("RESTRICTED", &["--theme", "equity", "--class", "restricted"]);
    grant("--theme equity");
    kinds.push(("restricted, by theme alone", fetch(&restricted, 0, purpose)));
    let sensitive = of("SENSITIVE");
    scene.fj.decide(&format!("grant --to all-members --dataset SENSITIVE --until {until}"));
    let second = scene.publish("SENSITIVE", &["--class", "sensitive"]);
    let _ = sensitive;
    kinds.push(("sensitive, to all members", fetch(&second, 0, purpose)));
    let ended = of("ENDED");
    let soon = talanoa_tests::day_after(2);
    scene.fj.decide(&format!("grant --to SPC --dataset ENDED --until {soon}"));
    // Three weeks later, by the machine's clock: before the denials end by themselves.
    scene.fj.stop();
    scene.fj.clock_offset_seconds = 21 * 86_400;
    scene.fj.serve();
    kinds.push(("ended", fetch(&ended, 0, purpose)));

    let victim = scene.victim();
    let given = answer(&victim, &victim.member, "Fetch", &fetch(&read, 0, purpose)).await.unwrap();
    for (kind, request) in &kinds {
        let no = same_no(&victim, &victim.member, request).await;
        let no = no.unwrap_or_else(|| panic!("{kind} looks different"));
        assert_ne!(no, given, "{kind}");
        println!("{kind}: {} bytes", no.len());
    }
    // An application that asks for what its member may read and it may not gets the same.
    scene.spc.serve();
    let secret = scene.root.path().join("app.key");
    let line = format!(
        "application add App --key-out {} --dataset OTHER --origin FJ --until {until}",
        secret.display()
    );
    scene.spc.decide(&line);
    let key = keys::load(&secret).unwrap();
    while answer(&victim, &key, "Fetch", &fetch(&read, 0, purpose)).await.is_none() {
        tokio::task::yield_now().await;
    }
    let no = same_no(&victim, &key, &fetch(&read, 0, purpose)).await;
    assert!(no.is_some(), "beyond an application's subset looks different");
    scene.fj.judge();
    scene.spc.judge();
}

/// The answer, when it equals what is said of a release that never existed; `None` when anything differs.
///
/// The `date` header ticks: the answer lies between two of the other that are equal to each other.
async fn same_no(victim: &Victim, key: &SigningKey, request: &[u8]) -> Option<Vec<u8>> {
    let absent = fetch(&[7; 32], 0, PURPOSE_DEFAULT);
    loop {
        let before = answer(victim, key, "Fetch", &absent).await.unwrap();
        let no = answer(victim, key, "Fetch", request).await.unwrap();
        let after = answer(victim, key, "Fetch", &absent).await.unwrap();
        if before == after {
            return (no == before).then_some(no);
        }
    }
}

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let stats = |s: &[f64]| {
        let n = s.len() as f64;
        let mean = s.iter().sum::<f64>() / n;
        (mean, s.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    };
    let ((mean_a, a), (mean_b, b)) = (stats(a), stats(b));
    (mean_a - mean_b) / (a + b).sqrt()
}

/// `TALANOA_PAIRS=100000 cargo test --release -p talanoa-tests --test federation refusals::the_time -- --nocapture`
///
/// Absent against hidden, in pairs whose order alternates at random; once as it is, once with the guard removed.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_no_tells_nothing_and_would_without_its_guard() {
    let Some(pairs) = std::env::var("TALANOA_PAIRS").ok().and_then(|n| n.parse::<usize>().ok()) else {
        println!("skipped: TALANOA_PAIRS is not set");
        return;
    };
    let mut scene = Scene::new();
    let hidden = scene.publish("HIDDEN", &[]);
    for unguarded in [false, true] {
        scene.fj.stop();
        scene.fj.unguarded = unguarded;
        scene.fj.serve();
        let victim = scene.victim();
        let keys = [talanoa_proto::id::PublicKey(victim.key)];
        let address = victim.address.to_string();
        let mut tasks = tokio::task::JoinSet::new();
        // Four streams: each waits for most of the time.
        for task in 0..4u64 {
            let (hidden, key, address) = (hidden.clone(), victim.member.clone(), address.clone());
            let mut session = talanoa_client::session::Session::dial(&address, &key, &keys).await.unwrap();
            tasks.spawn(async move {
                let mut state = task.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
                let (mut absent_us, mut hidden_us) = (Vec::new(), Vec::new());
                for n in 0..pairs / 4 {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let mut absent = [0u8; 32];
                    absent[..8].copy_from_slice(&(n as u64 ^ state).to_be_bytes());
                    for which in [state & 1 == 0, state & 1 != 0] {
                        let commitment = if which { hidden.as_slice() } else { &absent };
                        let request =
                            wire::FetchRequest::decode(&fetch(commitment, 0, PURPOSE_DEFAULT)[..]).unwrap();
                        let asked = Instant::now();
                        assert!(session.fetch(request).await.is_err());
                        let took = asked.elapsed().as_secs_f64() * 1e6;
                        if which { hidden_us.push(took) } else { absent_us.push(took) }
                    }
                }
                (absent_us, hidden_us)
            });
        }
        let (mut absent, mut hidden_us) = (Vec::new(), Vec::new());
        while let Some(Ok((a, h))) = tasks.join_next().await {
            absent.extend(a);
            hidden_us.extend(h);
        }
        let t = welch(&absent, &hidden_us);
        println!(
            "{}: n = {} pairs, median absent {:.0} us, hidden {:.0} us, Welch's t = {t:.2}",
            if unguarded { "without the guard" } else { "as it is" },
            absent.len(),
            quantile(&mut absent, 0.5),
            quantile(&mut hidden_us, 0.5),
        );
        assert_eq!(t.abs() > 4.5, unguarded, "t = {t}");
    }
    scene.fj.judge();
}
