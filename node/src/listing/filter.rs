//! What of a listing is wanted: of one member, of one dataset, of a time.

use talanoa_proto::{
    id::{DatasetId, MemberId},
    wire::ListRequest,
};

use crate::{node::Node, problem::Problem};

#[derive(Clone, Debug)]
pub struct Filter {
    pub member: Option<MemberId>,
    pub dataset: Option<DatasetId>,
    from: u64,
    /// Exclusive.
    until: u64,
}

impl Filter {
    pub fn new(node: &Node, request: &ListRequest) -> Result<Self, Problem> {
        let ListRequest { member, dataset, from, until, .. } = request;
        Ok(Self {
            member: if member.is_empty() { None } else { Some(node.member(member)?) },
            dataset: if dataset.is_empty() { None } else { Some(dataset.parse()?) },
            from: *from,
            until: if *until == 0 { u64::MAX } else { *until },
        })
    }

    /// Whether one of them is the member asked for.
    pub fn wants_member(&self, members: &[MemberId]) -> bool {
        self.member.is_none_or(|wanted| members.contains(&wanted))
    }

    /// An unknown dataset is not the one asked for.
    pub fn wants_dataset(&self, dataset: Option<&DatasetId>) -> bool {
        self.dataset.as_ref().is_none_or(|wanted| dataset == Some(wanted))
    }

    pub fn wants_time(&self, at: u64) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether something that lasted from `begin` until before `end` was there at a time asked for.
    pub fn overlaps(&self, begin: u64, end: u64) -> bool {
        begin < self.until && self.from < end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_from_inclusive_and_until_exclusive() {
        let filter = Filter { member: None, dataset: None, from: 10, until: 20 };
        assert!(filter.wants_time(10) && filter.wants_time(19));
        assert!(!filter.wants_time(9) && !filter.wants_time(20));
        assert!(filter.overlaps(0, 11) && filter.overlaps(19, 30) && filter.overlaps(12, 13));
        assert!(!filter.overlaps(0, 10) && !filter.overlaps(20, 30));
    }

    #[test]
    fn who_asks_for_nothing_gets_all_and_who_names_gets_that_alone() {
        let all = Filter { member: None, dataset: None, from: 0, until: u64::MAX };
        assert!(all.wants_member(&[]) && all.wants_dataset(None));
        let (member, dataset) = (Some(MemberId([1; 32])), "A".parse().ok());
        let named = Filter { member, dataset, ..all };
        assert!(named.wants_member(&[MemberId([2; 32]), MemberId([1; 32])]));
        assert!(!named.wants_member(&[]) && !named.wants_dataset(None));
        assert!(!named.wants_dataset("B".parse().ok().as_ref()));
    }
}
