//! `alianza cert`: a development authority and nodes' certificates from it. Whoever has an authority already uses that one.
//!
//! Invariant: nothing is overwritten; keys can be read by nobody but their owner from the moment they exist.

use crate::args::{Cert, CertCommand};
use crate::exit::Failure;
use crate::output;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the authority is called. Nodes' certificates name it, so it is the same each time it signs.
const CA_NAME: &str = "alianza development CA";
const CA_DAYS: u32 = 3_650;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Clocks of machines that begin to use a certificate at once may be behind.
const EARLIER: Duration = Duration::from_secs(60 * 60);

/// Makes an authority or a certificate.
pub(crate) fn run(args: &Cert) -> Result<(), Failure> {
    match &args.command {
        CertCommand::Ca { dir } => {
            authority(dir)?;
            output::remark(&format!("wrote ca.pem and ca.key in {}; keep ca.key where no node is", dir.display()));
        }
        CertCommand::Node { dir, hosts, name, days } => {
            node(dir, hosts, name, *days)?;
            output::remark(&format!("wrote {name}.pem and {name}.key in {}", dir.display()));
        }
    }
    Ok(())
}

/// Makes an authority in a directory.
pub(crate) fn authority(dir: &Path) -> Result<(), Failure> {
    // Keys are for their owner: so is the folder, if it is made here.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| cannot(dir, &error))?;
    let key = KeyPair::generate().map_err(unexpected)?;
    let certificate = ca_params().self_signed(&key).map_err(unexpected)?;
    write(&dir.join("ca.key"), &key.serialize_pem(), 0o600)?;
    write(&dir.join("ca.pem"), &certificate.pem(), 0o644)
}

/// Makes a node's certificate and key by the authority in a directory.
pub(crate) fn node(dir: &Path, hosts: &[String], name: &str, days: u32) -> Result<(), Failure> {
    let file = dir.join("ca.key");
    let key = std::fs::read_to_string(&file).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}; make an authority with `alianza cert ca`", file.display()))
    })?;
    let key = KeyPair::from_pem(&key).map_err(|error| cannot(&file, &error))?;
    let issuer = Issuer::new(ca_params(), key);
    let mut params = CertificateParams::new(hosts.to_vec())
        .map_err(|error| Failure::usage(format!("cannot make a certificate for {}: {error}", hosts.join(", "))))?;
    let mark = server::NODE_MARK.try_into().map_err(unexpected)?;
    params.subject_alt_names.push(SanType::URI(mark));
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, days);
    let own = KeyPair::generate().map_err(unexpected)?;
    let certificate = params.signed_by(&own, &issuer).map_err(unexpected)?;
    write(&dir.join(format!("{name}.key")), &own.serialize_pem(), 0o600)?;
    write(&dir.join(format!("{name}.pem")), &certificate.pem(), 0o644)
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, CA_DAYS);
    params
}

fn valid_for(params: &mut CertificateParams, days: u32) {
    let now = SystemTime::now();
    params.not_before = (now - EARLIER).into();
    params.not_after = (now + DAY * days).into();
}

/// Writes a secret into a new file that only its owner may read.
pub(super) fn write_secret(file: &Path, text: &str) -> Result<(), Failure> {
    write(file, text, 0o600)
}

fn write(file: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut made =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::usage(format!(
                "{} is there already; remove it, or give another directory or name",
                file.display()
            )),
            _ => cannot(file, &error),
        })?;
    made.write_all(text.as_bytes()).map_err(|error| cannot(file, &error))
}

fn cannot(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::error(format!("cannot use {}: {error}", file.display()))
}

fn unexpected(error: impl std::fmt::Display) -> Failure {
    Failure::error(format!("cannot make a certificate: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{authority, node};
    use server::{Tls, TlsFiles};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_it_makes_is_good_for_nodes_and_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new");
        authority(&dir).unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        node(&dir, &["127.0.0.1".to_owned(), "node-1.example".to_owned()], "one", 1).unwrap();
        let at = |name: &str| dir.join(name);
        let files = TlsFiles { cert: at("one.pem"), key: at("one.key"), ca: at("ca.pem") };
        for host in ["127.0.0.1", "node-1.example"] {
            Tls::load(files.clone(), host).unwrap();
        }
        let refused = Tls::load(files, "elsewhere.example").unwrap_err().to_string();
        assert!(refused.contains("tls-cert") && refused.contains("elsewhere.example"), "{refused}");
        for key in ["ca.key", "one.key"] {
            assert_eq!(at(key).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(node(&dir, &["a".to_owned()], "one", 1).unwrap_err().to_string().contains("is there already"));
        assert!(authority(&dir).is_err());
    }
}
