use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::simulated;
use super::stream::{Kind, TcpStream};

/// A listening TCP socket, of the system or of a simulated network.
#[derive(Debug)]
pub struct TcpListener(Listening);

#[derive(Debug)]
enum Listening {
    System(tokio::net::TcpListener),
    Simulated(simulated::Listener),
}

impl TcpListener {
    /// The address that it listens at.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listening::System(listener) => listener.local_addr(),
            Listening::Simulated(listener) => Ok(listener.local_addr()),
        }
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The operating system's error.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.0 {
            Listening::System(listener) => {
                listener.accept().await.map(|(stream, from)| (TcpStream(Kind::System(stream)), from))
            }
            Listening::Simulated(listener) => {
                let (stream, from) = poll_fn(|context| listener.poll_accept(context)).await;
                Ok((TcpStream(Kind::Simulated(stream)), from))
            }
        }
    }

    /// The system's socket, for libraries that know no other.
    ///
    /// # Errors
    /// This socket again, where it is a simulated one.
    pub fn into_system(self) -> Result<tokio::net::TcpListener, Self> {
        match self.0 {
            Listening::System(listener) => Ok(listener),
            simulated @ Listening::Simulated(_) => Err(Self(simulated)),
        }
    }
}

/// Listens on a TCP address with a given accept-queue length.
///
/// # Errors
/// The operating system's error, as `AddrInUse`.
pub fn listen(at: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    if let Some(network) = simulated::current() {
        return network.listen(at, backlog).map(|listener| TcpListener(Listening::Simulated(listener)));
    }
    let socket = if at.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(backlog).map(|listener| TcpListener(Listening::System(listener)))
}

/// Changes the accept-queue length of a listening socket. With 0 and one connection waiting, Linux
/// drops every further SYN; with room again, the clients' own retransmissions connect.
///
/// # Errors
/// The operating system's error.
pub fn set_backlog(listener: &TcpListener, backlog: u32) -> io::Result<()> {
    match &listener.0 {
        Listening::System(listener) => {
            rustix::net::listen(listener, i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(io::Error::from)
        }
        Listening::Simulated(listener) => {
            listener.set_backlog(backlog as usize);
            Ok(())
        }
    }
}

/// A UDP socket, of the system or of a simulated network.
#[derive(Debug)]
pub struct UdpSocket(Bound);

#[derive(Debug)]
enum Bound {
    System(tokio::net::UdpSocket),
    Simulated(simulated::Datagrams),
}

impl UdpSocket {
    /// The address that it is bound to.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Bound::System(socket) => socket.local_addr(),
            Bound::Simulated(socket) => Ok(socket.local_addr()),
        }
    }

    /// Sends one datagram, and gives the number of its bytes.
    ///
    /// # Errors
    /// The operating system's error.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        poll_fn(|context| self.poll_send_to(context, bytes, to)).await
    }

    /// Polls [`UdpSocket::send_to`].
    ///
    /// # Errors
    /// The operating system's error.
    pub(crate) fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        match &self.0 {
            Bound::System(socket) => socket.poll_send_to(context, bytes, to),
            Bound::Simulated(socket) => Poll::Ready(Ok(socket.send_to(bytes, to))),
        }
    }

    /// Waits for a datagram, and gives its length and its sender. What does not fit into the buffer is lost.
    ///
    /// # Errors
    /// The operating system's error.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|context| self.poll_recv_from(context, buffer)).await
    }

    /// Polls [`UdpSocket::recv_from`].
    ///
    /// # Errors
    /// The operating system's error.
    pub(crate) fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        match &self.0 {
            Bound::System(socket) => {
                let mut into = tokio::io::ReadBuf::new(buffer);
                let from = std::task::ready!(socket.poll_recv_from(context, &mut into))?;
                Poll::Ready(Ok((into.filled().len(), from)))
            }
            Bound::Simulated(socket) => socket.poll_recv_from(context, buffer).map(Ok),
        }
    }

    /// The system's socket, for libraries that know no other.
    ///
    /// # Errors
    /// This socket again, where it is a simulated one.
    pub fn into_system(self) -> Result<tokio::net::UdpSocket, Self> {
        match self.0 {
            Bound::System(socket) => Ok(socket),
            simulated @ Bound::Simulated(_) => Err(Self(simulated)),
        }
    }
}

/// Binds a UDP socket to an address; port 0 takes a free one.
///
/// # Errors
/// The operating system's error.
pub async fn bind_udp(at: SocketAddr) -> io::Result<UdpSocket> {
    match simulated::current() {
        Some(network) => network.datagrams(at).map(|socket| UdpSocket(Bound::Simulated(socket))),
        None => tokio::net::UdpSocket::bind(at).await.map(|socket| UdpSocket(Bound::System(socket))),
    }
}
