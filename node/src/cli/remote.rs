//! Commands that ask the running node, through its socket.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use talanoa_client::provenance;
use talanoa_proto::{
    armour,
    envelope::Envelope,
    release::is_plain_name,
    wire::{self, get_part, operator_client::OperatorClient, publish_part},
};
use tokio::{net::UnixStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use super::{args, exit::Failure, progress::Progress, render};
use crate::keys;

const DRAFT: &str = "TALANOA DRAFT";
const PART_BYTES: usize = 256 * 1024;

pub struct Remote {
    client: OperatorClient<Channel>,
    dir: PathBuf,
}

type Outcome = Result<(), Failure>;

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
        let channel = endpoint.connect_with_connector(connector).await.map_err(|_| Failure::NotRunning)?;
        let client = OperatorClient::new(channel)
            .max_decoding_message_size(64 << 20)
            .max_encoding_message_size(8 << 20);
        Ok(Self { client, dir: dir.to_owned() })
    }

    pub async fn status(&mut self, json: bool) -> Outcome {
        let status = self.client.status(wire::StatusRequest {}).await?.into_inner().json;
        let value: serde_json::Value = serde_json::from_str(&status).context("status")?;
        if json {
            println!("{status}")
        } else {
            print!("{}", render::object(&value))
        }
        if value["ready"] == true {
            Ok(())
        } else {
            Err(Failure::NotReady("talanoa charter adopt FILE".into()))
        }
    }

    pub async fn list(&mut self, what: &str, json: bool) -> Outcome {
        let listing = self.client.list(wire::ListRequest { what: what.to_owned() }).await?.into_inner().json;
        if json {
            println!("{listing}");
            return Ok(());
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listing).context("listing")?;
        print!("{}", render::table(what, &rows));
        Ok(())
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
        };
        // Opened before anything is sent: a wrong name is ours to tell.
        let mut files = Vec::new();
        for path in typed.files {
            let file = File::open(&path).with_context(|| path.display().to_string())?;
            if !file.metadata()?.is_file() {
                return Err(anyhow::anyhow!("{} is not a file", path.display()).into());
            }
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            files.push((name, file));
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

    pub async fn withdraw(&mut self, reference: String, reason: String) -> Outcome {
        let request = wire::WithdrawRequest { reference, reason };
        say(self.client.withdraw(request).await?.into_inner(), false)
    }

    pub async fn grant(&mut self, typed: args::Grant) -> Outcome {
        let action = match typed.action {
            args::Action::Read => wire::Action::Read,
            args::Action::List => wire::Action::List,
        };
        let request = wire::DraftGrantRequest {
            to: typed.to.to_string(),
            dataset: typed.dataset,
            actions: vec![action.into()],
            purposes: typed.purpose,
            not_after: typed.until,
        };
        let draft = self.client.draft_grant(request).await?.into_inner();
        if let Some(path) = typed.draft {
            write_new(
                &path,
                format!("{}\n\n{}", draft.summary, armour::encode(DRAFT, &draft.envelope)).as_bytes(),
            )?;
            eprintln!(
                "{}\nnot signed: talanoa sign {1} --key PATH, then talanoa submit {1}",
                draft.summary,
                path.display()
            );
            return Ok(());
        }
        // Signed in this process: the node never sees the key that widens.
        let path = typed.key.unwrap_or_else(|| self.dir.join("keys/consent.key"));
        let key = keys::load(&path).context("the consent key is needed: --key PATH")?;
        let mut envelope = Envelope::parse(&draft.envelope).context("draft")?;
        envelope.add_signature(&key);
        eprintln!("{}", draft.summary);
        self.submit_envelope(&envelope).await
    }

    pub async fn submit(&mut self, file: &Path) -> Outcome {
        let envelope = read_draft(file)?;
        self.submit_envelope(&envelope).await
    }

    async fn submit_envelope(&mut self, envelope: &Envelope) -> Outcome {
        let request = wire::SubmitRequest { envelope: envelope.to_bytes() };
        say(self.client.submit(request).await?.into_inner(), true)
    }

    pub async fn revoke(&mut self, typed: args::Revoke) -> Outcome {
        let args::Revoke { grant, purge, reason, by } = typed;
        let request = wire::RevokeRequest { grant, purge, reason, purge_by: by.unwrap_or_default() };
        say(self.client.revoke(request).await?.into_inner(), true)
    }

    pub async fn deny(&mut self, to: String, dataset: String) -> Outcome {
        say(self.client.deny(wire::DenyRequest { to, dataset }).await?.into_inner(), true)
    }

    pub async fn follow(&mut self, member: String, datasets: Vec<String>, offers_only: bool) -> Outcome {
        let request = wire::FollowCommand { member, datasets, offers_only };
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
    pub async fn get(&mut self, reference: String, out: &Path) -> Outcome {
        let request = wire::GetRequest { reference: reference.clone() };
        let mut parts = self.client.get(request).await?.into_inner();
        fs::create_dir_all(out).with_context(|| out.display().to_string())?;
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
        names.push(provenance::FILE_NAME.to_owned());
        for name in &names {
            refuse_to_overwrite(&staging.path().join(name), &out.join(name))?;
        }
        for name in &names {
            fs::rename(staging.path().join(name), out.join(name))?;
        }
        println!("{reference}: {} in {}", names.join(", "), out.display());
        eprintln!("check it anywhere: talanoa verify {}", out.display());
        Ok(())
    }
}

/// Id on stdout where a script needs it, the sentence on stderr; otherwise the sentence on stdout.
fn say(accepted: wire::Accepted, id: bool) -> Outcome {
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

pub fn read_draft(path: &Path) -> Result<Envelope, Failure> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let bytes = armour::decode(DRAFT, &text).context("not a draft")?;
    Ok(Envelope::parse(&bytes).context("not a draft")?)
}

pub fn write_draft(path: &Path, envelope: &Envelope) -> Result<(), Failure> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let words = text.split("-----BEGIN").next().unwrap_or_default();
    Ok(fs::write(path, format!("{words}{}", armour::encode(DRAFT, &envelope.to_bytes())))?)
}

pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut f| f.write_all(bytes));
    Ok(written.with_context(|| format!("{}: not written", path.display()))?)
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
