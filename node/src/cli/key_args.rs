//! What was typed about this member's own keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{Json, end_of_day};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Consent,
    Node,
}

/// Who signs what only the root key may sign.
#[derive(Clone, Debug, Args)]
pub struct Roots {
    /// Root key, if it does not lie in the directory; may be repeated where several must sign
    #[arg(long, value_name = "FILE")]
    pub root: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Delegate {
    #[arg(long, value_enum)]
    pub role: Role,
    /// Write a new secret key there, for example for a second officer
    #[arg(long, value_name = "FILE")]
    pub key_out: PathBuf,
    /// Officers who must sign from now on [default: as many as until now]
    #[arg(long, value_name = "M")]
    pub threshold: Option<usize>,
    /// Last day, inclusive, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: u64,
    #[command(flatten)]
    pub roots: Roots,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Keys {
    #[command(flatten)]
    pub listing: Json,
    #[command(subcommand)]
    pub command: Option<KeysCommand>,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// End a consent or node key, for example one that was stolen: what it signs from now on counts for nothing
    #[command(
        after_help = "What it signed before stands: look at `talanoa grants`, and revoke what you did not give.\n\
        Of a node key, put another one in its place first. Heads that it signed prove nothing any more: what members\n\
        hold under them stays theirs, and new heads come under the new key."
    )]
    Revoke {
        /// Fingerprint as `talanoa keys` shows it, or the key file
        key: String,
        #[command(flatten)]
        roots: Roots,
    },
    /// Replace the root keys; the old and the new ones sign
    #[command(
        after_help = "Example, two of three: talanoa keys rotate-root --root old.key --key-out a.key --key-out b.key \
        --key-out c.key --threshold 2"
    )]
    RotateRoot {
        /// Write a new root key there; may be repeated
        #[arg(long, value_name = "FILE", required = true)]
        key_out: Vec<PathBuf>,
        /// New root keys that must sign together [default: as many as until now]
        #[arg(long, value_name = "M")]
        threshold: Option<usize>,
        #[command(flatten)]
        roots: Roots,
    },
}
