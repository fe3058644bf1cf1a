use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::acl::Flow;
use crate::world::State;
use gameday_protocols::net::TcpStream;

/// Whether a connection's packets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Open,
    Shut,
    /// The client left while packets vanished: what it had sent must not be served after the heal, since in a real network it never came.
    Dead,
}

#[derive(Debug)]
struct Gate {
    passage: Passage,
    /// Tracked by the security groups: they are not asked again.
    admitted: bool,
    /// Nobody serves it any more; kept so that no FIN escapes while packets vanish.
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    flow: Flow,
    tcp: TcpStream,
    gate: Mutex<Gate>,
}

impl Connection {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the passage to what the network says now; true when the connection is to be forgotten.
    fn apply(&self, network: &State) -> bool {
        let mut gate = self.gate();
        if gate.passage == Passage::Dead {
            return gate.abandoned;
        }
        gate.admitted |= network.admits(self.flow);
        let open = gate.admitted && network.passes(self.flow);
        let passage = match (gate.passage, open) {
            (_, false) => Passage::Shut,
            (Passage::Shut, true) if self.tcp.peer_has_left() => Passage::Dead,
            (_, true) => Passage::Open,
        };
        gate.passage = passage;
        if passage == Passage::Shut {
            return false;
        }
        for waker in [gate.reader.take(), gate.writer.take()].into_iter().flatten() {
            waker.wake();
        }
        gate.abandoned
    }
}

/// The connections of one front door.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<(u64, BTreeMap<u64, Arc<Connection>>)>,
}

impl Connections {
    /// Takes a connection in; its packets pass from now on as the network says.
    pub(super) fn add(self: &Arc<Self>, tcp: TcpStream, flow: Flow, network: &State) -> GatedStream {
        let mut open = self.lock();
        open.0 += 1;
        let gate = Gate { passage: Passage::Shut, admitted: false, abandoned: false, reader: None, writer: None };
        let connection = Arc::new(Connection { id: open.0, flow, tcp, gate: Mutex::new(gate) });
        connection.apply(network);
        open.1.insert(connection.id, connection.clone());
        GatedStream { connection, all: self.clone() }
    }

    /// Opens and shuts connections as the network says now.
    pub(super) fn apply(&self, network: &State) {
        self.lock().1.retain(|_, connection| !connection.apply(network));
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Connection>>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP connection that waits, without FIN or RST, while its packets vanish.
#[derive(Debug)]
pub(super) struct GatedStream {
    connection: Arc<Connection>,
    all: Arc<Connections>,
}

impl GatedStream {
    fn poll_reader(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut gate = self.connection.gate();
        gate.reader = Some(context.waker().clone());
        passage(&gate)
    }

    fn poll_writer(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut gate = self.connection.gate();
        gate.writer = Some(context.waker().clone());
        passage(&gate)
    }
}

fn passage(gate: &Gate) -> Poll<io::Result<()>> {
    match gate.passage {
        Passage::Open => Poll::Ready(Ok(())),
        Passage::Shut => Poll::Pending,
        Passage::Dead => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
    }
}

impl AsyncRead for GatedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.connection.tcp.poll_read_ready(context))?;
            ready!(self.poll_reader(context))?;
            match self.connection.tcp.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for GatedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.connection.tcp.poll_write_ready(context))?;
            ready!(self.poll_writer(context))?;
            match self.connection.tcp.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_writer(context))?;
        Poll::Ready(self.connection.tcp.shut_down_writing())
    }
}

impl Drop for GatedStream {
    fn drop(&mut self) {
        let shut = {
            let mut gate = self.connection.gate();
            gate.abandoned = true;
            gate.passage == Passage::Shut
        };
        if !shut {
            self.all.lock().1.remove(&self.connection.id);
        }
    }
}
