//! What answers at the front doors, as health checkers and as users see it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use tokio_rustls::TlsConnector;

use super::{Facts, Unavailable};
use gameday_core::model::RegionRole;
use gameday_protocols::net::{
    CertificateProblem, ChainVerifier, Connection, client_tls, client_tls_unverified, connect, host_header, server_name,
};

/// How long one look may take, in real time.
const PATIENCE: Duration = Duration::from_secs(4);

/// What one address of a front door answers.
#[derive(Debug, Clone)]
pub struct Door {
    /// The address.
    pub address: SocketAddr,
    /// The HTTP status of what the health check asks, whoever signed the certificate; or why there is none.
    pub status: Result<u16, String>,
    /// The certificates that it presented in DER, its own first; none where no handshake came so far.
    pub chain: Vec<Vec<u8>>,
}

impl Door {
    /// When its certificate ends; nothing where it is none that the environment trusts.
    pub fn ends(&self, judge: &ChainVerifier, host: &str) -> Option<Timestamp> {
        // No certificate is good for that long.
        match judge.judge(&self.chain, host, Timestamp::MAX) {
            Err(CertificateProblem::Ended(at)) => Some(at),
            _ => None,
        }
    }
}

/// Whether one of the names of a certificate covers a host; `*` stands for one label (RFC 9525, section 6.3).
pub fn covers(names: &[String], host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    names.iter().map(|name| name.to_ascii_lowercase()).any(|name| match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    })
}

impl Facts {
    /// Every address of a Region's front door, asked for the path of the health check.
    ///
    /// # Errors
    /// [`Unavailable`] where the health check is not to be read, or there is nothing to trust.
    pub async fn doors(&self, role: RegionRole) -> Result<Arc<Vec<Door>>, Unavailable> {
        let path = self.health_check().await?.resource_path().unwrap_or("/").to_owned();
        let addresses = self.front_doors().await.into_iter().find(|(own, ..)| *own == role);
        let addresses = addresses.map(|(.., addresses)| addresses).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Unavailable::because(
                format!("an address of the {} Region's endpoint", role.as_str()),
                "see GD510",
            ));
        }
        self.once(&format!("doors {}", role.as_str()), async {
            let failed = |error: gameday_protocols::net::TlsError| Unavailable::because("TLS", error.to_string());
            let any = client_tls_unverified(true).map_err(failed)?;
            let (name, port) = (&self.site.front_door.name, self.site.front_door.port);
            let doors = addresses.iter().map(async |address| {
                let address = SocketAddr::new(*address, port);
                let seen = ask(&any, name, address, &path).await;
                let (chain, status) = seen.unwrap_or_else(|error| (Vec::new(), Err(error)));
                Door { address, status, chain }
            });
            Ok(join_all(doors).await)
        })
        .await
    }

    /// What judges certificates by what the environment trusts.
    ///
    /// # Errors
    /// [`Unavailable`] where there is nothing to trust.
    pub fn judge(&self) -> Result<ChainVerifier, Unavailable> {
        ChainVerifier::new(self.site.trust_root_pem.as_deref())
            .map_err(|error| Unavailable::because("TLS", error.to_string()))
    }

    /// The IDs of the signing keys that a Region's front door publishes, whichever of its addresses answers first.
    pub async fn published_keys(&self, role: RegionRole) -> Result<BTreeSet<String>, NoKeys> {
        let answer = self.once(&format!("keys {}", role.as_str()), async { Ok(self.fetch_keys(role).await) }).await;
        answer.map_err(|error| NoKeys::Failed(error.to_string()))?.as_ref().clone()
    }

    async fn fetch_keys(&self, role: RegionRole) -> Result<BTreeSet<String>, NoKeys> {
        let tls = client_tls(self.site.trust_root_pem.as_deref()).map_err(|error| NoKeys::Failed(error.to_string()))?;
        let (name, port) = (&self.site.front_door.name, self.site.front_door.port);
        let path = format!("/{}/.well-known/jwks.json", self.site.pool.id);
        let mut failed = "no address".to_owned();
        let all = self.front_doors().await;
        for address in all.into_iter().filter(|(own, ..)| *own == role).flat_map(|(.., addresses)| addresses) {
            let address = SocketAddr::new(address, port);
            let exchange = async {
                let (mut connection, _) = handshake(&tls, name, address).await?;
                connection.send(request(name, port, &path)?).await.map_err(|error| error.to_string())
            };
            let read = match Box::pin(patiently(exchange)).await {
                Ok(response) if response.status() == StatusCode::NOT_FOUND => return Err(NoKeys::NotFound),
                Ok(response) if response.status().is_success() => key_ids(response.body()),
                Ok(response) => Err(format!("HTTP {}", response.status())),
                Err(error) => Err(error),
            };
            match read {
                Ok(ids) => return Ok(ids),
                Err(error) => failed = format!("{address}: {error}"),
            }
        }
        Err(NoKeys::Failed(failed))
    }
}

/// Why a Region's front door gives no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// It answers that it has none.
    #[error("HTTP 404")]
    NotFound,
    /// It could not be asked, or its answer is no set of keys.
    #[error("{0}")]
    Failed(String),
}

fn key_ids(document: &[u8]) -> Result<BTreeSet<String>, String> {
    let set: JwkSet = serde_json::from_slice(document).map_err(|error| format!("not a JWKS document: {error}"))?;
    let ids: BTreeSet<String> = set.keys.into_iter().filter_map(|key| key.common.key_id).collect();
    if ids.is_empty() { Err("it contains no key with an ID".to_owned()) } else { Ok(ids) }
}

async fn patiently<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

fn request(name: &str, port: u16, path: &str) -> Result<http::Request<Bytes>, String> {
    let request = http::Request::get(path).header(http::header::HOST, host_header(name, port));
    request.body(Bytes::new()).map_err(|error| error.to_string())
}

async fn handshake(tls: &TlsConnector, name: &str, to: SocketAddr) -> Result<(Connection, Vec<Vec<u8>>), String> {
    patiently(async {
        let tcp = connect(to).await.map_err(|error| error.to_string())?;
        let name = server_name(name).map_err(|error| error.to_string())?;
        Connection::open_and_see(tls, name, tcp).await.map_err(|error| error.to_string())
    })
    .await
}

type SeenCertificate = (Vec<Vec<u8>>, Result<u16, String>);

async fn ask(tls: &TlsConnector, name: &str, to: SocketAddr, path: &str) -> Result<SeenCertificate, String> {
    let (mut connection, chain) = handshake(tls, name, to).await?;
    let request = request(name, to.port(), path)?;
    let status = patiently(async {
        let response = connection.send(request).await.map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    });
    Ok((chain, status.await))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        let names = ["auth.example.com", "*.Auth.example.com"].map(str::to_owned);
        for host in ["auth.example.com", "AUTH.example.com.", "us-east-1.auth.example.com"] {
            assert!(covers(&names, host), "{host}");
        }
        for host in ["example.com", "a.b.auth.example.com", "login.example.com"] {
            assert!(!covers(&names, host), "{host}");
        }
    }
}
