//! Sockets and TLS: the only module that opens them. A thread's network is the system's or, in virtual time, a simulated one; whoever
//! connects and listens need not know which.

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
