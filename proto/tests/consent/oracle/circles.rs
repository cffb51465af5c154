//! Who is of a circle.

use talanoa_proto::{
    circle::Circle,
    id::{MemberId, ObjectId},
};

use super::Event;

/// Under "Circles".
pub fn is_of(world: &[Event], circle: ObjectId, member: MemberId) -> bool {
    let statements = statements_of_the_convener(world, circle);
    let Some(highest) = statements.iter().map(|statement| statement.seq).max() else { return false };
    for statement in statements {
        if statement.seq == highest && !statement.members.contains(&member) {
            return false;
        }
    }
    for event in world {
        let Event::Leave(leave) = event else { continue };
        if leave.origin.member == member && leave.circle == circle && leave.seq >= highest {
            return false;
        }
    }
    true
}

/// None where the first statement is not known.
fn statements_of_the_convener(world: &[Event], circle: ObjectId) -> Vec<&Circle> {
    let mut convener = None;
    for event in world {
        if let Event::Circle(id, first) = event
            && *id == circle
            && first.circle.is_none()
        {
            convener = Some(first.origin.member);
        }
    }
    let mut statements = Vec::new();
    for event in world {
        let Event::Circle(id, statement) = event else { continue };
        let about = statement.circle == Some(circle) || (statement.circle.is_none() && *id == circle);
        if about && Some(statement.origin.member) == convener {
            statements.push(statement);
        }
    }
    statements
}
