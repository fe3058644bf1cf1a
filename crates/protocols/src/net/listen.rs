use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, UdpSocket};

/// Listens on a TCP address with a given accept-queue length.
///
/// # Errors
/// What the system says, above all that the address is in use.
pub fn listen(at: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(backlog)
}

/// Changes the accept-queue length of a listening socket. With 0 and one connection waiting, Linux
/// drops every further SYN; with room again, the clients' own retransmissions connect.
///
/// # Errors
/// What the system says.
pub fn set_backlog(listener: &TcpListener, backlog: i32) -> io::Result<()> {
    rustix::net::listen(listener, backlog).map_err(io::Error::from)
}

/// Binds a UDP address.
///
/// # Errors
/// What the system says.
pub async fn bind_udp(at: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(at).await
}
