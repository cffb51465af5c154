//! The federation in all weathers. One file per behaviour; each scenario ends in `fsck`.

#![allow(clippy::unwrap_used, reason = "in a scenario a failed step is the failure")]

mod admission;
mod applications;
mod bad_input;
mod bit_rot;
mod clocks;
mod comforts;
mod consent;
mod consent_refused;
mod crash;
mod crash_consent;
mod cursor;
mod drafts;
mod feed_work;
mod first_day;
mod histories;
mod house_rules;
mod keys;
mod library;
mod lines;
mod plain_words;
mod purge;
mod purge_orders;
mod refusals;
mod registers;
mod relay;
mod rollback;
mod story;
mod tables;
mod taken_back;
mod tamper;
mod twenty_eight;
mod vectors;
mod wire;
