//! Numbers for whoever watches a node: Prometheus text on a loopback listener, never seen by peers.
//!
//! Codes of members are labels, names and titles of datasets are not: what a scraper stores outlives a purge.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, http::header, routing::get};
use talanoa_proto::{Code, id::MemberId, identity::Role};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{node::Node, store::signing::Signing};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const DAY: f64 = 86_400.0;

/// What is counted as it happens; the rest is read from the node when it is asked for.
#[derive(Debug, Default)]
pub struct Metrics {
    pub sent_bytes: AtomicU64,
    pub received_bytes: AtomicU64,
    /// Step that each follower's feed has reached, while it is open.
    followers: Mutex<BTreeMap<MemberId, u64>>,
}

impl Metrics {
    pub fn follower_at(&self, member: MemberId, step: u64) {
        self.followers().insert(member, step);
    }

    pub fn follower_gone(&self, member: &MemberId) {
        self.followers().remove(member);
    }

    fn followers(&self) -> MutexGuard<'_, BTreeMap<MemberId, u64>> {
        self.followers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Of this process: an error becomes a status where no node is at hand.
static REFUSALS: [AtomicU64; Code::ALL.len()] = [const { AtomicU64::new(0) }; Code::ALL.len()];

pub fn count_refusal(code: Code) {
    if let Some(n) = Code::ALL.iter().position(|c| *c == code) {
        REFUSALS[n].fetch_add(1, Ordering::Relaxed);
    }
}

/// Answers `GET /metrics` until `stop`.
pub async fn serve(node: Arc<Node>, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let answer = move || {
        let text = render(&node);
        async move { ([(header::CONTENT_TYPE, TEXT)], text) }
    };
    let router = Router::new().route("/metrics", get(answer));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// The exposition format: a help line, a type line, then one line per series.
struct Exposition(String);

impl Exposition {
    fn series(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        values: impl IntoIterator<Item = (String, f64)>,
    ) {
        let _ = writeln!(self.0, "# HELP talanoa_{name} {help}\n# TYPE talanoa_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(self.0, "talanoa_{name}{labels} {value}");
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.series(name, kind, help, [(String::new(), value)]);
    }
}

pub fn render(node: &Node) -> String {
    let mut text = Exposition(String::new());
    let version = format!("{{version=\"{}\",member=\"{}\"}}", env!("CARGO_PKG_VERSION"), node.code);
    text.series("build_info", "gauge", "Version and member; always 1.", [(version, 1.0)]);
    journal(node, &mut text);
    feeds(node, &mut text);
    traffic(node, &mut text);
    expiry(node, &mut text);
    text.0
}

fn journal(node: &Node, text: &mut Exposition) {
    let view = node.store.view();
    text.one("journal_entries", "gauge", "Entries of the own journal.", view.size as f64);
    text.one("feed_steps", "gauge", "Feed steps so far.", view.step as f64);
    text.one("datasets", "gauge", "Datasets published.", view.datasets.len() as f64);
    text.one(
        "receipts_owed",
        "gauge",
        "Purge receipts not yet delivered.",
        view.receipts_owed().len() as f64,
    );
    text.one(
        "consent_suspended",
        "gauge",
        "1: an own entry is damaged.",
        f64::from(u8::from(view.consent_suspended)),
    );
    drop(view);
    let records = *node.store.watch().borrow();
    text.one("ledger_records", "gauge", "Records of the ledger.", records as f64);
    let stopped = matches!(node.store.signing(), Signing::Stopped(_));
    text.one(
        "signing_stopped",
        "gauge",
        "1: a member holds a head that this journal lacks.",
        f64::from(u8::from(stopped)),
    );
}

fn feeds(node: &Node, text: &mut Exposition) {
    let (now, step) = (node.now(), node.store.view().step);
    let code = |member: &MemberId| {
        let view = node.store.view();
        format!("{{member=\"{}\"}}", view.code_of(member).map_or_else(|| member.short(), ToString::to_string))
    };
    let followers = node.metrics.followers().clone();
    let lag = followers.iter().map(|(m, at)| (code(m), step.saturating_sub(*at) as f64));
    text.series("follower_lag_steps", "gauge", "Steps that an open feed has not reached yet.", lag);
    let links = node.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    let connected = links.iter().map(|(m, l)| (code(m), f64::from(u8::from(l.connected))));
    text.series("followed_connected", "gauge", "1: connected to the followed peer.", connected);
    let current = links.iter().map(|(m, l)| (code(m), f64::from(u8::from(l.caught_up))));
    text.series("followed_caught_up", "gauge", "1: everything offered is held.", current);
    let since = links.iter().filter_map(|(m, l)| Some((code(m), now.saturating_sub(l.last_contact?) as f64)));
    text.series("followed_lag_seconds", "gauge", "Seconds since the followed peer was last heard.", since);
}

fn traffic(node: &Node, text: &mut Exposition) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    text.one(
        "sent_bytes_total",
        "counter",
        "Plain bytes of files sent to readers.",
        read(&node.metrics.sent_bytes),
    );
    text.one(
        "received_bytes_total",
        "counter",
        "Plain bytes of files received.",
        read(&node.metrics.received_bytes),
    );
    text.one("connections", "gauge", "Open connections of members.", node.connections.count() as f64);
    let refusals = Code::ALL.iter().zip(&REFUSALS).map(|(code, n)| (format!("{{code=\"{code}\"}}"), read(n)));
    text.series("refusals_total", "counter", "Refusals by code.", refusals.filter(|(_, n)| *n > 0.0));
}

fn expiry(node: &Node, text: &mut Exposition) {
    let (now, view) = (node.now(), node.store.view());
    let days = |until: u64| (until as f64 - now as f64) / DAY;
    let roles = [("node", Role::Node), ("consent", Role::Consent)].into_iter();
    let keys = roles.filter_map(|(name, role)| {
        Some((format!("{{role=\"{name}\"}}"), days(node.key_ends_at(&view, role)?)))
    });
    text.series("key_expiry_days", "gauge", "Days until a role has no key left.", keys);
    let first = |given: bool| -> Option<f64> {
        let own = view.consent.grants().filter(|(id, _)| view.consent.revocation_of(id).is_none());
        let received = view.peers.values().flat_map(|p| p.trusted.consent().grants());
        let ends: Vec<u64> = match given {
            true => own.map(|(_, g)| g.not_after).collect(),
            false => received.map(|(_, g)| g.not_after).collect(),
        };
        ends.into_iter().filter(|end| *end > now).min().map(days)
    };
    let grants = [("given", true), ("received", false)].into_iter();
    let ends = grants.filter_map(|(name, given)| Some((format!("{{direction=\"{name}\"}}"), first(given)?)));
    text.series("grant_expiry_days", "gauge", "Days until the first live grant ends.", ends);
}
