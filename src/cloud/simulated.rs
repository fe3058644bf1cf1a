//! The SDK's requests over this thread's network, where that is a simulated one: the SDK's own client knows the system's sockets alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use gameday_protocols::net::{self, Connection};
use http::header::HOST;

/// Connections that wait for their next request, by server.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    idle: Arc<Mutex<BTreeMap<SocketAddr, Vec<Connection>>>>,
}

impl Client {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
        let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
        let authority =
            request.uri().authority().ok_or("a request without a host").map_err(|error| user(error.into()))?;
        let server: SocketAddr =
            authority.as_str().parse().map_err(|error: std::net::AddrParseError| user(error.into()))?;
        let host = authority.as_str().parse().map_err(|error: http::header::InvalidHeaderValue| user(error.into()))?;
        // What this program sends to AWS is in memory from the start.
        let mut request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
        request.headers_mut().insert(HOST, host);
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        let io = |error: net::ConnectionError| ConnectorError::io(error.into());
        let mut connection = if let Some(connection) = self.take(server) {
            connection
        } else {
            let tcp = net::connect(server).await.map_err(|error| ConnectorError::io(error.into()))?;
            Connection::plain(tcp).await.map_err(io)?
        };
        let response = connection.send(request).await.map_err(io)?;
        self.lock().entry(server).or_default().push(connection);
        HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| user(error.into()))
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

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
