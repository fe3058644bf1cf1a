//! The SDK's requests over the one connection that a login opened itself, so that name, address,
//! trust root and the time of every step are the login's own.

use std::net::IpAddr;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bytes::Bytes;
use tokio::sync::Mutex;

use crate::cloud::over;
use gameday_protocols::net::{Connection, ConnectionError};

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
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, ConnectionError> {
        self.connection.lock().await.send(request).await
    }
}

impl HttpConnector for OneConnection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connection = self.clone();
        HttpConnectorFuture::new(async move { over(&mut *connection.connection.lock().await, request).await })
    }
}

impl HttpClient for OneConnection {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
