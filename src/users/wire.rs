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
use http::HeaderValue;
use tokio::sync::Mutex;

use crate::cloud::over;
use gameday_core::model::RUN_HEADER;
use gameday_protocols::net::{Connection, ConnectionError};

/// A connection that SDK calls and plain requests share.
#[derive(Debug, Clone)]
pub struct OneConnection {
    connection: Arc<Mutex<Connection>>,
    address: IpAddr,
    /// Goes with every request.
    run: Option<HeaderValue>,
}

impl OneConnection {
    /// Takes a connection to an address, whose requests name a run.
    pub fn new(connection: Connection, address: IpAddr, run: Option<HeaderValue>) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)), address, run }
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
        if let Some(run) = &self.run {
            request.headers_mut().insert(RUN_HEADER, run.clone());
        }
        self.connection.lock().await.send(request).await
    }
}

impl HttpConnector for OneConnection {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let connection = self.clone();
        if let Some(run) = self.run.as_ref().and_then(|run| run.to_str().ok()) {
            request.headers_mut().insert(RUN_HEADER, run.to_owned());
        }
        HttpConnectorFuture::new(async move { over(&mut *connection.connection.lock().await, request).await })
    }
}

impl HttpClient for OneConnection {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
