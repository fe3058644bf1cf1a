//! Where the resolver gets its sockets from. What this machine could not give it is noted here: the resolver itself forgets why it had no
//! connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};

use crate::net::LocalFailure;

type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

/// tokio's sockets, and what was lacking for them.
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
    pub fn lacked(&self) -> u64 {
        self.lock().times
    }

    /// What it lacked last, where it did since it had `times` times.
    pub fn lacked_since(&self, times: u64) -> Option<LocalFailure> {
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
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(&self, to: SocketAddr, from: Option<SocketAddr>, patience: Option<Duration>) -> Opening<Self::Tcp> {
        self.noted(self.tokio.connect_tcp(to, from, patience))
    }

    fn bind_udp(&self, from: SocketAddr, to: SocketAddr) -> Opening<Self::Udp> {
        self.noted(self.tokio.bind_udp(from, to))
    }
}
