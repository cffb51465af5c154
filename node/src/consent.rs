//! Giving consent and taking it back. The rule itself is `proto::consent::may`.
//!
//! A grant is drafted here, signed by an officer in another process, and submitted: the node never
//! holds the key that widens. Narrowing needs no officer: the node key signs it at once.

use talanoa_proto::{
    Code,
    charter::PURPOSE_DEFAULT,
    entry::Declared,
    envelope::Envelope,
    grant::{Action, Denial, Grant, Grantee, Obligations, Revocation, Scope},
    id::{DatasetId, MemberId, ObjectId},
    identity::Role,
    limits,
    trusted::EntryError,
};

use crate::{
    clock::rfc3339,
    keys,
    node::{Node, own_entry},
    problem::Problem,
    store::{Batch, state::State},
};

/// Days that a holder has to erase when a revocation does not say.
const PURGE_DAYS: u64 = 7;

#[derive(Clone, Debug)]
pub struct GrantRequest {
    pub to: MemberId,
    /// `None`: all datasets, later ones too.
    pub dataset: Option<DatasetId>,
    pub actions: Vec<Action>,
    pub purposes: Vec<String>,
    pub not_after: u64,
}

/// An unsigned grant, and the sentences that the officer reads before she signs.
pub fn draft(node: &Node, request: GrantRequest) -> Result<(Envelope, String), Problem> {
    let origin = node.origin()?;
    if request.to == node.me {
        return Err(Problem::bad_request("a grant to oneself: the node's own data needs no consent"));
    }
    let mut actions = if request.actions.is_empty() { vec![Action::Read] } else { request.actions };
    let mut purposes =
        if request.purposes.is_empty() { vec![PURPOSE_DEFAULT.to_owned()] } else { request.purposes };
    actions.sort();
    actions.dedup();
    purposes.sort();
    purposes.dedup();
    let grant = Grant {
        origin,
        grantee: Grantee::Member(request.to),
        scope: request.dataset.map_or(Scope::All, |d| Scope::Datasets(vec![d])),
        from_number: 1,
        to_number: None,
        actions,
        purposes,
        not_before: node.now(),
        not_after: request.not_after,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: keys::random()?,
    };
    let envelope = Envelope::unsigned(&grant);
    let grant: Grant = envelope.object()?;
    let view = node.store.view();
    check_grant(&view, &grant, node.now())?;
    Ok((envelope, summary(&view, &grant)))
}

/// Takes what officers signed: a grant, the lifting of a denial, or a narrowing by the consent key.
pub async fn submit(node: &Node, envelope: Envelope) -> Result<(ObjectId, &'static str), Problem> {
    let origin = node.origin()?;
    let declared = Declared::of(&envelope)?;
    let (kind, narrowing) = match &declared {
        Declared::Grant(..) => ("grant", false),
        Declared::LiftDenial(_) => ("lift-denial", false),
        Declared::Revocation(..) => ("revocation", true),
        Declared::Denial(..) => ("denial", true),
        other => {
            return Err(Problem::bad_request(format!(
                "a {} is not submitted: the node makes it itself",
                other.kind()
            )));
        }
    };
    {
        let view = node.store.view();
        if declared.origin() != Some(origin) {
            let problem = EntryError::Origin;
            return Err(Problem::new(problem.code(), "signed for another member, federation or epoch"));
        }
        let me = view.members.get(&node.me).ok_or_else(Problem::not_ready)?;
        me.identity.verify(Role::Consent, &envelope, (origin.epoch, view.size))?;
        if let Declared::Grant(id, grant) = &declared {
            if view.consent.get(id).is_some() {
                return Err(Problem::bad_request(format!("grant {} was given already", id.short())));
            }
            check_grant(&view, grant, node.now())?;
        }
    }
    let (entry, _) = own_entry(&envelope)?;
    node.store.commit(Batch { narrowing, ..Batch::of(entry) }).await?;
    enforce(node);
    Ok((envelope.id(), kind))
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
    let id = {
        let view = node.store.view();
        let id = find_grant(&view, grant)?;
        if view.consent.revocation_of(&id).is_some() && !purge {
            return Err(Problem::bad_request(format!("grant {} is revoked already", id.short())));
        }
        id
    };
    let purge_by = match (purge, by) {
        (false, _) => 0,
        (true, 0) => now + PURGE_DAYS * 86_400,
        (true, by) => by,
    };
    let revocation = Revocation { origin, grants: vec![id], purge, purge_by, reason, declared_at: now };
    let envelope = Envelope::seal(&revocation, &node.key);
    envelope.object::<Revocation>()?;
    let (entry, _) = own_entry(&envelope)?;
    node.store.commit(Batch { narrowing: true, ..Batch::of(entry) }).await?;
    tracing::info!(grant = %id.short(), purge, "revoked");
    Ok(Revoked { grant: id, revocation: envelope.id(), purge_by })
}

#[derive(Clone, Copy, Debug)]
pub struct Revoked {
    pub grant: ObjectId,
    pub revocation: ObjectId,
    pub purge_by: u64,
}

/// Signed by the node alone it ends after 30 days, unless the consent key confirms it.
pub async fn deny(node: &Node, to: MemberId, dataset: Option<DatasetId>) -> Result<(ObjectId, u64), Problem> {
    let origin = node.origin()?;
    let until = node.now() + limits::DENIAL_UNCONFIRMED_DAYS_MAX * 86_400;
    let denial = Denial {
        origin,
        subject: Some(to),
        dataset,
        until: Some(until),
        declared_at: node.now(),
        nonce: keys::random()?,
    };
    let envelope = Envelope::seal(&denial, &node.key);
    let (entry, _) = own_entry(&envelope)?;
    node.store.commit(Batch { narrowing: true, ..Batch::of(entry) }).await?;
    enforce(node);
    Ok((envelope.id(), until))
}

/// Whoever is no longer admitted loses the connection that is open now, not only the next one.
pub fn enforce(node: &Node) {
    let now = node.now();
    let closed = node.connections.close_unless(|key| node.store.view().admits(key, now).is_some());
    if closed > 0 {
        tracing::info!(closed, "closed connections of members that are no longer admitted");
    }
}

pub fn find_grant(view: &State, prefix: &str) -> Result<ObjectId, Problem> {
    let mut found = view.consent.grants().map(|(id, _)| *id).filter(|id| id.to_string().starts_with(prefix));
    let advice = "talanoa grants lists them; give at least 8 digits";
    match (found.next(), found.next()) {
        (Some(id), None) if prefix.len() >= 8 => Ok(id),
        (Some(_), None) => {
            Err(Problem::new(Code::GrantUnknown, "too few digits of a grant id").advise(advice))
        }
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::GrantUnknown, "more than one grant begins with that").advise(advice))
        }
        _ => Err(Problem::new(Code::GrantUnknown, "no grant of ours has that id").advise(advice)),
    }
}

/// What this node would sign for but not enforce is not issued.
fn check_grant(view: &State, grant: &Grant, now: u64) -> Result<(), Problem> {
    let unsupported = |what: &str| {
        let sentence =
            format!("{what} is part of the protocol and not yet enforced by this node: it is not issued");
        Err(Problem::new(Code::GrantUnsupported, sentence))
    };
    let Grantee::Member(to) = grant.grantee else {
        return unsupported("a grant to a circle or to all members");
    };
    if !view.members.contains_key(&to) {
        return Err(Problem::bad_request("the grantee is not a member of this federation"));
    }
    if matches!(grant.scope, Scope::Themes(_)) {
        return unsupported("a scope of themes");
    }
    if grant.actions.iter().any(|a| matches!(a, Action::Aggregate | Action::Relay)) {
        return unsupported("AGGREGATE or RELAY");
    }
    if (grant.from_number, grant.to_number) != (1, None) {
        return unsupported("a range of numbers");
    }
    if grant.effective_after != 0 || grant.supersedes.is_some() || grant.obligations != Obligations::default()
    {
        return unsupported("a delay, a replacement, or an obligation");
    }
    if grant.not_after <= now {
        return Err(Problem::bad_request("the grant would have ended already: choose a later --until"));
    }
    let known = view.charter.as_ref().map(|c| c.charter.purposes.clone()).unwrap_or_default();
    if let Some(unknown) = grant.purposes.iter().find(|p| !known.contains(p)) {
        let problem =
            Problem::new(Code::GrantUnsupported, format!("purpose {unknown:?} is not in the charter"));
        return Err(problem.advise(format!("known purposes: {}", known.join(", "))));
    }
    Ok(())
}

fn summary(view: &State, grant: &Grant) -> String {
    let to = match grant.grantee {
        Grantee::Member(id) => {
            view.members.get(&id).map(|m| format!("{} ({})", m.identity.code(), m.identity.name()))
        }
        _ => None,
    };
    let what = match &grant.scope {
        Scope::All => {
            "every dataset, later ones too, except those classed restricted or sensitive".to_owned()
        }
        Scope::Datasets(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Scope::Themes(themes) => themes.join(", "),
    };
    let actions: Vec<&str> = grant.actions.iter().map(|a| action_name(*a)).collect();
    format!(
        "Who:   {}\nWhat:  {what}\nMay:   {}\nWhy:   {}\nUntil: {} (exclusive)",
        to.unwrap_or_default(),
        actions.join(", "),
        grant.purposes.join(", "),
        rfc3339(grant.not_after)
    )
}

pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::List => "list",
        Action::Read => "read",
        Action::Aggregate => "aggregate",
        Action::Relay => "relay",
    }
}
