//! Follows one member and keeps what it grants, in a folder, with nothing but the client library.
//!
//! ```text
//! cargo run --example follow -p talanoa-client -- CHARTER KEY MEMBER FOLDER
//! ```
//!
//! CHARTER is the charter file, KEY the node key of the member in whose name you read (a PKCS#8 PEM file),
//! MEMBER whom to follow, for example FJ. Stop it with Ctrl-C and start it again: it goes on where it was.

use std::{error::Error, sync::Arc};

use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey};
use talanoa_client::{
    directory::Directory,
    follow::{Target, Watcher, follow_forever},
    keeper::Wanted,
    proto::{charter::CharterFile, identity::Identity, wire::HelloRequest},
};

struct Tell;

impl Watcher for Tell {
    fn kept(&self, release: &Wanted, received_bytes: u64) {
        println!(
            "kept {}@{}, {received_bytes} bytes received",
            release.release.dataset, release.release.number
        );
    }

    fn caught_up(&self) {
        println!("everything that is offered is held");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [charter, key, member, folder] = arguments.as_slice() else {
        println!("usage: follow CHARTER KEY MEMBER FOLDER");
        return Ok(());
    };
    let charter = CharterFile::from_text(&std::fs::read_to_string(charter)?)?;
    let key = SigningKey::from_pkcs8_pem(&std::fs::read_to_string(key)?)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let card =
        |wanted: &dyn Fn(&Identity) -> bool| charter.cards.iter().find(|c| wanted(&c.identity)).cloned();
    let me = card(&|i| i.node_keys_at(now).contains(&key.verifying_key().into()))
        .ok_or("that key is of no member")?;
    let peer = card(&|i| i.code().as_str() == member).ok_or("no such member in the charter")?;
    let address = peer
        .endpoint
        .as_ref()
        .and_then(|(e, _)| e.addresses.first().cloned())
        .ok_or("no address in its card")?;

    let federation_id = charter.federation().to_bytes();
    let keeper = Arc::new(Directory::open(folder, charter, me.identity.id())?);
    let target = || {
        let target = Target::new(peer.identity.id(), address.clone(), peer.identity.node_keys_at(now));
        let hello =
            HelloRequest { protocol: 1, federation_id: federation_id.clone(), ..HelloRequest::default() };
        Some((target, hello))
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = follow_forever(target, &key, keeper, &Tell, |error| eprintln!("{error}")) => {}
    }
    Ok(())
}
