//! What commands print. `println!` of the standard library panics when its reader has gone, as `head` does: here a
//! command ends then, quietly and with the code that a shell shows for it.
//!
//! The macros below stand before the other modules of this room and hide those of the prelude.

use std::{
    fmt::Arguments,
    io::{self, ErrorKind, Write},
};

/// 128 and the number of SIGPIPE.
const BROKEN_PIPE: i32 = 141;

pub fn print(text: Arguments<'_>) {
    bytes(text.to_string().as_bytes());
}

pub fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(BROKEN_PIPE);
        }
        tell(format_args!("talanoa: cannot write: {error}\n"));
        std::process::exit(1);
    }
}

/// To whoever looks; that nobody does changes nothing.
pub fn tell(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_all(text.to_string().as_bytes());
}

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::out::print(format_args!($($text)*)) };
}

macro_rules! println {
    ($($text:tt)*) => { $crate::cli::out::print(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::out::tell(format_args!("{}\n", format_args!($($text)*))) };
}
