//! Sockets and TLS: the only module that opens them.

mod connect;
mod https;
mod listen;
mod tls;

pub use connect::{connect, connect_from};
pub use https::{Connection, ConnectionError};
pub use listen::{bind_udp, listen, set_backlog};
pub use tls::{TlsError, client_tls, client_tls_unverified, server_name, server_tls};
