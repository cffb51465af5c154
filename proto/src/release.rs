//! What a member publishes (PROTOCOL.md section 7): the manifest, and the notice that takes it back.
//!
//! A release is immutable and gap-free numbered per dataset. Files are named by their hashes, byte for
//! byte as the country published them; publishing checks and refuses, it never alters.

use crate::{
    id::{Commitment, DatasetId, MemberId},
    limits,
    object::{self, Invalid, Object, Origin},
    wire,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub origin: Origin,
    pub dataset: DatasetId,
    pub number: u64,
    pub kind: ReleaseKind,
    /// Commitment of number − 1.
    pub previous: Option<Commitment>,
    pub published_at: u64,
    pub description: Description,
    pub distributions: Vec<Distribution>,
    pub quality: Vec<QualityNote>,
    pub sensitivity: Sensitivity,
    pub relations: Vec<Relation>,
    pub structure: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    pub name: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: [u8; 32],
    pub chunking: String,
    pub chunk_root: [u8; 32],
    pub rows: u64,
    pub columns: u64,
    pub observations: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseKind {
    Table,
    Document,
    Practice,
    Alert,
}

/// How far a dataset may travel by default. `all` in a grant never includes `Restricted` and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    Open,
    Official,
    Restricted,
    Sensitive,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// (language, text), sorted by language.
    pub titles: Vec<(String, String)>,
    pub descriptions: Vec<(String, String)>,
    pub themes: Vec<String>,
    pub period_first: String,
    pub period_last: String,
    pub areas: Vec<String>,
    pub languages: Vec<String>,
    pub licence: String,
    pub contact: String,
    /// Recommendations that it answers, as their makers number them; sorted.
    pub serves: Vec<String>,
    /// For example `draft` or `final`; may be empty.
    pub status: String,
}

/// A warning found at publication, kept with the data for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityNote {
    pub code: String,
    pub count: u64,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    RespondsTo,
    Adapts,
    Assesses,
    DerivedFrom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub kind: RelationKind,
    pub member: MemberId,
    pub dataset: DatasetId,
    pub number: u64,
    pub commitment: Commitment,
}

/// Takes a release back, or names the one that corrects it. Goes to everyone who may see it or received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    pub origin: Origin,
    pub dataset: DatasetId,
    pub number: u64,
    pub commitment: Commitment,
    pub reason: String,
    pub corrected_by: Option<u64>,
    pub declared_at: u64,
}

/// How a release stands to the last one seen of its dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// The first one seen, or the next number with the matching predecessor.
    Continues,
    /// Numbers between are missing: `journal.withheld`. What is valid is still accepted.
    Gap { missing_from: u64 },
    /// Seen already, or older than what was seen.
    Known,
    /// The same number with another commitment, or a predecessor that is not the one seen.
    Contradicts,
}

impl Release {
    pub fn continuity(&self, own: Commitment, last: Option<(u64, Commitment)>) -> Continuity {
        match last {
            None => Continuity::Continues,
            Some((number, commitment)) if self.number == number => {
                if commitment == own {
                    Continuity::Known
                } else {
                    Continuity::Contradicts
                }
            }
            Some((number, _)) if self.number < number => Continuity::Known,
            Some((number, commitment)) if self.number == number + 1 => {
                if self.previous == Some(commitment) {
                    Continuity::Continues
                } else {
                    Continuity::Contradicts
                }
            }
            Some((number, _)) => Continuity::Gap { missing_from: number + 1 },
        }
    }

    pub fn bytes(&self) -> u64 {
        self.distributions.iter().map(|d| d.bytes).fold(0, u64::saturating_add)
    }
}

/// A file name that is only a name: no path leaves the directory that it is written into.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::FILE_NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c == '\\' || c == ':' || c.is_control())
}

// --- translation -------------------------------------------------------------------------------

impl Object for Release {
    const TYPE: &'static str = "application/vnd.talanoa.release.v1+protobuf";
    type Wire = wire::Release;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        let (kind, sensitivity) = (release_kind(wire.kind())?, sensitivity(wire.sensitivity())?);
        let number = positive("number", wire.number)?;
        if (number == 1) != wire.previous.is_empty() {
            return Err(Invalid::new("previous", "number 1, and only number 1, has none"));
        }
        let previous = if number == 1 { None } else { Some(Commitment::from_slice(&wire.previous)?) };
        let mut names: Vec<&str> = wire.distributions.iter().map(|d| d.name.as_str()).collect();
        names.sort_unstable();
        object::sorted_set("distributions", &names, limits::DISTRIBUTIONS_MAX)?;
        if names.is_empty() {
            return Err(Invalid::new("distributions", "a release has at least one file"));
        }
        if wire.quality.len() > limits::QUALITY_NOTES_MAX || wire.relations.len() > limits::RELATIONS_MAX {
            return Err(Invalid::new("quality", "too many notes or relations"));
        }
        object::text("structure", &wire.structure, limits::TEXT_BYTES_MAX)?;
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            dataset: wire.dataset.parse()?,
            number,
            kind,
            previous,
            published_at: wire.published_at,
            description: wire.description.unwrap_or_default().try_into()?,
            distributions: wire.distributions.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            quality: wire.quality.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            sensitivity,
            relations: wire.relations.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            structure: wire.structure,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Release {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            dataset: self.dataset.to_string(),
            number: self.number,
            kind: release_kind_wire(self.kind).into(),
            previous: self.previous.map(Commitment::to_bytes).unwrap_or_default(),
            published_at: self.published_at,
            description: Some((&self.description).into()),
            distributions: self.distributions.iter().map(Into::into).collect(),
            quality: self.quality.iter().map(Into::into).collect(),
            sensitivity: match self.sensitivity {
                Sensitivity::Open => wire::Sensitivity::Open,
                Sensitivity::Official => wire::Sensitivity::Official,
                Sensitivity::Restricted => wire::Sensitivity::Restricted,
                Sensitivity::Sensitive => wire::Sensitivity::Sensitive,
            }
            .into(),
            relations: self.relations.iter().map(Into::into).collect(),
            structure: self.structure.clone(),
            extensions: Vec::new(),
        }
    }
}

fn positive(field: &'static str, value: u64) -> Result<u64, Invalid> {
    if value == 0 { Err(Invalid::new(field, "starts at 1")) } else { Ok(value) }
}

pub fn release_kind(kind: wire::ReleaseKind) -> Result<ReleaseKind, Invalid> {
    Ok(match kind {
        wire::ReleaseKind::Table => ReleaseKind::Table,
        wire::ReleaseKind::Document => ReleaseKind::Document,
        wire::ReleaseKind::Practice => ReleaseKind::Practice,
        wire::ReleaseKind::Alert => ReleaseKind::Alert,
        wire::ReleaseKind::Unspecified => return Err(Invalid::new("kind", "is missing or unknown")),
    })
}

fn release_kind_wire(kind: ReleaseKind) -> wire::ReleaseKind {
    match kind {
        ReleaseKind::Table => wire::ReleaseKind::Table,
        ReleaseKind::Document => wire::ReleaseKind::Document,
        ReleaseKind::Practice => wire::ReleaseKind::Practice,
        ReleaseKind::Alert => wire::ReleaseKind::Alert,
    }
}

pub fn sensitivity(value: wire::Sensitivity) -> Result<Sensitivity, Invalid> {
    Ok(match value {
        wire::Sensitivity::Open => Sensitivity::Open,
        wire::Sensitivity::Official => Sensitivity::Official,
        wire::Sensitivity::Restricted => Sensitivity::Restricted,
        wire::Sensitivity::Sensitive => Sensitivity::Sensitive,
        wire::Sensitivity::Unspecified => return Err(Invalid::new("sensitivity", "is missing or unknown")),
    })
}

impl TryFrom<wire::Description> for Description {
    type Error = Invalid;

    fn try_from(wire: wire::Description) -> Result<Self, Invalid> {
        let texts = |field, texts: Vec<wire::Text>, bytes_max| -> Result<Vec<(String, String)>, Invalid> {
            let texts: Vec<(String, String)> = texts.into_iter().map(|t| (t.lang, t.text)).collect();
            let langs: Vec<&str> = texts.iter().map(|(lang, _)| lang.as_str()).collect();
            object::sorted_set(field, &langs, limits::TEXTS_MAX)?;
            for (lang, text) in &texts {
                object::name(field, lang)?;
                object::text(field, text, bytes_max)?;
            }
            Ok(texts)
        };
        for (field, words, max) in [
            ("themes", &wire.themes, limits::THEMES_MAX),
            ("areas", &wire.areas, limits::AREAS_MAX),
            ("languages", &wire.languages, limits::TEXTS_MAX),
            ("serves", &wire.serves, limits::THEMES_MAX),
        ] {
            object::sorted_set(field, words, max)?;
            words.iter().try_for_each(|w| object::name(field, w))?;
        }
        for (field, word) in [
            ("period_first", &wire.period_first),
            ("period_last", &wire.period_last),
            ("licence", &wire.licence),
            ("contact", &wire.contact),
            ("status", &wire.status),
        ] {
            object::text(field, word, limits::NAME_BYTES_MAX)?;
        }
        Ok(Self {
            titles: texts("titles", wire.titles, limits::TITLE_BYTES_MAX)?,
            descriptions: texts("descriptions", wire.descriptions, limits::TEXT_BYTES_MAX)?,
            themes: wire.themes,
            period_first: wire.period_first,
            period_last: wire.period_last,
            areas: wire.areas,
            languages: wire.languages,
            licence: wire.licence,
            contact: wire.contact,
            serves: wire.serves,
            status: wire.status,
        })
    }
}

impl From<&Description> for wire::Description {
    fn from(d: &Description) -> Self {
        let texts = |texts: &[(String, String)]| {
            texts.iter().map(|(lang, text)| wire::Text { lang: lang.clone(), text: text.clone() }).collect()
        };
        Self {
            titles: texts(&d.titles),
            descriptions: texts(&d.descriptions),
            themes: d.themes.clone(),
            period_first: d.period_first.clone(),
            period_last: d.period_last.clone(),
            areas: d.areas.clone(),
            languages: d.languages.clone(),
            licence: d.licence.clone(),
            contact: d.contact.clone(),
            serves: d.serves.clone(),
            status: d.status.clone(),
        }
    }
}

impl TryFrom<wire::Distribution> for Distribution {
    type Error = Invalid;

    fn try_from(wire: wire::Distribution) -> Result<Self, Invalid> {
        if !is_plain_name(&wire.name) {
            return Err(Invalid::new("distributions", format!("{:?} is not a plain file name", wire.name)));
        }
        object::name("media_type", &wire.media_type)?;
        object::name("chunking", &wire.chunking)?;
        if wire.bytes == 0 || wire.bytes > limits::DISTRIBUTION_BYTES_MAX {
            return Err(Invalid::new(
                "bytes",
                format!("{}, from 1 to {}", wire.bytes, limits::DISTRIBUTION_BYTES_MAX),
            ));
        }
        let hash = |field, bytes: &[u8]| bytes.try_into().map_err(|_| Invalid::new(field, "is not 32 bytes"));
        Ok(Self {
            sha256: hash("sha256", &wire.sha256)?,
            chunk_root: hash("chunk_root", &wire.chunk_root)?,
            name: wire.name,
            media_type: wire.media_type,
            bytes: wire.bytes,
            chunking: wire.chunking,
            rows: wire.rows,
            columns: wire.columns,
            observations: wire.observations,
        })
    }
}

impl From<&Distribution> for wire::Distribution {
    fn from(d: &Distribution) -> Self {
        Self {
            name: d.name.clone(),
            media_type: d.media_type.clone(),
            bytes: d.bytes,
            sha256: d.sha256.to_vec().into(),
            chunking: d.chunking.clone(),
            chunk_root: d.chunk_root.to_vec().into(),
            rows: d.rows,
            columns: d.columns,
            observations: d.observations,
        }
    }
}

impl TryFrom<wire::QualityNote> for QualityNote {
    type Error = Invalid;

    fn try_from(wire: wire::QualityNote) -> Result<Self, Invalid> {
        object::name("quality", &wire.code)?;
        object::text("quality", &wire.message, limits::TEXT_BYTES_MAX)?;
        Ok(Self { code: wire.code, count: wire.count, message: wire.message })
    }
}

impl From<&QualityNote> for wire::QualityNote {
    fn from(q: &QualityNote) -> Self {
        Self { code: q.code.clone(), count: q.count, message: q.message.clone() }
    }
}

impl TryFrom<wire::Relation> for Relation {
    type Error = Invalid;

    fn try_from(wire: wire::Relation) -> Result<Self, Invalid> {
        let kind = match wire.kind() {
            wire::RelationKind::RespondsTo => RelationKind::RespondsTo,
            wire::RelationKind::Adapts => RelationKind::Adapts,
            wire::RelationKind::Assesses => RelationKind::Assesses,
            wire::RelationKind::DerivedFrom => RelationKind::DerivedFrom,
            wire::RelationKind::Unspecified => {
                return Err(Invalid::new("relations", "kind is missing or unknown"));
            }
        };
        Ok(Self {
            kind,
            member: MemberId::from_slice(&wire.member_id)?,
            dataset: wire.dataset.parse()?,
            number: positive("relations", wire.number)?,
            commitment: Commitment::from_slice(&wire.commitment)?,
        })
    }
}

impl From<&Relation> for wire::Relation {
    fn from(r: &Relation) -> Self {
        let kind = match r.kind {
            RelationKind::RespondsTo => wire::RelationKind::RespondsTo,
            RelationKind::Adapts => wire::RelationKind::Adapts,
            RelationKind::Assesses => wire::RelationKind::Assesses,
            RelationKind::DerivedFrom => wire::RelationKind::DerivedFrom,
        };
        Self {
            kind: kind.into(),
            member_id: r.member.to_bytes(),
            dataset: r.dataset.to_string(),
            number: r.number,
            commitment: r.commitment.to_bytes(),
        }
    }
}

impl Object for Withdrawal {
    const TYPE: &'static str = "application/vnd.talanoa.withdrawal.v1+protobuf";
    type Wire = wire::Withdrawal;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        object::text("reason", &wire.reason, limits::TEXT_BYTES_MAX)?;
        if wire.corrected_by != 0 && wire.corrected_by <= wire.number {
            return Err(Invalid::new("corrected_by", "a correction has a higher number"));
        }
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            dataset: wire.dataset.parse()?,
            number: positive("number", wire.number)?,
            commitment: Commitment::from_slice(&wire.commitment)?,
            reason: wire.reason,
            corrected_by: Some(wire.corrected_by).filter(|&n| n != 0),
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Withdrawal {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            dataset: self.dataset.to_string(),
            number: self.number,
            commitment: self.commitment.to_bytes(),
            reason: self.reason.clone(),
            corrected_by: self.corrected_by.unwrap_or_default(),
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}
