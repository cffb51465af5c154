//! Checks a folder that somebody handed over, with no node, no network and no trust in who handed it.
//!
//! ```text
//! cargo run --example verify_folder -p talanoa-client -- FOLDER FEDERATION
//! ```
//!
//! FOLDER is what `talanoa get` wrote; FEDERATION the id of the federation, known from elsewhere. Prints one
//! line per file that is byte for byte what its publisher signed; ends with an error otherwise.

use std::{error::Error, path::Path};

use talanoa_client::verify::{Pins, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, federation] = arguments.as_slice() else {
        println!("usage: verify_folder FOLDER FEDERATION");
        return Ok(());
    };
    let pins = Pins { federation: Some(federation.parse()?), member: None };
    let found = verify(Path::new(folder), pins)?;
    let release = &found.release;
    for (file, signed) in found.files.iter().zip(&release.distributions) {
        println!(
            "{}/{}@{} {file}: {} bytes, {} observations, journal entry {} of {}",
            found.member_code,
            release.dataset,
            release.number,
            signed.bytes,
            signed.observations,
            found.index,
            found.size
        );
    }
    Ok(())
}
