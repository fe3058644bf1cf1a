//! Sockets and TLS: the only module that opens them. Others may name a socket's type, from here.

mod connect;
mod https;
mod listen;
mod local;
mod tls;

pub use connect::{connect, connect_from, shut_down_writing, source_address};
pub use https::{Connection, ConnectionError, host_header};
pub use listen::{bind_udp, listen, set_backlog};
pub use local::{LocalFailure, descriptors, raise_descriptors};
pub use tls::{
    Agreed, Flaw, Judge, TlsError, agree, client_tls, client_tls_unverified, server_name, server_tls, server_tls_12,
};
pub use tokio::net::{TcpListener, TcpStream, UdpSocket};
