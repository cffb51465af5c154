//! What each record of the ledger changes: the same at open and after each commit.

use super::*;

impl State {
    /// Folds one record in. `declared` is the content of an own, foreign or received entry.
    pub fn fold(&mut self, record: &Record, at: Position, declared: Option<&Declared>) {
        match record {
            Record::OwnEntry(own) => {
                self.size += 1;
                self.step += 1;
                if let (Some(declared), Some(commitment)) = (declared, record.commitment()) {
                    self.fold_own(declared, commitment, &own.envelope);
                }
            }
            Record::ForeignEntry(foreign) => {
                if let (Some(declared), Some(commitment)) = (declared, record.commitment()) {
                    let offer = Offer { index: foreign.index, at };
                    self.fold_foreign(&foreign.member, offer, declared, commitment, &foreign.envelope);
                }
            }
            Record::GrantEdge(edge) => {
                self.step += 1;
                self.mark_time(edge.at);
                if let Ok(id) = ObjectId::from_slice(&edge.grant) {
                    self.edges.insert((id, edge.ended));
                    if edge.ended {
                        self.consent.end(id);
                        self.owe_after_end(id);
                    }
                }
            }
            Record::ClockMark(mark) => self.mark_time(mark.at),
            Record::Access(access) => {
                self.mark_time(access.started);
                if let (Some(reader), Ok(grant)) = (id(&access.reader), ObjectId::from_slice(&access.grant)) {
                    match id(&access.origin) {
                        None => {
                            self.readers.entry(grant).or_default().insert(reader);
                        }
                        Some(origin) => self.fold_carried(origin, reader, grant, access),
                    }
                }
            }
            Record::EntryTaken(taken) => {
                self.note_head(&taken.member, &taken.note);
                if let (Some(declared), Some(member)) = (declared, id(&taken.member)) {
                    match declared {
                        Declared::Carriage(carriage) => {
                            self.carriages_taken.entry((member, taken.index)).or_insert(at);
                            for carried in &carriage.carried {
                                self.readers.entry(carried.grant).or_default().insert(carried.reader);
                            }
                        }
                        // Who is in a circle can change what we show: a feed step.
                        Declared::LeaveCircle(leave) => {
                            self.step += 1;
                            self.consent.leave(leave);
                        }
                        other => self.fold_application(other, member),
                    }
                }
            }
            Record::EntryDelivered(delivered) => {
                if let Some((_, acknowledged)) = self.carriage_entries.get_mut(&delivered.index) {
                    *acknowledged = true;
                } else if let Some(member) = id(&delivered.member) {
                    self.statement_entries.entry(delivered.index).or_default().insert(member);
                }
            }
            Record::ReceiptTaken(taken) => {
                self.note_head(&taken.member, &taken.note);
                if let (Some(Declared::PurgeReceipt(receipt_id, receipt)), Some(member)) =
                    (declared, id(&taken.member))
                    && let Some(order) = self.orders.get_mut(&receipt.revocation)
                {
                    self.receipts_taken.entry(*receipt_id).or_insert(at);
                    let receipts = order.receipts.entry(member).or_default();
                    if !receipts.iter().any(|taken| taken.id == *receipt_id) {
                        receipts.push(TakenReceipt { id: *receipt_id, at, receipt: receipt.clone() });
                    }
                }
            }
            Record::Exported(export) => {
                if let Ok(release) = Commitment::from_slice(&export.release) {
                    self.exports.entry(release).or_default().push(export.at);
                }
            }
            Record::OwnHeadShown(shown) => self.own_head_shown = own_head(shown),
            other => self.fold_peer(other),
        }
    }

    fn fold_own(&mut self, declared: &Declared, commitment: Commitment, envelope: &bytes::Bytes) {
        match declared {
            Declared::Release(r) => {
                let head = DatasetHead { number: r.number, commitment, sensitivity: r.sensitivity };
                self.datasets.insert(r.dataset.clone(), head);
            }
            Declared::Withdrawal(w) => {
                self.withdrawn.insert(w.commitment, w.corrected_by);
            }
            Declared::Grant(id, grant) => {
                self.consent.grant(*id, (**grant).clone());
                self.grant_entries.insert(*id, self.size - 1);
                self.grants_by_entry.insert(self.size - 1, *id);
            }
            Declared::Terms(terms) => {
                self.terms.insert(terms.hash(), self.size - 1);
            }
            Declared::Circle(id, circle) => self.consent.circle(*id, circle),
            Declared::LeaveCircle(leave) => {
                self.statement_entries.entry(self.size - 1).or_default();
                self.consent.leave(leave);
            }
            Declared::Application(..) | Declared::EndApplication(_) => {
                self.statement_entries.entry(self.size - 1).or_default();
                self.fold_application(declared, self.me);
            }
            Declared::Carriage(carriage) => {
                self.carriage_entries.insert(self.size - 1, (carriage.publisher, false));
                if let Some(unstated) = self.carried_unstated.get_mut(&carriage.publisher) {
                    unstated.retain(|carried| carriage.carried.binary_search(carried).is_err());
                }
            }
            Declared::Revocation(id, r) => {
                self.narrowings.push(self.size - 1);
                self.consent.revoke(*id, r);
                if r.purge {
                    let (grants, receipts) = (r.grants.clone(), BTreeMap::new());
                    let (purge_by, ordered_at) = (r.purge_by, r.declared_at);
                    let order = PurgeOrder { grants, purge_by, ordered_at, after_end: false, receipts };
                    // Said twice in one second it is one order, with the answers that it has.
                    self.orders.entry(*id).or_insert(order);
                }
            }
            Declared::Denial(id, denial) => {
                self.narrowings.push(self.size - 1);
                self.consent.deny(*id, denial.clone());
            }
            Declared::LiftDenial(lift) => {
                self.narrowings.push(self.size - 1);
                self.consent.lift(lift);
            }
            Declared::PurgeReceipt(_, receipt) => {
                let index = self.size - 1;
                if let Some(purge) =
                    self.peers.get_mut(&receipt.grantor).and_then(|p| p.purges.get_mut(&receipt.revocation))
                {
                    purge.receipts.insert(index, false);
                    purge.stated.extend(purge.buried.take().unwrap_or_default().iter().map(|g| g.commitment));
                    purge.complete = !receipt.more;
                }
            }
            Declared::Identity(_) => {
                if let Ok(event) = Envelope::parse(envelope) {
                    self.learn_identity(self.me, event);
                }
            }
            Declared::Endpoint(_) => self.learn_endpoint(self.me, envelope),
            Declared::Unknown(_) => {}
        }
    }

    /// Copies may stay for a while after a grant has ended by time; then a receipt is owed to us.
    fn owe_after_end(&mut self, id: ObjectId) {
        let Some(grant) = self.consent.get(&id) else { return };
        let retention = grant.obligations.retention_after_end_seconds;
        if retention == 0 || self.consent.revocation_of(&id).is_some() {
            return;
        }
        let order = PurgeOrder {
            grants: vec![id],
            purge_by: grant.purge_by(grant.not_after.saturating_add(retention)),
            ordered_at: grant.not_after,
            receipts: BTreeMap::new(),
            after_end: true,
        };
        self.orders.entry(id).or_insert(order);
    }

    fn fold_application(&mut self, declared: &Declared, member: MemberId) {
        match declared {
            Declared::Application(id, application) => {
                self.applications.insert(*id, application.clone());
            }
            Declared::EndApplication(end) => {
                self.ended_applications.extend(end.applications.iter().map(|id| (member, *id)));
            }
            _ => {}
        }
    }

    /// What this node handed on is owed to its publisher as a statement.
    fn fold_carried(&mut self, origin: MemberId, reader: MemberId, grant: ObjectId, access: &Access) {
        if let Ok(release) = Commitment::from_slice(&access.release) {
            let application = ObjectId::from_slice(&access.application).ok();
            let (started, purpose) = (access.started, access.purpose.clone());
            let carried = Carried { started, reader, release, grant, purpose, application };
            self.carried_under.insert((grant, reader));
            self.carried_unstated.entry(origin).or_default().insert(carried);
        }
    }

    /// Its signature was checked before it was written.
    fn note_head(&mut self, member: &[u8], note: &bytes::Bytes) {
        let Some(peer) = id(member).and_then(|m| self.peers.get_mut(&m)) else { return };
        let text = SignedNote::parse(note).ok().map(|n| n.text);
        let Some(checkpoint) = text.and_then(|text| Checkpoint::parse(&text).ok()) else { return };
        if peer.delivered_under.as_ref().is_none_or(|held| held.checkpoint.size < checkpoint.size) {
            peer.delivered_under = Some(ShownHead { checkpoint, note: note.clone() });
        }
    }

    fn mark_time(&mut self, at: u64) {
        self.time_mark = self.time_mark.max(at);
    }
}

/// Its signature was checked before it was written.
fn own_head(record: &OwnHeadShown) -> Option<OwnHead> {
    let note = SignedNote::parse(&record.note).ok()?;
    Some(OwnHead {
        member: id(&record.member)?,
        shown: Checkpoint::parse(&note.text).ok()?,
        size: record.size,
    })
}

pub(super) fn id(bytes: &[u8]) -> Option<MemberId> {
    MemberId::from_slice(bytes).ok()
}
