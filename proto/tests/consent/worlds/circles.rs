//! Circles of several conveners: stated anew, by others too, in part not known; and who left them.

use talanoa_proto::{
    circle::{Circle, LeaveCircle},
    id::{MemberId, ObjectId},
};

use super::{Maker, origin};
use crate::oracle::Event;

impl Maker<'_> {
    pub fn circles(&mut self) {
        for _ in 0..self.rng.below(3) {
            self.circle();
        }
        for _ in 0..self.rng.below(3) {
            self.leaving();
        }
    }

    fn circle(&mut self) {
        let convener = *self.rng.pick(&self.names.members);
        let first = self.statement(convener, None, 0);
        if self.rng.chance(15) {
            // Its first statement was not heard: nobody is in it.
            self.world.events.pop();
        }
        self.world.circles.push(first);
        let mut last = first;
        for _ in 0..self.rng.below(4) {
            let by = if self.rng.chance(25) { *self.rng.pick(&self.names.members) } else { convener };
            // A later statement is not a circle; here and there one is taken for one.
            let about = if self.rng.chance(5) { last } else { first };
            let seq = 1 + self.rng.below(2);
            last = self.statement(by, Some(about), seq);
        }
        if last != first && self.rng.chance(10) {
            self.world.circles.push(last);
        }
    }

    fn statement(&mut self, by: MemberId, circle: Option<ObjectId>, seq: u64) -> ObjectId {
        let id = self.fresh_id();
        let members = self.rng.some(&self.names.members, Some(&self.world.reader));
        let statement = Circle {
            origin: origin(by),
            circle,
            seq,
            name: String::new(),
            members,
            declared_at: 0,
            nonce: [0; 16],
        };
        self.world.events.push(Event::Circle(id, statement));
        id
    }

    fn leaving(&mut self) {
        if self.world.circles.is_empty() {
            return;
        }
        let reader = self.rng.chance(50).then_some(self.world.reader);
        let member = reader.unwrap_or_else(|| *self.rng.pick(&self.names.members));
        let circle = *self.rng.pick(&self.world.circles);
        let seq = self.rng.below(3);
        let leave = LeaveCircle { origin: origin(member), circle, seq, declared_at: 0 };
        self.world.events.push(Event::Leave(leave));
    }
}
