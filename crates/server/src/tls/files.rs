//! From three files to what TLS connections are made with.
//!
//! Invariant: what is loaded would be accepted by a node with the same authority, under the host that this node advertises, now.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::tls::error::TlsError;
use crate::tls::mark::{OfDialled, OfDiallers};
use crate::tls::{HTTP, PEERS};

/// Where they are; all PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The node's certificate, and those between it and the authority's.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificate of the authority, or several during a change of authority.
    pub ca: PathBuf,
}

/// What tells whether a file is another than before.
pub(super) type Seen = [Option<(SystemTime, u64)>; 3];

/// What connections are made with.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) peers: Arc<ServerConfig>,
    pub(super) clients: Arc<ServerConfig>,
    pub(super) redis: Arc<ServerConfig>,
    pub(super) to_peers: Arc<ClientConfig>,
    pub(super) to_http: Arc<ClientConfig>,
}

/// The cryptography that all of it stands on.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The pair of a node, and whom it trusts.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl TlsFiles {
    /// The files as they are now.
    pub(super) fn seen(&self) -> Seen {
        [&self.cert, &self.key, &self.ca].map(|file| {
            let facts = std::fs::metadata(file).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        })
    }

    /// Reads them, and makes sure that they are good for a node that others reach as `host`.
    pub(super) fn load(&self, host: &str) -> Result<Loaded, TlsError> {
        let identity = Identity {
            chain: certificates(&self.cert, "a certificate")?,
            key: PrivateKeyDer::from_pem_file(&self.key)
                .map_err(|error| unusable(&self.key, "a private key", &error))?,
            roots: Arc::new(self.roots()?),
        };
        identity.check(host)?;
        let mut peers = identity.server(true)?;
        peers.alpn_protocols = vec![PEERS.to_vec()];
        peers.send_tls13_tickets = 0;
        let mut clients = identity.server(false)?;
        clients.alpn_protocols = vec![HTTP.to_vec()];
        Ok(Loaded {
            peers: Arc::new(peers),
            clients: Arc::new(clients),
            redis: Arc::new(identity.server(false)?),
            to_peers: Arc::new(identity.client(PEERS)?),
            to_http: Arc::new(identity.client(HTTP)?),
        })
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca, "the certificate of an authority")? {
            roots.add(certificate).map_err(|error| unusable(&self.ca, "the certificate of an authority", &error))?;
        }
        Ok(roots)
    }
}

impl Identity {
    /// Judges the node's own certificate as other nodes will.
    fn check(&self, host: &str) -> Result<(), TlsError> {
        let unfit = |error: rustls::Error| TlsError::Unfit(format!("{error}; make one with `alianza cert node`"));
        let Some((own, between)) = self.chain.split_first() else {
            return Err(unfit(rustls::Error::NoCertificatesPresented));
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
        let now = UnixTime::now();
        self.of_diallers()?.verify_client_cert(own, between, now).map_err(unfit)?;
        self.of_dialled()?.verify_server_cert(own, between, &name, &[], now).map_err(unfit)?;
        Ok(())
    }

    fn of_diallers(&self) -> Result<OfDiallers, TlsError> {
        OfDiallers::new(&self.roots).map_err(TlsError::Unfit)
    }

    fn of_dialled(&self) -> Result<OfDialled, TlsError> {
        OfDialled::new(&self.roots).map_err(TlsError::Unfit)
    }

    fn server(&self, for_peers: bool) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
        let builder = match for_peers {
            true => builder.with_client_cert_verifier(Arc::new(self.of_diallers()?)),
            // Browsers would ask their users for a certificate that nobody needs.
            false => builder.with_no_client_auth(),
        };
        builder.with_single_cert(self.chain.clone(), self.key.clone_key()).map_err(pair)
    }

    fn client(&self, protocol: &[u8]) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(self.of_dialled()?));
        let mut config = builder.with_client_auth_cert(self.chain.clone(), self.key.clone_key()).map_err(pair)?;
        config.alpn_protocols = vec![protocol.to_vec()];
        // Certificates are judged anew each time.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

fn certificates(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(file, what, &"there is no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(file, what, &error)),
    }
}

fn unusable(file: &Path, what: &'static str, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { file: file.to_owned(), what, why: why.to_string() }
}

fn pair(error: rustls::Error) -> TlsError {
    TlsError::Pair(error.to_string())
}
