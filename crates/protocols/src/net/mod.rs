//! Sockets, TLS and HTTP/1.1. This is the only module that opens sockets.
//!
//! A thread's network is the system's, or a simulated one in memory while [`crate::timer::block_on_virtual`] runs. [`connect`], [`listen`]
//! and [`bind_udp`] choose by themselves, so that the same code runs on both. The simulated network follows the rules of Linux for SYNs,
//! accept queues and resets (RFC 9293, RFC 6298; `tcp(7)`), and gives each path its own latency.
//!
//! - TCP and UDP: [`connect`], [`connect_from`], [`listen`], [`bind_udp`]; [`set_backlog`] of 0 makes a listener drop new connections as a
//!   blackhole does
//! - TLS: [`client_tls`], [`server_tls`]; [`ChainVerifier`] checks the certificates that a server presented
//! - HTTP: [`Connection`], one HTTP/1.1 connection over TLS
//! - This machine's own limits: [`LocalFailure`], [`descriptors`], [`raise_descriptors`]
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//!
//! use gameday_core::model::Seed;
//! use gameday_protocols::net::{connect, listen};
//! use gameday_protocols::timer::block_on_virtual;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> std::io::Result<()> {
//! // The same block also runs under `#[tokio::main]`, on the system's network.
//! block_on_virtual(Seed(7), || async {
//!     let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 16)?;
//!     let mut client = connect(listener.local_addr()?).await?;
//!     let (mut server, _) = listener.accept().await?;
//!     client.write_all(b"hello").await?;
//!     let mut received = [0; 5];
//!     server.read_exact(&mut received).await?;
//!     assert_eq!(&received, b"hello");
//!
//!     // Where nothing listens, a connection is refused.
//!     let at = listener.local_addr()?;
//!     drop((listener, client, server));
//!     assert_eq!(connect(at).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
//!     Ok(())
//! })?
//! # }
//! ```

mod connect;
mod https;
mod listen;
mod local;
pub(crate) mod simulated;
mod stream;
mod tls;

pub use connect::{connect, connect_from, source_address};
pub use https::{Connection, ConnectionError, host_header};
pub use listen::{TcpListener, UdpSocket, bind_udp, listen, set_backlog};
pub use local::{LocalFailure, descriptors, raise_descriptors};
pub use stream::TcpStream;
pub use tls::{
    CertificateProblem, ChainVerifier, NegotiatedVersion, TlsError, agree, client_tls, client_tls_unverified,
    server_name, server_tls, server_tls_12,
};

/// How long a packet is on its way at most between two addresses of a simulated network: each path has a latency of its own, drawn from the
/// seed between 1 ms and this. Paths that were used already keep theirs. False where this thread's network is not a simulated one.
///
/// # Panics
/// When a path is used and `longest` is not above 1 ms.
#[must_use]
pub fn set_longest_latency(longest: std::time::Duration) -> bool {
    let network = simulated::current();
    network.inspect(|network| network.set_longest_latency(longest)).is_some()
}
