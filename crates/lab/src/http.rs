//! Serving HTTP on streams and listeners. Every task ends with its future.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use gameday_protocols::net::{TcpListener, TcpStream};

/// Serves one connection, HTTP/1.1 or HTTP/2, until it ends.
pub(crate) async fn serve_stream(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let served = Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        // Clients that give up are this lab's business; they are no fault of it.
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves every connection of a listener, over TLS where asked.
pub(crate) async fn serve_listener(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let mut serving = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    serving.spawn(serve_tcp(stream, tls.clone(), router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept");
                    rest_after_accept_error().await;
                }
            },
            Some(_) = serving.join_next(), if !serving.is_empty() => {}
        }
    }
}

async fn serve_tcp(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    // Without it answers wait for the client's delayed acknowledgement; nothing breaks then.
    drop(stream.set_nodelay(true));
    match tls {
        None => serve_stream(stream, router).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve_stream(stream, router).await;
            }
        }
    }
}

/// When `accept` fails, descriptors have run out as a rule; asking again at once would spin.
pub(crate) async fn rest_after_accept_error() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}
