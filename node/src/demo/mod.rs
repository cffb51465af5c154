//! The whole story on one machine: three real nodes, real TLS, real figures, every claim checked.
//!
//! Nothing is shown that was not looked at: a step that does not hold ends the demo with exit 1.

mod cast;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use talanoa_client::verify::{Pins, verify};
use talanoa_proto::{
    id::ReleaseRef,
    wire::{self, draft_request::What},
};

use crate::{
    cli::stop_signal,
    clock::rfc3339,
    consent, get, listing,
    store::{Batch, records::Followed},
};
use cast::{Actor, cast};

const FJ_1: &str = include_str!("tables/FJ_CHILD_MORTALITY_1.csv");
const FJ_2: &str = include_str!("tables/FJ_CHILD_MORTALITY_2.csv");
const VU_1: &str = include_str!("tables/VU_WATER_SANITATION_1.csv");

pub async fn run(dir: &Path, once: bool, json: bool) -> Result<()> {
    let _ = JSON.set(json);
    cast::prepare(dir)?;
    say("Fiji, Vanuatu and SPC (an observer) each found a node and sign one charter.");
    let actors = cast(dir).await?;
    let [fj, vu, spc] = &actors;
    let federation = spc.node().store.view().federation().context("a charter was adopted")?;
    detail(&format!("federation {federation}"));

    nothing_without_consent(fj, vu, spc).await?;
    a_grant_delivers(fj, vu, spc).await?;
    a_new_release_flows(fj, spc).await?;
    tampering_is_refused(spc, dir, federation).await?;
    consent_is_taken_back(fj, spc).await?;

    if once {
        return finish(actors).await;
    }
    look_around(dir);
    stop_signal().await;
    finish(actors).await
}

/// One JSON object per event instead of lines for people.
static JSON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();

fn tell(event: &str, mark: &str, what: &str) {
    if JSON.get() == Some(&true) {
        crate::cli::out::print(format_args!("{}\n", serde_json::json!({ "event": event, "text": what })));
    } else {
        crate::cli::out::print(format_args!("{mark}{what}\n"));
    }
}

fn say(what: &str) {
    tell("step", "\n▸ ", what);
}

fn detail(what: &str) {
    tell("detail", "  ", what);
}

fn checked(what: &str) {
    tell("checked", "  ✔ ", what);
}

async fn nothing_without_consent(fj: &Actor, vu: &Actor, spc: &Actor) -> Result<()> {
    say("Fiji publishes child mortality, Vanuatu water and sanitation. SPC follows both, without any grant.");
    let first = fj.publish("CHILD_MORTALITY", "Child mortality in Fiji", "child-mortality", FJ_1).await?;
    detail(&format!("FJ/CHILD_MORTALITY@{first}: Gapminder Systema Globalis, CC-BY-4.0"));
    vu.publish("WATER_SANITATION", "Basic water and sanitation in Vanuatu", "water-sanitation", VU_1).await?;
    detail("VU/WATER_SANITATION@1: Gapminder Systema Globalis, CC-BY-4.0");
    for publisher in [fj, vu] {
        let record = Followed { member: publisher.node().me.to_bytes(), ..Followed::default() };
        spc.node().store.commit(Batch::of(record)).await?;
    }
    let heads = || spc.node().store.view().peers.values().all(|p| p.trusted.known_size() > 0);
    until("SPC hears from both", heads).await?;
    let offered = listing::named(spc.node(), "catalogue")?.len();
    ensure!(offered == 0, "SPC was offered {offered} releases without consent");
    checked(
        "SPC follows both journals and sees no release: no grant, no byte, not even that a dataset exists",
    );
    Ok(())
}

async fn a_grant_delivers(fj: &Actor, vu: &Actor, spc: &Actor) -> Result<()> {
    say("Both grant SPC to read. The consent key signs; the node itself could not.");
    for publisher in [fj, vu] {
        grant(publisher, spc).await?;
    }
    let started = tokio::time::Instant::now();
    until("SPC holds both releases", || held(spc) == 2).await?;
    checked(&format!("SPC holds verified copies of both, {} ms later", started.elapsed().as_millis()));
    for row in listing::named(spc.node(), "catalogue")? {
        detail(&format!(
            "{} {} observations, {}",
            text(&row["ref"]),
            row["observations"],
            text(&row["period"])
        ));
    }
    Ok(())
}

async fn a_new_release_flows(fj: &Actor, spc: &Actor) -> Result<()> {
    say("Fiji publishes a second release. Nobody asks for it.");
    let number = fj.publish("CHILD_MORTALITY", "Child mortality in Fiji", "child-mortality", FJ_2).await?;
    until("the second release at SPC", || held(spc) == 3).await?;
    checked(&format!("FJ/CHILD_MORTALITY@{number} is at SPC, chained to the first by its commitment"));
    Ok(())
}

async fn tampering_is_refused(
    spc: &Actor,
    dir: &Path,
    federation: talanoa_proto::id::FederationId,
) -> Result<()> {
    say("SPC hands a copy to somebody else, who need trust nobody: the folder proves itself.");
    let folder = dir.join("handed-over");
    let reference: ReleaseRef = "FJ/CHILD_MORTALITY@2".parse()?;
    let gotten = get::get(spc.node_arc(), reference).await?;
    get::record_export(spc.node(), gotten.commitment).await?;
    cast::write_folder(spc.node(), &gotten, &folder)?;
    let pins = Pins { federation: Some(federation), member: None };
    let found = verify(&folder, pins)?;
    checked(&format!(
        "talanoa verify: {} entry {} of {}, under grant to {}",
        found.member_code,
        found.index,
        found.size,
        found.grant.as_ref().map(|(_, to)| to.as_str()).unwrap_or("nobody")
    ));
    let file = folder.join(&found.files[0]);
    let original = std::fs::read(&file)?;
    let mut altered = original.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(&file, &altered)?;
    let refusal = verify(&folder, pins).err().context("an altered file was accepted")?;
    std::fs::write(&file, &original)?;
    checked(&format!(
        "one bit flipped: {}",
        refusal.to_string().split(" SHA-256").next().unwrap_or_default()
    ));
    let other = Pins { federation: Some(talanoa_proto::id::FederationId([7; 32])), member: None };
    ensure!(verify(&folder, other).is_err(), "another federation's pin was accepted");
    checked("another federation's id: refused");
    Ok(())
}

async fn consent_is_taken_back(fj: &Actor, spc: &Actor) -> Result<()> {
    say("Fiji takes its consent back, with purge.");
    let id =
        fj.node().store.view().consent.grants().map(|(id, _)| *id).next().context("a grant was given")?;
    let needle = FJ_2.lines().nth(100).context("a line of the table")?.as_bytes().to_vec();
    let spc_dir = spc.dir().to_owned();
    ensure!(cast::scan(&spc_dir, &needle)? > 0, "the scan does not find what is there");
    let revoked = consent::revoke(fj.node(), &id.to_string(), true, 0, "demonstration".into()).await?;
    detail(&format!("grant {} revoked; SPC must purge by {}", id.short(), rfc3339(revoked.purge_by)));
    let answered =
        || fj.node().store.view().orders.get(&revoked.revocation).is_some_and(|o| !o.receipts.is_empty());
    until("the purge receipt", answered).await?;
    ensure!(held(spc) == 1, "SPC still holds a release of Fiji");
    checked("SPC's shelf holds nothing of Fiji any more, and still what Vanuatu granted");
    ensure!(cast::scan(&spc_dir, &needle)? == 0, "a file of SPC still holds a line of the table");
    checked("a scan of every file in SPC's directory finds no line of the table; before the purge it did");
    let rows = listing::named(fj.node(), "receipts")?;
    let receipt = rows.iter().find(|r| r["direction"] == "received").context("a receipt is listed")?;
    checked(&format!(
        "Fiji holds SPC's signed receipt: {} releases, {} bytes, {} exported copies named. A statement, not a proof",
        receipt["releases"], receipt["bytes"], receipt["exceptions"]
    ));
    Ok(())
}

async fn grant(from: &Actor, to: &Actor) -> Result<()> {
    let grant = wire::DraftGrant {
        to: to.node().code.to_string(),
        datasets: vec!["all".into()],
        not_after: from.node().now() + 365 * 86_400,
        ..wire::DraftGrant::default()
    };
    let request = wire::DraftRequest { what: Some(What::Grant(grant)), ..wire::DraftRequest::default() };
    let mut envelope = consent::draft::draft(from.node(), request)?.envelope;
    envelope.add_signature(from.consent_key());
    consent::submit(from.node(), envelope, String::new()).await?;
    Ok(())
}

/// Releases of others that lie on the shelf.
fn held(actor: &Actor) -> usize {
    let store = &actor.node().store;
    let offered: Vec<_> = store.view().peers.values().flat_map(|p| p.offered.keys().copied()).collect();
    offered.iter().filter(|c| store.shelf().holds(c)).count()
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), waiting).await {
        Ok(()) => Ok(()),
        Err(_) => bail!("waited a minute for: {what}"),
    }
}

fn look_around(dir: &Path) {
    let dir = dir.display();
    tell("ready", "\n", "The three nodes stay up until Ctrl-C. Look around from another terminal:\n");
    for line in [
        format!("talanoa --dir {dir}/fj status"),
        format!("talanoa --dir {dir}/fj audit"),
        format!("talanoa --dir {dir}/spc catalogue"),
        format!("talanoa --dir {dir}/vu grants"),
        format!("talanoa verify {dir}/handed-over"),
    ] {
        tell("try", "  ", &line);
    }
}

/// Stops the nodes and lets the judge read what they leave.
async fn finish(actors: [Actor; 3]) -> Result<()> {
    say("The nodes stop; fsck reads every file they leave.");
    for actor in actors {
        let (code, report) = actor.stop_and_judge().await?;
        ensure!(report.is_sound(), "{code}: {:?}", report.faults);
        checked(&format!(
            "{code}: sound ({} records, {} own entries, {} files)",
            report.records, report.entries, report.files
        ));
    }
    tell("done", "\n", "Every step was checked.");
    Ok(())
}
