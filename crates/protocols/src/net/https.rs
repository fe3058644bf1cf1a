use super::TcpStream;
use bytes::Bytes;
use http::header::HOST;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// No answer of the services that we ask is larger; a larger one is an error. Our own choice.
const LARGEST_BODY_BYTES: usize = 1 << 20;

/// The Host header of a request to an HTTPS server: without the port where that is the default one, as browsers, SDKs and signatures have
/// it (RFC 9110, section 7.2).
pub fn host_header(name: &str, port: u16) -> String {
    if port == 443 { name.to_owned() } else { format!("{name}:{port}") }
}

/// One HTTP/1.1 connection (RFC 9112), usually over TLS. It closes when it is dropped.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// Why a connection could not be opened, or an exchange on it failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The handshake failed: certificate, protocol or connection.
    #[error("TLS handshake: {0}")]
    Tls(#[source] std::io::Error),
    /// The connection broke, or what came was not HTTP.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The body broke off or was too large.
    #[error("HTTP body: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Connection {
    /// Does the TLS handshake on an open TCP connection.
    ///
    /// # Errors
    /// [`ConnectionError::Tls`] or [`ConnectionError::Http`].
    pub async fn open(tls: &TlsConnector, name: ServerName<'static>, tcp: TcpStream) -> Result<Self, ConnectionError> {
        Self::over(tls.connect(name, tcp).await.map_err(ConnectionError::Tls)?).await
    }

    /// As [`Connection::open`], and gives the certificates that the server presented: in DER, its own first.
    ///
    /// # Errors
    /// [`ConnectionError::Tls`] or [`ConnectionError::Http`].
    pub async fn open_and_see(
        tls: &TlsConnector,
        name: ServerName<'static>,
        tcp: TcpStream,
    ) -> Result<(Self, Vec<Vec<u8>>), ConnectionError> {
        let stream = tls.connect(name, tcp).await.map_err(ConnectionError::Tls)?;
        let certificates = stream.get_ref().1.peer_certificates();
        let chain = certificates.unwrap_or_default().iter().map(|der| der.to_vec()).collect();
        Ok((Self::over(stream).await?, chain))
    }

    /// Speaks HTTP without TLS, as to a simulator on loopback.
    ///
    /// # Errors
    /// [`ConnectionError::Http`].
    pub async fn plain(tcp: TcpStream) -> Result<Self, ConnectionError> {
        Self::over(tcp).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, ConnectionError> {
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        // The driver's own error comes back from `send` as well.
        let driver = tokio::spawn(async move { drop(driver.await) });
        Ok(Self { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Whether the other end has not closed it, as far as this end knows.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends one request, whose URI may be absolute, and reads the whole answer. Waits as long as the server does: give it a timeout.
    ///
    /// # Errors
    /// [`ConnectionError::Http`] or [`ConnectionError::Body`].
    pub async fn send(&mut self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, ConnectionError> {
        let host = request.uri().authority().map(|at| host_header(at.host(), at.port_u16().unwrap_or(443)));
        if let Some(host) = host.and_then(|host| host.parse().ok()) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, LARGEST_BODY_BYTES).collect().await.map_err(ConnectionError::Body)?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}
