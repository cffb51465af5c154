//! The list of members (PROTOCOL.md section 5): signed by all that it lists, observers too.
//!
//! There is no central authority and no trust on first use: a federation is the hash of this object,
//! and a node starts with that hash from its operator.

use bytes::Bytes;
use prost::Message;

use crate::{
    armour::{self, ArmourError},
    canonical,
    envelope::{Envelope, EnvelopeError},
    id::{FederationId, MemberCode, MemberId},
    identity::{Endpoint, Identity, IdentityError, Role},
    limits,
    object::{self, Invalid, Object, ObjectError},
    wire,
};

/// Themes that every charter starts from: the declaration's subjects, and the recommendations of its §23.
pub const THEMES: &[&str] = &[
    "beijing-2010:a-i",
    "beijing-2010:a-ii",
    "beijing-2010:a-iii",
    "beijing-2010:b-i",
    "beijing-2010:b-ii",
    "beijing-2010:b-iii",
    "beijing-2010:c-i",
    "beijing-2010:c-ii",
    "beijing-2010:c-iii",
    "beijing-2010:c-iv",
    "beijing-2010:d-i",
    "beijing-2010:d-ii",
    "beijing-2010:d-iii",
    "child-mortality",
    "child-protection",
    "cooperation",
    "disaster-risk",
    "education",
    "equity",
    "health",
    "migration-trafficking",
    "nutrition",
    "water-sanitation",
];

pub const PURPOSE_DEFAULT: &str = "official-statistics";

pub const PURPOSES: &[&str] = &["disaster-response", PURPOSE_DEFAULT, "policy-making", "research"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    pub name: String,
    pub members: Vec<CharterMember>,
    pub purposes: Vec<String>,
    pub themes: Vec<String>,
    pub founded_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterMember {
    pub code: MemberCode,
    pub id: MemberId,
    /// A member without a vote.
    pub observer: bool,
    pub island: bool,
}

impl Charter {
    pub fn member(&self, id: &MemberId) -> Option<&CharterMember> {
        self.members.iter().find(|m| m.id == *id)
    }

    pub fn by_code(&self, code: &MemberCode) -> Option<&CharterMember> {
        self.members.iter().find(|m| m.code == *code)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    #[error(transparent)]
    Armour(#[from] ArmourError),
    #[error("charter or card: {0}")]
    Object(#[from] ObjectError),
    #[error("charter or card: {0}")]
    Envelope(#[from] EnvelopeError),
    #[error("identity chain in a card: {0}")]
    Identity(#[from] IdentityError),
    #[error("the card of {0} is missing, or is another member's")]
    Card(MemberCode),
    #[error("the endpoint in the card of {0} is not signed by its node key")]
    Endpoint(MemberCode),
    #[error("not yet signed by {0}: `talanoa charter sign` there, then `talanoa charter merge` here")]
    Unsigned(MemberCode),
}

/// A member's public card: what others need in order to list and to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub identity: Identity,
    pub chain: Vec<Envelope>,
    pub endpoint: Option<(Endpoint, Envelope)>,
}

impl Card {
    pub const LABEL: &'static str = "TALANOA CARD";

    pub fn new(chain: Vec<Envelope>, endpoint: Option<Envelope>) -> Result<Self, CharterError> {
        let identity = Identity::from_chain(&chain)?;
        let endpoint = match endpoint {
            None => None,
            Some(envelope) => Some((verify_endpoint(&identity, &envelope)?, envelope)),
        };
        Ok(Self { identity, chain, endpoint })
    }

    /// With one more event of the identity. The endpoint goes when its key does.
    pub fn extended(&self, event: &Envelope) -> Result<Self, CharterError> {
        let mut card = self.clone();
        card.identity.extend(event)?;
        card.chain.push(event.clone());
        card.endpoint.take_if(|(_, envelope)| verify_endpoint(&card.identity, envelope).is_err());
        Ok(card)
    }

    pub fn to_text(&self) -> String {
        armour::encode(Self::LABEL, &self.to_wire().encode_to_vec())
    }

    pub fn from_text(text: &str) -> Result<Self, CharterError> {
        let bytes = Bytes::from(armour::decode(Self::LABEL, text)?);
        Self::from_wire(canonical::decode(&bytes).map_err(ObjectError::from)?)
    }

    fn from_wire(wire: wire::Card) -> Result<Self, CharterError> {
        if wire.identity.len() > limits::IDENTITY_EVENTS_MAX {
            return Err(IdentityError::Length { max: limits::IDENTITY_EVENTS_MAX }.into());
        }
        let chain = wire.identity.iter().map(|e| Envelope::parse(e)).collect::<Result<Vec<_>, _>>()?;
        let endpoint = if wire.endpoint.is_empty() { None } else { Some(Envelope::parse(&wire.endpoint)?) };
        Self::new(chain, endpoint)
    }

    fn to_wire(&self) -> wire::Card {
        let endpoint = self.endpoint.as_ref().map(|(_, e)| e.to_bytes()).unwrap_or_default();
        wire::Card { identity: self.chain.iter().map(Envelope::to_bytes).collect(), endpoint }
    }
}

/// An endpoint counts when a node key of that member signed it, one that is not revoked.
pub fn verify_endpoint(identity: &Identity, envelope: &Envelope) -> Result<Endpoint, CharterError> {
    let endpoint: Endpoint = envelope.object()?;
    let signed = identity.verify(Role::Node, envelope, (u32::MAX, u64::MAX)).is_ok();
    if endpoint.member != identity.id() || !signed {
        return Err(CharterError::Endpoint(identity.code().clone()));
    }
    Ok(endpoint)
}

/// The charter on its way round the members: genesis, signatures so far, and everybody's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterFile {
    pub charter: Charter,
    pub genesis: Envelope,
    pub cards: Vec<Card>,
}

impl CharterFile {
    pub const LABEL: &'static str = "TALANOA CHARTER";

    pub fn new(genesis: Envelope, mut cards: Vec<Card>) -> Result<Self, CharterError> {
        let CharterEvent { genesis: charter } = genesis.object()?;
        cards.sort_by(|a, b| a.identity.code().cmp(b.identity.code()));
        for (n, member) in charter.members.iter().enumerate() {
            let matches = cards
                .get(n)
                .is_some_and(|c| c.identity.id() == member.id && *c.identity.code() == member.code);
            if !matches {
                return Err(CharterError::Card(member.code.clone()));
            }
        }
        cards.truncate(charter.members.len());
        Ok(Self { charter, genesis, cards })
    }

    pub fn federation(&self) -> FederationId {
        FederationId(self.genesis.id().0)
    }

    /// Members whose roots have not signed yet.
    pub fn unsigned(&self) -> Vec<&MemberCode> {
        let missing = |c: &&Card| {
            let root = c.identity.root();
            self.genesis.verify(&root.keys, root.threshold).is_err()
        };
        self.cards.iter().filter(missing).map(|c| c.identity.code()).collect()
    }

    /// A charter exists when every member that it lists has signed it; before that it is a draft.
    pub fn verify(&self) -> Result<(), CharterError> {
        match self.unsigned().first() {
            None => Ok(()),
            Some(code) => Err(CharterError::Unsigned((*code).clone())),
        }
    }

    pub fn to_text(&self) -> String {
        armour::encode(Self::LABEL, &self.to_bytes())
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let cards = self.cards.iter().map(Card::to_wire).collect();
        wire::CharterFile { genesis: self.genesis.to_bytes(), cards }.encode_to_vec()
    }

    pub fn from_text(text: &str) -> Result<Self, CharterError> {
        Self::from_bytes(&armour::decode(Self::LABEL, text)?)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CharterError> {
        let bytes = Bytes::copy_from_slice(bytes);
        let wire: wire::CharterFile = canonical::decode(&bytes).map_err(ObjectError::from)?;
        let cards = wire.cards.into_iter().map(Card::from_wire).collect::<Result<Vec<_>, _>>()?;
        Self::new(Envelope::parse(&wire.genesis)?, cards)
    }
}

/// The charter's chain. Version 1 has its genesis; votes for later events come with a later version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterEvent {
    pub genesis: Charter,
}

// --- translation -------------------------------------------------------------------------------

impl Object for CharterEvent {
    const TYPE: &'static str = "application/vnd.talanoa.charter.v1+protobuf";
    type Wire = wire::CharterEvent;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        let Some(wire::charter_event::Body::Genesis(genesis)) = wire.body else {
            return Err(Invalid::new("body", "only a charter genesis is known to this version"));
        };
        if wire.seq != 0 || !wire.prev.is_empty() || !wire.federation_id.is_empty() {
            return Err(Invalid::new("seq", "a genesis has no federation id, number and predecessor"));
        }
        Ok(Self { genesis: genesis.try_into()? })
    }

    fn to_wire(&self) -> Self::Wire {
        let member = |m: &CharterMember| wire::CharterMember {
            code: m.code.to_string(),
            member_id: m.id.to_bytes(),
            observer: m.observer,
            island: m.island,
        };
        let genesis = wire::CharterGenesis {
            name: self.genesis.name.clone(),
            members: self.genesis.members.iter().map(member).collect(),
            purposes: self.genesis.purposes.clone(),
            themes: self.genesis.themes.clone(),
            founded_at: self.genesis.founded_at,
        };
        wire::CharterEvent { body: Some(wire::charter_event::Body::Genesis(genesis)), ..Default::default() }
    }
}

impl TryFrom<wire::CharterGenesis> for Charter {
    type Error = Invalid;

    fn try_from(wire: wire::CharterGenesis) -> Result<Self, Invalid> {
        object::name("name", &wire.name)?;
        let mut members = Vec::new();
        for m in &wire.members {
            let (code, id) = (m.code.parse()?, MemberId::from_slice(&m.member_id)?);
            members.push(CharterMember { code, id, observer: m.observer, island: m.island });
        }
        let codes: Vec<&MemberCode> = members.iter().map(|m| &m.code).collect();
        object::sorted_set("members", &codes, limits::CHARTER_MEMBERS_MAX)?;
        let mut ids: Vec<MemberId> = members.iter().map(|m| m.id).collect();
        ids.sort();
        object::sorted_set("members", &ids, limits::CHARTER_MEMBERS_MAX)?;
        if members.iter().all(|m| m.observer) {
            return Err(Invalid::new("members", "at least one must have a vote"));
        }
        for (field, words, max) in [
            ("purposes", &wire.purposes, limits::PURPOSES_MAX),
            ("themes", &wire.themes, limits::CHARTER_THEMES_MAX),
        ] {
            object::sorted_set(field, words, max)?;
            words.iter().try_for_each(|w| object::name(field, w))?;
        }
        Ok(Self {
            name: wire.name,
            members,
            purposes: wire.purposes,
            themes: wire.themes,
            founded_at: wire.founded_at,
        })
    }
}
