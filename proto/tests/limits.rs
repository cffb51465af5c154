//! Every maximum of a signed object: accepted at it, refused one above.

#![allow(clippy::unwrap_used, reason = "an object that cannot be made is the failure")]

use bytes::Bytes;
use prost::Message;
use talanoa_proto::{charter::CharterEvent, grant, identity, limits, object::Object, release, wire};

fn accepts<T: Object>(wire: T::Wire) -> bool {
    T::decode(&Bytes::from(wire.encode_to_vec())).is_ok()
}

/// Accepts `max` of something and refuses one more.
fn at_most(what: &str, max: usize, accepted: impl Fn(usize) -> bool) {
    assert!(accepted(max), "{what}: {max} must be accepted");
    assert!(!accepted(max + 1), "{what}: {} must be refused", max + 1);
}

/// `n` different words, sorted.
fn words(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("W{n:06}")).collect()
}

fn ids(n: usize) -> Vec<Bytes> {
    (0..n as u64).map(|n| [&[0; 24][..], &n.to_be_bytes()].concat().into()).collect()
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn id() -> Bytes {
    vec![1; 32].into()
}

fn a_release() -> wire::Release {
    wire::Release {
        federation_id: id(),
        member_id: id(),
        epoch: 1,
        dataset: "A".into(),
        number: 1,
        kind: wire::ReleaseKind::Table.into(),
        description: Some(wire::Description::default()),
        distributions: vec![file("a".into())],
        sensitivity: wire::Sensitivity::Official.into(),
        ..wire::Release::default()
    }
}

fn file(name: String) -> wire::Distribution {
    wire::Distribution {
        name,
        media_type: "text/csv".into(),
        bytes: 1,
        sha256: id(),
        chunking: "fastcdc2020/16k".into(),
        chunk_root: id(),
        ..wire::Distribution::default()
    }
}

fn described(description: wire::Description) -> bool {
    accepts::<release::Release>(wire::Release { description: Some(description), ..a_release() })
}

#[test]
fn releases() {
    use release::Release;
    let with_file = |f| accepts::<Release>(wire::Release { distributions: vec![f], ..a_release() });
    let texts =
        |n: usize| words(n).into_iter().map(|lang| wire::Text { lang, text: "x".into() }).collect::<Vec<_>>();
    let one = |text| vec![wire::Text { lang: "en".into(), text }];
    assert!(accepts::<Release>(a_release()));
    at_most("distributions", limits::DISTRIBUTIONS_MAX, |n| {
        let distributions = words(n).into_iter().map(file).collect();
        accepts::<Release>(wire::Release { distributions, ..a_release() })
    });
    at_most("file name", limits::FILE_NAME_BYTES_MAX, |n| with_file(file(text(n))));
    at_most("file bytes", limits::DISTRIBUTION_BYTES_MAX as usize, |n| {
        with_file(wire::Distribution { bytes: n as u64, ..file("a".into()) })
    });
    at_most("name", limits::NAME_BYTES_MAX, |n| {
        described(wire::Description { licence: text(n), ..wire::Description::default() })
    });
    at_most("title", limits::TITLE_BYTES_MAX, |n| {
        described(wire::Description { titles: one(text(n)), ..wire::Description::default() })
    });
    at_most("description", limits::TEXT_BYTES_MAX, |n| {
        described(wire::Description { descriptions: one(text(n)), ..wire::Description::default() })
    });
    at_most("languages", limits::TEXTS_MAX, |n| {
        described(wire::Description { titles: texts(n), ..wire::Description::default() })
    });
    at_most("themes", limits::THEMES_MAX, |n| {
        described(wire::Description { themes: words(n), ..wire::Description::default() })
    });
    at_most("areas", limits::AREAS_MAX, |n| {
        described(wire::Description { areas: words(n), ..wire::Description::default() })
    });
    at_most("quality notes", limits::QUALITY_NOTES_MAX, |n| {
        let note = wire::QualityNote { code: "c".into(), count: 1, message: String::new() };
        accepts::<Release>(wire::Release { quality: vec![note; n], ..a_release() })
    });
    at_most("relations", limits::RELATIONS_MAX, |n| {
        let relation = wire::Relation {
            kind: wire::RelationKind::Adapts.into(),
            member_id: id(),
            dataset: "A".into(),
            number: 1,
            commitment: id(),
        };
        accepts::<Release>(wire::Release { relations: vec![relation; n], ..a_release() })
    });
    let extended = |extensions| accepts::<Release>(wire::Release { extensions, ..a_release() });
    let extension =
        |name: String, bytes| wire::Extension { name, critical: false, value: vec![0; bytes].into() };
    at_most("extensions", limits::EXTENSIONS_MAX, |n| {
        extended(words(n).into_iter().map(|w| extension(w, 1)).collect())
    });
    at_most("extension", limits::EXTENSION_BYTES_MAX, |n| extended(vec![extension("x".into(), n)]));
}

#[test]
fn consent() {
    let a_grant = || wire::Grant {
        federation_id: id(),
        member_id: id(),
        epoch: 1,
        grantee: Some(wire::Grantee { who: Some(wire::grantee::Who::MemberId(id())) }),
        scope: Some(wire::Scope { datasets: vec!["A".into()], ..wire::Scope::default() }),
        from_number: 1,
        actions: vec![wire::Action::Read.into()],
        purposes: vec!["p".into()],
        term: Some(wire::Term { not_before: 1, not_after: 2, effective_after: 0 }),
        nonce: vec![0; 16].into(),
        ..wire::Grant::default()
    };
    assert!(accepts::<grant::Grant>(a_grant()));
    at_most("purposes", limits::PURPOSES_MAX, |n| {
        accepts::<grant::Grant>(wire::Grant { purposes: words(n), ..a_grant() })
    });
    at_most("terms", limits::TERMS_BYTES_MAX, |n| {
        let base = wire::Terms { federation_id: id(), member_id: id(), epoch: 1, ..Default::default() };
        accepts::<grant::Terms>(wire::Terms { text: text(n), ..base })
    });
    at_most("officers", limits::OFFICERS_MAX, |n| {
        accepts::<grant::Grant>(wire::Grant { officers: words(n), ..a_grant() })
    });
    at_most("datasets", limits::DATASETS_PER_SCOPE_MAX, |n| {
        let scope = Some(wire::Scope { datasets: words(n), ..wire::Scope::default() });
        accepts::<grant::Grant>(wire::Grant { scope, ..a_grant() })
    });
    at_most("revoked grants", limits::GRANTS_PER_REVOCATION_MAX, |n| {
        accepts::<grant::Revocation>(wire::Revocation {
            federation_id: id(),
            member_id: id(),
            epoch: 1,
            grants: ids(n),
            ..wire::Revocation::default()
        })
    });
    let receipt = |releases, exceptions| {
        accepts::<grant::PurgeReceipt>(wire::PurgeReceipt {
            federation_id: id(),
            member_id: id(),
            epoch: 1,
            origin: id(),
            revocation: id(),
            grants: vec![id()],
            releases,
            exceptions,
            ..wire::PurgeReceipt::default()
        })
    };
    let purged =
        |n| ids(n).into_iter().map(|commitment| wire::Purged { commitment, bytes: 1 }).collect::<Vec<_>>();
    let exception = |commitment| wire::PurgeException { commitment, reason: "exported".into(), at: u64::MAX };
    at_most("purged releases", limits::RELEASES_PER_RECEIPT_MAX, |n| receipt(purged(n), Vec::new()));
    at_most("exceptions", limits::RELEASES_PER_RECEIPT_MAX, |n| {
        receipt(Vec::new(), ids(n).into_iter().map(exception).collect())
    });
    // The fullest receipt still travels: it must fit into an envelope.
    let most = limits::RELEASES_PER_RECEIPT_MAX;
    let fullest = wire::PurgeReceipt {
        releases: ids(most)
            .into_iter()
            .map(|commitment| wire::Purged { commitment, bytes: u64::MAX })
            .collect(),
        exceptions: ids(most).into_iter().map(exception).collect(),
        grants: ids(limits::GRANTS_PER_REVOCATION_MAX),
        ..wire::PurgeReceipt::default()
    };
    assert!(fullest.encoded_len() + 1024 < limits::ENVELOPE_BYTES_MAX, "{}", fullest.encoded_len());
}

#[test]
fn identity_and_charter() {
    at_most("addresses", limits::ADDRESSES_MAX, |n| {
        let addresses = words(n);
        accepts::<identity::Endpoint>(wire::Endpoint {
            member_id: id(),
            addresses,
            ..wire::Endpoint::default()
        })
    });
    at_most("root keys", limits::KEYS_PER_ROLE_MAX, |n| {
        let genesis = wire::Genesis {
            code: "FJ".into(),
            name: "F".into(),
            kind: wire::MemberKind::Country.into(),
            root: Some(wire::KeySet { keys: ids(n), threshold: 1 }),
            created_at: 0,
        };
        let body = Some(wire::identity_event::Body::Genesis(genesis));
        accepts::<identity::IdentityEvent>(wire::IdentityEvent { body, ..wire::IdentityEvent::default() })
    });
    let charter = |members, themes| {
        let genesis =
            wire::CharterGenesis { name: "c".into(), members, themes, ..wire::CharterGenesis::default() };
        let body = Some(wire::charter_event::Body::Genesis(genesis));
        accepts::<CharterEvent>(wire::CharterEvent { body, ..wire::CharterEvent::default() })
    };
    let members = |n: usize| {
        let member =
            |(code, member_id)| wire::CharterMember { code, member_id, observer: false, island: false };
        words(n).into_iter().zip(ids(n)).map(member).collect::<Vec<_>>()
    };
    at_most("members", limits::CHARTER_MEMBERS_MAX, |n| charter(members(n), Vec::new()));
    at_most("charter themes", limits::CHARTER_THEMES_MAX, |n| charter(members(1), words(n)));
}
