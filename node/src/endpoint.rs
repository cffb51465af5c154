//! Where this node is reached: its own statement follows the configuration.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use talanoa_proto::{charter::Card, envelope::Envelope, identity::Endpoint};
use tokio_util::sync::CancellationToken;

use crate::{
    home::Home,
    node::{Node, own_entry},
    peers::confirm,
    store::Batch,
};

/// Once at each start. Members are called when there is something new: where we were dialled before nobody may
/// answer any more.
pub async fn run(node: Arc<Node>, dir: PathBuf, stop: CancellationToken) {
    let told = async {
        match restate(&node, dir).await {
            Ok(true) => confirm::call_all(&node).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the addresses in config.toml are not stated to others"),
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = told => {}
    }
}

/// The journal first, then the public card: a crash between them is made good at the next start. Returns
/// whether the journal says something new.
async fn restate(node: &Node, dir: PathBuf) -> Result<bool> {
    let home = Home::open(&dir)?;
    let stated = home.card_in(&node.store);
    let (addresses, held) = (&node.settings.addresses, stated.endpoint.as_ref().map(|(held, _)| held));
    if held.is_some_and(|held| held.addresses == *addresses) {
        return Ok(false);
    }
    let seq = held.map_or(0, |held| held.seq) + 1;
    let endpoint = Endpoint { member: node.me, addresses: addresses.clone(), seq };
    let envelope = Envelope::seal(&endpoint, &node.key);
    let card = Card::new(stated.chain, Some(envelope.clone()))?;
    let ready = node.store.view().charter.is_some();
    if ready {
        node.store.commit(Batch::of(own_entry(&envelope)?.0)).await?;
        tracing::info!(addresses = %addresses.join(", "), "stated where this node is reached");
    }
    home.save_card(&card)?;
    Ok(ready)
}
