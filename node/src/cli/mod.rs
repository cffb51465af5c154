//! The command line: parse, dispatch, exit. Commands are one function each, offline or remote.

#[macro_use]
pub mod out;

pub mod args;
mod consent;
pub mod consent_args;
mod derive;
mod draft_file;
pub mod exit;
mod inspect;
mod key_args;
mod keys;
mod map;
pub mod offline;
mod progress;
pub mod remote;
mod render;

use std::{path::Path, process::ExitCode, sync::Arc};

use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use talanoa_proto::wire;

use crate::{
    app::App,
    clock::SystemClock,
    config::{self, LogFormat},
    demo,
    home::Home,
};
use args::{Charter, Cli, Command, Config, PeersCommand};
use consent_args::{ClockCommand, GrantsCommand};
use exit::Failure;
use key_args::{Keys, KeysCommand};
use remote::Remote;

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("talanoa: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let named = cli.dir;
    let dir = named.clone().unwrap_or_else(|| "talanoa".into());
    let dir = dir.as_path();
    match cli.command {
        Command::Demo(typed) => {
            log("error", LogFormat::Text);
            Ok(demo::run(&named.unwrap_or_else(|| "talanoa-demo".into()), typed.once, typed.json).await?)
        }
        Command::Init(typed) => offline::init(dir, typed),
        Command::Card => offline::card(dir),
        Command::Charter(command) => charter(dir, command).await,
        Command::Serve(typed) => serve(dir, typed.log_format).await,
        Command::Map { file, out } => tokio::task::block_in_place(|| map::map(&file, out.as_deref())),
        Command::Delegate(typed) => keys::delegate(dir, typed).await,
        Command::Keys(typed) => own_keys(dir, typed).await,
        Command::Sign { file, key, yes } => offline::sign(&file, &key, yes),
        Command::Merge { file, copies } => offline::merge(&file, &copies),
        Command::Verify { folder, federation, member } => offline::verify(&folder, federation, member),
        Command::Inspect(typed) => tokio::task::block_in_place(|| inspect::inspect(&typed)),
        Command::Fsck => offline::fsck(dir),
        Command::Repair(typed) => offline::repair(dir, typed.json).await,
        Command::Reindex => tokio::task::block_in_place(|| offline::reindex(dir)),
        Command::Config(Config::Check) => offline::config_check(dir),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "talanoa", &mut script);
            out::bytes(&script);
            Ok(())
        }
        Command::Man { out } => manual(out.as_deref()),
        other => ask(dir, other).await,
    }
}

async fn charter(dir: &Path, command: Charter) -> Result<(), Failure> {
    match command {
        Charter::Draft(typed) => offline::charter_draft(typed),
        Charter::Show { file } => offline::charter_show(&file),
        Charter::Sign { file, out, key } => offline::charter_sign(dir, &file, out.as_deref(), key.as_deref()),
        Charter::Merge { file, signatures } => offline::charter_merge(&file, &signatures),
        Charter::Adopt { file } => offline::charter_adopt(dir, &file).await,
    }
}

async fn own_keys(dir: &Path, typed: Keys) -> Result<(), Failure> {
    match typed.command {
        None => keys::list(dir, typed.listing.json),
        Some(KeysCommand::Revoke { key, roots }) => keys::revoke(dir, &key, &roots).await,
        Some(KeysCommand::RotateRoot { key_out, threshold, roots }) => {
            keys::rotate_root(dir, &key_out, threshold, &roots).await
        }
    }
}

/// What only the running node can answer.
async fn ask(dir: &Path, command: Command) -> Result<(), Failure> {
    let mut node = Remote::connect(dir).await?;
    match command {
        Command::Publish(typed) => node.publish(typed).await,
        Command::Withdraw { reference, reason, corrected_by } => {
            node.withdraw(reference.to_string(), reason, corrected_by.unwrap_or_default()).await
        }
        Command::Grant(typed) => node.grant(typed).await,
        Command::Submit { file } => node.submit(&file).await,
        Command::Revoke(typed) => node.revoke(typed).await,
        Command::Deny(typed) => node.deny(typed).await,
        Command::Lift(typed) => node.lift(typed).await,
        Command::Circle(typed) => node.circle(typed).await,
        Command::Application(typed) => node.application(typed).await,
        Command::Clock(ClockCommand::Confirm { date }) => node.confirm_clock(date).await,
        Command::Follow { member, dataset, offers_only, via, purpose } => {
            let datasets = dataset.iter().map(ToString::to_string).collect();
            let via = via.map(|m| m.to_string()).unwrap_or_default();
            let member = member.to_string();
            node.follow(wire::FollowCommand { member, datasets, offers_only, via, purpose }).await
        }
        Command::Unfollow { member } => node.unfollow(member.to_string()).await,
        Command::Export { what } => node.export(what).await,
        Command::Get { reference, out, format } => node.get(reference.to_string(), &out, format).await,
        Command::Releases(typed) => node.list("releases", typed.into()).await,
        Command::Catalogue(typed) => node.list("catalogue", typed.into()).await,
        Command::Grants(typed) => match typed.command {
            None => node.list("grants", typed.listing).await,
            Some(GrantsCommand::Show { grant, lang }) => node.show_grant(grant, lang).await,
        },
        Command::Holders(typed) => node.list("holders", typed).await,
        Command::Circles(typed) => node.list("circles", typed).await,
        Command::Applications(typed) => node.list("applications", typed).await,
        Command::Receipts(typed) => node.list("receipts", typed).await,
        Command::Audit(typed) => {
            let what = if typed.yearly { "audit-yearly" } else { "audit" };
            node.list_between(what, typed.listing, typed.from, typed.until).await
        }
        Command::Peers(typed) => match typed.command {
            None => node.list("peers", typed.json.into()).await,
            Some(PeersCommand::Set { member, address }) => {
                node.set_address(member.to_string(), address).await
            }
            Some(PeersCommand::Import { card }) => node.import_card(&card).await,
        },
        Command::Status(typed) => node.status(typed.json).await,
        offline => Err(Failure::Usage(format!("{offline:?} needs no node"))),
    }
}

fn manual(out: Option<&Path>) -> Result<(), Failure> {
    match out {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            clap_mangen::generate_to(Cli::command(), dir)?;
            eprintln!("manual pages written to {}", dir.display());
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            out::bytes(&page);
        }
    }
    Ok(())
}

async fn serve(dir: &Path, format: Option<LogFormat>) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    log(&home.settings.log, format.unwrap_or(home.settings.log_format));
    let app = App::start(&home, Arc::new(SystemClock::new())).await?;
    let code = home.card.identity.code();
    tracing::info!(member = %code, listen = %app.listen, "serving");
    if app.node.store.view().charter.is_none() {
        tracing::warn!("no charter yet: stop, then talanoa charter adopt FILE");
    }
    if let Some(warning) = home.key_warning() {
        tracing::warn!("{warning}");
    }
    app.run(stop_signal()).await?;
    tracing::info!("stopped; everything acknowledged is on disk");
    Ok(())
}

/// The first signal drains; a second one ends at once.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
}

/// To stderr, in UTC; `RUST_LOG` wins over the configuration.
fn log(filter: &str, format: LogFormat) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.is_empty());
    let chosen = asked.and_then(|text| config::filter(&text).ok());
    let filter = chosen.or_else(|| config::filter(filter).ok()).unwrap_or_default();
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
