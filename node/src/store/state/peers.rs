//! What others declare, and what this node does with it.

use super::{fold::id, *};

impl State {
    pub(super) fn fold_foreign(
        &mut self,
        member: &[u8],
        offer: Offer,
        declared: &Declared,
        own: Commitment,
        envelope: &bytes::Bytes,
    ) {
        let Some(member) = id(member) else { return };
        match declared {
            Declared::Identity(_) => {
                if let Ok(event) = Envelope::parse(envelope) {
                    self.learn_identity(member, event);
                }
            }
            Declared::Endpoint(_) => self.learn_endpoint(member, envelope),
            Declared::Withdrawal(w) => {
                self.withdrawn.insert(w.commitment, w.corrected_by);
            }
            // Who is in a circle can change what we show: a feed step.
            Declared::Circle(id, circle) => {
                self.step += 1;
                self.consent.circle(*id, circle);
            }
            Declared::LeaveCircle(leave) => {
                self.step += 1;
                self.consent.leave(leave);
            }
            _ => {}
        }
        let Some(peer) = self.peers.get_mut(&member) else { return };
        peer.trusted.restore(envelope, declared, own);
        match declared {
            Declared::Release(_) => {
                peer.offered.insert(own, offer);
            }
            Declared::Grant(id, _) => {
                peer.grant_entries.insert(*id, offer.index);
            }
            Declared::Terms(terms) => {
                peer.terms.insert(terms.hash(), offer.index);
            }
            // A relay is shown revocations that are not its own to carry out.
            Declared::Revocation(id, r) if r.purge && peer.trusted.concerns_us(r) => {
                let purge = Purge { grants: r.grants.clone(), purge_by: r.purge_by, ..Purge::default() };
                peer.purges.entry(*id).or_insert(purge);
            }
            _ => {}
        }
    }

    pub(super) fn fold_peer(&mut self, record: &Record) {
        match record {
            Record::CharterAdopted(adopted) => {
                if let Ok(file) = CharterFile::from_bytes(&adopted.file) {
                    self.adopt(file);
                }
            }
            Record::IdentityLearnt(learnt) => {
                if let (Some(member), Ok(event)) = (id(&learnt.member), Envelope::parse(&learnt.event)) {
                    self.learn_identity(member, event);
                }
            }
            Record::EndpointLearnt(learnt) => {
                if let Some(member) = id(&learnt.member) {
                    self.learn_endpoint(member, &learnt.envelope);
                }
            }
            Record::AddressSet(set) => {
                if let Some(member) = id(&set.member).and_then(|m| self.members.get_mut(&m)) {
                    member.address = Some(set.address.clone()).filter(|a| !a.is_empty());
                }
            }
            Record::PeerHead(head) => {
                if let Some(peer) = id(&head.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.trusted.restore_head(&head.note);
                }
            }
            Record::PeerCursor(cursor) => {
                if let Some(peer) = id(&cursor.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.cursor = Cursor { epoch: cursor.epoch, step: cursor.step, after: cursor.after };
                }
            }
            Record::Followed(followed) => {
                let datasets = followed.datasets.iter().filter_map(|d| d.parse().ok()).collect();
                if let Some(peer) = id(&followed.member).and_then(|m| self.peers.get_mut(&m)) {
                    // Asked again: from the beginning. What was passed over, by a narrower selection or by a
                    // publisher whose index was damaged, is sent again; what is held is known by its commitment.
                    let asked = peer.follow.as_ref().map_or(0, |f| f.asked) + 1;
                    let via = id(&followed.via);
                    let (offers_only, purpose) = (followed.offers_only, followed.purpose.clone());
                    let follow = Follow { datasets, offers_only, asked, via, purpose };
                    peer.cursor = Cursor { epoch: EPOCH, step: 0, after: 0 };
                    peer.follow = Some(follow);
                }
            }
            Record::Unfollowed(unfollowed) => {
                if let Some(peer) = id(&unfollowed.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.follow = None;
                }
            }
            Record::Tombstone(tombstone) => {
                let peer = id(&tombstone.member).and_then(|m| self.peers.get_mut(&m));
                let (Some(peer), Ok(revocation)) = (peer, ObjectId::from_slice(&tombstone.revocation)) else {
                    return;
                };
                let mut buried = Vec::new();
                for b in &tombstone.releases {
                    let (Ok(commitment), Some(at)) =
                        (Commitment::from_slice(&b.commitment), Position::from_bytes(&b.position))
                    else {
                        continue;
                    };
                    peer.offered.remove(&commitment);
                    buried.push(Grave { commitment, index: b.index, bytes: b.bytes, at });
                }
                peer.purges.entry(revocation).or_default().buried = Some(buried);
            }
            Record::ReceiptDelivered(delivered) => {
                let purges = self.peers.values_mut().flat_map(|p| p.purges.values_mut());
                for receipt in purges.filter_map(|p| p.receipts.get_mut(&delivered.index)) {
                    *receipt = true;
                }
            }
            Record::OriginHeard(heard) => {
                if let Some(peer) = id(&heard.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.heard_at = peer.heard_at.max(heard.at);
                }
            }
            Record::RetentionEnded(ended) => {
                let peer = id(&ended.member).and_then(|m| self.peers.get_mut(&m));
                if let (Some(peer), Ok(grant)) = (peer, ObjectId::from_slice(&ended.grant)) {
                    peer.trusted.end_grant(grant);
                    let purge = Purge { grants: vec![grant], purge_by: ended.purge_by, ..Purge::default() };
                    peer.purges.entry(grant).or_insert(purge);
                }
            }
            Record::Evidence(evidence) => {
                if let Some(peer) = id(&evidence.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.gaps += u64::from(evidence.what.starts_with("journal.withheld"));
                    peer.evidence.push(evidence.what.clone());
                    peer.evidence.drain(..peer.evidence.len().saturating_sub(16));
                }
            }
            _ => {}
        }
    }

    pub(super) fn adopt(&mut self, file: CharterFile) {
        self.step += 1;
        let federation = file.federation();
        for card in &file.cards {
            let (identity, chain) = (card.identity.clone(), card.chain.clone());
            let id = identity.id();
            if id != self.me {
                let peer = Peer {
                    trusted: TrustedPeer::new(self.me, federation, EPOCH, identity.clone()),
                    cursor: Cursor { epoch: EPOCH, step: 0, after: 0 },
                    follow: None,
                    offered: BTreeMap::new(),
                    grant_entries: BTreeMap::new(),
                    purges: BTreeMap::new(),
                    terms: BTreeMap::new(),
                    heard_at: 0,
                    delivered_under: None,
                    gaps: 0,
                    evidence: Vec::new(),
                };
                self.peers.insert(id, peer);
            }
            let endpoint = card.endpoint.clone();
            self.members.insert(id, Member { identity, chain, endpoint, address: None });
        }
        self.charter = Some(file);
    }

    /// An event that does not continue the chain held here changes nothing.
    pub(super) fn learn_identity(&mut self, member: MemberId, event: Envelope) {
        let Some(known) = self.members.get_mut(&member) else { return };
        if known.identity.contains(&event.id()) || known.identity.extend(&event).is_err() {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&member) {
            let _ = peer.trusted.extend_identity(&event);
        }
        known.chain.push(event);
    }

    pub(super) fn learn_endpoint(&mut self, member: MemberId, envelope: &bytes::Bytes) {
        let Some(known) = self.members.get_mut(&member) else { return };
        let Ok(envelope) = Envelope::parse(envelope) else { return };
        let Ok(endpoint) = verify_endpoint(&known.identity, &envelope) else { return };
        if known.endpoint.as_ref().is_none_or(|(held, _)| endpoint.seq > held.seq) {
            known.endpoint = Some((endpoint, envelope));
        }
    }
}
