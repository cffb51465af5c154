//! `talanoa inspect`: what a file is and holds. Needs no node, publishes nothing.

use super::{args, exit::Failure};
use crate::formats;

pub fn inspect(typed: &args::Inspect) -> Result<(), Failure> {
    let report = formats::inspect(&typed.file, typed.structure.as_deref());
    match typed.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.page()),
    }
    if report.is_whole() {
        return Ok(());
    }
    let faults = match report.fault_count() {
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    };
    let message = format!("{} was not read as a whole: {faults}", typed.file.display());
    Err(Failure::Refused { message, advice: None })
}
