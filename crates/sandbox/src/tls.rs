//! Certificates for the loopback server: an authority made for the occasion, and one leaf for
//! this machine's own names.

use std::path::Path;
use std::sync::Arc;

use jiff::{ToSpan, Zoned, civil::Date};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::SandboxError;

/// A throw-away authority, and a certificate of it for `localhost`, `127.0.0.1` and `::1`.
#[derive(Clone)]
pub struct Tls {
    /// The authority's certificate, which clients have to trust.
    pub ca_pem: String,
    pub(crate) config: Arc<ServerConfig>,
}

impl Tls {
    /// Makes a new authority and certificate; the keys stay in memory.
    pub fn new() -> Result<Self, SandboxError> {
        make().map_err(SandboxError::Certificate)
    }

    /// Writes the authority's certificate where `SSL_CERT_FILE` can point at it.
    pub fn write_ca(&self, path: &Path) -> Result<(), SandboxError> {
        std::fs::write(path, &self.ca_pem).map_err(|source| SandboxError::File {
            path: path.to_owned(),
            source,
        })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn make() -> Result<Tls, Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Sandbox tenant authority");
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names.to_vec())?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    // Some systems trust no certificate that is valid for years.
    let today = Zoned::now().date();
    let day = |date: Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    leaf.not_before = day(today.checked_sub(2.days())?);
    leaf.not_after = day(today.checked_add(300.days())?);
    leaf.distinguished_name
        .push(DnType::CommonName, "Sandbox tenant");
    let leaf_key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&leaf_key, &issuer)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone(), ca.der().clone()], key)?;
    Ok(Tls {
        ca_pem: ca.pem(),
        config: Arc::new(config),
    })
}
