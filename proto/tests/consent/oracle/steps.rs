//! What each step of `may` asks of one grant.

use talanoa_proto::{
    consent::Request,
    grant::{Action, Grant, Grantee, Scope},
    id::{DatasetId, MemberId, ObjectId},
    release::Sensitivity,
};

use super::{Event, circles::is_of};

/// Step 1; without a dataset: whether the member is turned away altogether.
pub fn denied(world: &[Event], reader: MemberId, dataset: Option<&DatasetId>, now: u64) -> bool {
    for event in world {
        let Event::Denial(id, denial) = event else { continue };
        if lifted(world, *id) {
            continue;
        }
        let subject = denial.subject.is_none() || denial.subject == Some(reader);
        let matter = denial.dataset.is_none() || denial.dataset.as_ref() == dataset;
        let time = match denial.until {
            None => true,
            Some(until) => now < until,
        };
        if subject && matter && time {
            return true;
        }
    }
    false
}

fn lifted(world: &[Event], denial: ObjectId) -> bool {
    for event in world {
        if let Event::Lift(lift) = event
            && lift.denials.contains(&denial)
        {
            return true;
        }
    }
    false
}

/// Step 2.
pub fn grants_to(world: &[Event], reader: MemberId) -> Vec<(ObjectId, &Grant)> {
    let mut given = Vec::new();
    for event in world {
        let Event::Grant(id, grant) = event else { continue };
        let is_his = match grant.grantee {
            Grantee::Member(member) => member == reader,
            Grantee::Circle(circle) => is_of(world, circle, reader),
            Grantee::AllMembers => true,
        };
        if is_his {
            given.push((*id, grant));
        }
    }
    given
}

/// Step 3.
pub fn covers_release(grant: &Grant, request: &Request<'_>) -> bool {
    if request.number < grant.from_number {
        return false;
    }
    if let Some(to_number) = grant.to_number
        && request.number > to_number
    {
        return false;
    }
    if request.sensitivity == Sensitivity::Sensitive {
        let by_name = match grant.grantee {
            Grantee::Member(_) => true,
            Grantee::Circle(_) | Grantee::AllMembers => false,
        };
        if !by_name || request.action == Action::Relay {
            return false;
        }
    }
    in_scope(&grant.scope, request)
}

pub fn in_scope(scope: &Scope, request: &Request<'_>) -> bool {
    let below_restricted = match request.sensitivity {
        Sensitivity::Open | Sensitivity::Official => true,
        Sensitivity::Restricted | Sensitivity::Sensitive => false,
    };
    match scope {
        Scope::Datasets(datasets) => datasets.contains(request.dataset),
        Scope::All => below_restricted,
        Scope::Themes(themes) => {
            for theme in request.themes {
                if themes.contains(theme) && below_restricted {
                    return true;
                }
            }
            false
        }
    }
}

/// Step 4: whether it came before the grant or after.
pub fn revoked(world: &[Event], grant: ObjectId) -> bool {
    for event in world {
        if let Event::Revocation(_, revocation) = event
            && revocation.grants.contains(&grant)
        {
            return true;
        }
    }
    false
}

/// Step 5: the first beginning of any that takes its place, whatever became of that one since.
pub fn superseded_at(world: &[Event], grant: ObjectId) -> Option<u64> {
    let mut first = None;
    for event in world {
        let Event::Grant(_, other) = event else { continue };
        if other.supersedes != Some(grant) {
            continue;
        }
        match first {
            Some(moment) if moment <= beginning(other) => {}
            _ => first = Some(beginning(other)),
        }
    }
    first
}

/// Step 6.
pub fn beginning(grant: &Grant) -> u64 {
    if grant.effective_after > grant.not_before { grant.effective_after } else { grant.not_before }
}

/// Step 7, where the clock was set back since.
pub fn seen_to_end(world: &[Event], grant: ObjectId) -> bool {
    for event in world {
        if let Event::End(ended) = event
            && *ended == grant
        {
            return true;
        }
    }
    false
}

/// Step 8.
pub fn names(purposes: &[String], asked: &str) -> bool {
    for purpose in purposes {
        if purpose.as_bytes() == asked.as_bytes() {
            return true;
        }
    }
    false
}

/// Step 9.
pub fn gives(actions: &[Action], asked: Action) -> bool {
    actions.contains(&asked) || (asked == Action::List && actions.contains(&Action::Read))
}
