//! The lab's certificate authority, made at start and forgotten at the end.

use std::net::IpAddr;

use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::LabError;
use gameday_protocols::net;

/// What a TLS server of the lab needs, and what its clients trust.
pub(crate) struct Certificate {
    /// The authority's certificate in PEM.
    pub trust_root_pem: String,
    /// The TLS server.
    pub acceptor: TlsAcceptor,
    /// The same that speaks TLS 1.2 alone.
    pub acceptor_12: TlsAcceptor,
}

/// Makes an authority and one certificate for names and addresses, which is valid up to that day; for ever where left out.
///
/// # Errors
/// [`LabError::Certificate`] when the crypto library refuses.
pub(crate) fn make(names: &[&str], addresses: &[IpAddr], ends: Option<Date>) -> Result<Certificate, LabError> {
    let (root, leaf_der, key_der) =
        sign(names, addresses, ends).map_err(|error| LabError::Certificate(error.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_der));
    let failed = |error: net::TlsError| LabError::Certificate(error.to_string());
    let chain = vec![leaf_der];
    let acceptor_12 = net::server_tls_12(chain.clone(), key.clone_key()).map_err(failed)?;
    let acceptor = net::server_tls(chain, key).map_err(failed)?;
    Ok(Certificate { trust_root_pem: root, acceptor, acceptor_12 })
}

type Signed = (String, rustls::pki_types::CertificateDer<'static>, Vec<u8>);

fn sign(names: &[&str], addresses: &[IpAddr], ends: Option<Date>) -> Result<Signed, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "GameDay lab authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let subjects: Vec<String> =
        names.iter().map(ToString::to_string).chain(addresses.iter().map(ToString::to_string)).collect();
    let mut leaf = CertificateParams::new(subjects)?;
    leaf.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("gameday.test"));
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    if let Some(date) = ends {
        leaf.not_after = date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    }
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &authority)?;
    Ok((authority.pem(), leaf.der().clone(), key.serialize_der()))
}
