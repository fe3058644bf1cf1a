use std::io;
use std::net::{IpAddr, SocketAddr};

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

/// Sends a FIN at once. tokio's own shutdown needs the stream to itself; here a reader may share it.
///
/// # Errors
/// What the system says.
pub fn shut_down_writing(stream: &TcpStream) -> io::Result<()> {
    rustix::net::shutdown(stream, rustix::net::Shutdown::Write).map_err(io::Error::from)
}
