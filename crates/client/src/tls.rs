//! What is trusted: the certificate authority that the user names, and nobody else.
//!
//! The nodes of a cluster have certificates of its own authority (`alianza cert`), so a list of public ones would let more people
//! in, not fewer. Without an authority nothing is trusted, and only plain connections can be made.

use crate::error::Error;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// Trusts the certificates in a PEM file.
pub(crate) fn config(ca: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or_else(unusable)?;
        }
        if roots.is_empty() {
            return Err(unusable());
        }
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::Usage(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What connections to a cluster of this authority are made with, for tools that make their own.
pub fn tls_config(pem: &[u8]) -> Result<ClientConfig, Error> {
    config(Some(pem))
}

/// Whether this is a file of certificates in PEM form, as a builder takes it.
pub fn is_authority(pem: &[u8]) -> bool {
    config(Some(pem)).is_ok()
}

fn unusable() -> Error {
    Error::Usage("the CA file holds no certificate in PEM form; give the file that `alianza cert` calls ca.pem".into())
}

#[cfg(test)]
mod tests {
    use super::{config, is_authority};

    #[test]
    fn what_is_no_certificate_is_said() {
        assert!(config(None).is_ok());
        for wrong in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(config(Some(wrong.as_bytes())).unwrap_err().to_string().contains("PEM"), "{wrong}");
            assert!(!is_authority(wrong.as_bytes()));
        }
    }
}
