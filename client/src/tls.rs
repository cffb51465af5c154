//! Mutual TLS 1.3 in which the only identity is an Ed25519 node key (PROTOCOL.md section 9).
//!
//! No authority, no names, no dates: the key in the peer's self-signed certificate is compared with the
//! keys that are admitted now. Resumption is off, because a resumed session would skip that comparison
//! and let a removed member back in.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{
        ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub type NodeKey = [u8; 32];

/// An Ed25519 public key in a certificate is this prefix and the 32 key bytes (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The protocol demands a name; nobody looks at it.
const NAME: &str = "node.talanoa.invalid";
const ALPN: &[u8] = b"h2";
const REFUSALS_REMEMBERED_MAX: usize = 256;
const REFUSAL_QUIET_SECONDS: u64 = 60;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("TLS: {0}")]
    Io(#[from] std::io::Error),
    #[error("the peer does not speak HTTP/2")]
    Alpn,
    #[error("node key cannot be used for TLS: {0}")]
    Key(String),
}

/// Who is admitted, asked at every handshake. Two tenants: a fixed list, and a node's live directory.
pub trait Admission: fmt::Debug + Send + Sync + 'static {
    fn admits(&self, key: &NodeKey) -> bool;
}

impl Admission for Vec<NodeKey> {
    fn admits(&self, key: &NodeKey) -> bool {
        self.contains(key)
    }
}

pub fn server_config(key: &SigningKey, admission: Arc<dyn Admission>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certified = Arc::new(certified_key(key, &provider)?);
    let verifier = Arc::new(PinVerifier::new(admission, provider.clone(), true));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(OneKey(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Accepts any of `expect` and nothing else: being some member is not enough when dialling one.
pub fn client_config(key: &SigningKey, expect: Vec<NodeKey>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certified = Arc::new(certified_key(key, &provider)?);
    let verifier = Arc::new(PinVerifier::new(Arc::new(expect), provider.clone(), false));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(OneKey(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = false; // the name would tell a watcher whom we dial
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Generic over the stream, so that a simulated network can carry it.
pub async fn connect<S>(stream: S, config: Arc<ClientConfig>) -> Result<TlsStream<S>, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(NAME).map_err(|e| TlsError::Key(e.to_string()))?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(TlsError::Alpn);
    }
    Ok(stream)
}

/// The key that the other side proved to hold.
pub fn peer_key(certificates: Option<&[CertificateDer<'_>]>) -> Option<NodeKey> {
    key_of(certificates?.first()?).ok()
}

/// What people compare over the telephone: first 16 hex digits, in fours.
pub fn fingerprint(key: &NodeKey) -> String {
    let hex = hex::encode(&key[..8]);
    hex.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c)).collect::<Vec<_>>().join("-")
}

fn key_of(certificate: &CertificateDer<'_>) -> Result<NodeKey, rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let spki = parsed.subject_public_key_info();
    let key = spki.as_ref().strip_prefix(&SPKI_PREFIX[..]).and_then(|k| k.try_into().ok());
    key.ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn certified_key(key: &SigningKey, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let wrong = |e: &dyn fmt::Display| TlsError::Key(e.to_string());
    let pkcs8 = key.to_pkcs8_der().map_err(|e| wrong(&e))?;
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_bytes().to_vec());
    let pair = rcgen::KeyPair::try_from(&der).map_err(|e| wrong(&e))?;
    let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).map_err(|e| wrong(&e))?;
    let certificate = params.self_signed(&pair).map_err(|e| wrong(&e))?.der().clone();
    let key = provider.key_provider.load_private_key(PrivateKeyDer::Pkcs8(der))?;
    Ok(CertifiedKey::new(vec![certificate], key))
}

/// One verifier for both directions.
#[derive(Debug)]
struct PinVerifier {
    admission: Arc<dyn Admission>,
    provider: Arc<CryptoProvider>,
    listening: bool,
    refused: Mutex<BTreeMap<NodeKey, SystemTime>>,
}

impl PinVerifier {
    fn new(admission: Arc<dyn Admission>, provider: Arc<CryptoProvider>, listening: bool) -> Self {
        Self { admission, provider, listening, refused: Mutex::default() }
    }

    fn check(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        if !chain.is_empty() {
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        let key = key_of(leaf)?;
        if self.admission.admits(&key) {
            return Ok(());
        }
        if self.listening && self.first_refusal(key) {
            tracing::warn!(fingerprint = %fingerprint(&key), "peer.not_admitted: refused a node key");
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    /// Once a minute per key: the log says who, not ten thousand times.
    fn first_refusal(&self, key: NodeKey) -> bool {
        let now = SystemTime::now();
        let mut refused = self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        refused.retain(|_, at| {
            now.duration_since(*at).unwrap_or_default() < Duration::from_secs(REFUSAL_QUIET_SECONDS)
        });
        refused.len() < REFUSALS_REMEMBERED_MAX && refused.insert(key, now).is_none()
    }

    /// Proves possession of the private key: without it anybody could show a member's certificate.
    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

fn tls13_only() -> Result<HandshakeSignatureValid, rustls::Error> {
    Err(rustls::Error::General("TLS 1.3 only".into()))
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(leaf, chain).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13_only()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PinVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(leaf, chain).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        tls13_only()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Shows the one certificate there is, in either direction.
#[derive(Debug)]
struct OneKey(Arc<CertifiedKey>);

impl ResolvesServerCert for OneKey {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl ResolvesClientCert for OneKey {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        schemes.contains(&SignatureScheme::ED25519).then(|| self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn public(n: u8) -> NodeKey {
        key(n).verifying_key().to_bytes()
    }

    /// Dials as key 1 a listener with key 2; returns what each side saw of the other.
    async fn meet(
        admits: &[u8],
        expects: &[u8],
    ) -> (Result<NodeKey, std::io::Error>, Result<NodeKey, std::io::Error>) {
        let admission: Vec<NodeKey> = admits.iter().map(|&n| public(n)).collect();
        let server = server_config(&key(2), Arc::new(admission)).unwrap();
        let client = client_config(&key(1), expects.iter().map(|&n| public(n)).collect()).unwrap();
        let (near, far) = duplex(64 * 1024);
        let listener = tokio::spawn(async move {
            let mut stream = TlsAcceptor::from(server).accept(far).await?;
            stream.write_all(b"x").await?;
            Ok(peer_key(stream.get_ref().1.peer_certificates()).unwrap())
        });
        let dialled = async {
            let mut stream = connect(near, client).await.map_err(std::io::Error::other)?;
            stream.read_exact(&mut [0]).await?;
            Ok(peer_key(stream.get_ref().1.peer_certificates()).unwrap())
        };
        let dialled = dialled.await;
        (listener.await.unwrap(), dialled)
    }

    #[tokio::test]
    async fn admitted_peers_learn_each_others_key() {
        let (listener, dialler) = meet(&[1], &[2]).await;
        assert_eq!((listener.unwrap(), dialler.unwrap()), (public(1), public(2)));
    }

    #[tokio::test]
    async fn an_unknown_key_is_refused_by_the_listener() {
        let (listener, dialler) = meet(&[3], &[2]).await;
        assert!(listener.is_err() && dialler.is_err());
    }

    #[tokio::test]
    async fn a_listener_with_another_key_is_refused_by_the_dialler() {
        let (listener, dialler) = meet(&[1], &[3]).await;
        assert!(listener.is_err() && dialler.is_err());
    }

    #[test]
    fn resumption_tickets_and_early_data_are_off() {
        let server = server_config(&key(2), Arc::new(vec![public(1)])).unwrap();
        assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (0, 0));
        assert!(!server.session_storage.can_cache());
    }

    #[tokio::test]
    async fn a_second_connection_is_a_full_handshake() {
        let server = server_config(&key(2), Arc::new(vec![public(1)])).unwrap();
        let client = client_config(&key(1), vec![public(2)]).unwrap();
        for _ in 0..2 {
            let (near, far) = duplex(64 * 1024);
            let acceptor = TlsAcceptor::from(server.clone());
            let listener = tokio::spawn(async move {
                let mut stream = acceptor.accept(far).await.unwrap();
                stream.write_all(b"x").await.unwrap();
                stream.get_ref().1.handshake_kind()
            });
            let mut stream = connect(near, client.clone()).await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
            assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
            assert_eq!(listener.await.unwrap(), Some(rustls::HandshakeKind::Full));
        }
    }

    #[test]
    fn a_fingerprint_is_short_and_readable() {
        assert_eq!(fingerprint(&[0xab; 32]), "abab-abab-abab-abab");
    }
}
