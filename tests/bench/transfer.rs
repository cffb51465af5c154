//! One 500 MB release to a follower's disk, against the same bytes through rustls and TCP alone.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Instant,
};

use ed25519_dalek::SigningKey;
use talanoa_client::tls;
use talanoa_tests::federation;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{Row, tables::peak_mib};

const BYTES: usize = 500_000_000;
const BUFFER_BYTES: usize = 256 * 1024;

pub async fn rows() -> Vec<Row> {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("large.bin");
    random_file(&file);
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    let started = Instant::now();
    let path = file.to_str().unwrap();
    fj.talanoa(&["publish", path, "--dataset", "LARGE", "--title", "Large", "--kind", "document"]).ok();
    let published = started.elapsed().as_secs_f64();
    fj.grant("SPC", "all");
    let started = Instant::now();
    spc.wait_until_held(&["FJ/LARGE@1"]);
    let held = started.elapsed().as_secs_f64();
    let memory = [&fj, &spc].map(|m| peak_mib(m.pid()).unwrap());
    fj.judge();
    spc.judge();

    let copied = copy_synced(&file, &root.path().join("copy.bin"));
    let raw = raw_tls(&file, &root.path().join("raw.bin")).await;
    let rate = |seconds: f64| BYTES as f64 / 1e6 / seconds;
    vec![
        Row::new(
            "publish of 500 MB: sent to the node, hashed, cut, durable",
            format!("{published:.2} s, {:.0} MB/s", rate(published)),
            format!("{copied:.2} s: the file copied and synced"),
            published / copied,
        ),
        Row::new(
            "transfer of 500 MB: grant to held, verified, durable",
            format!("{held:.2} s, {:.0} MB/s", rate(held)),
            format!("{raw:.2} s: raw rustls over TCP, one stream, to disk and synced, nothing verified"),
            held / raw,
        ),
        Row::alone(
            "most memory during both",
            format!("publisher {:.0} MiB, reader {:.0} MiB", memory[0], memory[1]),
        ),
    ]
}

fn random_file(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut stream = blake3::Hasher::new().update(b"talanoa bench").finalize_xof();
    let mut buffer = vec![0; 1_000_000];
    for _ in 0..BYTES / buffer.len() {
        stream.fill(&mut buffer);
        file.write_all(&buffer).unwrap();
    }
    file.sync_data().unwrap();
}

fn copy_synced(from: &Path, to: &Path) -> f64 {
    let started = Instant::now();
    let (mut from, mut to) = (File::open(from).unwrap(), File::create(to).unwrap());
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n = from.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        to.write_all(&buffer[..n]).unwrap();
    }
    to.sync_data().unwrap();
    started.elapsed().as_secs_f64()
}

/// The same keys and cipher suites as the federation port.
async fn raw_tls(from: &Path, to: &Path) -> f64 {
    let [ours, theirs] = [1, 2].map(|n| SigningKey::from_bytes(&[n; 32]));
    let public = |key: &SigningKey| key.verifying_key().to_bytes();
    let server = tls::server_config(&ours, std::sync::Arc::new(vec![public(&theirs)])).unwrap();
    let client = tls::client_config(&theirs, vec![public(&ours)]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let started = Instant::now();
    let mut source = tokio::fs::File::open(from).await.unwrap();
    let sending = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut stream = TlsAcceptor::from(server).accept(tcp).await.unwrap();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let n = source.read(&mut buffer).await.unwrap();
            if n == 0 {
                break;
            }
            stream.write_all(&buffer[..n]).await.unwrap();
        }
        stream.shutdown().await.unwrap();
    });
    let tcp = TcpStream::connect(address).await.unwrap();
    let mut stream = tls::connect(tcp, client).await.unwrap();
    let mut goal = tokio::fs::File::create(to).await.unwrap();
    goal.set_max_buf_size(BUFFER_BYTES);
    let (mut buffer, mut received) = (vec![0; BUFFER_BYTES], 0);
    loop {
        let n = stream.read(&mut buffer).await.unwrap_or(0);
        if n == 0 {
            break;
        }
        goal.write_all(&buffer[..n]).await.unwrap();
        received += n;
    }
    goal.sync_data().await.unwrap();
    sending.await.unwrap();
    assert_eq!(received, BYTES);
    started.elapsed().as_secs_f64()
}
