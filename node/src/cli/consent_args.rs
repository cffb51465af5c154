//! What was typed about consent: who may read what, and what is taken back.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser, value_parser};
use talanoa_proto::id::{DatasetId, MemberCode};

use super::args::{Listing, dataset_or_all, end_of_day};

/// A hundred years: what is beyond it was mistyped, and would end on no date.
const DAYS_MAX: u64 = 36_500;

/// Who signs what only the consent key may sign.
#[derive(Clone, Debug, Default, Args)]
pub struct Officers {
    /// Consent key of an officer; may be repeated where the identity asks for several
    /// [default: the one in the directory]
    #[arg(long, conflicts_with = "draft", value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Write an unsigned draft there and sign nothing
    #[arg(long, value_name = "FILE")]
    pub draft: Option<PathBuf>,
    /// Do not ask before signing
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Action {
    Read,
    List,
    /// Totals without rows; given now, served by a later version
    Aggregate,
    /// Carry it to others, each of whom holds a grant of its own
    Relay,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    #[default]
    En,
    Fr,
}

impl Lang {
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

#[derive(Debug, Args)]
pub struct Grant {
    /// A member, the name or id of a circle, or `all-members`
    #[arg(long, value_name = "MEMBER|CIRCLE|all-members")]
    pub to: String,
    /// A dataset, may be repeated; or `all`: later ones too, never those classed restricted or sensitive
    #[arg(long, value_name = "ID|all", value_parser = dataset_or_all, required_unless_present = "theme")]
    pub dataset: Vec<String>,
    /// Every dataset of a theme, later ones too; may be repeated
    #[arg(long, conflicts_with = "dataset")]
    pub theme: Vec<String>,
    /// First release that it covers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    pub from_number: u64,
    /// Last release that it covers [default: later ones too]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub to_number: Option<u64>,
    /// May be repeated; reading includes listing
    #[arg(long, value_enum, default_value = "read")]
    pub action: Vec<Action>,
    /// A purpose of the charter; may be repeated [default: official-statistics]
    #[arg(long)]
    pub purpose: Vec<String>,
    /// Last day, inclusive, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: u64,
    /// It takes effect after that day, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub after: Option<u64>,
    /// Days that copies may stay after the end; then they are purged [default: no duty to purge]
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u64).range(1..=DAYS_MAX))]
    pub retention_days: Option<u64>,
    /// Days within which a purge must be done [default: 7]
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u64).range(1..=DAYS_MAX))]
    pub purge_days: Option<u64>,
    /// Text that the reader must accept; it travels with every copy
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
    /// Replaces that grant, from the moment at which this one begins
    #[arg(long, value_name = "GRANT", value_parser = NonEmptyStringValueParser::new())]
    pub supersedes: Option<String>,
    /// Officer whom the grant names; may be repeated
    #[arg(long, value_name = "NAME")]
    pub officer: Vec<String>,
    /// Language of the consent sheet
    #[arg(long, value_enum, default_value = "en")]
    pub lang: Lang,
    #[command(flatten)]
    pub officers: Officers,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Grants {
    #[command(flatten)]
    pub listing: Listing,
    #[command(subcommand)]
    pub command: Option<GrantsCommand>,
}

#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// The consent sheet of one grant, given or received
    Show {
        /// Id, or at least its first 8 digits
        grant: String,
        #[arg(long, value_enum, default_value = "en")]
        lang: Lang,
    },
}

#[derive(Debug, Args)]
pub struct Deny {
    /// A member, or `everybody`
    #[arg(long, value_name = "MEMBER|everybody")]
    pub to: String,
    /// One dataset; without it the member is not even let in
    #[arg(long)]
    pub dataset: Option<DatasetId>,
    /// Last day, inclusive, UTC; needs the consent key [default: until it is lifted; 30 days without --key]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: Option<u64>,
    #[command(flatten)]
    pub officers: Officers,
}

#[derive(Debug, Args)]
pub struct Lift {
    /// Id of the denial, or at least its first 8 digits
    pub denial: String,
    #[command(flatten)]
    pub officers: Officers,
}

#[derive(Debug, Subcommand)]
pub enum Circle {
    /// Gather members under a name; whoever trusts this convener can grant to all of them at once
    New {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        #[arg(long, required = true, value_name = "CODE")]
        member: Vec<MemberCode>,
        #[command(flatten)]
        officers: Officers,
    },
    /// Say anew who is in it: exactly these
    Set {
        /// Name or id
        circle: String,
        #[arg(long, required = true, value_name = "CODE")]
        member: Vec<MemberCode>,
        #[command(flatten)]
        officers: Officers,
    },
    /// This member is no longer in it
    Leave {
        /// Name or id
        circle: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Application {
    /// Give a program of this member's own a key with which it reads at publishers
    Add(AddApplication),
    /// Take the key back
    End {
        /// Id, or at least its first 8 digits
        application: String,
    },
}

#[derive(Debug, Args)]
pub struct AddApplication {
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
    /// Write a new secret key for the program there
    #[arg(long, value_name = "FILE", required_unless_present = "public_key")]
    pub key_out: Option<PathBuf>,
    /// Public key of the program, 64 hex digits, if it made its own
    #[arg(long, value_name = "HEX", conflicts_with = "key_out")]
    pub public_key: Option<String>,
    /// A dataset, may be repeated; or `all` that this member may read, but for restricted and sensitive ones
    #[arg(long, required = true, value_name = "ID|all", value_parser = dataset_or_all)]
    pub dataset: Vec<String>,
    /// Publisher that it may ask; may be repeated [default: all]
    #[arg(long, value_name = "CODE")]
    pub origin: Vec<MemberCode>,
    /// It may learn what is offered and read nothing
    #[arg(long)]
    pub list_only: bool,
    #[arg(long)]
    pub purpose: Vec<String>,
    /// Last day, inclusive, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: u64,
    #[command(flatten)]
    pub officers: Officers,
}

#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Say that this machine's clock is right, when the node does not believe it
    #[command(after_help = "Time never goes back: what ends by the confirmed clock has ended for good.")]
    Confirm {
        /// Today, UTC, from another source than this machine; asked for where nobody sits at a terminal
        #[arg(long, value_name = "YYYY-MM-DD")]
        date: Option<String>,
    },
}
