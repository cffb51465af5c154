//! Every maximum, with its unit in its name (PROTOCOL.md section 11).
//!
//! Checked at the first door, before anything is allocated. Raising one changes the protocol: a peer
//! of the same version may refuse what this node accepts.

// --- signed objects ---
/// Bytes of one envelope, payload included: what a stranger can make us parse at once.
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// Signatures: m of r roots of every listed member sign one charter.
pub const ENVELOPE_SIGNATURES_MAX: usize = 1024;
/// Extensions of one payload: room to grow, not a second protocol.
pub const EXTENSIONS_MAX: usize = 16;
/// Bytes of one extension's value.
pub const EXTENSION_BYTES_MAX: usize = 4 * 1024;
/// Bytes of names, codes, licences, contacts, addresses.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of a dataset id: it stands in references that people type.
pub const DATASET_BYTES_MAX: usize = 64;
/// Bytes of a file name: what common file systems store.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of one title: a line or two in any script.
pub const TITLE_BYTES_MAX: usize = 1024;
/// Bytes of descriptions, reasons, messages.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

// --- identity and charter ---
/// Events of one identity chain: decades of yearly keys.
pub const IDENTITY_EVENTS_MAX: usize = 1024;
/// Keys of a root set, and the highest threshold of a role.
pub const KEYS_PER_ROLE_MAX: usize = 16;
/// Addresses of one endpoint, in order of preference.
pub const ADDRESSES_MAX: usize = 8;
/// Members of one charter: every country there is, and bodies.
pub const CHARTER_MEMBERS_MAX: usize = 256;
/// Themes that one charter lists.
pub const CHARTER_THEMES_MAX: usize = 256;

// --- releases ---
/// Files of one release.
pub const DISTRIBUTIONS_MAX: usize = 64;
/// Bytes of one file: larger ones are split by their publisher.
pub const DISTRIBUTION_BYTES_MAX: u64 = 32 << 30;
/// Languages of titles and descriptions.
pub const TEXTS_MAX: usize = 64;
/// Themes of one release or one scope.
pub const THEMES_MAX: usize = 32;
/// Areas that one manifest names.
pub const AREAS_MAX: usize = 1024;
/// Quality notes of one release: one per kind of warning and file.
pub const QUALITY_NOTES_MAX: usize = 256;
/// Other releases that one release names.
pub const RELATIONS_MAX: usize = 64;
/// Chunks named by one page.
pub const PAGE_ENTRIES_MAX: usize = 1024;
/// Pages of one distribution, so that its page list fits one response.
pub const PAGES_MAX: usize = 26_000;
/// Bytes of one page list: a count and a hash per page.
pub const PAGE_LIST_BYTES_MAX: usize = PAGES_MAX * 36;

// --- consent ---
/// Days: two years and a leap day; consent that nobody renews ends.
pub const GRANT_LIFETIME_DAYS_MAX: u64 = 731;
/// Purposes of one grant or one charter.
pub const PURPOSES_MAX: usize = 32;
/// Bytes of the terms of a grant.
pub const TERMS_BYTES_MAX: usize = 64 * 1024;
/// Officers that one grant names.
pub const OFFICERS_MAX: usize = 16;
/// Datasets that one scope or one feed request names.
pub const DATASETS_PER_SCOPE_MAX: usize = 1024;
/// Grants that one object ends; also denials that one object lifts.
pub const GRANTS_PER_REVOCATION_MAX: usize = 1024;
/// Releases that one receipt names; also its exceptions.
pub const RELEASES_PER_RECEIPT_MAX: usize = 2048;
/// Transfers that one statement of carriage names.
pub const CARRIED_PER_STATEMENT_MAX: usize = 1024;
/// Days after which a denial that the node key alone signed ends by itself.
pub const DENIAL_UNCONFIRMED_DAYS_MAX: u64 = 30;
/// Seconds that two clocks which agree may differ.
pub const CLOCK_DRIFT_SECONDS_MAX: u64 = 300;
/// Days that a clock may be ahead of the highest time on record at a start.
pub const CLOCK_GAP_DAYS_MAX: u64 = 90;
/// Hours since a relay heard from an origin that it still serves.
pub const RELAY_FRESH_HOURS_MAX: u64 = 24;
/// The same where the charter calls the origin an island.
pub const RELAY_FRESH_ISLAND_HOURS_MAX: u64 = 168;

// --- journal ---
/// Bytes of one signed note, cosignatures included.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Signature lines of one note: the owner's and its witnesses'.
pub const NOTE_SIGNATURES_MAX: usize = 32;
/// Hashes of one proof: the depth of a tree of 2^63 leaves, and one.
pub const PROOF_HASHES_MAX: usize = 64;

// --- wire ---
/// Bytes of one request.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one message that answers.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one HTTP/2 header list.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// Plain bytes of consecutive chunks in one message.
pub const RUN_BYTES_MAX: usize = 256 * 1024;
/// Chunk ranges that one `Fetch` names.
pub const RANGES_PER_FETCH_MAX: usize = 8 * 1024;
/// Lost entries that one `Recover` names.
pub const INDEXES_PER_RECOVER_MAX: usize = 1024;
/// Milliseconds before which a `Fetch` is not refused: the time of a no tells nothing of its cause.
pub const REFUSAL_MILLISECONDS_MIN: u64 = 5;
/// Plain bytes per compressed byte; more is a bomb.
pub const ZSTD_RATIO_MAX: usize = 20;
/// Connections that have not shown a key yet, in all.
pub const CONNECTIONS_PREAUTH_MAX: usize = 64;
/// The same from one loopback address: a proxy or a test brings everybody from there.
pub const CONNECTIONS_PREAUTH_PER_LOOPBACK_ADDRESS_MAX: usize = 64;
/// The same from any other address: one stranger cannot take every place.
pub const CONNECTIONS_PREAUTH_PER_ADDRESS_MAX: usize = 4;
/// Open connections of one member's node key.
pub const CONNECTIONS_PER_MEMBER_MAX: usize = 4;
/// Feeds (`Follow`, `Catalogue`) that one member has open: it needs one.
pub const FEEDS_PER_MEMBER_MAX: usize = 4;
/// `Fetch` calls that one member has open: each holds a thread and an open file.
pub const FETCHES_PER_MEMBER_MAX: usize = 8;
/// HTTP/2 streams of one connection at once.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 16;
/// Seconds from accept to the end of the handshake.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Seconds of silence before a ping.
pub const KEEPALIVE_INTERVAL_SECONDS: u64 = 60;
/// Seconds that a ping may stay unanswered.
pub const KEEPALIVE_TIMEOUT_SECONDS: u64 = 20;
