//! What tells a node's certificate from others of the same authority: a URI among its names.
//!
//! Invariant: what webpki refuses is refused here; the mark is asked for besides.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::tls::files::provider;

/// The URI among the names of a node's certificate.
pub const NODE_MARK: &str = "urn:alianza:node";

/// The certificate is good for something, but not for speaking as a node.
struct NotMarked;

impl std::fmt::Display for NotMarked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it is not a node's: the URI {NODE_MARK} is not among its names")
    }
}

// What rustls shows of it.
impl std::fmt::Debug for NotMarked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotMarked {}

fn check_mark(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let certificate = webpki::EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    match certificate.valid_uri_names().any(|name| name == NODE_MARK) {
        true => Ok(()),
        false => Err(CertificateError::Other(OtherError(Arc::new(NotMarked))).into()),
    }
}

/// Signatures are judged by the verifier within; only names are judged here besides.
macro_rules! signatures_judged_within {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_verify_schemes()
        }
    };
}

/// Judges those who dial: only nodes.
#[derive(Debug)]
pub(super) struct OfDiallers(Arc<dyn ClientCertVerifier>);

impl OfDiallers {
    pub(super) fn new(roots: &Arc<RootCertStore>) -> Result<OfDiallers, String> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider()).build();
        verifier.map(OfDiallers).map_err(|error| error.to_string())
    }
}

impl ClientCertVerifier for OfDiallers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(end_entity, intermediates, now)?;
        check_mark(end_entity).map(|()| verified)
    }

    signatures_judged_within!();
}

/// Judges those who are dialled: only nodes, and only under their own names.
#[derive(Debug)]
pub(super) struct OfDialled(Arc<WebPkiServerVerifier>);

impl OfDialled {
    pub(super) fn new(roots: &Arc<RootCertStore>) -> Result<OfDialled, String> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider()).build();
        verifier.map(OfDialled).map_err(|error| error.to_string())
    }
}

impl ServerCertVerifier for OfDialled {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        check_mark(end_entity).map(|()| verified)
    }

    signatures_judged_within!();
}
