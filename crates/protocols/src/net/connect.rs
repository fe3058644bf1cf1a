use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tokio::net::{TcpSocket, TcpStream};

/// Opens a TCP connection, without delay for small segments. Waits as long as the system does:
/// give it a timeout.
///
/// # Errors
/// What the system says: refused, unreachable, reset.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Opens a TCP connection from a local address of choice.
///
/// # Errors
/// What the system says; also when the local address is not this host's.
pub async fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(from, 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The local address that connections to `to` come from. No packet is sent.
///
/// # Errors
/// What the system says, as where there is no route.
pub fn source_address(to: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

/// Sends a FIN at once. tokio's own shutdown needs the stream to itself; here a reader may share it.
///
/// # Errors
/// What the system says.
pub fn shut_down_writing(stream: &TcpStream) -> io::Result<()> {
    rustix::net::shutdown(stream, rustix::net::Shutdown::Write).map_err(io::Error::from)
}
