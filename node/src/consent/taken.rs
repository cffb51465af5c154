//! What an officer is told of what was just taken: how it stands, and not more.

use talanoa_proto::{entry::Declared, grant::Grant, id::ObjectId};

use super::{
    denied,
    standing::{self, Standing},
};
use crate::{
    clock::{Trust, rfc3339},
    node::Node,
};

pub fn sentence(node: &Node, id: &ObjectId, declared: &Declared) -> String {
    let short = id.short();
    match declared {
        Declared::Grant(_, grant) => self::grant(node, id, grant),
        Declared::Denial(_, denial) => match denial.until {
            Some(until) => format!("denial {short} is in force until {}", rfc3339(until)),
            None => format!("denial {short} is in force until it is lifted"),
        },
        Declared::LiftDenial(lift) => {
            let ids: Vec<String> = lift.denials.iter().map(ObjectId::short).collect();
            format!("denial {} is lifted", ids.join(", "))
        }
        other => format!("{} {short} is in force", other.kind()),
    }
}

fn grant(node: &Node, id: &ObjectId, grant: &Grant) -> String {
    let view = node.store.view();
    let short = id.short();
    let standing = match standing::own(&view, id, grant, node.now()) {
        Standing::NotYet { begins } => format!("grant {short} is signed; it begins on {}", rfc3339(begins)),
        Standing::InForce => match denied::remark(node, &view, grant) {
            Some(remark) => format!("grant {short} is in force, but {remark} (talanoa grants)"),
            None => format!("grant {short} is in force"),
        },
        other => format!("grant {short} is taken; it is {other}"),
    };
    match node.clock.trust() {
        Trust::Accepted => standing,
        Trust::Suspect => format!(
            "{standing}; but this machine's clock is not believed, and nothing is given under any grant until it is: \
             talanoa clock confirm"
        ),
    }
}
