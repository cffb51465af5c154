//! Every maximum, with its unit in its name (PROTOCOL.md section 11).
//!
//! Checked at the first door, before anything is allocated. Raising one changes the protocol: a peer
//! of the same version may refuse what this node accepts.

// --- signed objects ---
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// m of r roots of every listed member sign one charter.
pub const ENVELOPE_SIGNATURES_MAX: usize = 1024;
pub const EXTENSIONS_MAX: usize = 16;
pub const EXTENSION_BYTES_MAX: usize = 4 * 1024;
/// Names, codes, licences, contacts, addresses.
pub const NAME_BYTES_MAX: usize = 256;
pub const DATASET_BYTES_MAX: usize = 64;
pub const FILE_NAME_BYTES_MAX: usize = 255;
pub const TITLE_BYTES_MAX: usize = 1024;
/// Descriptions, reasons, messages.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

// --- identity and charter ---
pub const IDENTITY_EVENTS_MAX: usize = 1024;
pub const KEYS_PER_ROLE_MAX: usize = 16;
pub const ADDRESSES_MAX: usize = 8;
pub const CHARTER_MEMBERS_MAX: usize = 256;
pub const CHARTER_THEMES_MAX: usize = 256;

// --- releases ---
pub const DISTRIBUTIONS_MAX: usize = 64;
pub const DISTRIBUTION_BYTES_MAX: u64 = 32 << 30;
/// Languages of titles and descriptions.
pub const TEXTS_MAX: usize = 64;
pub const THEMES_MAX: usize = 32;
pub const AREAS_MAX: usize = 1024;
pub const QUALITY_NOTES_MAX: usize = 256;
pub const RELATIONS_MAX: usize = 64;
/// Chunks named by one page.
pub const PAGE_ENTRIES_MAX: usize = 1024;
pub const PAGES_MAX: usize = 26_000;
pub const PAGE_LIST_BYTES_MAX: usize = PAGES_MAX * 36;

// --- consent ---
pub const GRANT_LIFETIME_DAYS_MAX: u64 = 731;
pub const PURPOSES_MAX: usize = 32;
pub const OFFICERS_MAX: usize = 16;
pub const DATASETS_PER_SCOPE_MAX: usize = 1024;
/// Also denials that one object lifts.
pub const GRANTS_PER_REVOCATION_MAX: usize = 1024;
/// A purge of more is stated in several receipts.
pub const RELEASES_PER_RECEIPT_MAX: usize = 4096;
/// A denial that the node key alone signed ends by itself.
pub const DENIAL_UNCONFIRMED_DAYS_MAX: u64 = 30;

// --- journal ---
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
pub const NOTE_SIGNATURES_MAX: usize = 32;
pub const PROOF_HASHES_MAX: usize = 64;

// --- wire ---
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// Plain bytes of consecutive chunks in one message.
pub const RUN_BYTES_MAX: usize = 256 * 1024;
pub const RANGES_PER_FETCH_MAX: usize = 8 * 1024;
/// Plain bytes per compressed byte; more is a bomb.
pub const ZSTD_RATIO_MAX: usize = 20;
pub const CONNECTIONS_PREAUTH_MAX: usize = 64;
pub const CONNECTIONS_PREAUTH_PER_LOOPBACK_ADDRESS_MAX: usize = 64;
pub const CONNECTIONS_PREAUTH_PER_ADDRESS_MAX: usize = 4;
pub const CONNECTIONS_PER_MEMBER_MAX: usize = 4;
pub const STREAMS_PER_CONNECTION_MAX: u32 = 16;
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
pub const KEEPALIVE_INTERVAL_SECONDS: u64 = 60;
pub const KEEPALIVE_TIMEOUT_SECONDS: u64 = 20;
