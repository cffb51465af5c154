//! CORRIDOR: how a file becomes a release that others can prove.
//!
//! ```text
//!   check ─▶ cut ─▶ number ─▶ sign ─▶ shelf (durable) ─▶ journal (true) ─▶ offered by the feed
//! ```

use talanoa_proto::{
    entry,
    envelope::Envelope,
    id::{Commitment, DatasetId},
    limits,
    release::{Description, Distribution, QualityNote, Release, ReleaseKind, Sensitivity, Withdrawal},
};

use crate::{
    chunks::{self, Cut},
    formats::Guide,
    guides::{self, Guides, Maintained},
    intake::{self, Checked, Claim, Table, coverage::Periods},
    node::{Node, own_entry},
    problem::Problem,
    store::{Batch, StoreError, shelf::Staging, state::DatasetHead},
};

/// What the publisher says of it.
#[derive(Clone, Debug)]
pub struct Publication {
    pub dataset: DatasetId,
    pub kind: ReleaseKind,
    pub description: Description,
    /// `None`: as the release before, or official.
    pub class: Option<Sensitivity>,
    /// A class below that of the release before is meant.
    pub lower_class: bool,
    pub strict: bool,
    pub dry_run: bool,
    /// Which of the files say how the others are read.
    pub guides: guides::Named,
}

#[derive(Clone, Debug)]
pub struct Published {
    pub number: u64,
    /// `None` in a dry run.
    pub journaled: Option<(u64, Commitment)>,
    pub warnings: Vec<String>,
}

/// `names[n]` is the name of staged file `n`.
pub async fn publish(
    node: &Node,
    publication: Publication,
    staging: Staging,
    mut names: Vec<String>,
) -> Result<Published, Problem> {
    let origin = node.origin()?;
    node.store.may_sign().await?;
    check_themes(node, &publication.description.themes)?;
    let claim = if publication.kind == ReleaseKind::Table { Claim::Table } else { Claim::Document };
    let named = publication.guides;
    if claim == Claim::Document && (named.structure.is_some() || named.mapping.is_some()) {
        return Err(Problem::bad_request("a structure or a mapping is of tables: --kind table"));
    }
    let strict = publication.strict;
    let (agency, id) = (node.code.to_string(), publication.dataset.to_string());
    let maintained = Maintained { agency, id, at: node.now() };
    let (staging, files) = blocking(move || {
        let guides = Guides::read(&staging, &mut names, named, &maintained)?;
        let claim = |name: &str| guides.claim(name).unwrap_or(claim);
        let files = names
            .iter()
            .enumerate()
            .map(|(n, name)| read(&staging, n as u32, name, claim(name), strict, guides.guide()));
        let files = files.collect::<Result<Vec<_>, Problem>>()?;
        Ok((staging, files))
    })
    .await?;
    let warnings: Vec<String> = files.iter().flat_map(|(_, checked, _)| checked.warnings().lines()).collect();

    // From here to the commit nobody else takes a number of this dataset.
    let _turn = node.turn(&publication.dataset).await;
    let last = node.store.view().datasets.get(&publication.dataset).cloned();
    let number = last.as_ref().map_or(1, |head| head.number + 1);
    let sensitivity = class(publication.class, publication.lower_class, last.as_ref())?;
    let release = Release {
        origin,
        dataset: publication.dataset,
        number,
        kind: publication.kind,
        previous: last.map(|head| head.commitment),
        published_at: node.now(),
        description: describe(publication.description, &files),
        distributions: files.iter().map(distribution).collect(),
        quality: files.iter().flat_map(|(_, checked, _)| quality(checked)).collect(),
        sensitivity,
        relations: Vec::new(),
        structure: structure(&files),
    };
    let envelope = Envelope::seal(&release, &node.key);
    // The same door as for strangers: what we would refuse from others is not signed here.
    Envelope::parse(&envelope.to_bytes())?.object::<Release>()?;
    if publication.dry_run {
        return Ok(Published { number, journaled: None, warnings });
    }
    let (entry, salt) = own_entry(&envelope)?;
    let commitment = entry::commitment(&salt, &entry.envelope);
    // Crash before this line: nothing happened. After it: a folder that no journal names, put aside at start.
    node.store.shelf().put(staging, &commitment)?;
    // Crash before the commit returns: whole or not at all. After it: it is true, and stays.
    match node.store.commit(Batch::of(entry)).await {
        Ok(committed) => {
            let index = committed.index.unwrap_or_default();
            tracing::info!(release = %commitment.short(), index, "published");
            Ok(Published { number, journaled: Some((index, commitment)), warnings })
        }
        Err(error) => {
            // These say for sure that nothing was written. After any other failure the entry may come to life at
            // the next start, and then its files must be there.
            if matches!(error, StoreError::Full | StoreError::RolledBack(_)) {
                let _ = node.store.shelf().erase(&commitment);
            }
            Err(error.into())
        }
    }
}

/// Takes a release back. Those who may see it or received it are told; a copy is theirs to remove.
pub async fn withdraw(
    node: &Node,
    dataset: DatasetId,
    number: u64,
    reason: String,
    corrected_by: Option<u64>,
) -> Result<u64, Problem> {
    let origin = node.origin()?;
    let unknown =
        || Problem::bad_request(format!("{}/{dataset}@{number} was never published here", node.code));
    let index = node.store.index().own_number(&dataset, number).ok_or_else(unknown)?;
    let held = node.store.own_entry(index).ok_or_else(unknown)?;
    if node.store.view().withdrawn.contains_key(&held.commitment) {
        return Err(Problem::bad_request(format!("{}/{dataset}@{number} is withdrawn already", node.code)));
    }
    if let Some(next) = corrected_by
        && (next <= number || node.store.index().own_number(&dataset, next).is_none())
    {
        return Err(Problem::bad_request(format!(
            "{next} is no later release of {dataset}: publish it first"
        )));
    }
    let commitment = held.commitment;
    let withdrawal =
        Withdrawal { origin, dataset, number, commitment, reason, corrected_by, declared_at: node.now() };
    let envelope = Envelope::seal(&withdrawal, &node.key);
    envelope.object::<Withdrawal>()?;
    let (entry, _) = own_entry(&envelope)?;
    let batch = Batch { narrowing: true, ..Batch::of(entry) };
    Ok(node.store.commit(batch).await?.index.unwrap_or_default())
}

/// Who may be given a dataset at all does not widen by an oversight.
fn class(said: Option<Sensitivity>, lower: bool, last: Option<&DatasetHead>) -> Result<Sensitivity, Problem> {
    let before = last.map(|head| head.sensitivity);
    match (said, before) {
        (None, before) => Ok(before.unwrap_or(Sensitivity::Official)),
        (Some(said), Some(before)) if said < before && !lower => {
            let sentence =
                format!("the release before was classed {before:?}, which is above {said:?}").to_lowercase();
            Err(Problem::bad_request(sentence).advise("say that it is meant: --lower-class"))
        }
        (Some(said), _) => Ok(said),
    }
}

type Read = (String, Checked, Cut);

/// Checked as what it claims to be, then cut. Bytes are never altered.
fn read(
    staging: &Staging,
    n: u32,
    name: &str,
    claim: Claim,
    strict: bool,
    guide: Guide<'_>,
) -> Result<Read, Problem> {
    let file = std::fs::File::open(staging.path(n)).map_err(Problem::internal)?;
    // On the node's own disk: what the machine keeps for temporary files may be its memory.
    let spill_dir = staging.path(n).parent().map(std::path::Path::to_owned);
    let limits = intake::Limits { spill_dir, ..intake::Limits::default() };
    let checked = intake::check_within(file, name, claim, strict, guide, &limits)?;
    staging.file(n)?.sync()?;
    let cut = chunks::cut(&staging.path(n), &staging.pages(n)?).map_err(|e| match e.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full.into(),
        _ => Problem::bad_request(e.to_string()),
    })?;
    Ok((name.to_owned(), checked, cut))
}

fn check_themes(node: &Node, themes: &[String]) -> Result<(), Problem> {
    let view = node.store.view();
    let known = view.charter.as_ref().map(|c| &c.charter.themes);
    let Some(unknown) = themes.iter().find(|t| known.is_some_and(|known| !known.contains(t))) else {
        return Ok(());
    };
    let list = known.map(|k| k.join(", ")).unwrap_or_default();
    Err(Problem::bad_request(format!("theme {unknown:?} is not in the charter"))
        .advise(format!("known themes: {list}")))
}

/// What the tables themselves say is added to what the publisher said.
fn describe(mut description: Description, files: &[Read]) -> Description {
    let tables = || files.iter().filter_map(|(_, checked, _)| checked.table());
    let periods = covered(tables());
    description.period_first = periods.first().unwrap_or_default().to_owned();
    description.period_last = periods.last().unwrap_or_default().to_owned();
    let mut areas: Vec<String> = tables().flat_map(|t| t.areas.clone()).collect();
    areas.sort();
    areas.dedup();
    areas.truncate(limits::AREAS_MAX);
    description.areas = areas;
    description.languages = description.titles.iter().map(|(lang, _)| lang.clone()).collect();
    description
}

/// From the first begin to the last, whatever the files call their periods.
fn covered<'a>(tables: impl Iterator<Item = &'a Table>) -> Periods {
    let mut periods = Periods::default();
    for period in tables.flat_map(|t| [&t.period_first, &t.period_last]).flatten() {
        periods.add(period);
    }
    periods
}

fn structure(files: &[Read]) -> String {
    let mut all: Vec<&str> = files
        .iter()
        .filter_map(|(_, c, _)| c.table())
        .map(|t| t.structure.as_str())
        .filter(|s| !s.is_empty())
        .collect();
    all.dedup();
    all.join(", ")
}

fn distribution((name, checked, cut): &Read) -> Distribution {
    let table = checked.table().cloned().unwrap_or_default();
    Distribution {
        name: name.clone(),
        media_type: checked.media_type().to_owned(),
        bytes: cut.bytes,
        sha256: cut.sha256,
        chunking: cut.chunking.to_owned(),
        chunk_root: cut.chunk_root,
        rows: table.rows,
        columns: table.columns,
        observations: table.observations,
    }
}

fn quality(checked: &Checked) -> Vec<QualityNote> {
    let note = |(code, count, message): (&str, u64, String)| QualityNote {
        code: code.to_owned(),
        count,
        message: message.chars().filter(|c| !c.is_control()).take(1000).collect(),
    };
    checked.warnings().by_code().into_iter().map(note).collect()
}

pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_covers_what_begins_first_and_last() {
        let table = |first: &str, last: &str| Table {
            period_first: Some(first.to_owned()),
            period_last: Some(last.to_owned()),
            ..Table::default()
        };
        let tables = [table("2000-Q2", "2001-Q1"), table("2000-05", "2001-12"), Table::default()];
        let periods = covered(tables.iter());
        assert_eq!((periods.first(), periods.last()), (Some("2000-Q2"), Some("2001-12")));
    }
}
