//! What was typed: names, forms and help. No work is done here.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use talanoa_proto::id::{DatasetId, FederationId, MemberCode, MemberId, ReleaseRef};

use super::consent_args::{Application, Circle, ClockCommand, Deny, Grant, Grants, Lift};
use super::key_args::{Delegate, Keys};
use crate::{
    config::{self, LogFormat},
    tables,
};

/// A node for the federated exchange of official data.
///
/// Each country runs one node, publishes what it chooses to whom it chooses, and follows its peers.
#[derive(Debug, Parser)]
#[command(name = "talanoa", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// The node's directory [default: talanoa]
    #[arg(long, global = true, env = "TALANOA_DIR", value_name = "PATH")]
    pub dir: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// See the whole story on this machine: Fiji, Vanuatu and SPC exchange real tables
    Demo(Demo),
    /// Create a node: identity, keys and an empty ledger
    #[command(
        after_help = "Example: talanoa init --member FJ --name \"Fiji Bureau of Statistics\" --listen 0.0.0.0:7640"
    )]
    Init(Init),
    /// Print the public card (identity and address) that others need in order to list this member
    Card,
    /// The list of members, signed by all of them
    #[command(subcommand)]
    Charter(Charter),
    /// Run the node
    Serve(Serve),
    /// Publish files as the next release of a dataset
    #[command(
        after_help = "Example: talanoa publish deaths.csv --dataset CHILD_DEATHS --title \"Child deaths by age\" --theme child-mortality\n\
        Returns when it is on disk, and prints the reference. --strict refuses what is only doubtful."
    )]
    Publish(Publish),
    /// Look at a plain table and propose how its columns become dimensions, periods and values
    #[command(after_help = "Example: talanoa map deaths.csv --out deaths.toml\n\
        Prints a mapping file to read and correct; on stderr what the table holds when it is read with it.\n\
        The table may be packed: gzip, or a zip archive of one file. Nothing is published.")]
    Map {
        file: PathBuf,
        /// Write the mapping there instead of printing it
        #[arg(long, value_name = "MAPPING.toml")]
        out: Option<PathBuf>,
    },
    /// Say what a file is and holds, without publishing it; needs no node
    #[command(
        after_help = "Reads SDMX-CSV 1.0 and 2.x, SDMX-ML 2.1 and 3.x, SDMX-JSON 1.0 and 2.x: data, structures, metadata.\n\
        Example: talanoa inspect deaths.xml --structure dsd.xml\n\
        Exits 0 only when the file was read as a whole."
    )]
    Inspect(Inspect),
    /// Take a release back; everybody who received it is told
    Withdraw {
        /// For example FJ/CHILD_DEATHS@3
        reference: ReleaseRef,
        #[arg(long)]
        reason: String,
        /// Number of the release that replaces it
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        corrected_by: Option<u64>,
    },
    /// Let a member read, until a date
    #[command(after_help = "Example: talanoa grant --to SPC --dataset CHILD_DEATHS --until 2027-12-31\n\
        The grant is signed in this process with the consent key (--key, else the one in the directory).\n\
        With --draft nothing is signed: take the file to the officer, `talanoa sign`, then `talanoa submit`.\n\
        Where two officers must sign: each signs the file in turn, or a copy of it, and `talanoa merge` joins them.")]
    Grant(Grant),
    /// Read a draft, made anew from what is signed, and add a signature
    Sign {
        file: PathBuf,
        #[arg(long)]
        key: PathBuf,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Join the signatures that officers put on copies of one draft
    Merge {
        file: PathBuf,
        #[arg(required = true, value_name = "COPY")]
        copies: Vec<PathBuf>,
    },
    /// Hand a signed draft to the node
    Submit { file: PathBuf },
    /// Take a grant back, at once
    Revoke(Revoke),
    /// Refuse a member, whatever was granted
    #[command(
        after_help = "Without --key and --draft the node key signs alone, and the denial ends after 30 days."
    )]
    Deny(Deny),
    /// End a denial
    Lift(Lift),
    /// Named groups of members, to which consent can be given
    #[command(subcommand)]
    Circle(Circle),
    /// Keys with which programs read on behalf of this member
    #[command(subcommand)]
    Application(Application),
    /// Whether this machine's clock is believed
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Give a key a role, with the root key: a second officer, or the node's next key
    #[command(after_help = "Works on a stopped node too. A lost node key: stop the node, then\n\
        talanoa delegate --role node --key-out DIR/keys/node.key --until 2027-12-31 --root FILE")]
    Delegate(Delegate),
    /// This member's keys, what each is for and until when; `revoke` and `rotate-root` end them
    Keys(Keys),
    /// Follow a member and keep what it grants
    Follow {
        member: MemberCode,
        /// Only these datasets
        #[arg(long)]
        dataset: Vec<DatasetId>,
        /// Learn what is offered; fetch with `get`
        #[arg(long)]
        offers_only: bool,
        /// From a member that carries it, for example because its publisher cannot be reached from here
        #[arg(long, value_name = "MEMBER")]
        via: Option<MemberCode>,
        /// What it is asked for: a purpose of the charter that grants name [default: official-statistics]
        #[arg(long, default_value = "", hide_default_value = true)]
        purpose: String,
    },
    /// Stop fetching; what is held stays until it is taken back, which is still heard
    Unfollow { member: MemberCode },
    /// Write verified files and their provenance into a folder
    Get {
        /// For example FJ/CHILD_DEATHS@3, or FJ/CHILD_DEATHS for the newest
        reference: ReleaseRef,
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Also write the table of each file in this form, into DIR/derived: it carries no signature
        #[arg(long, value_name = "FORMAT")]
        format: Option<tables::Format>,
    },
    /// Print the signed object itself as DSSE JSON, for other people's verifiers
    Export {
        /// A release (FJ/CHILD_DEATHS@3), or the id of a grant or receipt, at least its first 8 digits
        what: String,
    },
    /// Check a folder that `get` wrote; needs no node and no network
    #[command(
        after_help = "Exit 0: every file is the signed one. Without --federation or --member this proves only that the folder\n\
        is consistent with itself: compare the ids it prints with ones you know by another way."
    )]
    Verify {
        folder: PathBuf,
        #[arg(long, value_name = "ID")]
        federation: Option<FederationId>,
        #[arg(long, value_name = "ID")]
        member: Option<MemberId>,
    },
    /// What this node published
    Releases(Json),
    /// What others offer this node
    Catalogue(Json),
    /// Consent given and received, and denials
    Grants(Grants),
    /// Which member holds which release of ours, under which grant, until when
    Holders(Listing),
    /// Circles that are known here, and who is in them
    Circles(Listing),
    /// Application keys, our own and those that members showed us
    Applications(Listing),
    /// Statements of deletion, given, received and awaited
    Receipts(Listing),
    /// Who read what, under which grant
    Audit(Audit),
    /// Members of the federation; `set` and `import` change how one is reached
    Peers(Peers),
    /// Whether this node serves; exits 0 only when it does
    Status(Json),
    /// Check every file of the directory from its raw bytes
    Fsck,
    /// Mend what is damaged with what members give back; the node must be stopped
    Repair(Json),
    /// Build the index anew from the ledger
    Reindex,
    /// Look at the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print completions for a shell: talanoa completions bash > /etc/bash_completion.d/talanoa
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write one per command into a directory
    Man {
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Wins over the configuration
    #[arg(long, value_enum, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
}

#[derive(Debug, Args)]
pub struct Json {
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A listing, and what of it is wanted.
#[derive(Clone, Debug, Default, Args)]
pub struct Listing {
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// CSV instead of a table
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Only what concerns this member
    #[arg(long, value_name = "CODE")]
    pub member: Option<MemberCode>,
    /// Only this dataset
    #[arg(long, value_name = "ID")]
    pub dataset: Option<DatasetId>,
}

impl From<Json> for Listing {
    fn from(Json { json }: Json) -> Self {
        Self { json, ..Self::default() }
    }
}

#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    pub listing: Listing,
    /// From that day on, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = start_of_day)]
    pub from: Option<u64>,
    /// To that day, inclusive, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: Option<u64>,
    /// One line per year and dataset instead of one per access
    #[arg(long)]
    pub yearly: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Exit after the story, 0 only if every step was checked
    #[arg(long)]
    pub once: bool,
    /// One JSON object per event: {"event":"checked","text":…}
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Init {
    /// ISO 3166-1 alpha-2 for a country, a short code for a body
    #[arg(long, value_name = "CODE")]
    pub member: MemberCode,
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
    /// Address and port of the federation port; goes into config.toml [default: what is written there]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub listen: Option<SocketAddr>,
    /// A regional body: a member without a vote
    #[arg(long)]
    pub observer: bool,
    /// Write the root key there instead of into the directory, for example to a stick that is kept in a safe
    #[arg(long, value_name = "PATH")]
    pub root_out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Charter {
    /// Gather cards into a draft
    Draft(CharterDraft),
    /// Show members, and who has signed
    Show { file: PathBuf },
    /// Sign with this member's root key
    Sign {
        file: PathBuf,
        /// Write the signature there instead of into the file
        #[arg(long, value_name = "SIG")]
        out: Option<PathBuf>,
        /// Root key, if it does not lie in the directory
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Add signatures to a draft
    Merge {
        file: PathBuf,
        #[arg(required = true, value_name = "SIG")]
        signatures: Vec<PathBuf>,
    },
    /// Make it this node's charter; it must be signed by all
    Adopt { file: PathBuf },
}

#[derive(Debug, Args)]
pub struct CharterDraft {
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Name of the federation
    #[arg(long, default_value = "Talanoa federation", value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
    /// A member with a thin line: relays carry its releases for 7 days without hearing from it, not 24 hours;
    /// may be repeated
    #[arg(long, value_name = "CODE")]
    pub island: Vec<MemberCode>,
    /// A purpose beside the usual ones, for which consent can be given; may be repeated
    #[arg(long, value_name = "WORD", value_parser = NonEmptyStringValueParser::new())]
    pub purpose: Vec<String>,
    /// A theme beside the usual ones; may be repeated
    #[arg(long, value_name = "WORD", value_parser = NonEmptyStringValueParser::new())]
    pub theme: Vec<String>,
    #[arg(required = true, value_name = "CARD")]
    pub cards: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Table,
    Document,
    Practice,
    Alert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Class {
    /// Meant for everybody; still given by grants alone
    Open,
    Official,
    /// Only by grants that name the dataset
    Restricted,
    /// Only by grants that name dataset and member; never relayed
    Sensitive,
}

#[derive(Debug, Args)]
pub struct Publish {
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[arg(long, value_name = "ID")]
    pub dataset: DatasetId,
    /// Title, in English or as LANG=TEXT; may be repeated
    #[arg(long, required = true, value_name = "[LANG=]TEXT", value_parser = lang_text)]
    pub title: Vec<(String, String)>,
    #[arg(long, value_name = "[LANG=]TEXT", value_parser = lang_text)]
    pub description: Vec<(String, String)>,
    #[arg(long, value_enum, default_value = "table")]
    pub kind: Kind,
    /// SPDX licence, for example CC-BY-4.0
    #[arg(long, default_value = "")]
    pub licence: String,
    /// A theme of the charter, for example child-mortality; may be repeated
    #[arg(long)]
    pub theme: Vec<String>,
    /// Whom to ask about it
    #[arg(long, default_value = "")]
    pub contact: String,
    /// A recommendation that it answers, for example "CRC/C/FJI/CO/5-6 para. 12"; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub serves: Vec<String>,
    /// For example draft or final
    #[arg(long, default_value = "")]
    pub status: String,
    /// Who may be given it at all [default: as the release before, or official]
    #[arg(long, value_enum)]
    pub class: Option<Class>,
    /// A structure message (DSD) to check the tables against; it is published with them
    #[arg(long, value_name = "FILE")]
    pub structure: Option<PathBuf>,
    /// How plain tables are to be read (`talanoa map` proposes one); it is published with them, and so is
    /// the structure that it implies where --structure gives none
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// A class below that of the release before is meant
    #[arg(long, requires = "class")]
    pub lower_class: bool,
    /// Refuse what is only doubtful
    #[arg(long)]
    pub strict: bool,
    /// Check everything, publish nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Inspect {
    pub file: PathBuf,
    /// A structure message to check the file against
    #[arg(long, value_name = "FILE")]
    pub structure: Option<PathBuf>,
    /// How a plain table is to be read; `talanoa map` proposes one
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// One JSON object instead of a page
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// Id of the grant, or at least its first 8 digits
    pub grant: String,
    /// The holder must erase its copies and send a signed receipt
    #[arg(long)]
    pub purge: bool,
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Last day for the purge, UTC; within the days that the grant gives [default: all of them, mostly 7]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day, requires = "purge")]
    pub by: Option<u64>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Peers {
    #[command(flatten)]
    pub json: Json,
    #[command(subcommand)]
    pub command: Option<PeersCommand>,
}

#[derive(Debug, Subcommand)]
pub enum PeersCommand {
    /// Say where a member is reached; wins over what its card says
    Set {
        member: MemberCode,
        #[arg(long, value_name = "HOST:PORT", value_parser = address)]
        address: String,
    },
    /// Take a newer card of a member
    Import { card: PathBuf },
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check configuration, keys and directory
    Check,
}

fn listen(typed: &str) -> Result<SocketAddr, String> {
    typed.parse().map_err(|_| "is not an address and port, for example 0.0.0.0:7640".to_owned())
}

fn address(typed: &str) -> Result<String, String> {
    config::check_address(typed).map(|()| typed.to_owned()).map_err(|e| e.to_string())
}

fn lang_text(typed: &str) -> Result<(String, String), String> {
    let is_lang = |s: &str| {
        let mut parts = s.split('-');
        let first = parts
            .next()
            .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
        first && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let (lang, text) = match typed.split_once('=') {
        Some((lang, text)) if is_lang(lang) => (lang, text),
        _ => ("en", typed),
    };
    if text.trim().is_empty() {
        return Err("is empty".into());
    }
    Ok((lang.to_owned(), text.trim().to_owned()))
}

pub fn dataset_or_all(typed: &str) -> Result<String, String> {
    if typed == "all" {
        return Ok(typed.to_owned());
    }
    typed.parse::<DatasetId>().map(|d| d.to_string()).map_err(|e| e.to_string())
}

/// The next midnight UTC: a day named is a day included. Never 0, which would say that none was named.
pub fn end_of_day(typed: &str) -> Result<u64, String> {
    let day = day(typed)?;
    midnight(day)?;
    midnight(day.next_day().ok_or("is beyond all dates")?)
}

fn start_of_day(typed: &str) -> Result<u64, String> {
    midnight(day(typed)?)
}

fn day(typed: &str) -> Result<time::Date, String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(typed, format).map_err(|_| "is not a date like 2027-12-31".to_owned())
}

fn midnight(day: time::Date) -> Result<u64, String> {
    u64::try_from(day.midnight().assume_utc().unix_timestamp()).map_err(|_| "is before 1970".to_owned())
}

#[cfg(test)]
mod tests;
