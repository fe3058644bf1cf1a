//! Where the resolver gets its sockets from. What this machine could not give it is noted here: the resolver itself forgets why it had no
//! connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider, TokioTime};

use crate::net::{self, LocalFailure, TcpStream, UdpSocket};

/// How long a connection may take where the resolver does not say: as in hickory's own `TokioRuntimeProvider`.
const CONNECT: Duration = Duration::from_secs(5);

type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

/// This thread's sockets, and what was lacking for them.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    tokio: TokioRuntimeProvider,
    lacked: Arc<Mutex<Lacked>>,
}

#[derive(Debug, Default)]
struct Lacked {
    times: u64,
    last: Option<LocalFailure>,
}

impl Sockets {
    /// How often this machine lacked something so far.
    pub(super) fn lacked(&self) -> u64 {
        self.lock().times
    }

    /// What it lacked last, where it did since it had `times` times.
    pub(super) fn lacked_since(&self, times: u64) -> Option<LocalFailure> {
        let lacked = self.lock();
        lacked.last.filter(|_| lacked.times > times)
    }

    fn lock(&self) -> MutexGuard<'_, Lacked> {
        self.lacked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn noted<T: 'static>(&self, opening: Opening<T>) -> Opening<T> {
        let own = self.clone();
        Box::pin(async move {
            let opened = opening.await;
            if let Some(failure) = opened.as_ref().err().and_then(|error| LocalFailure::of(error)) {
                let mut lacked = own.lock();
                (lacked.times, lacked.last) = (lacked.times + 1, Some(failure));
            }
            opened
        })
    }
}

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = DnsSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(&self, to: SocketAddr, from: Option<SocketAddr>, patience: Option<Duration>) -> Opening<Self::Tcp> {
        self.noted(Box::pin(async move {
            let connecting = async {
                match from {
                    Some(from) => net::connect_from(from.ip(), to).await,
                    None => net::connect(to).await,
                }
            };
            let opened = tokio::time::timeout(patience.unwrap_or(CONNECT), connecting).await;
            opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(AsyncIoTokioAsStd)
        }))
    }

    fn bind_udp(&self, from: SocketAddr, _: SocketAddr) -> Opening<Self::Udp> {
        self.noted(Box::pin(async move { net::bind_udp(from).await.map(DnsSocket) }))
    }
}

/// A socket of [`net`], as the resolver wants it.
pub(super) struct DnsSocket(UdpSocket);

impl DnsUdpSocket for DnsSocket {
    type Time = TokioTime;

    fn poll_recv_from(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_recv_from(context, buffer)
    }

    fn poll_send_to(&self, context: &mut Context<'_>, bytes: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(context, bytes, to)
    }
}
