//! The house: rooms in the order in which a release walks through them.
//!
//! Two corridors tell the story: [`publish`] on the way out, [`serve`] in front of the reader; the third,
//! on the reader's side, is the client library's `follow`.

pub mod api;
pub mod app;
pub mod carriage;
pub mod chunks;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consent;
pub mod containers;
pub mod demo;
pub mod endpoint;
pub mod export;
pub mod feed;
pub mod formats;
pub mod fsck;
pub mod get;
pub mod guides;
pub mod home;
pub mod intake;
pub mod keyring;
pub mod keys;
pub mod listing;
pub mod mapping;
pub mod metrics;
pub mod node;
pub mod peers;
pub mod problem;
pub mod publish;
pub mod purge;
pub mod relay;
pub mod repair;
pub mod serve;
pub mod sheet;
pub mod statements;
pub mod store;
pub mod tables;
