//! Commands that need no running node. Those that open the ledger take the directory's lock.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use talanoa_client::{
    provenance::DERIVED_FOLDER,
    verify::{Pins, verify as verify_folder},
};
use talanoa_proto::{
    armour,
    charter::{Card, Charter, CharterEvent, CharterFile, CharterMember, PURPOSES, THEMES},
    envelope::Envelope,
    id::{FederationId, MemberId},
    identity::MemberKind,
};

use super::{
    args,
    draft_file::{DraftFile, ask},
    exit::Failure,
};
use crate::{
    clock::{Clock, SystemClock, rfc3339},
    config::Settings,
    fsck,
    home::{Founding, Home},
    keyring, keys, repair,
    store::{Store, disk::Disk},
};

type Outcome = Result<(), Failure>;

const SIGNATURE: &str = "TALANOA SIGNATURE";

fn refused(message: impl Into<String>) -> Failure {
    Failure::Refused { message: message.into(), advice: None }
}

pub fn init(dir: &Path, typed: args::Init) -> Outcome {
    let kind = if typed.observer { MemberKind::Body } else { MemberKind::Country };
    if kind == MemberKind::Country && !typed.member.is_country() {
        let message = format!(
            "{}: a country is named by two capital letters; a regional body is --observer",
            typed.member
        );
        return Err(Failure::Usage(message));
    }
    let founding = Founding {
        code: typed.member,
        name: typed.name,
        kind,
        listen: typed.listen.map(|listen| listen.to_string()),
        root_out: typed.root_out,
        now: SystemClock::new().now(),
    };
    let home = Home::found(dir, &founding)?;
    println!("{} {}", home.card.identity.code(), home.card.identity.id());
    eprintln!(
        "created {}; next: talanoa card > {}.card, and send it to the others",
        dir.display(),
        home.card.identity.code()
    );
    warn_of_keys(&home);
    Ok(())
}

fn warn_of_keys(home: &Home) {
    if let Some(warning) = home.key_warning() {
        eprintln!("note: {warning}");
    }
}

pub fn card(dir: &Path) -> Outcome {
    let home = Home::open(dir)?;
    let identity = &home.card.identity;
    println!("{} {} ({})", identity.code(), identity.name(), identity.id());
    if let Some((endpoint, _)) = &home.card.endpoint {
        println!("reached at {}", endpoint.addresses.join(", "));
    }
    print!("\n{}", home.card.to_text());
    Ok(())
}

pub fn charter_draft(typed: args::CharterDraft) -> Outcome {
    let args::CharterDraft { out, name, island, purpose, theme, cards } = typed;
    let mut read = Vec::new();
    for path in &cards {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        read.push(Card::from_text(&text).with_context(|| path.display().to_string())?);
    }
    read.sort_by(|a, b| a.identity.code().cmp(b.identity.code()));
    let member = |card: &Card| CharterMember {
        code: card.identity.code().clone(),
        id: card.identity.id(),
        observer: !card.identity.code().is_country(),
        island: island.contains(card.identity.code()),
    };
    if let Some(strange) = island.iter().find(|code| !read.iter().any(|c| c.identity.code() == *code)) {
        return Err(Failure::Usage(format!("--island {strange}: none of these cards is of that member")));
    }
    let words = |usual: &[&str], further: Vec<String>| {
        let mut words: Vec<String> = usual.iter().map(|word| (*word).to_owned()).chain(further).collect();
        words.sort();
        words.dedup();
        words
    };
    let charter = Charter {
        name,
        members: read.iter().map(member).collect(),
        purposes: words(PURPOSES, purpose),
        themes: words(THEMES, theme),
        founded_at: SystemClock::new().now(),
    };
    let genesis = Envelope::unsigned(&CharterEvent { genesis: charter });
    genesis.object::<CharterEvent>().context("these cards make no charter")?;
    let file = CharterFile::new(genesis, read).context("these cards make no charter")?;
    write_new(&out, charter_text(&file).as_bytes())?;
    println!("{}", file.federation());
    eprintln!("draft of {} members; each signs it: talanoa charter sign {}", file.cards.len(), out.display());
    Ok(())
}

fn charter_text(file: &CharterFile) -> String {
    format!("{}\nfederation {}\n\n{}", file.charter.name, file.federation(), file.to_text())
}

fn read_charter(path: &Path) -> Result<CharterFile, Failure> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(CharterFile::from_text(&text).with_context(|| path.display().to_string())?)
}

pub fn charter_show(path: &Path) -> Outcome {
    let file = read_charter(path)?;
    println!(
        "{}\nfederation {}\nfounded    {}\n",
        file.charter.name,
        file.federation(),
        rfc3339(file.charter.founded_at)
    );
    let unsigned = file.unsigned();
    for (member, card) in file.charter.members.iter().zip(&file.cards) {
        let role = match (member.observer, member.island) {
            (true, _) => "observer",
            (false, true) => "island",
            (false, false) => "member",
        };
        let signed = if unsigned.contains(&&member.code) { "not signed" } else { "signed" };
        let address =
            card.endpoint.as_ref().and_then(|(e, _)| e.addresses.first().cloned()).unwrap_or_default();
        println!(
            "{:<6} {role:<8} {signed:<10} {}  {address}  {}",
            member.code.as_str(),
            member.id.short(),
            card.identity.name()
        );
    }
    println!("\npurposes   {}", file.charter.purposes.join(", "));
    println!("themes     {}", file.charter.themes.join(", "));
    Ok(())
}

pub fn charter_sign(dir: &Path, path: &Path, out: Option<&Path>, key: Option<&Path>) -> Outcome {
    let home = Home::open(dir)?;
    let mut file = read_charter(path)?;
    let code = home.card.identity.code();
    let listed = file.charter.member(&home.card.identity.id()).is_some_and(|m| m.code == *code);
    if !listed {
        return Err(refused(format!("{code} of this directory is not in that charter")));
    }
    let default = home.key_path("root");
    let root = keys::load(key.unwrap_or(&default)).context("the root key is needed: --key PATH")?;
    if !home.card.identity.root().keys.contains(&root.verifying_key().into()) {
        return Err(refused(format!("that key is not a root key of {code}")));
    }
    match out {
        Some(out) => {
            let mut own = Envelope::unsigned(&CharterEvent { genesis: file.charter.clone() });
            own.add_signature(&root);
            write_new(out, armour::encode(SIGNATURE, &own.to_bytes()).as_bytes())?;
        }
        None => {
            file.genesis.add_signature(&root);
            fs::write(path, charter_text(&file))?;
        }
    }
    eprintln!("signed as {code}: federation {}", file.federation());
    Ok(())
}

pub fn charter_merge(path: &Path, signatures: &[PathBuf]) -> Outcome {
    let mut file = read_charter(path)?;
    for path in signatures {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let bytes = armour::decode(SIGNATURE, &text).with_context(|| path.display().to_string())?;
        let signed = Envelope::parse(&bytes).with_context(|| path.display().to_string())?;
        file.genesis.merge(&signed).with_context(|| path.display().to_string())?;
    }
    fs::write(path, charter_text(&file))?;
    match file.unsigned().as_slice() {
        [] => eprintln!("signed by all: talanoa charter adopt {}", path.display()),
        missing => {
            eprintln!("still to sign: {}", missing.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", "))
        }
    }
    Ok(())
}

pub async fn charter_adopt(dir: &Path, path: &Path) -> Outcome {
    let home = Home::open(dir)?;
    let file = read_charter(path)?;
    home.adopt(&file).await?;
    println!("{}", file.federation());
    eprintln!("adopted {:?} with {} members; next: talanoa serve", file.charter.name, file.cards.len());
    Ok(())
}

/// Never over a file that is there.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut f| f.write_all(bytes));
    Ok(written.with_context(|| format!("{}: not written", path.display()))?)
}

/// First the page, made from what is signed; then the question; then the signature.
pub fn sign(file: &Path, key: &Path, yes: bool) -> Outcome {
    let mut draft = DraftFile::read(file)?;
    eprintln!("{}\n", draft.reread()?);
    let key = keys::load(key).context("key")?;
    ask("Sign this?", yes)?;
    draft.sign(&key)?;
    draft.replace(file)?;
    eprintln!("signed with key {}", talanoa_client::tls::fingerprint(&key.verifying_key().to_bytes()));
    Ok(())
}

/// Signatures of copies of one draft, joined. A copy of another draft is refused.
pub fn merge(file: &Path, copies: &[PathBuf]) -> Outcome {
    let mut draft = DraftFile::read(file)?;
    for path in copies {
        let copy = DraftFile::read(path)?;
        let merged = draft.envelope.merge(&copy.envelope);
        merged.map_err(|_| refused(format!("{} is a copy of another draft", path.display())))?;
    }
    draft.replace(file)?;
    eprintln!("{} signatures: talanoa submit {}", draft.envelope.signers().count(), file.display());
    Ok(())
}

/// First line: what the identity was checked against, because that decides what all the rest is worth.
pub fn verify(folder: &Path, federation: Option<FederationId>, member: Option<MemberId>) -> Outcome {
    let pins = Pins { federation, member };
    let found = verify_folder(folder, pins).map_err(|e| refused(e.to_string()))?;
    match pins.is_empty() {
        true => println!(
            "identity not checked: no --federation or --member was given that you hold from elsewhere"
        ),
        false => println!("identity checked against the id you gave"),
    }
    let release = &found.release;
    println!("member      {} {} {}", found.member_code, found.member_name, found.member);
    println!("federation  {} {}", found.federation_name, found.federation);
    println!("release     {}/{}@{}", found.member_code, release.dataset, release.number);
    println!("published   {} (as its publisher says)", rfc3339(release.published_at));
    println!("journal     entry {} of {}", found.index, found.size);
    if let Some((grant, to)) = &found.grant {
        println!("grant       {} to {to}", grant.short());
    }
    println!("files       {}: every byte is the signed one", found.files.join(", "));
    if found.has_derived {
        println!("not judged  {}/: tables made from these files, which carry no signature", DERIVED_FOLDER);
    }
    Ok(())
}

pub fn fsck(dir: &Path) -> Outcome {
    let home = Home::open(dir)?;
    let _lock = home.layout().lock_to_read().context("fsck")?;
    let report = fsck::fsck(&home);
    for note in &report.notes {
        println!("note: {note}");
    }
    for fault in &report.faults {
        println!("fault: {fault}");
    }
    println!(
        "{} records, {} own entries, {} foreign entries, {} files",
        report.records, report.entries, report.foreign, report.files
    );
    match report.faults.len() {
        0 => {
            println!("sound");
            Ok(())
        }
        n => Err(Failure::Refused {
            message: format!("damaged: {n} faults"),
            advice: Some(
                "talanoa repair asks members for what they hold of it; deploy/OPERATING.md says for each file what \
                 its loss means"
                    .into(),
            ),
        }),
    }
}

pub async fn repair(dir: &Path, json: bool) -> Outcome {
    let home = Home::open(dir)?;
    let findings = repair::repair(&home).await.context("repair")?;
    if json {
        let rows =
            findings.iter().map(|f| serde_json::json!({ "what": f.what, "outcome": f.outcome.to_string() }));
        println!("{}", serde_json::Value::from(rows.collect::<Vec<_>>()));
    } else {
        findings.iter().for_each(|f| println!("{}: {}", f.what, f.outcome));
    }
    let left = findings.iter().filter(|f| !f.outcome.is_done()).count();
    if left > 0 {
        return Err(Failure::Refused {
            message: format!("{left} of {} damaged things are not mended", findings.len()),
            advice: Some("put back the newest copy of the directory; deploy/OPERATING.md, \"Damage\"".into()),
        });
    }
    eprintln!(
        "{}",
        if findings.is_empty() { "nothing is damaged" } else { "all mended; next: talanoa serve" }
    );
    Ok(())
}

pub fn reindex(dir: &Path) -> Outcome {
    let home = Home::open(dir)?;
    let (disk, key) = (Disk::from_env(), home.node_key()?);
    let records = Store::reindex(&home.layout(), disk, home.card.identity.id(), key).context("reindex")?;
    println!("index built anew from {records} records");
    Ok(())
}

/// Its fingerprint, when it is one with which this node may serve now.
fn node_key(home: &Home) -> anyhow::Result<String> {
    let key = home.node_key()?;
    keyring::check_node_key(&home.card.identity, &key, SystemClock::new().now())?;
    Ok(talanoa_client::tls::fingerprint(&key.verifying_key().to_bytes()))
}

pub fn config_check(dir: &Path) -> Outcome {
    let mut wrong = 0;
    let mut check = |what: &str, outcome: Result<String, String>| match outcome {
        Ok(detail) => println!("✔ {what}: {detail}"),
        Err(error) => {
            wrong += 1;
            println!("✖ {what}: {error}");
        }
    };
    let settings = Settings::load(dir);
    check(
        "config.toml",
        settings.as_ref().map(|s| format!("listen {}", s.listen)).map_err(ToString::to_string),
    );
    let home = Home::open(dir);
    check(
        "identity",
        home.as_ref().map(|h| h.card.identity.code().to_string()).map_err(|e| format!("{e:#}")),
    );
    if let Ok(home) = &home {
        check("node key", node_key(home).map_err(|e| format!("{e:#}")));
        let layout = home.layout();
        let exists = |path: &Path| {
            if path.exists() {
                Ok(path.display().to_string())
            } else {
                Err(format!("{} is missing", path.display()))
            }
        };
        check("ledger", exists(&layout.ledger()));
        check("anchor", exists(&layout.anchor_dir.join("anchor")));
        let stated = home.card.endpoint.as_ref().map(|(e, _)| e.addresses.clone()).unwrap_or_default();
        let reached = match stated == home.settings.addresses {
            true => stated.join(", "),
            false => format!(
                "{}; from the next start on: {}",
                stated.join(", "),
                home.settings.addresses.join(", ")
            ),
        };
        check(
            "card",
            if reached.is_empty() {
                Err("names no address: peers need `talanoa peers set`".into())
            } else {
                Ok(reached)
            },
        );
        warn_of_keys(home);
    }
    if wrong == 0 { Ok(()) } else { Err(refused(format!("{wrong} things to mend"))) }
}
