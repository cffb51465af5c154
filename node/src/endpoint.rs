//! Where this node is reached: its own statement follows the configuration.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use talanoa_proto::{
    charter::{Card, verify_endpoint},
    envelope::Envelope,
    identity::Endpoint,
};
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
    let (stated, ready) = {
        let view = node.store.view();
        let me = view.members.get(&node.me);
        (me.and_then(|m| m.endpoint.clone()), view.charter.is_some())
    };
    let newest = [&stated, &home.card.endpoint].into_iter().flatten().max_by_key(|(e, _)| e.seq);
    let envelope = match newest {
        Some((endpoint, envelope)) if endpoint.addresses == node.settings.addresses => envelope.clone(),
        other => {
            let seq = other.map_or(0, |(endpoint, _)| endpoint.seq) + 1;
            let endpoint = Endpoint { member: node.me, addresses: node.settings.addresses.clone(), seq };
            Envelope::seal(&endpoint, &node.key)
        }
    };
    let endpoint = verify_endpoint(&home.card.identity, &envelope)?;
    let is_new = ready && stated.is_none_or(|(held, _)| held.seq < endpoint.seq);
    if is_new {
        node.store.commit(Batch::of(own_entry(&envelope)?.0)).await?;
        tracing::info!(addresses = %endpoint.addresses.join(", "), "stated where this node is reached");
    }
    if home.card.endpoint.as_ref().is_none_or(|(card, _)| card.seq != endpoint.seq) {
        home.save_card(&Card { endpoint: Some((endpoint, envelope)), ..home.card.clone() })?;
    }
    Ok(is_new)
}
