//! What this node published, and what others offer it.

use serde_json::{Value, json};
use talanoa_proto::{
    id::{Commitment, DatasetId, MemberId},
    release::{Release, ReleaseKind, Sensitivity},
};

use super::{Filter, code, reference};
use crate::{clock::rfc3339, node::Node, store::state::State};

pub fn title(release: &Release) -> &str {
    let titles = &release.description.titles;
    titles.iter().find(|(lang, _)| lang == "en").or(titles.first()).map_or("", |(_, text)| text)
}

/// The newest release of a dataset that is known here.
pub fn newest(node: &Node, view: &State, publisher: MemberId, dataset: &DatasetId) -> Option<Release> {
    if publisher == view.me {
        let number = view.datasets.get(dataset)?.number;
        let held = node.store.own_entry(node.store.index().own_number(dataset, number)?)?;
        return held.release().cloned();
    }
    let (_, index) = node.store.index().foreign_newest(&publisher, dataset)?;
    node.store.foreign_entry(&publisher, index)?.release().cloned()
}

pub fn class(class: Sensitivity) -> &'static str {
    match class {
        Sensitivity::Open => "open",
        Sensitivity::Official => "official",
        Sensitivity::Restricted => "restricted",
        Sensitivity::Sensitive => "sensitive",
    }
}

fn kind(release: &Release) -> &'static str {
    match release.kind {
        ReleaseKind::Table => "table",
        ReleaseKind::Document => "document",
        ReleaseKind::Practice => "practice",
        ReleaseKind::Alert => "alert",
    }
}

fn period(release: &Release) -> String {
    let d = &release.description;
    if d.period_first == d.period_last {
        d.period_first.clone()
    } else {
        format!("{} to {}", d.period_first, d.period_last)
    }
}

fn row(member: &str, release: &Release) -> Value {
    json!({
        "ref": reference(member, release),
        "title": title(release),
        "kind": kind(release),
        "class": class(release.sensitivity),
        "files": release.distributions.len(),
        "bytes": release.bytes(),
        "observations": release.distributions.iter().map(|d| d.observations).sum::<u64>(),
        "period": period(release),
        "published": rfc3339(release.published_at),
        "serves": release.description.serves.join("; "),
        "status": release.description.status,
    })
}

fn with(mut row: Value, fields: &[(&str, Value)]) -> Value {
    if let Some(object) = row.as_object_mut() {
        for (name, value) in fields {
            object.insert((*name).to_owned(), value.clone());
        }
    }
    row
}

fn state(view: &State, commitment: &Commitment) -> Option<String> {
    match view.withdrawn.get(commitment)? {
        None => Some("withdrawn".into()),
        Some(number) => Some(format!("corrected by {number}")),
    }
}

pub fn own(node: &Node, filter: &Filter) -> Vec<Value> {
    let datasets: Vec<_> = node.store.view().datasets.keys().cloned().collect();
    let wanted = datasets.iter().filter(|d| filter.wants_dataset(Some(d)));
    let indexes = wanted.flat_map(|d| node.store.index().own_numbers(d));
    let held = indexes.filter_map(|index| node.store.own_entry(index));
    held.filter_map(|held| {
        let row = row(node.code.as_str(), held.release()?);
        let state = state(&node.store.view(), &held.commitment).unwrap_or_else(|| "published".into());
        Some(with(
            row,
            &[
                ("state", state.into()),
                ("entry", held.index.into()),
                ("commitment", held.commitment.to_string().into()),
            ],
        ))
    })
    .collect()
}

/// What other members offer us, and what of it is here.
pub fn offered(node: &Node, filter: &Filter) -> Vec<Value> {
    let members: Vec<(MemberId, String)> = {
        let view = node.store.view();
        view.peers.keys().filter(|m| filter.wants_member(&[**m])).map(|m| (*m, code(&view, m))).collect()
    };
    let mut rows = Vec::new();
    for (member, code) in members {
        for index in node.store.index().foreign_releases(&member) {
            let Some(held) = node.store.foreign_entry(&member, index) else { continue };
            let Some(release) = held.release() else { continue };
            if !filter.wants_dataset(Some(&release.dataset)) {
                continue;
            }
            let view = node.store.view();
            let live = view.peers.get(&member).and_then(|p| p.trusted.grant_for(release, node.now()));
            let here = if node.store.shelf().holds(&held.commitment) { "held" } else { "offered" };
            let state = state(&view, &held.commitment).unwrap_or_else(|| here.to_owned());
            let grant = live.map(|id| id.to_string());
            let fields = [
                ("state", state.into()),
                ("grant", grant.into()),
                ("entry", index.into()),
                ("commitment", held.commitment.to_string().into()),
            ];
            rows.push(with(row(&code, release), &fields));
        }
    }
    rows
}
