use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::simulated;
use super::stream::{Kind, TcpStream};

/// Opens a TCP connection, without delay for small segments. Waits as long as the system does:
/// give it a timeout.
///
/// # Errors
/// The operating system's error: refused, unreachable, reset.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    if let Some(network) = simulated::current() {
        return network.connect(None, to).await.map(|stream| TcpStream(Kind::Simulated(stream)));
    }
    let stream = tokio::net::TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(TcpStream(Kind::System(stream)))
}

/// Opens a TCP connection from a local address of choice.
///
/// # Errors
/// The operating system's error; also when the local address is not this host's.
pub async fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    if let Some(network) = simulated::current() {
        return network.connect(Some(from), to).await.map(|stream| TcpStream(Kind::Simulated(stream)));
    }
    let socket = if to.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(from, 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(TcpStream(Kind::System(stream)))
}

/// The local address that connections to `to` come from. No packet is sent.
///
/// # Errors
/// The operating system's error, as where there is no route.
pub fn source_address(to: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    if simulated::is_on() {
        return Ok(if to.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}
