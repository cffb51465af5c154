//! Consent as signed objects (PROTOCOL.md section 8): given by the consent key, taken back by any.
//!
//! Widening is hard, narrowing is easy: a stolen node can leak what it holds and can revoke, but it
//! cannot sign a grant.

mod receipt;
mod taking_back;
mod terms;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    id::{Commitment, DatasetId, MemberId, ObjectId},
    limits,
    object::{self, Invalid, Object, Origin},
    wire,
};

pub use receipt::{PurgeException, PurgeReceipt};
pub use taking_back::{Denial, LiftDenial, Revocation};
pub use terms::Terms;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub origin: Origin,
    pub grantee: Grantee,
    pub scope: Scope,
    pub from_number: u64,
    /// Inclusive; `None` is open.
    pub to_number: Option<u64>,
    pub actions: Vec<Action>,
    pub purposes: Vec<String>,
    pub not_before: u64,
    /// Exclusive.
    pub not_after: u64,
    pub effective_after: u64,
    pub obligations: Obligations,
    pub supersedes: Option<ObjectId>,
    pub officers: Vec<String>,
    pub nonce: [u8; 16],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    Member(MemberId),
    Circle(ObjectId),
    AllMembers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Datasets(Vec<DatasetId>),
    Themes(Vec<String>),
    /// Later datasets too; never class restricted and above.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    List,
    /// Implies `List`; nothing implies the two below.
    Read,
    Aggregate,
    Relay,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    pub retention_after_end_seconds: u64,
    pub purge_within_seconds: u64,
    pub terms_sha256: Option<[u8; 32]>,
}

/// When something holds: from the later of the first and the last, until before `not_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub not_before: u64,
    pub not_after: u64,
    pub effective_after: u64,
}

impl Term {
    pub fn holds(&self, now: u64) -> bool {
        self.not_before.max(self.effective_after) <= now && now < self.not_after
    }

    pub(crate) fn to_wire(self) -> wire::Term {
        let Self { not_before, not_after, effective_after } = self;
        wire::Term { not_before, not_after, effective_after }
    }
}

// --- translation -------------------------------------------------------------------------------

impl Object for Grant {
    const TYPE: &'static str = "application/vnd.talanoa.grant.v1+protobuf";
    type Wire = wire::Grant;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        let actions = actions(&wire.actions)?;
        check_purposes(&wire.purposes)?;
        wire.officers.iter().try_for_each(|o| object::name("officers", o))?;
        if wire.officers.len() > limits::OFFICERS_MAX {
            return Err(Invalid::new("officers", "too many"));
        }
        let to_number = Some(wire.to_number).filter(|&n| n != 0);
        if wire.from_number == 0 || to_number.is_some_and(|to| to < wire.from_number) {
            return Err(Invalid::new("from_number", "ranges start at 1 and do not run backwards"));
        }
        let term = term(wire.term)?;
        let supersedes =
            if wire.supersedes.is_empty() { None } else { Some(ObjectId::from_slice(&wire.supersedes)?) };
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            grantee: grantee(wire.grantee)?,
            scope: scope(wire.scope)?,
            from_number: wire.from_number,
            to_number,
            actions,
            purposes: wire.purposes,
            not_before: term.not_before,
            not_after: term.not_after,
            effective_after: term.effective_after,
            obligations: wire.obligations.unwrap_or_default().try_into()?,
            supersedes,
            officers: wire.officers,
            nonce: nonce(&wire.nonce)?,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        let o = &self.obligations;
        wire::Grant {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            grantee: Some(grantee_wire(&self.grantee)),
            scope: Some(scope_wire(&self.scope)),
            from_number: self.from_number,
            to_number: self.to_number.unwrap_or_default(),
            actions: actions_wire(&self.actions),
            purposes: self.purposes.clone(),
            term: Some(self.term().to_wire()),
            obligations: (*o != Obligations::default()).then(|| wire::Obligations {
                retention_after_end_seconds: o.retention_after_end_seconds,
                purge_within_seconds: o.purge_within_seconds,
                terms_sha256: o.terms_sha256.map(|h| h.to_vec().into()).unwrap_or_default(),
            }),
            supersedes: self.supersedes.map(ObjectId::to_bytes).unwrap_or_default(),
            officers: self.officers.clone(),
            nonce: Bytes::copy_from_slice(&self.nonce),
            extensions: Vec::new(),
        }
    }
}

/// Days that a holder has to erase where the grant does not say.
const PURGE_DAYS: u64 = 7;

impl Grant {
    /// When copies must be gone, if that is ordered at `from`.
    pub fn purge_by(&self, from: u64) -> u64 {
        let within = match self.obligations.purge_within_seconds {
            0 => PURGE_DAYS * 86_400,
            seconds => seconds,
        };
        from.saturating_add(within)
    }

    pub fn term(&self) -> Term {
        let Self { not_before, not_after, effective_after, .. } = *self;
        Term { not_before, not_after, effective_after }
    }
}

pub(crate) fn term(wire: Option<wire::Term>) -> Result<Term, Invalid> {
    let term = wire.ok_or_else(|| Invalid::new("term", "is missing"))?;
    if term.not_after <= term.not_before {
        return Err(Invalid::new("not_after", "does not follow not_before"));
    }
    let seconds_max = limits::GRANT_LIFETIME_DAYS_MAX * 86_400;
    if term.not_after - term.not_before > seconds_max {
        let days = limits::GRANT_LIFETIME_DAYS_MAX;
        return Err(Invalid::new(
            "not_after",
            format!("a grant lasts at most {days} days: choose an earlier end"),
        ));
    }
    let wire::Term { not_before, not_after, effective_after } = term;
    Ok(Term { not_before, not_after, effective_after })
}

/// Each raw number: the generated accessor would drop the ones that it does not know.
pub(crate) fn actions(raw: &[i32]) -> Result<Vec<Action>, Invalid> {
    let known = |n: &i32| wire::Action::try_from(*n).unwrap_or_default();
    let actions = raw.iter().map(known).map(action).collect::<Result<Vec<_>, _>>()?;
    object::sorted_set("actions", &actions, 4)?;
    if actions.is_empty() { Err(Invalid::new("actions", "are missing")) } else { Ok(actions) }
}

pub(crate) fn actions_wire(actions: &[Action]) -> Vec<i32> {
    actions.iter().map(|&a| action_wire(a).into()).collect()
}

pub(crate) fn check_purposes(purposes: &[String]) -> Result<(), Invalid> {
    object::sorted_set("purposes", purposes, limits::PURPOSES_MAX)?;
    purposes.iter().try_for_each(|p| object::name("purposes", p))?;
    if purposes.is_empty() { Err(Invalid::new("purposes", "are missing")) } else { Ok(()) }
}

pub fn action(action: wire::Action) -> Result<Action, Invalid> {
    Ok(match action {
        wire::Action::List => Action::List,
        wire::Action::Read => Action::Read,
        wire::Action::Aggregate => Action::Aggregate,
        wire::Action::Relay => Action::Relay,
        wire::Action::Unspecified => return Err(Invalid::new("actions", "unknown action")),
    })
}

fn action_wire(action: Action) -> wire::Action {
    match action {
        Action::List => wire::Action::List,
        Action::Read => wire::Action::Read,
        Action::Aggregate => wire::Action::Aggregate,
        Action::Relay => wire::Action::Relay,
    }
}

fn grantee(wire: Option<wire::Grantee>) -> Result<Grantee, Invalid> {
    use wire::grantee::Who;
    match wire.and_then(|g| g.who) {
        Some(Who::MemberId(id)) => Ok(Grantee::Member(MemberId::from_slice(&id)?)),
        Some(Who::CircleId(id)) => Ok(Grantee::Circle(ObjectId::from_slice(&id)?)),
        Some(Who::AllMembers(true)) => Ok(Grantee::AllMembers),
        _ => Err(Invalid::new("grantee", "is missing")),
    }
}

fn grantee_wire(grantee: &Grantee) -> wire::Grantee {
    use wire::grantee::Who;
    let who = match grantee {
        Grantee::Member(id) => Who::MemberId(id.to_bytes()),
        Grantee::Circle(id) => Who::CircleId(id.to_bytes()),
        Grantee::AllMembers => Who::AllMembers(true),
    };
    wire::Grantee { who: Some(who) }
}

pub(crate) fn scope(wire: Option<wire::Scope>) -> Result<Scope, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::new("scope", "is missing"))?;
    match (wire.datasets.is_empty(), wire.themes.is_empty(), wire.all) {
        (false, true, false) => {
            let datasets = wire.datasets.iter().map(|d| d.parse()).collect::<Result<Vec<DatasetId>, _>>()?;
            object::sorted_set("datasets", &datasets, limits::DATASETS_PER_SCOPE_MAX)?;
            Ok(Scope::Datasets(datasets))
        }
        (true, false, false) => {
            object::sorted_set("themes", &wire.themes, limits::THEMES_MAX)?;
            wire.themes.iter().try_for_each(|t| object::name("themes", t))?;
            Ok(Scope::Themes(wire.themes))
        }
        (true, true, true) => Ok(Scope::All),
        _ => Err(Invalid::new("scope", "names either datasets, or themes, or all")),
    }
}

pub(crate) fn scope_wire(scope: &Scope) -> wire::Scope {
    match scope {
        Scope::Datasets(ids) => {
            wire::Scope { datasets: ids.iter().map(|d| d.to_string()).collect(), ..Default::default() }
        }
        Scope::Themes(themes) => wire::Scope { themes: themes.clone(), ..Default::default() },
        Scope::All => wire::Scope { all: true, ..Default::default() },
    }
}

impl TryFrom<wire::Obligations> for Obligations {
    type Error = Invalid;

    fn try_from(wire: wire::Obligations) -> Result<Self, Invalid> {
        let terms_sha256 = match wire.terms_sha256.len() {
            0 => None,
            _ => Some(
                wire.terms_sha256
                    .as_ref()
                    .try_into()
                    .map_err(|_| Invalid::new("terms_sha256", "is not 32 bytes"))?,
            ),
        };
        Ok(Self {
            retention_after_end_seconds: wire.retention_after_end_seconds,
            purge_within_seconds: wire.purge_within_seconds,
            terms_sha256,
        })
    }
}

pub(crate) fn nonce(bytes: &[u8]) -> Result<[u8; 16], Invalid> {
    bytes.try_into().map_err(|_| Invalid::new("nonce", "is not 16 bytes"))
}

pub(crate) fn object_ids(field: &'static str, raw: &[Bytes]) -> Result<Vec<ObjectId>, Invalid> {
    object::ids(field, raw, limits::GRANTS_PER_REVOCATION_MAX, ObjectId::from_slice)
}

fn ids_wire(ids: &[ObjectId]) -> Vec<Bytes> {
    ids.iter().map(|id| id.to_bytes()).collect()
}
