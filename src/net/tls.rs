use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The trust root is not a PEM file of certificates.
    #[error("the trust root is not a PEM file of certificates: {0}")]
    TrustRoot(String),
    /// The system has no certificate authorities.
    #[error("no certificate authority was found on this system (install ca-certificates): {0}")]
    NoRoots(String),
    /// rustls refused its configuration.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// Not a DNS name or an address.
    #[error("`{0}` is not a host name")]
    Name(String),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A TLS client that trusts the certificate authorities in `trust_root_pem`, or the system's.
///
/// # Errors
/// [`TlsError`] when there is nothing to trust.
pub fn client_tls(trust_root_pem: Option<&str>) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = trust_root_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| TlsError::TrustRoot(error.to_string()))?;
            roots.add(certificate).map_err(|error| TlsError::TrustRoot(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(TlsError::TrustRoot("it holds none".to_owned()));
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TlsError::NoRoots(why.join("; ")));
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A TLS client that accepts any certificate, as Route 53's health checkers do (Route 53 developer
/// guide: HTTPS health checks do not validate certificates). For them, and for a look at a certificate, alone. `sni` names the host in
/// the handshake.
///
/// # Errors
/// [`TlsError::Rustls`].
pub fn client_tls_unverified(sni: bool) -> Result<TlsConnector, TlsError> {
    let provider = provider();
    let verifier = Arc::new(AcceptAny(provider.signature_verification_algorithms));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.enable_sni = sni;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A TLS server with one certificate chain, that offers HTTP/2 and HTTP/1.1.
///
/// # Errors
/// [`TlsError::Rustls`] when the key does not fit the certificate.
pub fn server_tls(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The name for the TLS handshake.
///
/// # Errors
/// [`TlsError::Name`] when it is neither a DNS name nor an address.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))
}

#[derive(Debug)]
struct AcceptAny(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
