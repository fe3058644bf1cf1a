//! The SDK's requests over this thread's network, where that is a simulated one: the SDK's own client knows the system's sockets alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use gameday_protocols::net::{self, Connection};

use super::over;

/// Connections that wait for their next request, by server.
#[derive(Debug, Clone, Default)]
pub(super) struct SimulatedClient {
    idle: Arc<Mutex<BTreeMap<SocketAddr, Vec<Connection>>>>,
}

impl SimulatedClient {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let server = server(request.uri()).map_err(ConnectorError::user)?;
        let mut connection = if let Some(connection) = self.take(server) {
            connection
        } else {
            let tcp = net::connect(server).await.map_err(|error| ConnectorError::io(error.into()))?;
            Connection::plain(tcp).await.map_err(|error| ConnectorError::io(error.into()))?
        };
        let response = over(&mut connection, request).await?;
        self.lock().entry(server).or_default().push(connection);
        Ok(response)
    }

    fn take(&self, server: SocketAddr) -> Option<Connection> {
        let mut idle = self.lock();
        let idle = idle.get_mut(&server)?;
        idle.retain(Connection::is_open);
        idle.pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SocketAddr, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a URI leads: a lab's have addresses for names.
fn server(uri: &str) -> Result<SocketAddr, BoxError> {
    let uri: http::Uri = uri.parse()?;
    Ok(uri.authority().ok_or("a request without a host")?.as_str().parse()?)
}

impl HttpConnector for SimulatedClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for SimulatedClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
