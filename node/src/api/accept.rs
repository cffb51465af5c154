//! The door of the federation port: caps, deadlines, handshakes, and a way to close what is open.
//!
//! tonic has neither a connection cap nor a handshake deadline, so the loop is ours. A failed handshake
//! is dropped here and never reaches HTTP/2.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use talanoa_client::tls::{self, NodeKey};
use talanoa_proto::{id::PublicKey, limits};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::api::refusals::Refusals;

/// Kernel buffers hold at most about this much that a revocation can no longer take back.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// More connections of one member within [`RESTLESS`] are remarked upon: one that works keeps its connection.
const RESTLESS_CONNECTIONS: u32 = 120;
const RESTLESS: Duration = Duration::from_secs(60);

const AGAIN: &str = "connects again and again: its connections end early";
const TOO_MANY: &str = "too many connections of one member: refused";

/// What a handler finds in `request.extensions()`.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    pub key: NodeKey,
    pub address: SocketAddr,
}

/// Live connections, so that those of a member who was denied or removed end at once.
#[derive(Debug, Default)]
pub struct Connections {
    live: Mutex<Live>,
    refusals: Refusals,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    handshaking: HashMap<IpAddr, usize>,
    open: HashMap<u64, (NodeKey, CancellationToken)>,
    /// Connections of a member since some moment; bounded by the keys that are admitted.
    recent: HashMap<NodeKey, (Instant, u32)>,
}

impl Connections {
    /// Ends every connection whose key is no longer admitted, also one that is blocked in a write.
    pub fn close_unless(&self, admitted: impl Fn(&NodeKey) -> bool) -> usize {
        let live = self.lock();
        let ended = live.open.values().filter(|(key, _)| !admitted(key));
        ended.map(|(_, token)| token.cancel()).count()
    }

    fn refuse(&self, address: SocketAddr, why: &'static str) {
        self.refusals.note(network_of(address.ip()).to_string(), why);
    }

    /// Open ones, of all members.
    pub fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A place among those that have not shown a key yet, or none.
    fn begin(self: &Arc<Self>, address: IpAddr) -> Option<Handshaking> {
        let per_address = if address.is_loopback() {
            limits::CONNECTIONS_PREAUTH_PER_LOOPBACK_ADDRESS_MAX
        } else {
            limits::CONNECTIONS_PREAUTH_PER_ADDRESS_MAX
        };
        let mut live = self.lock();
        let total: usize = live.handshaking.values().sum();
        let here = live.handshaking.entry(address).or_default();
        if total >= limits::CONNECTIONS_PREAUTH_MAX || *here >= per_address {
            return None;
        }
        *here += 1;
        Some(Handshaking { connections: Arc::clone(self), address })
    }

    fn open(self: &Arc<Self>, key: NodeKey) -> Option<Open> {
        let mut live = self.lock();
        if live.open.values().filter(|(k, _)| *k == key).count() >= limits::CONNECTIONS_PER_MEMBER_MAX {
            return None;
        }
        let (id, token) = (live.next, CancellationToken::new());
        live.next += 1;
        live.open.insert(id, (key, token.clone()));
        let now = Instant::now();
        let (since, count) = live.recent.entry(key).or_insert((now, 0));
        if now - *since >= RESTLESS {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > RESTLESS_CONNECTIONS {
            // Attack: HTTP/2 ends a connection that resets its streams or floods it, and the member dials again.
            self.refusals.note(PublicKey(key).short(), AGAIN);
        }
        Some(Open { connections: Arc::clone(self), id, token })
    }
}

struct Handshaking {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Drop for Handshaking {
    fn drop(&mut self) {
        let mut live = self.connections.lock();
        if let Some(count) = live.handshaking.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                live.handshaking.remove(&self.address);
            }
        }
    }
}

struct Open {
    connections: Arc<Connections>,
    id: u64,
    token: CancellationToken,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.id);
    }
}

/// Authenticated connections, as tonic wants them.
pub fn incoming(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    connections: Arc<Connections>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<PeerStream>> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would only spin.
                    warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(place) = connections.begin(network_of(address.ip())) else {
                connections.refuse(address, "too many connections that have not shown a key: dropped");
                continue;
            };
            let (config, connections, sender) = (config.clone(), connections.clone(), sender.clone());
            tokio::spawn(async move {
                let deadline = Duration::from_secs(limits::HANDSHAKE_SECONDS_MAX);
                match tokio::time::timeout(deadline, handshake(stream, address, config, &connections)).await {
                    Ok(Ok(peer)) => {
                        drop(place);
                        let _ = sender.send(Ok(peer)).await;
                    }
                    Ok(Err(error)) => {
                        debug!(%address, %error, "handshake refused");
                        connections.refuse(address, refusal(&error));
                    }
                    Err(_) => connections.refuse(address, "handshake took too long: dropped"),
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// The cause without what the other side may choose: it is a key of the memory of refusals.
fn refusal(error: &io::Error) -> &'static str {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        _ if error.to_string() == TOO_MANY => TOO_MANY,
        Some(rustls::Error::InvalidCertificate(_)) => "a key that is not admitted: refused",
        Some(rustls::Error::InvalidMessage(_)) => "not TLS: dropped",
        _ => "handshake not finished: dropped",
    }
}

/// One household or network of IPv6 counts as one address.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() && !v6.is_loopback() => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
        other => other,
    }
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    config: Arc<ServerConfig>,
    connections: &Arc<Connections>,
) -> io::Result<PeerStream> {
    tune(&stream)?;
    let io = TlsAcceptor::from(config).accept(stream).await?;
    let key =
        tls::peer_key(io.get_ref().1.peer_certificates()).ok_or_else(|| io::Error::other("no node key"))?;
    let open = connections.open(key).ok_or_else(|| io::Error::other(TOO_MANY))?;
    let ended = Box::pin(open.token.clone().cancelled_owned());
    Ok(PeerStream { io, info: PeerInfo { key, address }, ended, _open: open })
}

/// tonic's own settings do not reach a stream that it did not accept.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let interval = Duration::from_secs(limits::KEEPALIVE_INTERVAL_SECONDS);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(interval))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

/// A connection that proved its key, and that can be ended from outside at any moment.
pub struct PeerStream {
    io: TlsStream<TcpStream>,
    info: PeerInfo,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: Open,
}

impl PeerStream {
    fn check_ended(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.ended.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for PeerStream {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_ended(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_ended(cx)?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_ended(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_ended(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_stream::StreamExt;

    use super::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn public(n: u8) -> NodeKey {
        key(n).verifying_key().to_bytes()
    }

    struct Door {
        address: SocketAddr,
        connections: Arc<Connections>,
        incoming: ReceiverStream<io::Result<PeerStream>>,
    }

    async fn door(admits: &[u8]) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let admission: Vec<NodeKey> = admits.iter().map(|&n| public(n)).collect();
        let config = tls::server_config(&key(2), Arc::new(admission)).unwrap();
        let connections = Arc::new(Connections::default());
        let incoming = incoming(listener, config, connections.clone(), CancellationToken::new());
        Door { address, connections, incoming }
    }

    async fn dial(address: SocketAddr, as_key: u8) -> tokio_rustls::client::TlsStream<TcpStream> {
        let config = tls::client_config(&key(as_key), vec![public(2)]).unwrap();
        tls::connect(TcpStream::connect(address).await.unwrap(), config).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_that_waits_for_bytes_ends_when_its_key_is_no_longer_admitted() {
        let mut door = door(&[1]).await;
        let _dialler = dial(door.address, 1).await;
        let mut peer = door.incoming.next().await.unwrap().unwrap();
        assert_eq!(peer.info.key, public(1));
        let reading = tokio::spawn(async move { peer.read_u8().await });
        assert_eq!(door.connections.close_unless(|_| true), 0);
        assert_eq!(door.connections.close_unless(|_| false), 1);
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_connection_that_is_blocked_in_a_write_ends_too() {
        let mut door = door(&[1]).await;
        let _dialler = dial(door.address, 1).await; // never reads
        let mut peer = door.incoming.next().await.unwrap().unwrap();
        let writing = tokio::spawn(async move {
            loop {
                peer.write_all(&[0; 65536]).await?;
            }
            #[allow(unreachable_code)]
            Ok::<(), io::Error>(())
        });
        tokio::task::yield_now().await;
        assert_eq!(door.connections.close_unless(|_| false), 1);
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_member_has_so_many_connections_and_a_dropped_one_makes_room() {
        let mut door = door(&[1]).await;
        let mut open = Vec::new();
        for _ in 0..limits::CONNECTIONS_PER_MEMBER_MAX {
            let dialler = dial(door.address, 1).await;
            open.push((dialler, door.incoming.next().await.unwrap().unwrap()));
        }
        let mut refused = dial(door.address, 1).await;
        assert!(refused.read_u8().await.is_err());
        open.pop();
        let _dialler = dial(door.address, 1).await;
        assert!(door.incoming.next().await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_that_connects_again_and_again_is_remarked_upon() {
        let connections = Arc::new(Connections::default());
        let connect = |times: u32| (0..times).for_each(|_| drop(connections.open(public(1)).unwrap()));
        connect(RESTLESS_CONNECTIONS);
        tokio::time::advance(RESTLESS).await;
        connect(RESTLESS_CONNECTIONS);
        assert!(!connections.refusals.knows(AGAIN));
        connect(1);
        assert!(connections.refusals.knows(AGAIN));
    }

    #[test]
    fn connections_before_authentication_are_capped_per_address() {
        let connections = Arc::new(Connections::default());
        let island: IpAddr = "203.0.113.7".parse().unwrap();
        let held: Vec<_> = (0..limits::CONNECTIONS_PREAUTH_PER_ADDRESS_MAX)
            .map(|_| connections.begin(island).unwrap())
            .collect();
        assert!(connections.begin(island).is_none());
        assert!(connections.begin("203.0.113.8".parse().unwrap()).is_some());
        drop(held);
        assert!(connections.begin(island).is_some());
        assert_eq!(network_of("2001:db8::1".parse().unwrap()), network_of("2001:db8::2".parse().unwrap()));
    }
}
