//! Giving consent and taking it back. The rule itself is `proto::consent::may`.
//!
//! A grant is drafted here, signed by an officer in another process, and submitted: the node never
//! holds the key that widens. Narrowing needs no officer: the node key signs it at once.

pub mod check;
pub mod denied;
pub mod draft;
pub mod find;
pub mod standing;
mod taken;

use talanoa_proto::{
    application::EndApplication,
    circle::LeaveCircle,
    entry::Declared,
    envelope::Envelope,
    grant::{Action, Denial, Grant, Revocation, Terms},
    id::{DatasetId, MemberId, ObjectId},
    identity::Role,
    limits,
    object::{Object, Origin},
    trusted::EntryError,
};

use crate::{
    keyring, keys,
    node::{Node, own_entry},
    problem::Problem,
    store::{Batch, records::ClockMark, state::State},
};

/// Takes what officers signed, and the text that a grant asks for; says how it stands then.
pub async fn submit(node: &Node, envelope: Envelope, terms: String) -> Result<(ObjectId, String), Problem> {
    let origin = node.origin()?;
    let declared = Declared::of(&envelope)?;
    let _turn = node.submitting.lock().await;
    let batch = {
        let view = node.store.view();
        if let Declared::Identity(_) = &declared {
            let me = view.members.get(&node.me).ok_or_else(Problem::not_ready)?;
            let held = me.endpoint.as_ref().map(|(endpoint, _)| endpoint);
            let entries = keyring::entries(&me.identity, held, &envelope, view.size, Some(&node.key))?;
            Batch { records: entries, ..Batch::default() }
        } else {
            check_signed(node, &view, origin, &envelope, &declared)?;
            let narrowing = matches!(declared, Declared::Revocation(..) | Declared::Denial(..));
            let mut batch = Batch { narrowing, ..Batch::default() };
            if let Declared::Grant(_, grant) = &declared {
                batch.records.extend(terms_entry(node, &view, grant, terms)?);
            }
            batch.records.push(own_entry(&envelope)?.0.into());
            batch
        }
    };
    node.store.commit(batch).await?;
    enforce(node);
    Ok((envelope.id(), taken::sentence(node, &envelope.id(), &declared)))
}

fn check_signed(
    node: &Node,
    view: &State,
    origin: Origin,
    envelope: &Envelope,
    declared: &Declared,
) -> Result<(), Problem> {
    let now = node.now();
    if declared.origin() != Some(origin) {
        let code = EntryError::Origin.code();
        return Err(Problem::new(code, "signed for another member, federation or epoch"));
    }
    let me = view.members.get(&node.me).ok_or_else(Problem::not_ready)?;
    // Everything that comes this way needs the consent keys: what the node key may sign it signs by itself.
    me.identity.verify(Role::Consent, envelope, (origin.epoch, view.size))?;
    let twice = |known: bool| match known {
        true => Err(Problem::bad_request(format!("{} was submitted already", envelope.id().short()))),
        false => Ok(()),
    };
    match declared {
        Declared::Grant(id, grant) => {
            twice(view.consent.get(id).is_some())?;
            check::grant(view, grant, now)
        }
        Declared::Circle(id, circle) => {
            twice(view.consent.circles().convener(id).is_some())?;
            check::circle(view, circle)?;
            let stated = view.consent.circles().stated(&circle.of(*id));
            match stated {
                Some((seq, _)) if circle.seq <= seq => Err(Problem::bad_request(
                    "a newer statement of that circle is there already: draft it again",
                )),
                _ => Ok(()),
            }
        }
        Declared::Application(id, application) => {
            twice(view.applications.contains_key(id))?;
            check::application(view, application, now)
        }
        Declared::Denial(id, denial) => {
            twice(view.consent.denial(id).is_some())?;
            check::denial(view, denial, now)
        }
        Declared::LiftDenial(lift) => check::lift(view, lift),
        Declared::Revocation(id, revocation) => twice(
            view.orders.contains_key(id)
                || revocation.grants.iter().any(|grant| view.consent.revocation_of(grant) == Some(*id)),
        ),
        other => Err(Problem::bad_request(format!(
            "a {} is not submitted: the node makes it itself",
            other.kind()
        ))),
    }
}

/// The text goes into the journal before the grant that names it, once.
fn terms_entry(
    node: &Node,
    view: &State,
    grant: &Grant,
    text: String,
) -> Result<Option<crate::store::records::Record>, Problem> {
    let Some(hash) = grant.obligations.terms_sha256 else { return Ok(None) };
    if view.terms.contains_key(&hash) {
        return Ok(None);
    }
    let terms = Terms { origin: grant.origin, text };
    if terms.hash() != hash {
        return Err(Problem::bad_request("the terms are not the ones that the grant names")
            .advise("submit the draft file as `talanoa grant --draft` wrote it"));
    }
    let envelope = Envelope::seal(&terms, &node.key);
    envelope.object::<Terms>()?;
    Ok(Some(own_entry(&envelope)?.0.into()))
}

/// Acknowledged when it is durable and every stream of this process will ask again.
pub async fn revoke(
    node: &Node,
    grant: &str,
    purge: bool,
    by: u64,
    reason: String,
) -> Result<Revoked, Problem> {
    let origin = node.origin()?;
    let now = node.now();
    let (id, allowed) = {
        let view = node.store.view();
        let id = find::grant(&view, grant)?;
        if view.consent.revocation_of(&id).is_some() && !purge {
            return Err(Problem::bad_request(format!("grant {} is revoked already", id.short())));
        }
        (id, view.consent.get(&id).map_or(now, |g| g.purge_by(now)))
    };
    let purge_by = if purge { check::purge_by(by, allowed, now)? } else { 0 };
    let revocation = Revocation { origin, grants: vec![id], purge, purge_by, reason, declared_at: now };
    let revocation = narrow(node, &revocation).await?;
    tracing::info!(grant = %id.short(), purge, "revoked");
    Ok(Revoked { grant: id, revocation, purge_by })
}

#[derive(Clone, Copy, Debug)]
pub struct Revoked {
    pub grant: ObjectId,
    pub revocation: ObjectId,
    pub purge_by: u64,
}

/// Signed by the node alone it ends after 30 days, unless the consent key confirms it.
pub async fn deny(
    node: &Node,
    to: Option<MemberId>,
    dataset: Option<DatasetId>,
) -> Result<(ObjectId, u64), Problem> {
    let until = node.now() + limits::DENIAL_UNCONFIRMED_DAYS_MAX * 86_400;
    let denial = Denial {
        origin: node.origin()?,
        subject: to,
        dataset,
        until: Some(until),
        declared_at: node.now(),
        nonce: keys::random()?,
    };
    check::denial(&node.store.view(), &denial, node.now())?;
    Ok((narrow(node, &denial).await?, until))
}

/// This member is no longer of a circle.
pub async fn leave(node: &Node, circle: &str) -> Result<ObjectId, Problem> {
    let leave = {
        let origin = node.origin()?;
        let view = node.store.view();
        let id = find::circle(&view, circle)?;
        let circles = view.consent.circles();
        if !circles.contains(&id, node.me) {
            return Err(Problem::bad_request("this member is not in that circle"));
        }
        let seq = circles.stated(&id).map_or(0, |(seq, _)| seq);
        LeaveCircle { origin, circle: id, seq, declared_at: node.now() }
    };
    narrow(node, &leave).await
}

pub async fn end_application(node: &Node, application: &str) -> Result<ObjectId, Problem> {
    let id = find::application(&node.store.view(), application)?;
    let end = EndApplication { origin: node.origin()?, applications: vec![id], declared_at: node.now() };
    narrow(node, &end).await?;
    Ok(id)
}

/// What the node key may sign alone, since it only takes away.
async fn narrow<T: Object>(node: &Node, object: &T) -> Result<ObjectId, Problem> {
    let envelope = Envelope::seal(object, &node.key);
    envelope.object::<T>()?;
    let batch = Batch { narrowing: true, ..Batch::of(own_entry(&envelope)?.0) };
    node.store.commit(batch).await?;
    enforce(node);
    Ok(envelope.id())
}

/// The operator's word that the machine's clock is right.
pub async fn confirm_clock(node: &Node) -> Result<u64, Problem> {
    node.clock.confirm();
    clock_confirmed(node).await?;
    Ok(node.now())
}

/// On record, so that the next start begins from here; whoever waits looks again.
pub async fn clock_confirmed(node: &Node) -> Result<(), Problem> {
    let at = node.now();
    tracing::warn!(now = %crate::clock::rfc3339(at), "the machine's clock is believed again");
    node.store.commit(Batch::of(ClockMark { at })).await?;
    Ok(())
}

/// Whoever is no longer admitted loses the connection that is open now, not only the next one.
pub fn enforce(node: &Node) {
    let now = node.now();
    let closed = node.connections.close_unless(|key| node.store.view().admits(key, now).is_some());
    if closed > 0 {
        tracing::info!(closed, "closed connections of members that are no longer admitted");
    }
}

pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::List => "list",
        Action::Read => "read",
        Action::Aggregate => "aggregate",
        Action::Relay => "relay",
    }
}
