//! What was typed: names, forms and help. No work is done here.

use std::path::PathBuf;

use crate::config::LogFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use talanoa_proto::id::{DatasetId, FederationId, MemberCode, MemberId, ReleaseRef};

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
    },
    /// Let a member read, until a date
    #[command(after_help = "Example: talanoa grant --to SPC --dataset CHILD_DEATHS --until 2027-12-31\n\
        The grant is signed in this process with the consent key (--key, else the one in the directory).\n\
        With --draft nothing is signed: take the file to the officer, `talanoa sign`, then `talanoa submit`.")]
    Grant(Grant),
    /// Add a signature to a draft
    Sign {
        file: PathBuf,
        #[arg(long)]
        key: PathBuf,
    },
    /// Hand a signed draft to the node
    Submit { file: PathBuf },
    /// Take a grant back, at once
    Revoke(Revoke),
    /// Refuse a member, whatever was granted
    Deny {
        #[arg(long, value_name = "MEMBER")]
        to: MemberCode,
        /// One dataset; without it the member is not even let in
        #[arg(long)]
        dataset: Option<DatasetId>,
    },
    /// Follow a member and keep what it grants
    Follow {
        member: MemberCode,
        /// Only these datasets
        #[arg(long)]
        dataset: Vec<DatasetId>,
        /// Learn what is offered; fetch with `get`
        #[arg(long)]
        offers_only: bool,
    },
    /// Stop following
    Unfollow { member: MemberCode },
    /// Write verified files and their provenance into a folder
    Get {
        /// For example FJ/CHILD_DEATHS@3, or FJ/CHILD_DEATHS for the newest
        reference: ReleaseRef,
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Print the signed object itself as DSSE JSON, for other people's verifiers
    Export {
        /// A release (FJ/CHILD_DEATHS@3), or the first digits of a grant's id
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
    Grants(Json),
    /// Statements of deletion, given, received and awaited
    Receipts(Json),
    /// Who read what, under which grant
    Audit(Json),
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
    #[arg(long)]
    pub name: String,
    /// Address and port of the federation port
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
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
    Draft {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Name of the federation
        #[arg(long, default_value = "Talanoa federation")]
        name: String,
        #[arg(required = true, value_name = "CARD")]
        cards: Vec<PathBuf>,
    },
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Table,
    Document,
    Practice,
    Alert,
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
    /// One JSON object instead of a page
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Action {
    Read,
    List,
}

#[derive(Debug, Args)]
pub struct Grant {
    #[arg(long, value_name = "MEMBER")]
    pub to: MemberCode,
    /// A dataset, or `all`: later ones too, never those classed restricted or sensitive
    #[arg(long, value_name = "ID|all", value_parser = dataset_or_all)]
    pub dataset: String,
    #[arg(long, value_enum, default_value = "read")]
    pub action: Action,
    /// A purpose of the charter; may be repeated [default: official-statistics]
    #[arg(long)]
    pub purpose: Vec<String>,
    /// Last day, inclusive, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = end_of_day)]
    pub until: u64,
    /// Consent key, if it does not lie in the directory
    #[arg(long, conflicts_with = "draft")]
    pub key: Option<PathBuf>,
    /// Write an unsigned draft there and sign nothing
    #[arg(long, value_name = "FILE")]
    pub draft: Option<PathBuf>,
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
    /// Last day for the purge, UTC [default: in 7 days]
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
        #[arg(long, value_name = "HOST:PORT")]
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

fn dataset_or_all(typed: &str) -> Result<String, String> {
    if typed == "all" {
        return Ok(typed.to_owned());
    }
    typed.parse::<DatasetId>().map(|d| d.to_string()).map_err(|e| e.to_string())
}

/// The next midnight UTC: a day named is a day included.
fn end_of_day(typed: &str) -> Result<u64, String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let day = time::Date::parse(typed, format).map_err(|_| "is not a date like 2027-12-31".to_owned())?;
    let next = day.next_day().ok_or("is beyond all dates")?;
    u64::try_from(next.midnight().assume_utc().unix_timestamp()).map_err(|_| "is before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_manual_is_understood() {
        for line in [
            "demo",
            "demo --dir x --once",
            "card",
            "serve",
            "fsck",
            "reindex",
            "config check",
            "init --member FJ --name Fiji --listen 127.0.0.1:1 --observer --root-out r",
            "charter draft --out c a b",
            "charter show c",
            "charter sign c --out s",
            "charter merge c s t",
            "charter adopt c",
            "publish a.csv b.csv --dataset A --title T --title fr=Titre --kind alert --licence CC0-1.0 --theme equity --strict --dry-run",
            "inspect a.xml --structure dsd.xml --json",
            "withdraw FJ/A@1 --reason wrong",
            "grant --to SPC --dataset all --action list --purpose research --until 2027-01-01 --key k",
            "grant --to SPC --dataset A --until 2027-01-01 --draft d",
            "sign d --key k",
            "submit d",
            "revoke 3f2a99c0 --purge --by 2027-01-01",
            "deny --to SPC --dataset A",
            "follow FJ --dataset A --dataset B --offers-only",
            "unfollow FJ",
            "get FJ/A@2 --out o",
            "get FJ/A --out o",
            "verify o --federation 0000000000000000000000000000000000000000000000000000000000000000",
            "releases --json",
            "catalogue",
            "grants",
            "receipts",
            "audit",
            "peers --json",
            "status",
            "peers set FJ --address h:1",
            "peers import card",
        ] {
            let words = std::iter::once("talanoa").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "grant --to SPC --dataset a --until 2027-01-01",
            "grant --to SPC --dataset A --until tomorrow",
            "grant --to SPC --dataset A --until 2027-02-30",
            "publish a --dataset A",
            "publish --dataset A --title T",
            "get FJ --out o",
            "withdraw FJ/A@1",
            "follow fj",
            "revoke x --by 2027-01-01",
            "verify d --member 12",
            "grant --to SPC --dataset A --until 2027-01-01 --key k --draft d",
        ] {
            let words = std::iter::once("talanoa").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }

    #[test]
    fn a_day_named_is_a_day_included() {
        assert_eq!(end_of_day("1970-01-01"), Ok(86_400));
        assert_eq!(lang_text("fr=Décès"), Ok(("fr".into(), "Décès".into())));
        assert_eq!(lang_text("Rate = deaths"), Ok(("en".into(), "Rate = deaths".into())));
        assert!(lang_text("fr= ").is_err());
    }
}
