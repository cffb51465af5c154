//! The command line and its own node, over a Unix socket whose file permissions are the authority.

use std::{pin::Pin, sync::Arc};

use sha2::{Digest, Sha256};
use talanoa_proto::{
    Code,
    charter::Card,
    envelope::Envelope,
    id::{DatasetId, ReleaseRef},
    release::{self, Description},
    wire::{
        self, Accepted, ConfirmClockRequest, DenyRequest, Draft, DraftRequest, EndApplicationRequest,
        ExportRequest, FollowCommand, GetPart, GetRequest, ImportCardRequest, Json, LeaveRequest,
        ListRequest, Page, PublishPart, PublishRequest, Published, RevokeRequest, SetAddressRequest,
        SheetRequest, StatusRequest, SubmitRequest, Text, UnfollowCommand, WithdrawRequest, get_part,
        operator_server::Operator, publish_part,
    },
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    clock::rfc3339,
    config, consent, export, get,
    guides::Named,
    intake, keys, listing,
    node::Node,
    problem::Problem,
    publish::{self, Publication, blocking},
    sheet,
    store::{
        Batch,
        records::{AddressSet, EndpointLearnt, Followed, IdentityLearnt, Unfollowed},
        shelf::Staging,
    },
};

pub struct OperatorService {
    pub node: Arc<Node>,
    pub warning: Option<String>,
}

type Parts = Pin<Box<dyn Stream<Item = Result<GetPart, Status>> + Send>>;

fn accepted(id: impl ToString, message: impl Into<String>) -> Response<Accepted> {
    Response::new(Accepted { id: id.to_string(), message: message.into() })
}

fn texts(texts: Vec<Text>) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = texts.into_iter().map(|t| (t.lang, t.text)).collect();
    texts.sort();
    texts
}

/// Absent: as the release before, or official.
fn sensitivity(raw: i32) -> Result<Option<release::Sensitivity>, Problem> {
    let raw = wire::Sensitivity::try_from(raw).unwrap_or_default();
    match raw {
        wire::Sensitivity::Unspecified => Ok(None),
        known => Ok(Some(release::sensitivity(known).map_err(|e| Problem::bad_request(e.to_string()))?)),
    }
}

fn optional_dataset(text: &str) -> Result<Option<DatasetId>, Problem> {
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse()?)) }
}

impl OperatorService {
    async fn receive(
        &self,
        mut parts: Streaming<PublishPart>,
    ) -> Result<(PublishRequest, Staging, Vec<String>), Status> {
        let bad = |what: &str| Status::from(Problem::bad_request(what));
        let first = parts.message().await?.and_then(|p| p.part);
        let Some(publish_part::Part::Request(request)) = first else {
            return Err(bad("no request came first"));
        };
        let random: [u8; 8] = keys::random().map_err(Problem::from)?;
        let name = format!("incoming-{}", hex::encode(random));
        let staging = self.node.store.shelf().staging(&name).map_err(Problem::from)?;
        let mut names: Vec<String> = Vec::new();
        let mut file = None;
        while let Some(part) = parts.message().await? {
            match part.part {
                Some(publish_part::Part::File(name)) => {
                    let name = intake::file_name(name.as_ref())
                        .map_err(|r| Problem::from(intake::IntakeError::from(r)))?;
                    if names.contains(&name) {
                        return Err(bad("two files have the same name"));
                    }
                    file = Some((staging.file(names.len() as u32).map_err(Problem::from)?, 0u64));
                    names.push(name);
                }
                Some(publish_part::Part::Data(data)) => {
                    let Some((file, offset)) = &mut file else {
                        return Err(bad("data before a file's name"));
                    };
                    tokio::task::block_in_place(|| file.write_at(&data, *offset)).map_err(Problem::from)?;
                    *offset += data.len() as u64;
                }
                _ => return Err(bad("an empty part")),
            }
        }
        if names.is_empty() {
            return Err(bad("nothing to publish: name at least one file"));
        }
        Ok((request, staging, names))
    }
}

#[tonic::async_trait]
impl Operator for OperatorService {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<Json>, Status> {
        let json = listing::status(&self.node, self.warning.clone()).to_string();
        Ok(Response::new(Json { json }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<Json>, Status> {
        let node = Arc::clone(&self.node);
        let rows = blocking(move || listing::list(&node, &request.into_inner())).await?;
        Ok(Response::new(Json { json: serde_json::Value::from(rows).to_string() }))
    }

    async fn publish(&self, request: Request<Streaming<PublishPart>>) -> Result<Response<Published>, Status> {
        let (request, staging, names) = self.receive(request.into_inner()).await?;
        let kind = release::release_kind(request.kind()).map_err(|e| Problem::bad_request(e.to_string()))?;
        let mut themes = request.themes;
        themes.sort();
        themes.dedup();
        let mut serves = request.serves;
        serves.sort();
        serves.dedup();
        let dataset: DatasetId = request.dataset.parse().map_err(Problem::from)?;
        let publication = Publication {
            dataset: dataset.clone(),
            kind,
            description: Description {
                titles: texts(request.titles),
                descriptions: texts(request.descriptions),
                themes,
                licence: request.licence,
                contact: request.contact,
                serves,
                status: request.status,
                ..Description::default()
            },
            class: sensitivity(request.sensitivity)?,
            lower_class: request.lower,
            strict: request.strict,
            dry_run: request.dry_run,
            guides: Named {
                structure: Some(request.structure).filter(|name| !name.is_empty()),
                mapping: Some(request.mapping).filter(|name| !name.is_empty()),
            },
        };
        let done = publish::publish(&self.node, publication, staging, names).await?;
        let reference = format!("{}/{dataset}@{}", self.node.code, done.number);
        let (index, commitment) = done.journaled.map(|(i, c)| (i, c.to_bytes())).unwrap_or_default();
        let dry_run = done.journaled.is_none();
        Ok(Response::new(Published { reference, index, commitment, warnings: done.warnings, dry_run }))
    }

    async fn withdraw(&self, request: Request<WithdrawRequest>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let reference: ReleaseRef = request.reference.parse().map_err(Problem::from)?;
        let number = reference.number.ok_or_else(|| {
            Status::from(Problem::bad_request(
                "which number? A withdrawal names one release, for example FJ/CHILD_DEATHS@3",
            ))
        })?;
        if reference.member != self.node.code {
            return Err(Problem::bad_request(format!(
                "{} can only be withdrawn by {}",
                request.reference, reference.member
            ))
            .into());
        }
        let index = {
            let corrected_by = Some(request.corrected_by).filter(|&n| n != 0);
            publish::withdraw(&self.node, reference.dataset, number, request.reason, corrected_by).await?
        };
        Ok(accepted(
            index,
            format!(
                "{} withdrawn (journal entry {index}); everybody who received it is told",
                request.reference
            ),
        ))
    }

    async fn draft_consent(&self, request: Request<DraftRequest>) -> Result<Response<Draft>, Status> {
        let draft = consent::draft::draft(&self.node, request.into_inner())?;
        Ok(Response::new(Draft {
            envelope: draft.envelope.to_bytes(),
            summary: draft.page,
            terms: draft.terms,
            threshold: draft.threshold,
        }))
    }

    async fn sheet(&self, request: Request<SheetRequest>) -> Result<Response<Page>, Status> {
        let SheetRequest { grant, lang } = request.into_inner();
        Ok(Response::new(Page { text: sheet::of(&self.node, &grant, &lang)? }))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let envelope = Envelope::parse(&request.envelope).map_err(Problem::from)?;
        let (id, sentence) = consent::submit(&self.node, envelope, request.terms).await?;
        Ok(accepted(id, sentence))
    }

    async fn leave(&self, request: Request<LeaveRequest>) -> Result<Response<Accepted>, Status> {
        let circle = request.into_inner().circle;
        let id = consent::leave(&self.node, &circle).await?;
        Ok(accepted(id, format!("no longer in circle {circle}")))
    }

    async fn end_application(
        &self,
        request: Request<EndApplicationRequest>,
    ) -> Result<Response<Accepted>, Status> {
        let id = consent::end_application(&self.node, &request.into_inner().application).await?;
        let message = format!("application {} has no key any more; publishers are told", id.short());
        Ok(accepted(id, message))
    }

    async fn confirm_clock(&self, _: Request<ConfirmClockRequest>) -> Result<Response<Accepted>, Status> {
        let now = consent::confirm_clock(&self.node).await?;
        Ok(accepted("", format!("it is {}", rfc3339(now))))
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let revoked =
            consent::revoke(&self.node, &request.grant, request.purge, request.purge_by, request.reason)
                .await?;
        let purge = if request.purge {
            format!("; the holder must purge by {}: talanoa receipts", rfc3339(revoked.purge_by))
        } else {
            String::new()
        };
        Ok(accepted(revoked.revocation, format!("grant {} revoked{purge}", revoked.grant.short())))
    }

    async fn deny(&self, request: Request<DenyRequest>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let member = match request.to.as_str() {
            "everybody" => None,
            code => Some(self.node.member(code)?),
        };
        let dataset = optional_dataset(&request.dataset)?;
        let (id, until) = consent::deny(&self.node, member, dataset).await?;
        let message = format!("{} denied until {}, whatever was granted", request.to, rfc3339(until));
        Ok(accepted(id, message))
    }

    async fn follow(&self, request: Request<FollowCommand>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let member = self.node.member(&request.member)?;
        if member == self.node.me {
            return Err(Problem::bad_request("a node does not follow itself").into());
        }
        for dataset in &request.datasets {
            dataset.parse::<DatasetId>().map_err(Problem::from)?;
        }
        consent::check::purpose(&self.node.store.view(), &request.purpose)?;
        let via = match request.via.as_str() {
            "" => None,
            code => Some(self.node.member(code)?).filter(|via| *via != member),
        };
        if via == Some(self.node.me) {
            return Err(Problem::bad_request("a node does not carry to itself").into());
        }
        let address = self.node.store.view().address_of(&via.unwrap_or(member));
        let record = Followed {
            member: member.to_bytes(),
            datasets: request.datasets,
            offers_only: request.offers_only,
            via: via.map(|m| m.to_bytes()).unwrap_or_default(),
            purpose: request.purpose,
        };
        self.node.store.commit(Batch::of(record)).await.map_err(Problem::from)?;
        let hint = match address {
            Some(address) if via.is_some() => {
                format!("following {} by way of {} at {address}", request.member, request.via)
            }
            Some(address) => format!("following {} at {address}", request.member),
            None => format!(
                "following {0}, whose address is not known: talanoa peers set {0} --address HOST:PORT",
                request.member
            ),
        };
        Ok(accepted(member, hint))
    }

    async fn unfollow(&self, request: Request<UnfollowCommand>) -> Result<Response<Accepted>, Status> {
        let member = self.node.member(&request.into_inner().member)?;
        let record = Unfollowed { member: member.to_bytes() };
        self.node.store.commit(Batch::of(record)).await.map_err(Problem::from)?;
        Ok(accepted(member, "no longer followed; what is held stays until its grant is revoked with purge"))
    }

    type GetStream = Parts;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Parts>, Status> {
        let reference = request.into_inner().reference.parse().map_err(Problem::from)?;
        let gotten = get::get(&self.node, reference).await?;
        get::record_export(&self.node, gotten.commitment).await?;
        let (sender, receiver) = mpsc::channel(4);
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || {
            if let Err(problem) = send_files(&node, &gotten, &sender) {
                let _ = sender.blocking_send(Err(problem.into()));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn set_address(&self, request: Request<SetAddressRequest>) -> Result<Response<Accepted>, Status> {
        let request = request.into_inner();
        let member = self.node.member(&request.member)?;
        config::check_address(&request.address).map_err(|e| Problem::bad_request(e.to_string()))?;
        let record = AddressSet { member: member.to_bytes(), address: request.address.clone() };
        self.node.store.commit(Batch::of(record)).await.map_err(Problem::from)?;
        Ok(accepted(member, format!("{} is reached at {}", request.member, request.address)))
    }

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<Json>, Status> {
        let json = export::dsse(&self.node, &request.into_inner().what)?;
        Ok(Response::new(Json { json }))
    }

    /// Takes identity events that continue the chain held, and a newer endpoint. Never a new member.
    async fn import_card(&self, request: Request<ImportCardRequest>) -> Result<Response<Accepted>, Status> {
        let card = Card::from_text(&request.into_inner().card)
            .map_err(|e| Problem::new(Code::IdentityInvalid, e.to_string()))?;
        let member = card.identity.id();
        let code = card.identity.code().clone();
        let mut batch = Batch::default();
        {
            let view = self.node.store.view();
            let known = view.members.get(&member).ok_or_else(|| {
                Status::from(Problem::new(
                    Code::CharterInvalid,
                    format!("this {code} is not the one in the charter, or not in it at all"),
                ))
            })?;
            for event in card.chain.iter().skip(known.chain.len()) {
                batch
                    .records
                    .push(IdentityLearnt { member: member.to_bytes(), event: event.to_bytes() }.into());
            }
            if !card.chain.starts_with(&known.chain) && !known.chain.starts_with(&card.chain) {
                return Err(Problem::new(
                    Code::IdentityInvalid,
                    "the card's chain is not a continuation of the one held",
                )
                .into());
            }
        }
        if let Some((_, envelope)) = &card.endpoint {
            batch
                .records
                .push(EndpointLearnt { member: member.to_bytes(), envelope: envelope.to_bytes() }.into());
        }
        if !batch.records.is_empty() {
            self.node.store.commit(batch).await.map_err(Problem::from)?;
        }
        Ok(accepted(member, format!("card of {code} imported")))
    }
}

/// Every chunk is hashed as it is read, and each file as a whole before its last byte is believed.
fn send_files(
    node: &Node,
    gotten: &get::Gotten,
    sender: &mpsc::Sender<Result<GetPart, Status>>,
) -> Result<(), Problem> {
    let send = |part| {
        let sent = sender.blocking_send(Ok(GetPart { part: Some(part) }));
        sent.map_err(|_| Problem::new(Code::Stopping, "the caller has gone"))
    };
    for (n, file) in gotten.release.distributions.iter().enumerate() {
        let damaged =
            |e: &dyn std::fmt::Display| Problem::new(Code::StorageDamaged, format!("{}: {e}", file.name));
        send(get_part::Part::File(file.name.clone()))?;
        let reading = node
            .store
            .shelf()
            .read(&gotten.commitment, n as u32, &file.chunk_root)
            .map_err(|e| damaged(&e))?;
        let mut hash = Sha256::new();
        let mut gone = None;
        let read = reading.for_each(|chunk| {
            hash.update(chunk.bytes());
            gone = gone.take().or(send(get_part::Part::Data(chunk.bytes().clone())).err());
            Ok(())
        });
        read.map_err(|e| damaged(&e))?;
        if let Some(problem) = gone {
            return Err(problem);
        }
        if hash.finalize()[..] != file.sha256 {
            return Err(damaged(&"its SHA-256 is not the signed one"));
        }
    }
    let json = serde_json::to_vec_pretty(&gotten.provenance).map_err(Problem::internal)?;
    for part in json.chunks(256 * 1024) {
        send(get_part::Part::Provenance(bytes::Bytes::copy_from_slice(part)))?;
    }
    Ok(())
}
