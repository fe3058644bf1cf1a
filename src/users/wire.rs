//! The SDK's requests over the one connection that a login opened itself, so that name, address,
//! trust root and the time of every step are the login's own.

use std::net::IpAddr;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::HOST;
use tokio::sync::Mutex;

use gameday_protocols::net::{Connection, ConnectionError, host_header};

/// A connection that SDK calls and plain requests share.
#[derive(Debug, Clone)]
pub struct OneConnection {
    connection: Arc<Mutex<Connection>>,
    address: IpAddr,
}

impl OneConnection {
    /// Takes a connection to an address.
    pub fn new(connection: Connection, address: IpAddr) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)), address }
    }

    /// The address at its other end.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether it can still carry a request, as far as this end knows.
    pub fn is_open(&self) -> bool {
        self.connection.try_lock().is_ok_and(|connection| connection.is_open())
    }

    /// Sends a request; its URI may be absolute.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn send(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, ConnectionError> {
        let host = request.uri().authority().map(|at| host_header(at.host(), at.port_u16().unwrap_or(443)));
        if let Some(host) = host.and_then(|host| host.parse().ok()) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        self.connection.lock().await.send(request).await
    }
}

impl HttpConnector for OneConnection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connection = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // Cognito's requests are JSON texts, in memory from the start.
            let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let response = connection.send(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

impl HttpClient for OneConnection {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
