//! What was typed is not what is needed: a file with comments becomes checked settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

pub const FILE_NAME: &str = "config.toml";
pub const LISTEN_DEFAULT: &str = "127.0.0.1:7640";

/// `config.toml`; `deploy/talanoa.example.toml` explains each key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    listen: Option<String>,
    addresses: Vec<String>,
    anchor_dir: Option<PathBuf>,
    compress: Option<bool>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    metrics_listen: Option<String>,
}

/// Parsed and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the federation port listens.
    pub listen: SocketAddr,
    /// host:port under which peers reach it; goes into the card.
    pub addresses: Vec<String>,
    /// For the anchor alone: another disk.
    pub anchor_dir: Option<PathBuf>,
    /// Ask peers for compressed transfers.
    pub compress: bool,
    /// Filter of the log, for example `info` or `talanoa_node=debug`.
    pub log: String,
    pub log_format: LogFormat,
    /// Where metrics are read; a loopback address, since nobody is asked for a key there.
    pub metrics_listen: Option<SocketAddr>,
}

/// One line for eyes, or one JSON object for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{path}: {message}")]
    Syntax { path: String, message: String },
    #[error("listen = {0:?} is not an address and port, for example \"0.0.0.0:7640\"")]
    Listen(String),
    #[error(
        "metrics_listen = {0:?} is not a loopback address and port, for example \"127.0.0.1:7641\". Whoever reads \
         metrics is not asked for a key: put a proxy in front to read them from elsewhere"
    )]
    Metrics(String),
    #[error("config.toml says listen = {said:?} already: leave --listen out, or say the same")]
    TwoListens { said: String },
    #[error(
        "log = {0:?} is no filter: error, warn, info, debug, trace or off, or for example \"info,talanoa_node=debug\""
    )]
    Log(String),
    #[error("addresses: {0:?} is not host:port, for example \"talanoa.stats.gov.fj:7640\"")]
    Address(String),
}

impl Settings {
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join(FILE_NAME);
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|e| match e {
                ConfigError::Syntax { message, .. } => ConfigError::Syntax { path: shown, message },
                other => other,
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::parse(""),
            Err(source) => Err(ConfigError::Io { path: shown, source }),
        }
    }

    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let syntax =
            |e: toml::de::Error| ConfigError::Syntax { path: FILE_NAME.into(), message: e.to_string() };
        let file: ConfigFile = toml::from_str(text).map_err(syntax)?;
        let listen = file.listen.unwrap_or_else(|| LISTEN_DEFAULT.to_owned());
        let listen: SocketAddr = listen.parse().map_err(|_| ConfigError::Listen(listen))?;
        let metrics = |text: String| match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(address),
            _ => Err(ConfigError::Metrics(text)),
        };
        let metrics_listen = file.metrics_listen.map(metrics).transpose()?;
        for address in &file.addresses {
            check_address(address)?;
        }
        let log = file.log.unwrap_or_else(|| "info".to_owned());
        filter(&log)?;
        let addresses = if file.addresses.is_empty() && !listen.ip().is_unspecified() {
            vec![listen.to_string()]
        } else {
            file.addresses
        };
        Ok(Self {
            listen,
            addresses,
            anchor_dir: file.anchor_dir,
            compress: file.compress.unwrap_or(true),
            log,
            log_format: file.log_format.unwrap_or_default(),
            metrics_listen,
        })
    }
}

/// The filter of a text. A word that is no level would be the name of a module that does not exist: nothing at
/// all would be logged.
///
/// Attack: a peer that makes the log grow. `h2` warns of every connection that resets its streams, without a
/// name; who did it and why the connection ended is said once by `accept`. It speaks only when asked by name.
pub fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    let wrong = || ConfigError::Log(text.to_owned());
    let words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[', ']']));
    for word in words {
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            return Err(wrong());
        }
    }
    EnvFilter::try_new(format!("h2=error,{text}")).map_err(|_| wrong())
}

/// What `init --listen` adds to a file that may be there; everything else in it stays.
pub fn with_listen(text: &str, listen: &str) -> Result<String, ConfigError> {
    let syntax = |e: toml::de::Error| ConfigError::Syntax { path: FILE_NAME.into(), message: e.to_string() };
    match toml::from_str::<ConfigFile>(text).map_err(syntax)?.listen {
        None => Ok(format!("listen = {listen:?}\n{text}")),
        Some(said) if said == listen => Ok(text.to_owned()),
        Some(said) => Err(ConfigError::TwoListens { said }),
    }
}

/// `host:port`; the host is resolved when it is dialled.
pub fn check_address(address: &str) -> Result<(), ConfigError> {
    let whole = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) && !address.contains(char::is_whitespace)
    });
    if whole { Ok(()) } else { Err(ConfigError::Address(address.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_configuration_is_read() {
        let text = include_str!("../../deploy/talanoa.example.toml");
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.listen.port(), 7640);
        // Every line that is commented out is legal as well.
        let all: String = text
            .lines()
            .map(|l| if l.starts_with("# ") || l == "#" { "" } else { l.trim_start_matches('#') })
            .map(|l| l.to_owned() + "\n")
            .collect();
        assert!(Settings::parse(&all).unwrap().anchor_dir.is_some());
    }

    #[test]
    fn filters_of_the_log_are_levels_and_modules() {
        for text in ["info", "warn,talanoa_node=debug", "off", "talanoa_node[feed]=trace,error"] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_listen_is_added_to_what_is_there_and_never_contradicts_it() {
        let text = "# ours\naddresses = [\"h:1\"]\n";
        let added = with_listen(text, "0.0.0.0:7640").unwrap();
        let settings = Settings::parse(&added).unwrap();
        assert_eq!((settings.addresses, settings.listen.port()), (vec!["h:1".to_owned()], 7640));
        assert!(added.ends_with(text));
        assert_eq!(with_listen(&added, "0.0.0.0:7640").unwrap(), added);
        assert!(with_listen(&added, "0.0.0.0:7641").is_err());
    }

    #[test]
    fn an_unknown_key_or_an_illegal_value_is_named() {
        for (text, word) in [
            ("lisen = \"1\"", "lisen"),
            ("listen = \"here\"", "here"),
            ("addresses = [\"nowhere\"]", "nowhere"),
            ("compress = 3", "compress"),
            ("log_format = \"xml\"", "log_format"),
            ("metrics_listen = \"0.0.0.0:9\"", "loopback"),
            ("log = \"[[\"", "[["),
            ("log = \"inof\"", "inof"),
            ("log = \"\"", "filter"),
        ] {
            assert!(Settings::parse(text).unwrap_err().to_string().contains(word), "{text}");
        }
    }
}
