//! TLS between real sockets, with certificates made for the test.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::address::Address;
use crate::tls::{NODE_MARK, Shown, Stream, Tls, TlsError, TlsFiles, dial_http, dial_peer};

/// An authority and what it has signed, in a directory.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { issuer: Issuer::new(params, key), dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sign(&self, name: &str, marked: bool) -> TlsFiles {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        if marked {
            params.subject_alt_names.push(SanType::URI(NODE_MARK.try_into().unwrap()));
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let files = TlsFiles {
            cert: self.file(&format!("{name}.pem")),
            key: self.file(&format!("{name}.key")),
            ca: self.file("ca.pem"),
        };
        std::fs::write(&files.cert, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    pub(crate) fn node(&self, name: &str) -> Tls {
        Tls::load(self.sign(name, true), "127.0.0.1").unwrap()
    }
}

/// Where `tls` takes one connection, and what it makes of it.
async fn accepting(tls: Arc<Tls>) -> (Address, tokio::task::JoinHandle<Result<(Stream, Shown), TlsError>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(socket.local_addr().unwrap());
    (address, tokio::spawn(async move { tls.accept(socket.accept().await.unwrap().0).await }))
}

#[tokio::test]
async fn nodes_of_one_authority_know_each_other_and_clients_need_no_certificate() {
    let authority = Authority::new();
    let (one, two) = (Arc::new(authority.node("one")), authority.node("two"));
    let (address, accepted) = accepting(Arc::clone(&one)).await;
    let mut dialled = dial_peer(Some(&two), &address).await.unwrap();
    let (mut stream, shown) = accepted.await.unwrap().unwrap();
    assert_eq!(shown, Shown::Node);
    dialled.write_all(b"hello").await.unwrap();
    dialled.flush().await.unwrap();
    let mut bytes = [0; 5];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"hello");
    let (address, accepted) = accepting(one).await;
    dial_http(Some(&two), &address).await.unwrap();
    assert_eq!(accepted.await.unwrap().unwrap().1, Shown::Nothing);
}

#[tokio::test]
async fn a_node_of_another_authority_is_refused_by_both_sides() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (address, accepted) = accepting(Arc::new(ours.node("one"))).await;
    let error = dial_peer(Some(&theirs.node("two")), &address).await.unwrap_err();
    assert!(error.is_about_trust(), "{error}");
    assert!(accepted.await.unwrap().unwrap_err().is_about_trust());
    // One that trusts us all the same is not trusted.
    let trusting = TlsFiles { ca: ours.file("ca.pem"), ..theirs.sign("three", true) };
    assert!(matches!(Tls::load(trusting, "127.0.0.1").unwrap_err(), TlsError::Unfit(_)));
}

#[tokio::test]
async fn a_certificate_without_the_mark_is_no_node() {
    let authority = Authority::new();
    let plain = authority.sign("client", false);
    let refused = Tls::load(plain.clone(), "127.0.0.1").unwrap_err().to_string();
    assert!(refused.contains(NODE_MARK), "{refused}");
    // Somebody who dials with it all the same.
    use rustls::pki_types::pem::PemObject as _;
    let chain = vec![rustls::pki_types::CertificateDer::from_pem_file(&plain.cert).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&plain.key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&plain.ca).unwrap()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(super::files::provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = builder.with_client_auth_cert(chain, key).unwrap();
    config.alpn_protocols = vec![super::PEERS.to_vec()];
    let (address, accepted) = accepting(Arc::new(authority.node("one"))).await;
    let stream = TcpStream::connect(("127.0.0.1", address.port)).await.unwrap();
    let dialled =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), stream).await;
    let refused = accepted.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains(NODE_MARK), "{refused}");
    drop(dialled);
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_ones_in_use() {
    let authority = Authority::new();
    let files = authority.sign("one", true);
    let tls = Arc::new(Tls::load(files.clone(), "127.0.0.1").unwrap());
    assert!(!tls.has_changed());
    std::fs::write(&files.cert, "no certificate").unwrap();
    assert!(tls.has_changed());
    let refused = tls.reload().unwrap_err().to_string();
    assert!(refused.contains("one.pem") && refused.contains("there is no certificate in it"), "{refused}");
    assert!(!tls.has_changed(), "the same files are complained about once");
    let before = certificate_of(&tls).await;
    authority.sign("one", true);
    assert!(tls.has_changed());
    tls.reload().unwrap();
    assert_ne!(certificate_of(&tls).await, before);
}

/// The certificate that a client is shown.
async fn certificate_of(tls: &Arc<Tls>) -> Vec<u8> {
    let (address, _accepted) = accepting(Arc::clone(tls)).await;
    let Stream::Tls(stream) = dial_http(Some(tls), &address).await.unwrap() else { panic!("no TLS") };
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_told_so() {
    let (address, accepted) = accepting(Arc::new(Authority::new().node("one"))).await;
    let mut client = TcpStream::connect(("127.0.0.1", address.port)).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut told = String::new();
    client.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 400") && told.contains("https://"), "{told}");
    drop(client);
    assert!(matches!(accepted.await.unwrap(), Err(TlsError::Plain)));
    let tls_wanted = Address { tls: true, ..address };
    assert!(matches!(dial_http(None, &tls_wanted).await, Err(TlsError::Io(_) | TlsError::Unset)));
}
