use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::simulated;

/// A TCP connection, of the system or of a simulated network.
#[derive(Debug)]
pub struct TcpStream(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    System(tokio::net::TcpStream),
    Simulated(simulated::Stream),
}

impl TcpStream {
    /// Sends small segments without delay (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The operating system's error.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        match &self.0 {
            Kind::System(stream) => stream.set_nodelay(on),
            Kind::Simulated(_) => Ok(()),
        }
    }

    /// Makes closing it send a RST (`SO_LINGER` of 0).
    ///
    /// # Errors
    /// The operating system's error.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match &self.0 {
            Kind::System(stream) => stream.set_zero_linger(),
            Kind::Simulated(stream) => {
                stream.set_zero_linger();
                Ok(())
            }
        }
    }

    /// This end's address.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Kind::System(stream) => stream.local_addr(),
            Kind::Simulated(stream) => Ok(stream.local_addr()),
        }
    }

    /// The other end's address.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Kind::System(stream) => stream.peer_addr(),
            Kind::Simulated(stream) => Ok(stream.peer_addr()),
        }
    }

    /// Waits until there may be something to read.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::System(stream) => stream.poll_read_ready(context),
            Kind::Simulated(stream) => stream.poll_read_ready(context).map(Ok),
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read, or the operating system's error.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::System(stream) => stream.try_read(buffer),
            Kind::Simulated(stream) => stream.try_read(buffer),
        }
    }

    /// Waits until there may be room to write.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::System(stream) => stream.poll_write_ready(context),
            Kind::Simulated(stream) => stream.poll_write_ready(context).map(Ok),
        }
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, or the operating system's error.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::System(stream) => stream.try_write(bytes),
            Kind::Simulated(stream) => stream.try_write(bytes),
        }
    }

    /// Whether the other end's FIN or RST has come, even where data before it was not read.
    pub fn peer_has_left(&self) -> bool {
        match &self.0 {
            Kind::System(stream) => stream
                .ready(Interest::READABLE)
                .now_or_never()
                .is_some_and(|ready| ready.is_ok_and(Ready::is_read_closed)),
            Kind::Simulated(stream) => stream.peer_has_left(),
        }
    }

    /// Sends a FIN at once. tokio's own shutdown needs the stream to itself; here a reader may share it.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn shut_down_writing(&self) -> io::Result<()> {
        match &self.0 {
            Kind::System(stream) => {
                rustix::net::shutdown(stream, rustix::net::Shutdown::Write).map_err(io::Error::from)
            }
            Kind::Simulated(stream) => {
                stream.shut_down_writing();
                Ok(())
            }
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::System(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Simulated(stream) => loop {
                ready!(stream.poll_read_ready(context));
                match stream.try_read(buffer.initialize_unfilled()) {
                    Ok(count) => {
                        buffer.advance(count);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            },
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::System(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Simulated(stream) => loop {
                ready!(stream.poll_write_ready(context));
                match stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return Poll::Ready(outcome),
                }
            },
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::System(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Kind::Simulated(stream) => loop {
                ready!(stream.poll_write_ready(context));
                match stream.try_write(&buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect::<Vec<u8>>()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return Poll::Ready(outcome),
                }
            },
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::System(stream) => Pin::new(stream).poll_flush(context),
            Kind::Simulated(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::System(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Simulated(stream) => {
                stream.shut_down_writing();
                Poll::Ready(Ok(()))
            }
        }
    }
}
