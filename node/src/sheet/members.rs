//! Codes and names of members, as a charter has them: with the object itself all that a draft's page needs, so that
//! an officer's machine makes the page from what is signed, and not from what somebody wrote above it.

use talanoa_proto::{
    charter::CharterFile,
    id::MemberId,
    identity::{Identity, Role},
};

use super::facts::Party;
use crate::{consent::denied::Denied, relay};

#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    charter: &'a CharterFile,
    /// Of the member that signs, as it is now.
    own: &'a Identity,
}

impl<'a> Members<'a> {
    pub fn new(charter: &'a CharterFile, own: &'a Identity) -> Self {
        Self { charter, own }
    }

    /// One that the charter does not list is named by its whole id.
    pub fn party(&self, member: &MemberId) -> Party {
        let card = self.charter.cards.iter().find(|card| card.identity.id() == *member);
        let (code, name) = match card {
            Some(card) => (card.identity.code().to_string(), card.identity.name().to_owned()),
            None => (member.to_string(), String::new()),
        };
        Party { code, name, denied: Denied::Nothing }
    }

    pub fn code(&self, member: &MemberId) -> String {
        self.party(member).code
    }

    /// How many must sign.
    pub fn officers(&self) -> usize {
        self.own.threshold(Role::Consent)
    }

    pub fn relay_hours(&self, publisher: &MemberId) -> u64 {
        relay::hours(&self.charter.charter, publisher)
    }
}
