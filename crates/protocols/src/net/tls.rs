use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::TcpStream;
use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS12;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DEFAULT_VERSIONS, DigitallySignedStruct, ProtocolVersion,
    RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Why TLS could not be set up.
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
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(trust_root_pem)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(trust_root_pem: Option<&str>) -> Result<RootCertStore, TlsError> {
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
    Ok(roots)
}

/// Checks the certificates that a server presented, as a client of [`client_tls`] would do at a given time.
#[derive(Debug)]
pub struct ChainVerifier(Arc<WebPkiServerVerifier>);

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Its validity ended then.
    #[error("it ended {0}")]
    Ended(Timestamp),
    /// It is for other names: these.
    #[error("it covers {0}")]
    OtherName(String),
    /// Anything else, as an authority that is not trusted.
    #[error("{0}")]
    Other(String),
}

impl ChainVerifier {
    /// Trusts what [`client_tls`] trusts.
    ///
    /// # Errors
    /// [`TlsError`] when there is nothing to trust.
    pub fn new(trust_root_pem: Option<&str>) -> Result<Self, TlsError> {
        let roots = Arc::new(roots(trust_root_pem)?);
        let built = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        built.map(Self).map_err(|error| TlsError::TrustRoot(error.to_string()))
    }

    /// Checks a chain in DER, the server's own certificate first, for a host name and a time.
    ///
    /// # Errors
    /// [`CertificateProblem`]: the first thing that is wrong with it.
    pub fn judge(&self, chain: &[Vec<u8>], host: &str, at: Timestamp) -> Result<(), CertificateProblem> {
        let other = |what: &str| CertificateProblem::Other(what.to_owned());
        let (own, others) = chain.split_first().ok_or_else(|| other("no certificate was presented"))?;
        let name = server_name(host).map_err(|error| CertificateProblem::Other(error.to_string()))?;
        let others: Vec<CertificateDer<'_>> = others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default()));
        let verified = self.0.verify_server_cert(&CertificateDer::from(own.as_slice()), &others, &name, &[], at);
        verified.map(drop).map_err(|error| match error {
            rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
                let ended = i64::try_from(not_after.as_secs()).ok().and_then(|at| Timestamp::from_second(at).ok());
                CertificateProblem::Ended(ended.unwrap_or(Timestamp::MAX))
            }
            rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                CertificateProblem::OtherName(presented.join(", "))
            }
            error => CertificateProblem::Other(error.to_string()),
        })
    }
}

/// A TLS client that accepts any certificate, as Route 53's health checkers do (Route 53 developer guide: HTTPS health checks do not validate
/// certificates). Only for them, and to look at a certificate or a version. With `sni`, the handshake names the host (RFC 6066, section 3).
///
/// # Errors
/// [`TlsError::Rustls`], when rustls refuses its own defaults.
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
    server(chain, key, DEFAULT_VERSIONS)
}

/// As [`server_tls`], but with TLS 1.2 alone, as a load balancer with an older security policy.
///
/// # Errors
/// [`TlsError::Rustls`] when the key does not fit the certificate.
pub fn server_tls_12(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, TlsError> {
    server(chain, key, &[&TLS12])
}

fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The protocol version of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NegotiatedVersion {
    /// Both agreed on this version: `TLS 1.2` or `TLS 1.3`.
    On(&'static str),
    /// The server speaks none that the client offers. The text is the error of rustls.
    TooOld(String),
}

/// Does a handshake, and gives the version on which both sides agreed.
///
/// # Errors
/// What went wrong before they agreed on a version.
pub async fn agree(tls: &TlsConnector, name: ServerName<'static>, tcp: TcpStream) -> io::Result<NegotiatedVersion> {
    match tls.connect(name, tcp).await {
        Ok(stream) => match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Ok(NegotiatedVersion::On("TLS 1.2")),
            Some(ProtocolVersion::TLSv1_3) => Ok(NegotiatedVersion::On("TLS 1.3")),
            other => Ok(NegotiatedVersion::TooOld(format!("{other:?}"))),
        },
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match cause {
                Some(
                    refused @ (rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
                    | rustls::Error::PeerIncompatible(_)),
                ) => Ok(NegotiatedVersion::TooOld(refused.to_string())),
                _ => Err(error),
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_server_without_tls_12_is_too_old() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut hello = [0; 1024];
            assert!(tcp.read(&mut hello).await.unwrap() > 0);
            // A fatal alert, protocol_version (RFC 5246, 7.2).
            tcp.write_all(&[21, 3, 1, 0, 2, 2, 70]).await.unwrap();
        });
        let tcp = super::super::connect(at).await.unwrap();
        let tls = client_tls_unverified(true).unwrap();
        let agreed = agree(&tls, server_name("localhost").unwrap(), tcp).await.unwrap();
        assert!(matches!(&agreed, NegotiatedVersion::TooOld(told) if told.contains("ProtocolVersion")), "{agreed:?}");
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_says_nothing_of_versions() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = super::super::connect(listener.local_addr().unwrap()).await.unwrap();
        drop(listener.accept().await.unwrap());
        let tls = client_tls_unverified(true).unwrap();
        assert!(agree(&tls, server_name("localhost").unwrap(), tcp).await.is_err());
    }
}
