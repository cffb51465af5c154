//! TLS as a member or as nobody, and HTTP/2 frames by hand: what no honest library would send.

use std::{net::SocketAddr, sync::Arc};

use ed25519_dalek::SigningKey;
use talanoa_client::tls;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whom to attack, and as whom.
#[derive(Clone)]
pub struct Victim {
    pub address: SocketAddr,
    pub key: [u8; 32],
    /// Node key of an admitted member.
    pub member: SigningKey,
    pub federation: bytes::Bytes,
}

impl Victim {
    pub async fn tcp(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    pub async fn tls(&self, key: &SigningKey) -> Option<TlsStream<TcpStream>> {
        let config = tls::client_config(key, vec![self.key]).ok()?;
        tls::connect(self.tcp().await.ok()?, Arc::clone(&config)).await.ok()
    }

    /// A connection of the member with its preface sent, and something that reads away what comes.
    pub async fn http2(&self, settings: &[(u16, u32)]) -> Option<tokio::io::WriteHalf<TlsStream<TcpStream>>> {
        let stream = self.tls(&self.member).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while read.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
        });
        self.preface(&mut write, settings).await?;
        Some(write)
    }

    /// The same, and nobody ever reads.
    pub async fn http2_unread(&self, settings: &[(u16, u32)]) -> Option<TlsStream<TcpStream>> {
        let mut stream = self.tls(&self.member).await?;
        self.preface(&mut stream, settings).await?;
        Some(stream)
    }

    async fn preface(&self, write: &mut (impl AsyncWriteExt + Unpin), settings: &[(u16, u32)]) -> Option<()> {
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        write.write_all(PREFACE).await.ok()?;
        write.write_all(&frame(SETTINGS, 0, 0, &payload)).await.ok()?;
        write.flush().await.ok()
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A frame whose length field claims more than what follows.
pub fn claiming(length: u32, kind: u8, stream: u32) -> Vec<u8> {
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, 0]);
    frame.extend(stream.to_be_bytes());
    frame
}

/// HPACK literals without indexing and without Huffman: the simplest legal header block.
pub fn header_block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn integer(block: &mut Vec<u8>, mut n: usize) {
    if n < 127 {
        block.push(n as u8);
        return;
    }
    block.push(127);
    n -= 127;
    while n >= 128 {
        block.push((n % 128 + 128) as u8);
        n /= 128;
    }
    block.push(n as u8);
}

/// The headers of a gRPC call.
pub fn call(method: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/talanoa.v1.Exchange/{method}");
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path.as_str()),
        (":authority", "node"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.extend_from_slice(extra);
    header_block(&headers)
}

/// A gRPC message with its five bytes in front.
pub fn grpc(compressed: bool, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(compressed)];
    bytes.extend((message.len() as u32).to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

/// Everything that answers one call on a connection of its own, as it came: the frames of its stream, headers
/// and trailers as they were compressed, one after the other.
pub async fn answer(victim: &Victim, key: &SigningKey, method: &str, message: &[u8]) -> Option<Vec<u8>> {
    let mut stream = victim.tls(key).await?;
    victim.preface(&mut stream, &[]).await?;
    let call = [
        frame(HEADERS, END_HEADERS, 1, &call(method, &[])),
        frame(DATA, END_STREAM, 1, &grpc(false, message)),
    ];
    stream.write_all(&call.concat()).await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream_id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if u32::from_be_bytes(stream_id) != 1 {
            continue; // settings, pings and windows of the connection
        }
        answer.extend_from_slice(&head);
        answer.extend_from_slice(&payload);
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 || kind == RST_STREAM {
            return Some(answer);
        }
    }
}
