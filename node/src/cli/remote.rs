//! Commands that ask the running node, through its socket.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use talanoa_client::provenance::{self, Provenance};
use talanoa_proto::{
    charter::Card,
    release::is_plain_name,
    wire::{self, get_part, operator_client::OperatorClient, publish_part},
};
use tokio::{net::UnixStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use super::{args, derive, exit::Failure, progress::Progress, render};
use crate::{containers, tables};

const PART_BYTES: usize = 256 * 1024;

pub struct Remote {
    pub(super) client: OperatorClient<Channel>,
    pub(super) dir: PathBuf,
}

pub type Outcome = Result<(), Failure>;

impl Remote {
    pub async fn connect(dir: &Path) -> Result<Self, Failure> {
        let socket = dir.join("node.sock");
        let endpoint = Endpoint::from_static("http://node.socket");
        let connector = tower::service_fn(move |_: http::Uri| {
            let socket = socket.clone();
            async move {
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(UnixStream::connect(socket).await?))
            }
        });
        let channel = endpoint.connect_with_connector(connector).await.map_err(|e| not_reached(dir, &e))?;
        let client = OperatorClient::new(channel)
            .max_decoding_message_size(64 << 20)
            .max_encoding_message_size(8 << 20);
        Ok(Self { client, dir: dir.to_owned() })
    }

    pub async fn status(&mut self, json: bool) -> Outcome {
        let value = self.status_object().await?;
        match json {
            true => println!("{value}"),
            false => print!("{}", render::object(&value)),
        }
        if value["ready"] == true {
            Ok(())
        } else {
            Err(Failure::NotReady("talanoa charter adopt FILE".into()))
        }
    }

    pub(super) async fn status_object(&mut self) -> Result<serde_json::Value, Failure> {
        let status = self.client.status(wire::StatusRequest {}).await?.into_inner().json;
        Ok(serde_json::from_str(&status).context("status")?)
    }

    pub async fn list_between(
        &mut self,
        what: &str,
        typed: args::Listing,
        from: Option<u64>,
        until: Option<u64>,
    ) -> Outcome {
        let filtered = typed.member.is_some() || typed.dataset.is_some() || from.is_some() || until.is_some();
        let request = wire::ListRequest {
            what: what.to_owned(),
            member: typed.member.map(|m| m.to_string()).unwrap_or_default(),
            dataset: typed.dataset.map(|d| d.to_string()).unwrap_or_default(),
            from: from.unwrap_or_default(),
            until: until.unwrap_or_default(),
        };
        let listing = self.client.list(request).await?.into_inner().json;
        if typed.json {
            println!("{listing}");
            return Ok(());
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listing).context("listing")?;
        match typed.csv {
            true => print!("{}", render::csv(&rows)?),
            false if rows.is_empty() && filtered => println!("nothing here matches what was asked for"),
            false => print!("{}", render::table(what, &rows)),
        }
        Ok(())
    }

    /// Who we are as the journal has it, and how many entries that has.
    pub async fn membership(&mut self) -> Result<(Card, u64), Failure> {
        let row = self.member_row().await?;
        let text =
            row["card"].as_str().ok_or_else(|| Failure::NotReady("talanoa charter adopt FILE".into()))?;
        Ok((Card::from_text(text).context("card")?, row["journal"].as_u64().unwrap_or_default()))
    }

    pub(super) async fn member_row(&mut self) -> Result<serde_json::Value, Failure> {
        let request = wire::ListRequest { what: "membership".to_owned(), ..wire::ListRequest::default() };
        let json = self.client.list(request).await?.into_inner().json;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).context("membership")?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Prints the reference first: scripts read that line.
    pub async fn publish(&mut self, typed: args::Publish) -> Outcome {
        let text = |(lang, text): &(String, String)| wire::Text { lang: lang.clone(), text: text.clone() };
        let kind = match typed.kind {
            args::Kind::Table => wire::ReleaseKind::Table,
            args::Kind::Document => wire::ReleaseKind::Document,
            args::Kind::Practice => wire::ReleaseKind::Practice,
            args::Kind::Alert => wire::ReleaseKind::Alert,
        };
        let request = wire::PublishRequest {
            dataset: typed.dataset.to_string(),
            titles: typed.title.iter().map(text).collect(),
            kind: kind.into(),
            licence: typed.licence,
            themes: typed.theme,
            strict: typed.strict,
            dry_run: typed.dry_run,
            descriptions: typed.description.iter().map(text).collect(),
            contact: typed.contact,
            serves: typed.serves,
            status: typed.status,
            sensitivity: typed.class.map_or(wire::Sensitivity::Unspecified, class).into(),
            lower: typed.lower_class,
            structure: typed.structure.as_deref().map(name_of).unwrap_or_default(),
            mapping: typed.mapping.as_deref().map(name_of).unwrap_or_default(),
        };
        // Opened before anything is sent: a wrong name is ours to tell.
        let mut files = Vec::new();
        for path in typed.files.into_iter().chain(typed.structure).chain(typed.mapping) {
            let file = containers::file(&path).with_context(|| path.display().to_string())?;
            files.push((name_of(&path), file));
        }
        let (sender, parts) = mpsc::channel(4);
        let reading = tokio::task::spawn_blocking(move || send_files(request, files, &sender));
        let published = self.client.publish(ReceiverStream::new(parts)).await;
        reading.await.context("reading files")??;
        let published = published?.into_inner();
        println!("{}", published.reference);
        for warning in &published.warnings {
            eprintln!("{warning}");
        }
        match published.dry_run {
            true => eprintln!("dry run: everything was checked, nothing was published"),
            false => eprintln!("journal entry {}, on disk", published.index),
        }
        Ok(())
    }

    pub async fn withdraw(&mut self, reference: String, reason: String, corrected_by: u64) -> Outcome {
        let request = wire::WithdrawRequest { reference, reason, corrected_by };
        say(self.client.withdraw(request).await?.into_inner(), false)
    }

    pub async fn revoke(&mut self, typed: args::Revoke) -> Outcome {
        let args::Revoke { grant, purge, reason, by } = typed;
        let request = wire::RevokeRequest { grant, purge, reason, purge_by: by.unwrap_or_default() };
        say(self.client.revoke(request).await?.into_inner(), true)
    }

    pub async fn follow(&mut self, request: wire::FollowCommand) -> Outcome {
        say(self.client.follow(request).await?.into_inner(), false)
    }

    pub async fn unfollow(&mut self, member: String) -> Outcome {
        say(self.client.unfollow(wire::UnfollowCommand { member }).await?.into_inner(), false)
    }

    pub async fn set_address(&mut self, member: String, address: String) -> Outcome {
        say(self.client.set_address(wire::SetAddressRequest { member, address }).await?.into_inner(), false)
    }

    pub async fn import_card(&mut self, path: &Path) -> Outcome {
        let card = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        say(self.client.import_card(wire::ImportCardRequest { card }).await?.into_inner(), false)
    }

    pub async fn export(&mut self, what: String) -> Outcome {
        println!("{}", self.client.export(wire::ExportRequest { what }).await?.into_inner().json);
        Ok(())
    }

    /// Whole or not at all: files are written beside the goal and moved there at the end.
    pub async fn get(&mut self, reference: String, out: &Path, format: Option<tables::Format>) -> Outcome {
        let request = wire::GetRequest { reference: reference.clone() };
        let mut parts = self.client.get(request).await?.into_inner();
        let _new = Folder::create(out)?;
        let staging = tempfile::Builder::new().prefix(".talanoa-").tempdir_in(out)?;
        let mut names: Vec<String> = Vec::new();
        let mut file: Option<File> = None;
        let mut proof = Vec::new();
        let progress = Progress::bytes(&reference, 0);
        while let Some(part) = parts.message().await? {
            match part.part {
                Some(get_part::Part::File(name)) => {
                    if !is_plain_name(&name) {
                        return Err(anyhow::anyhow!("{name:?} is no plain file name").into());
                    }
                    file = Some(File::create(staging.path().join(&name))?);
                    names.push(name);
                }
                Some(get_part::Part::Data(data)) => {
                    file.as_mut().context("data before a name")?.write_all(&data)?;
                    progress.advance(data.len());
                }
                Some(get_part::Part::Provenance(bytes)) => proof.extend_from_slice(&bytes),
                None => {}
            }
        }
        drop(progress);
        fs::write(staging.path().join(provenance::FILE_NAME), &proof)?;
        let derived = match format {
            Some(format) => derive::tables(staging.path(), &proof, format)?,
            None => Vec::new(),
        };
        names.push(provenance::FILE_NAME.to_owned());
        let proven: Provenance = serde_json::from_slice(&proof).context("provenance")?;
        if let Some(terms) = proven.terms_beside() {
            fs::write(staging.path().join(provenance::TERMS_FILE), terms)?;
            names.push(provenance::TERMS_FILE.to_owned());
        }
        names.extend(derived.iter().cloned());
        for name in &names {
            refuse_to_overwrite(&staging.path().join(name), &out.join(name))?;
        }
        if !derived.is_empty() {
            fs::create_dir_all(out.join(provenance::DERIVED_FOLDER))?;
        }
        for name in &names {
            fs::rename(staging.path().join(name), out.join(name))?;
        }
        println!("{reference}: {} in {}", names.join(", "), out.display());
        eprintln!("check it anywhere: talanoa verify {}", out.display());
        self.warn_of_silence(&reference).await
    }

    /// A directory that was put back from a backup holds what was purged since, until its publisher is heard.
    async fn warn_of_silence(&mut self, reference: &str) -> Outcome {
        let request = wire::ListRequest { what: "peers".to_owned(), ..wire::ListRequest::default() };
        let peers: Vec<serde_json::Value> =
            serde_json::from_str(&self.client.list(request).await?.into_inner().json).context("peers")?;
        let publisher = reference.split('/').next().unwrap_or_default();
        let silent = |p: &serde_json::Value| p["last_contact"].is_null() && p["origin_contact"].is_null();
        if peers.iter().any(|p| p["member"] == publisher && silent(p)) {
            eprintln!(
                "note: {publisher} was not heard since this node started: it may have taken this back, and this node \
                 would not know"
            );
        }
        Ok(())
    }
}

/// Of what was not taken nothing remains, the folder neither, unless it was there before.
struct Folder<'p>(Option<&'p Path>);

impl<'p> Folder<'p> {
    fn create(path: &'p Path) -> Result<Self, Failure> {
        let is_new = !path.exists();
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Self(is_new.then_some(path)))
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        // A folder with something in it is not removed.
        let _ = self.0.map(fs::remove_dir);
    }
}

/// Nobody listens, nobody may, or nothing is there: three things to do.
fn not_reached(dir: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    let causes = std::iter::successors(Some(error), |e| e.source());
    let kind = causes.filter_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last();
    match kind {
        Some(ErrorKind::PermissionDenied) => Failure::Refused {
            message: format!("{}: no permission to speak to the node there", dir.display()),
            advice: Some("run it as the user whose node it is: sudo -u talanoa talanoa …".into()),
        },
        _ if !dir.is_dir() => Failure::Usage(format!(
            "{} is no directory: name the node's with --dir or TALANOA_DIR; talanoa init makes one",
            dir.display()
        )),
        _ => Failure::NotRunning,
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Id on stdout where a script needs it, the sentence on stderr; otherwise the sentence on stdout.
pub fn say(accepted: wire::Accepted, id: bool) -> Outcome {
    if id {
        println!("{}", accepted.id);
        eprintln!("{}", accepted.message);
    } else {
        println!("{}", accepted.message);
    }
    Ok(())
}

type Parts = mpsc::Sender<wire::PublishPart>;

fn send_files(
    request: wire::PublishRequest,
    files: Vec<(String, File)>,
    sender: &Parts,
) -> std::io::Result<()> {
    // Sending fails only when the node has answered already: its answer says why.
    let send = |part| sender.blocking_send(wire::PublishPart { part: Some(part) }).is_ok();
    if !send(publish_part::Part::Request(request)) {
        return Ok(());
    }
    let total = files.iter().filter_map(|(_, file)| file.metadata().ok()).map(|m| m.len()).sum();
    let progress = Progress::bytes("publishing", total);
    let mut buffer = vec![0; PART_BYTES];
    for (name, mut file) in files {
        if !send(publish_part::Part::File(name)) {
            return Ok(());
        }
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            progress.advance(n);
            if !send(publish_part::Part::Data(bytes::Bytes::copy_from_slice(&buffer[..n]))) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn class(class: args::Class) -> wire::Sensitivity {
    match class {
        args::Class::Open => wire::Sensitivity::Open,
        args::Class::Official => wire::Sensitivity::Official,
        args::Class::Restricted => wire::Sensitivity::Restricted,
        args::Class::Sensitive => wire::Sensitivity::Sensitive,
    }
}

/// A file of the same content is fine; another one belongs to somebody.
fn refuse_to_overwrite(fresh: &Path, goal: &Path) -> Result<(), Failure> {
    if !goal.exists() {
        return Ok(());
    }
    let same =
        goal.file_name() != Some(provenance::FILE_NAME.as_ref()) && fs::read(fresh)? == fs::read(goal)?;
    let message = format!("{} exists already: choose another --out, or move it away", goal.display());
    if same { Ok(()) } else { Err(Failure::Refused { message, advice: None }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the transport gives it: the cause that counts is the innermost.
    #[test]
    fn a_node_that_cannot_be_reached_is_told_from_one_that_does_not_run() {
        let root = tempfile::tempdir().unwrap();
        let reached = |dir: &Path, kind: ErrorKind| {
            not_reached(
                dir,
                anyhow::Error::from(std::io::Error::from(kind)).context("transport error").as_ref(),
            )
        };
        let denied = reached(root.path(), ErrorKind::PermissionDenied);
        assert!(denied.exit_code() == 1 && denied.to_string().contains("no permission"), "{denied}");
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            assert_eq!(reached(root.path(), kind).exit_code(), 4);
        }
        let nowhere = reached(&root.path().join("x"), ErrorKind::NotFound);
        assert!(nowhere.exit_code() == 2 && nowhere.to_string().contains("no directory"), "{nowhere}");
    }
}
