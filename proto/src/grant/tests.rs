use super::*;
use crate::{id::FederationId, object::ObjectError};

pub(crate) fn grant() -> Grant {
    Grant {
        origin: Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 },
        grantee: Grantee::Member(MemberId([3; 32])),
        scope: Scope::Datasets(vec!["A".parse().unwrap()]),
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        not_before: 100,
        not_after: 200,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: [7; 16],
    }
}

#[test]
fn a_grant_reads_back_as_written() {
    let grant = grant();
    assert_eq!(Grant::decode(&grant.encode()), Ok(grant));
}

#[test]
fn a_grant_has_a_greatest_lifetime() {
    let longest = limits::GRANT_LIFETIME_DAYS_MAX * 86_400;
    let lasting = |seconds| Grant { not_after: 100 + seconds, ..grant() };
    assert!(Grant::decode(&lasting(longest).encode()).is_ok());
    assert!(Grant::decode(&lasting(longest + 1).encode()).is_err());
    assert!(Grant::decode(&lasting(0).encode()).is_err());
}

#[test]
fn a_critical_extension_refuses_and_another_is_ignored() {
    use prost::Message;
    let with = |critical| {
        let mut wire = grant().to_wire();
        wire.extensions =
            vec![wire::Extension { name: "x".into(), critical, value: Bytes::from_static(b"1") }];
        Grant::decode(&wire.encode_to_vec().into())
    };
    assert_eq!(with(false), Ok(grant()));
    assert_eq!(with(true), Err(ObjectError::UnknownCriticalExtension("x".into())));
}

#[test]
fn an_unknown_action_refuses_the_grant() {
    use prost::Message;
    let wire = wire::Grant { actions: vec![wire::Action::Read.into(), 9], ..grant().to_wire() };
    assert!(Grant::decode(&wire.encode_to_vec().into()).is_err());
}

#[test]
fn a_scope_is_exactly_one_thing() {
    use prost::Message;
    for scope in [
        wire::Scope::default(),
        wire::Scope { datasets: vec!["A".into()], all: true, ..Default::default() },
        wire::Scope { datasets: vec!["B".into(), "A".into()], ..Default::default() },
        wire::Scope { datasets: vec!["A".into(), "A".into()], ..Default::default() },
    ] {
        let wire = wire::Grant { scope: Some(scope), ..grant().to_wire() };
        assert!(Grant::decode(&wire.encode_to_vec().into()).is_err());
    }
}
