//! The authorizers of both Regions' protected APIs fetch keys as any validator does: by HTTPS, from addresses of their own, through the front
//! doors of both Regions, so that whatever stops packets there stops them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::select_ok;
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::identity::{Authorizer, Identity};
use super::{LabError, LabOptions, topology};
use gameday_core::model::{Region, RegionRole};
use gameday_protocols::net::{self, Connection};
use gameday_protocols::tokens::{Fetch, Source};

/// Starts both, primary first; the front doors must be open.
///
/// # Errors
/// [`LabError`] when no keys come.
pub(crate) async fn start(
    options: &LabOptions,
    identity: &Identity,
    certificate: &Certificate,
    port: u16,
) -> Result<[Authorizer; 2], LabError> {
    let tls = net::client_tls(Some(&certificate.trust_root_pem))?;
    let path = format!("/{}/.well-known/jwks.json", identity.pool_id());
    let one = |own: RegionRole| {
        let publish = RegionRole::ALL.into_iter().filter(|role| identity.publisher(*role) == *role);
        let sources = publish.map(|role| {
            let issuer = identity.issuer(role).to_owned();
            (issuer, source(role, topology::authorizer(own), port, &tls, &path))
        });
        Authorizer::start(options.settings.jwks_fetch, sources.collect(), options.clock)
    };
    let [primary, replica] = RegionRole::ALL.map(one);
    let (primary, replica) = tokio::join!(primary, replica);
    Ok([primary.map_err(LabError::Identity)?, replica.map_err(LabError::Identity)?])
}

/// A Region's keys, fetched from an address through whichever of its front doors answers first.
fn source(role: RegionRole, from: IpAddr, port: u16, tls: &TlsConnector, path: &str) -> Source {
    let (tls, path) = (tls.clone(), path.to_owned());
    let fetch: Fetch = Arc::new(move || {
        let (tls, path) = (tls.clone(), path.clone());
        async move {
            let doors = topology::key_doors(role).map(|door| SocketAddr::new(door, port));
            let fetches = doors.map(|door| fetch(from, door, &tls, &path).boxed());
            select_ok(fetches).await.map(|(keys, _)| keys)
        }
        .boxed()
    });
    (Region::from(topology::region(role)), fetch)
}

async fn fetch(from: IpAddr, door: SocketAddr, tls: &TlsConnector, path: &str) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{door}: {error}");
    let tcp = net::connect_from(from, door).await.map_err(|error| failed(&error))?;
    let name = net::server_name(&door.ip().to_string()).map_err(|error| failed(&error))?;
    let mut connection = Connection::open(tls, name, tcp).await.map_err(|error| failed(&error))?;
    let request = http::Request::get(path).header("host", door.to_string()).body(Bytes::new());
    let response = connection.send(request.map_err(|error| failed(&error))?).await.map_err(|error| failed(&error))?;
    if response.status().is_success() { Ok(response.into_body().to_vec()) } else { Err(failed(&response.status())) }
}
