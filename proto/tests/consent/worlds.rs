//! Random worlds: few members and few things, so that what is said meets what is asked.
//!
//! The question is drawn first and the grants lean towards it, otherwise nearly every verdict would be
//! the same early refusal. Times lie close together, and `now` mostly at an edge or a second off it.

mod circles;
mod grants;
mod rng;

use talanoa_proto::{
    application::Application,
    consent::Request,
    grant::{Action, Scope},
    id::{DatasetId, FederationId, MemberId, ObjectId, PublicKey},
    object::Origin,
    release::Sensitivity,
};

use crate::oracle::Event;
use rng::Rng;

/// All that there is to name.
pub struct Names {
    pub members: Vec<MemberId>,
    pub datasets: Vec<DatasetId>,
    pub themes: Vec<String>,
    pub purposes: Vec<String>,
}

#[derive(Debug)]
pub struct World {
    /// In the order of delivery, some of them twice.
    pub events: Vec<Event>,
    /// Every circle that is spoken of, known or not.
    pub circles: Vec<ObjectId>,
    pub publisher: MemberId,
    pub reader: MemberId,
    pub relay: MemberId,
    pub dataset: DatasetId,
    pub number: u64,
    pub sensitivity: Sensitivity,
    pub themes: Vec<String>,
    pub action: Action,
    pub purpose: String,
    pub application: Application,
    pub now: u64,
}

impl World {
    pub fn request(&self) -> Request<'_> {
        Request {
            reader: self.reader,
            dataset: &self.dataset,
            number: self.number,
            sensitivity: self.sensitivity,
            themes: &self.themes,
            action: self.action,
            purpose: &self.purpose,
        }
    }
}

const ACTIONS: [Action; 4] = [Action::List, Action::Read, Action::Aggregate, Action::Relay];

impl Names {
    pub fn new() -> Self {
        // Two purposes differ in one byte alone.
        let strings = |items: [&str; 3]| items.map(str::to_owned).to_vec();
        Self {
            members: (1..=5).map(|n| MemberId([n; 32])).collect(),
            datasets: ["BIRTHS", "DEATHS", "TRADE"].map(|id| id.parse().unwrap()).to_vec(),
            themes: strings(["economy", "health", "population"]),
            purposes: strings(["Statistics", "research", "statistics"]),
        }
    }
}

/// A world in the making.
struct Maker<'a> {
    rng: Rng,
    names: &'a Names,
    world: World,
    /// Moments at which something begins or ends.
    edges: Vec<u64>,
    grants: Vec<ObjectId>,
}

pub fn world(seed: u64, names: &Names) -> World {
    let mut rng = Rng(seed);
    let world = question(&mut rng, names);
    let mut maker = Maker { rng, names, world, edges: Vec::new(), grants: Vec::new() };
    maker.circles();
    maker.grants();
    maker.narrowings();
    maker.application();
    maker.deliver();
    maker.world
}

/// What is asked, before anything was said.
fn question(rng: &mut Rng, names: &Names) -> World {
    let publisher = names.members[0];
    let reader = *rng.pick(&names.members[1..]);
    let class = [
        Sensitivity::Open,
        Sensitivity::Official,
        Sensitivity::Official,
        Sensitivity::Restricted,
        Sensitivity::Sensitive,
    ];
    let themes = if rng.chance(90) { rng.some(&names.themes, None) } else { Vec::new() };
    World {
        events: Vec::with_capacity(16),
        circles: Vec::new(),
        publisher,
        reader,
        relay: *rng.pick(&names.members[1..]),
        dataset: rng.pick(&names.datasets).clone(),
        number: 1 + rng.below(4),
        sensitivity: *rng.pick(&class),
        themes,
        action: if rng.chance(60) { *rng.pick(&ACTIONS[..2]) } else { *rng.pick(&ACTIONS) },
        purpose: rng.pick(&names.purposes).clone(),
        application: Application {
            origin: origin(reader),
            name: String::new(),
            key: PublicKey([9; 32]),
            origins: Vec::new(),
            scope: Scope::All,
            actions: Vec::new(),
            purposes: Vec::new(),
            term: grants::always(),
            nonce: [0; 16],
        },
        now: 0,
    }
}

fn origin(member: MemberId) -> Origin {
    Origin { federation: FederationId([0; 32]), member, epoch: 0 }
}

impl Maker<'_> {
    fn fresh_id(&mut self) -> ObjectId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.rng.next().to_be_bytes());
        ObjectId(id)
    }

    fn moment(&mut self) -> u64 {
        let moment = 1_000 + self.rng.below(24);
        self.edges.push(moment);
        moment
    }

    /// Some events come twice, all in any order; then somebody asks.
    fn deliver(&mut self) {
        if !self.world.events.is_empty() && self.rng.chance(10) {
            let again = self.rng.pick(&self.world.events).clone();
            self.world.events.push(again);
        }
        self.rng.shuffle(&mut self.world.events);
        self.world.now = if !self.edges.is_empty() && self.rng.chance(60) {
            self.rng.pick(&self.edges) - 1 + self.rng.below(3)
        } else {
            1_010 + self.rng.below(20)
        };
    }
}
