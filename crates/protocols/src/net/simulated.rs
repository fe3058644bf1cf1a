//! A network in memory, for virtual time: streams and datagrams between addresses of one thread, each path with a latency of its own.
//!
//! What the system's network does is done here by the same rules, as far as the lab and its users can see them: a SYN that nothing listens
//! for is refused; one that finds a full accept queue is dropped and sent again after 1, 3, 7 s and so on; a queue is full when more
//! connections wait than its backlog says (Linux: `sk_acceptq_is_full`); closing sends a FIN, or a RST where data is unread; nothing is lost.
//! tests/network.rs tries the same cases on both.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use gameday_core::model::{Clock, Seed};

/// How long a packet is on its way at least, in milliseconds. Our own choice.
pub(crate) const LEAST_LATENCY_MS: f64 = 1.0;
/// And at most, where nothing else is set: between hosts of one Region and its users. Our own choice.
const LONGEST_LATENCY_MS: f64 = 4.0;
/// So many bytes may be on their way in one direction of a stream: about the default receive buffer of Linux (tcp_rmem).
const WINDOW_BYTES: usize = 128 << 10;
/// After so long without an answer a SYN is sent again, then after twice as long, and so on (RFC 6298: an initial RTO of 1 s).
const FIRST_RETRANSMISSION: Duration = Duration::from_secs(1);
/// How often a SYN is sent again (Linux: tcp_syn_retries).
const SYN_RETRIES: u32 = 6;
/// Ports that are given to those who name none (Linux: ip_local_port_range).
const EPHEMERAL: std::ops::Range<u16> = 32768..61000;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Network>>> = const { RefCell::new(None) };
}

/// The network of this thread, where it is a simulated one.
pub(crate) fn current() -> Option<Arc<Network>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether this thread's network is simulated.
pub(crate) fn is_on() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Gives this thread a simulated network until the guard is dropped.
pub(crate) fn enter(seed: Seed) -> Entered {
    let inner = Inner { next_port: EPHEMERAL.start, longest_latency_ms: LONGEST_LATENCY_MS, ..Inner::default() };
    let network = Network { seed, inner: Mutex::new(inner) };
    CURRENT.set(Some(Arc::new(network)));
    Entered(())
}

/// While it lives, its thread's network is simulated.
#[derive(Debug)]
pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Addresses that are listened at, and the latency of each path.
#[derive(Debug)]
pub(crate) struct Network {
    seed: Seed,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    listeners: BTreeMap<SocketAddr, Arc<Mutex<Queue>>>,
    datagrams: BTreeMap<SocketAddr, Arc<Mutex<Mailbox>>>,
    latencies: BTreeMap<(IpAddr, IpAddr), Duration>,
    longest_latency_ms: f64,
    next_port: u16,
}

/// In virtual time the clock reads the runtime's.
fn instant() -> Instant {
    Clock::real_now().into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    /// How long a packet takes between two addresses, the same in both directions.
    fn latency(&self, one: IpAddr, other: IpAddr) -> Duration {
        let path = if one <= other { (one, other) } else { (other, one) };
        let mut inner = lock(&self.inner);
        let longest = inner.longest_latency_ms;
        *inner.latencies.entry(path).or_insert_with(|| {
            let mut random = self.seed.stream(&format!("latency {} {}", path.0, path.1));
            Duration::from_secs_f64(random.random_range(LEAST_LATENCY_MS..longest) / 1000.0)
        })
    }

    /// Draws the latencies of paths that were not used yet up to another one.
    pub(crate) fn set_longest_latency(&self, longest: Duration) {
        lock(&self.inner).longest_latency_ms = longest.as_secs_f64() * 1000.0;
    }

    /// An address of a host with a free port, where none is named.
    fn bind(&self, at: SocketAddr, taken: impl Fn(&Inner, &SocketAddr) -> bool) -> io::Result<SocketAddr> {
        let mut inner = lock(&self.inner);
        if at.port() != 0 {
            return if taken(&inner, &at) { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(at) };
        }
        for _ in EPHEMERAL {
            let port = inner.next_port;
            inner.next_port = if port + 1 == EPHEMERAL.end { EPHEMERAL.start } else { port + 1 };
            let free = SocketAddr::new(at.ip(), port);
            if !taken(&inner, &free) {
                return Ok(free);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    pub(crate) fn listen(self: &Arc<Self>, at: SocketAddr, backlog: u32) -> io::Result<Listener> {
        let at = self.bind(at, |inner, at| inner.listeners.contains_key(at))?;
        let queue = Arc::new(Mutex::new(Queue { backlog: backlog as usize, ..Queue::default() }));
        lock(&self.inner).listeners.insert(at, Arc::clone(&queue));
        Ok(Listener { network: Arc::clone(self), at, queue })
    }

    /// Binds a socket for datagrams.
    pub(crate) fn datagrams(self: &Arc<Self>, at: SocketAddr) -> io::Result<Datagrams> {
        // A socket that is bound to every address answers from one.
        let host = if at.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { at.ip() };
        let at = SocketAddr::new(host, at.port());
        let at = self.bind(at, |inner, at| inner.datagrams.contains_key(at))?;
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        lock(&self.inner).datagrams.insert(at, Arc::clone(&mailbox));
        Ok(Datagrams { network: Arc::clone(self), at, mailbox })
    }

    /// Connects, from a host of choice. The first poll sends the SYN.
    pub(crate) async fn connect(self: Arc<Self>, from: Option<IpAddr>, to: SocketAddr) -> io::Result<Stream> {
        let own: IpAddr =
            from.unwrap_or(if to.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        // Ports of clients are not listened at: two clients may have one, from different hosts.
        let from = self.bind(SocketAddr::new(own, 0), |_, _| false)?;
        let latency = self.latency(from.ip(), to.ip());
        let mut wait = FIRST_RETRANSMISSION;
        for _ in 0..=SYN_RETRIES {
            let listener = lock(&self.inner).listeners.get(&to).cloned();
            let Some(queue) = listener else {
                sleep(2 * latency).await;
                return Err(io::ErrorKind::ConnectionRefused.into());
            };
            if let Some(stream) = knock(&queue, from, to, latency) {
                sleep(2 * latency).await;
                return Ok(stream);
            }
            sleep(wait).await;
            wait *= 2;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Puts a connection into an accept queue that is not full, and gives the client's end.
fn knock(queue: &Mutex<Queue>, from: SocketAddr, to: SocketAddr, latency: Duration) -> Option<Stream> {
    let mut queue = lock(queue);
    if queue.waiting.len() > queue.backlog {
        return None;
    }
    let [there, back] = [(); 2].map(|()| Arc::new(Mutex::new(Pipe::new(latency))));
    queue.waiting.push_back((Stream::new(to, from, Arc::clone(&there), Arc::clone(&back)), from));
    if let Some(acceptor) = queue.acceptor.take() {
        acceptor.wake();
    }
    Some(Stream::new(from, to, back, there))
}

/// Connections that wait to be accepted.
#[derive(Debug, Default)]
struct Queue {
    backlog: usize,
    waiting: VecDeque<(Stream, SocketAddr)>,
    acceptor: Option<Waker>,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    network: Arc<Network>,
    at: SocketAddr,
    queue: Arc<Mutex<Queue>>,
}

impl Listener {
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn set_backlog(&self, backlog: usize) {
        lock(&self.queue).backlog = backlog;
    }

    pub(crate) fn poll_accept(&self, context: &Context<'_>) -> Poll<(Stream, SocketAddr)> {
        let mut queue = lock(&self.queue);
        if let Some(accepted) = queue.waiting.pop_front() {
            return Poll::Ready(accepted);
        }
        queue.acceptor = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        lock(&self.network.inner).listeners.remove(&self.at);
        // Those that nobody accepted are reset.
        for (stream, _) in lock(&self.queue).waiting.drain(..) {
            let mut outgoing = lock(&stream.outgoing);
            outgoing.reset = Some(outgoing.arrival());
        }
    }
}

/// One direction of a stream.
struct Pipe {
    latency: Duration,
    /// What is on its way or waits to be read, with the moment at which it arrives.
    segments: VecDeque<(Instant, Vec<u8>)>,
    /// How much of the first segment was read.
    read: usize,
    bytes: usize,
    /// When the FIN arrives.
    end: Option<Instant>,
    /// When the RST arrives.
    reset: Option<Instant>,
    /// The reading end is gone.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Wakes the reader when something arrives.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What is on its way is not printed: without TLS it has passwords and tokens.
impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Pipe {
    fn new(latency: Duration) -> Self {
        Self {
            latency,
            segments: VecDeque::new(),
            read: 0,
            bytes: 0,
            end: None,
            reset: None,
            deaf: false,
            reader: None,
            writer: None,
            timer: None,
        }
    }

    fn arrival(&self) -> Instant {
        instant() + self.latency
    }

    /// When the next thing happens that a reader can see.
    fn next(&self) -> Option<Instant> {
        self.reset.into_iter().chain(self.segments.front().map(|(at, _)| *at).or(self.end)).min()
    }

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.reader = Some(context.waker().clone());
        match self.next() {
            Some(at) if at <= instant() => Poll::Ready(()),
            Some(at) => {
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
                if timer.deadline() != at {
                    timer.as_mut().reset(at);
                }
                timer.as_mut().poll(context)
            }
            None => Poll::Pending,
        }
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let now = instant();
        if self.reset.is_some_and(|at| at <= now) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut count = 0;
        while count < buffer.len() {
            let Some((_, segment)) = self.segments.front().filter(|(at, _)| *at <= now) else { break };
            let take = (buffer.len() - count).min(segment.len() - self.read);
            buffer[count..count + take].copy_from_slice(&segment[self.read..self.read + take]);
            count += take;
            self.read += take;
            if self.read == segment.len() {
                self.segments.pop_front();
                self.read = 0;
            }
        }
        if count > 0 {
            self.bytes -= count;
            wake(&mut self.writer);
            return Ok(count);
        }
        if buffer.is_empty() || (self.segments.is_empty() && self.end.is_some_and(|at| at <= now)) {
            return Ok(0);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.deaf || self.end.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = WINDOW_BYTES.saturating_sub(self.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let at = self.arrival();
        self.segments.push_back((at, bytes[..room].to_vec()));
        self.bytes += room;
        wake(&mut self.reader);
        Ok(room)
    }

    fn poll_writable(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.deaf || self.end.is_some() || self.bytes < WINDOW_BYTES {
            return Poll::Ready(());
        }
        self.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn finish(&mut self) {
        if self.end.is_none() {
            self.end = Some(self.arrival());
            wake(&mut self.reader);
        }
    }

    /// Whether the writing end's last word has arrived.
    fn has_ended(&self) -> bool {
        let now = instant();
        self.end.into_iter().chain(self.reset).any(|at| at <= now)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// One end of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    local: SocketAddr,
    peer: SocketAddr,
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    /// Closing it sends a RST.
    abrupt: AtomicBool,
}

impl Stream {
    fn new(local: SocketAddr, peer: SocketAddr, incoming: Arc<Mutex<Pipe>>, outgoing: Arc<Mutex<Pipe>>) -> Self {
        Self { local, peer, incoming, outgoing, abrupt: AtomicBool::new(false) }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        lock(&self.incoming).poll_readable(context)
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.incoming).try_read(buffer)
    }

    pub(crate) fn poll_write_ready(&self, context: &Context<'_>) -> Poll<()> {
        lock(&self.outgoing).poll_writable(context)
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if lock(&self.incoming).reset.is_some_and(|at| at <= instant()) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        lock(&self.outgoing).try_write(bytes)
    }

    pub(crate) fn set_zero_linger(&self) {
        self.abrupt.store(true, Ordering::Relaxed);
    }

    pub(crate) fn shut_down_writing(&self) {
        lock(&self.outgoing).finish();
    }

    pub(crate) fn peer_has_left(&self) -> bool {
        lock(&self.incoming).has_ended()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let unread = {
            let mut incoming = lock(&self.incoming);
            incoming.deaf = true;
            wake(&mut incoming.writer);
            incoming.bytes > 0
        };
        let mut outgoing = lock(&self.outgoing);
        if unread || self.abrupt.load(Ordering::Relaxed) {
            outgoing.reset = Some(outgoing.arrival());
        }
        outgoing.finish();
        wake(&mut outgoing.reader);
    }
}

/// Datagrams that wait to be received.
#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams {
    network: Arc<Network>,
    at: SocketAddr,
    mailbox: Arc<Mutex<Mailbox>>,
}

impl Datagrams {
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.at
    }

    /// Sends; what nothing is bound for is lost.
    pub(crate) fn send_to(&self, bytes: &[u8], to: SocketAddr) -> usize {
        let at = instant() + self.network.latency(self.at.ip(), to.ip());
        let mailbox = lock(&self.network.inner).datagrams.get(&to).cloned();
        if let Some(mailbox) = mailbox {
            let mut mailbox = lock(&mailbox);
            mailbox.waiting.push_back((at, self.at, bytes.to_vec()));
            // Paths differ in latency: what arrives first is read first.
            mailbox.waiting.make_contiguous().sort_by_key(|(at, ..)| *at);
            wake(&mut mailbox.reader);
        }
        bytes.len()
    }

    pub(crate) fn poll_recv_from(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(usize, SocketAddr)> {
        let mut mailbox = lock(&self.mailbox);
        let mailbox = &mut *mailbox;
        mailbox.reader = Some(context.waker().clone());
        let Some((at, ..)) = mailbox.waiting.front() else { return Poll::Pending };
        if *at > instant() {
            let timer = mailbox.timer.get_or_insert_with(|| Box::pin(sleep_until(*at)));
            timer.as_mut().reset(*at);
            ready!(timer.as_mut().poll(context));
        }
        let Some((_, from, bytes)) = mailbox.waiting.pop_front() else { return Poll::Pending };
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Poll::Ready((count, from))
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        lock(&self.network.inner).datagrams.remove(&self.at);
    }
}
