//! Which version of TLS the front doors agree on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::{Facts, Unavailable};
use gameday_core::model::RegionRole;
use gameday_protocols::net::{NegotiatedVersion, agree, client_tls_unverified, connect, server_name};

/// How long a handshake may take, in real time.
const PATIENCE: Duration = Duration::from_secs(4);

/// What one address of a front door agreed on.
#[derive(Debug, Clone)]
pub struct Shaken {
    /// The address.
    pub address: SocketAddr,
    /// The version, or why no handshake came so far.
    pub agreed: Result<NegotiatedVersion, String>,
}

impl Facts {
    /// What every address of a Region's front door agrees on with a client that offers TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`Unavailable`] where no address of the Region is known.
    pub async fn handshakes(&self, role: RegionRole) -> Result<Arc<Vec<Shaken>>, Unavailable> {
        let doors = self.front_doors().await.into_iter().find(|(own, ..)| *own == role);
        let addresses = doors.map(|(.., addresses)| addresses).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Unavailable::because(format!("an address of the {}'s endpoint", role.as_str()), "see GD510"));
        }
        self.once(&format!("handshakes {}", role.as_str()), async move {
            let (name, port) = (&self.site.front_door.name, self.site.front_door.port);
            let shaken = addresses.into_iter().map(async |address| {
                let address = SocketAddr::new(address, port);
                let done = tokio::time::timeout(PATIENCE, shake(name, address)).await;
                let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
                Shaken { address, agreed: done.unwrap_or_else(|_| late()) }
            });
            Ok(join_all(shaken).await)
        })
        .await
    }
}

/// The version alone is looked at: whether the certificate is good is another check's.
async fn shake(name: &str, address: SocketAddr) -> Result<NegotiatedVersion, String> {
    let tls = client_tls_unverified(true).map_err(|error| error.to_string())?;
    let name = server_name(name).map_err(|error| error.to_string())?;
    let tcp = connect(address).await.map_err(|error| error.to_string())?;
    agree(&tls, name, tcp).await.map_err(|error| error.to_string())
}
