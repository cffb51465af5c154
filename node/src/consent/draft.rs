//! Drafts of what only the consent key signs. Each is shown to officers on a page of plain language, signed
//! by as many of them as the identity asks for, in processes of their own, and then submitted.

use talanoa_proto::{
    application::Application,
    charter::PURPOSE_DEFAULT,
    circle::Circle,
    entry::Declared,
    envelope::Envelope,
    grant::{self, Action, Denial, Grant, LiftDenial, Obligations, Scope, Term, Terms},
    id::{DatasetId, PublicKey},
    identity::Role,
    object::Object,
    wire::{self, draft_request::What},
};

use super::{check, find};
use crate::{keys, node::Node, problem::Problem, sheet, store::state::State};

/// An unsigned object, what people read before they sign it, and the terms that go with it.
#[derive(Debug)]
pub struct Draft {
    pub envelope: Envelope,
    pub page: String,
    pub terms: String,
    /// Officers who must sign.
    pub threshold: u32,
}

pub fn draft(node: &Node, request: wire::DraftRequest) -> Result<Draft, Problem> {
    let what = request.what.ok_or_else(|| Problem::bad_request("nothing was asked for"))?;
    let lang = request.lang;
    match what {
        What::Grant(typed) => draft_grant(node, typed, &lang),
        What::Denial(typed) => draft_denial(node, &typed),
        What::Lift(typed) => draft_lift(node, &typed.denial),
        What::Circle(typed) => draft_circle(node, &typed),
        What::Application(typed) => draft_application(node, typed),
    }
}

fn draft_grant(node: &Node, typed: wire::DraftGrant, lang: &str) -> Result<Draft, Problem> {
    let actions = typed.actions().map(grant::action).collect::<Result<Vec<_>, _>>();
    let actions = actions.map_err(|e| Problem::bad_request(e.to_string()))?;
    let origin = node.origin()?;
    let terms = Terms { origin, text: typed.terms };
    let obligations = Obligations {
        retention_after_end_seconds: typed.retention_after_end_seconds,
        purge_within_seconds: typed.purge_within_seconds,
        terms_sha256: (!terms.text.is_empty()).then(|| terms.hash()),
    };
    let view = node.store.view();
    let now = node.now();
    let grantee = find::grantee(&view, &typed.to)?;
    check::grantee(&view, &grantee)?;
    check::lasts(typed.not_after, typed.effective_after, now)?;
    let grant = Grant {
        origin,
        grantee,
        scope: scope(typed.datasets, typed.themes)?,
        from_number: typed.from_number.max(1),
        to_number: Some(typed.to_number).filter(|&n| n != 0),
        actions: set(if actions.is_empty() { vec![Action::Read] } else { actions }),
        purposes: purposes(typed.purposes),
        not_before: now,
        not_after: typed.not_after,
        effective_after: typed.effective_after,
        obligations,
        supersedes: match typed.supersedes.as_str() {
            "" => None,
            prefix => Some(find::grant(&view, prefix)?),
        },
        officers: typed.officers,
        nonce: keys::random()?,
    };
    let draft = unsigned(&view, node, &grant, lang, |grant| check::grant(&view, grant, now))?;
    Ok(Draft { terms: terms.text, ..draft })
}

fn draft_denial(node: &Node, typed: &wire::DraftDenial) -> Result<Draft, Problem> {
    let subject = match typed.to.as_str() {
        "everybody" => None,
        code => Some(node.member(code)?),
    };
    let dataset = if typed.dataset.is_empty() { None } else { Some(typed.dataset.parse()?) };
    let until = Some(typed.until).filter(|&t| t != 0);
    let denial = Denial {
        origin: node.origin()?,
        subject,
        dataset,
        until,
        declared_at: node.now(),
        nonce: keys::random()?,
    };
    let view = node.store.view();
    unsigned(&view, node, &denial, "", |denial| check::denial(&view, denial, node.now()))
}

fn draft_lift(node: &Node, prefix: &str) -> Result<Draft, Problem> {
    let origin = node.origin()?;
    let view = node.store.view();
    let id = find::denial(&view, prefix)?;
    let lift = LiftDenial { origin, denials: vec![id], declared_at: node.now() };
    unsigned(&view, node, &lift, "", |_| Ok(()))
}

fn draft_circle(node: &Node, typed: &wire::DraftCircle) -> Result<Draft, Problem> {
    let origin = node.origin()?;
    let members = typed.members.iter().map(|code| node.member(code)).collect::<Result<Vec<_>, _>>()?;
    let view = node.store.view();
    let earlier = match typed.circle.as_str() {
        "" => None,
        name => Some(find::circle(&view, name)?),
    };
    let circles = view.consent.circles();
    if earlier.is_some_and(|id| circles.convener(&id) != Some(node.me)) {
        return Err(Problem::bad_request("only its convener says who is in a circle"));
    }
    let stated = earlier.and_then(|id| circles.stated(&id));
    let name =
        if typed.name.is_empty() { stated.map(|(_, n)| n.to_owned()) } else { Some(typed.name.clone()) };
    let circle = Circle {
        origin,
        circle: earlier,
        seq: stated.map_or(0, |(seq, _)| seq + 1),
        name: name.ok_or_else(|| Problem::bad_request("a circle has a name"))?,
        members: set(members),
        declared_at: node.now(),
        nonce: keys::random()?,
    };
    unsigned(&view, node, &circle, "", |circle| check::circle(&view, circle))
}

fn draft_application(node: &Node, typed: wire::DraftApplication) -> Result<Draft, Problem> {
    let key: [u8; 32] =
        typed.key.as_ref().try_into().map_err(|_| Problem::bad_request("a key has 32 bytes"))?;
    let origins = typed.origins.iter().map(|code| node.member(code)).collect::<Result<Vec<_>, _>>()?;
    check::lasts(typed.not_after, 0, node.now())?;
    let action = if typed.list_only { Action::List } else { Action::Read };
    let application = Application {
        origin: node.origin()?,
        name: typed.name,
        key: PublicKey(key),
        origins: set(origins),
        scope: scope(typed.datasets, Vec::new())?,
        actions: vec![action],
        purposes: purposes(typed.purposes),
        term: Term { not_before: node.now(), not_after: typed.not_after, effective_after: 0 },
        nonce: keys::random()?,
    };
    let view = node.store.view();
    unsigned(&view, node, &application, "", |application| check::application(&view, application, node.now()))
}

/// Through the same door as what strangers send: what is refused from others is not offered for signing.
fn unsigned<T: Object>(
    view: &State,
    node: &Node,
    object: &T,
    lang: &str,
    check: impl FnOnce(&T) -> Result<(), Problem>,
) -> Result<Draft, Problem> {
    let envelope = Envelope::unsigned(object);
    check(&envelope.object()?)?;
    let page = sheet::draft(node, view, &Declared::of(&envelope)?, lang)?;
    let me = view.members.get(&node.me).ok_or_else(Problem::not_ready)?;
    let threshold = u32::try_from(me.identity.threshold(Role::Consent)).unwrap_or(u32::MAX);
    Ok(Draft { envelope, page, terms: String::new(), threshold })
}

fn scope(datasets: Vec<String>, themes: Vec<String>) -> Result<Scope, Problem> {
    let one = "name datasets, or themes, or `all`: one of the three";
    match (datasets.as_slice(), themes.is_empty()) {
        ([all], true) if all == "all" => Ok(Scope::All),
        ([], false) => Ok(Scope::Themes(set(themes))),
        ([_, ..], true) if !datasets.iter().any(|d| d == "all") => {
            let ids = datasets.iter().map(|d| d.parse()).collect::<Result<Vec<DatasetId>, _>>()?;
            Ok(Scope::Datasets(set(ids)))
        }
        _ => Err(Problem::bad_request(one)),
    }
}

fn purposes(typed: Vec<String>) -> Vec<String> {
    set(if typed.is_empty() { vec![PURPOSE_DEFAULT.to_owned()] } else { typed })
}

fn set<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items.dedup();
    items
}
