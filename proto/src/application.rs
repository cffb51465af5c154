//! Keys of applications (PROTOCOL.md section 8): a program reads on behalf of a member, with a subset of
//! what that member may, until a date.
//!
//! Consent stays with the member: a publisher asks `may` for the member first, and for the application
//! second. Only the member's consent key gives such a key; any of its keys takes it back.

use bytes::Bytes;

use crate::{
    consent::{self, Request},
    grant::{self, Action, Scope, Term},
    id::{MemberId, ObjectId, PublicKey},
    limits,
    object::{self, Invalid, Object, Origin},
    wire,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Whose application it is.
    pub origin: Origin,
    pub name: String,
    pub key: PublicKey,
    /// Publishers that it may ask; none: every member.
    pub origins: Vec<MemberId>,
    pub scope: Scope,
    /// LIST and READ alone.
    pub actions: Vec<Action>,
    pub purposes: Vec<String>,
    pub term: Term,
    pub nonce: [u8; 16],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndApplication {
    pub origin: Origin,
    pub applications: Vec<ObjectId>,
    pub declared_at: u64,
}

impl Application {
    /// Whether the key may be used at all, with that publisher.
    pub fn admits(&self, publisher: MemberId, now: u64) -> bool {
        let named = self.origins.is_empty() || self.origins.contains(&publisher);
        named && self.term.holds(now)
    }

    /// Whether what is asked lies within the subset. Its member must be permitted the same.
    pub fn covers(&self, request: &Request<'_>) -> bool {
        let given = |action| self.actions.contains(&action);
        self.origin.member == request.reader
            && consent::covers(&self.scope, request.dataset, request.themes, request.sensitivity)
            && (given(request.action) || request.action == Action::List && given(Action::Read))
            && self.purposes.iter().any(|p| p == request.purpose)
    }
}

// --- translation -------------------------------------------------------------------------------

impl Object for Application {
    const TYPE: &'static str = "application/vnd.talanoa.application.v1+protobuf";
    type Wire = wire::Application;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        object::name("name", &wire.name)?;
        let actions = grant::actions(&wire.actions)?;
        if actions.iter().any(|a| !matches!(a, Action::List | Action::Read)) {
            return Err(Invalid::new("actions", "an application lists and reads; nothing else is delegated"));
        }
        grant::check_purposes(&wire.purposes)?;
        let origins = match wire.origins.as_slice() {
            [] => Vec::new(),
            ids => object::ids("origins", ids, limits::CHARTER_MEMBERS_MAX, MemberId::from_slice)?,
        };
        let key = wire.key.as_ref().try_into().map_err(|_| Invalid::new("key", "is not 32 bytes"))?;
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            name: wire.name,
            key: PublicKey(key),
            origins,
            scope: grant::scope(wire.scope)?,
            actions,
            purposes: wire.purposes,
            term: grant::term(wire.term)?,
            nonce: grant::nonce(&wire.nonce)?,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Application {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            name: self.name.clone(),
            key: Bytes::copy_from_slice(&self.key.0),
            origins: self.origins.iter().map(|m| m.to_bytes()).collect(),
            scope: Some(grant::scope_wire(&self.scope)),
            actions: grant::actions_wire(&self.actions),
            purposes: self.purposes.clone(),
            term: Some(self.term.to_wire()),
            nonce: Bytes::copy_from_slice(&self.nonce),
            extensions: Vec::new(),
        }
    }
}

impl Object for EndApplication {
    const TYPE: &'static str = "application/vnd.talanoa.end-application.v1+protobuf";
    type Wire = wire::EndApplication;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            applications: grant::object_ids("applications", &wire.applications)?,
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::EndApplication {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            applications: self.applications.iter().map(|id| id.to_bytes()).collect(),
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::FederationId, release::Sensitivity};

    fn application() -> Application {
        Application {
            origin: Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 },
            name: "Dashboard".into(),
            key: PublicKey([6; 32]),
            origins: vec![MemberId([3; 32])],
            scope: Scope::Datasets(vec!["A".parse().unwrap()]),
            actions: vec![Action::Read],
            purposes: vec!["official-statistics".into()],
            term: Term { not_before: 100, not_after: 200, effective_after: 0 },
            nonce: [7; 16],
        }
    }

    #[test]
    fn both_objects_read_back_as_written() {
        assert_eq!(Application::decode(&application().encode()), Ok(application()));
        let (origin, applications) = (application().origin, vec![ObjectId([1; 32])]);
        let end = EndApplication { origin, applications, declared_at: 5 };
        assert_eq!(EndApplication::decode(&end.encode()), Ok(end));
    }

    #[test]
    fn nothing_but_listing_and_reading_is_delegated() {
        for action in [Action::Aggregate, Action::Relay] {
            let wrong = Application { actions: vec![action], ..application() };
            assert!(Application::decode(&wrong.encode()).is_err());
        }
    }

    #[test]
    fn a_key_is_good_for_its_publishers_datasets_purposes_and_time_alone() {
        let app = application();
        assert!(app.admits(MemberId([3; 32]), 100) && app.admits(MemberId([3; 32]), 199));
        assert!(!app.admits(MemberId([3; 32]), 99) && !app.admits(MemberId([3; 32]), 200));
        assert!(!app.admits(MemberId([4; 32]), 150));
        let (a, b) = ("A".parse().unwrap(), "B".parse().unwrap());
        let ask = |member: u8, dataset, action, purpose| {
            let (reader, number, sensitivity, themes) =
                (MemberId([member; 32]), 1, Sensitivity::Official, &[][..]);
            app.covers(&Request { reader, dataset, number, sensitivity, themes, action, purpose })
        };
        assert!(ask(2, &a, Action::Read, "official-statistics"));
        assert!(ask(2, &a, Action::List, "official-statistics"));
        assert!(!ask(3, &a, Action::Read, "official-statistics"));
        assert!(!ask(2, &b, Action::Read, "official-statistics"));
        assert!(!ask(2, &a, Action::Read, "research"));
        assert!(!ask(2, &a, Action::Relay, "official-statistics"));
    }
}
