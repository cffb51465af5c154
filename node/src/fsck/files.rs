//! Every file on the shelf, byte for byte against the release that names it.

use std::{collections::BTreeMap, path::Path};

use talanoa_client::verify::digest;
use talanoa_proto::id::Commitment;

use super::{Named, Report};
use crate::store::{Layout, disk::Disk, shelf::Shelf, state::State};

pub fn check(layout: &Layout, state: &State, named: &BTreeMap<Commitment, Named>, report: &mut Report) {
    let root = layout.dir.join("shelf");
    let Ok(shelf) = Shelf::open(Disk::default(), &layout.dir) else {
        report.fault("shelf: cannot be opened");
        return;
    };
    let folders = match shelf.releases() {
        Ok(folders) => folders,
        Err(error) => {
            report.fault(format!("shelf: {error}"));
            return;
        }
    };
    for folder in &folders {
        let commitment = folder.parse::<Commitment>().ok();
        match commitment.and_then(|c| named.get(&c).map(|n| (c, n))) {
            Some((commitment, named)) => check_release(&shelf, &root.join(folder), commitment, named, report),
            None if commitment.is_some_and(|c| is_purged(state, &c)) => {
                report.fault(format!("shelf/{folder}: stated as purged, and still there"));
            }
            None => report.note(format!(
                "shelf/{folder}: named by no record; a publication or a purge that the next start finishes"
            )),
        }
    }
    for (commitment, named) in named.iter().filter(|(_, n)| n.own) {
        if !folders.contains(&commitment.to_string()) {
            let release = &named.release;
            report.fault(format!(
                "shelf/{commitment}: the files of {}@{} are missing",
                release.dataset, release.number
            ));
        }
    }
}

/// Buried, and its deletion stated in a receipt.
fn is_purged(state: &State, release: &Commitment) -> bool {
    state.peers.values().flat_map(|p| p.purges.values()).any(|p| p.stated.contains(release))
}

fn check_release(shelf: &Shelf, folder: &Path, commitment: Commitment, named: &Named, report: &mut Report) {
    let distributions = &named.release.distributions;
    for (n, file) in distributions.iter().enumerate() {
        report.files += 1;
        let shown = format!("shelf/{commitment}/{n} ({})", file.name);
        let walked = shelf.read(&commitment, n as u32, &file.chunk_root).and_then(|r| r.for_each(|_| Ok(())));
        if let Err(error) = walked {
            report.fault(format!("{shown}: {error}"));
            continue;
        }
        match digest(&folder.join(n.to_string())) {
            Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => {}
            Ok(_) => report.fault(format!("{shown}: size or SHA-256 is not the signed one")),
            Err(error) => report.fault(format!("{shown}: {error}")),
        }
        check_pages_length(folder, n, shelf, &commitment, &file.chunk_root, report);
    }
    let expected =
        |name: &str| (0..distributions.len()).any(|n| name == n.to_string() || name == format!("{n}.pages"));
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !expected(&name) {
            report.fault(format!("shelf/{commitment}/{name}: belongs to no release"));
        }
    }
}

/// Bytes behind the last page are nobody's.
fn check_pages_length(
    folder: &Path,
    n: usize,
    shelf: &Shelf,
    commitment: &Commitment,
    root: &[u8; 32],
    report: &mut Report,
) {
    let Ok(reading) = shelf.read(commitment, n as u32, root) else { return };
    let list = reading.list();
    let pages: u64 =
        (0..list.len()).filter_map(|p| list.page(p)).map(|(entries, _)| u64::from(entries) * 36).sum();
    let expected = 4 + list.bytes().len() as u64 + pages;
    let actual = std::fs::metadata(folder.join(format!("{n}.pages"))).map_or(0, |m| m.len());
    if actual != expected {
        report.fault(format!("shelf/{commitment}/{n}.pages: {actual} bytes, {expected} expected"));
    }
}
