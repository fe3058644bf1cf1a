use std::io;
use std::net::{IpAddr, SocketAddr};

use gameday_protocols::net;

/// Ports to try before giving up; each is free at the first address already.
const TRIES: u32 = 64;

/// Binds the same free port at every address.
///
/// # Errors
/// What the system says, when that is not that the port is in use at one of the addresses, or is so every time.
pub(crate) async fn at_same_port<T>(
    addresses: &[IpAddr],
    bind: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<(u16, Vec<T>)> {
    let first = addresses.first().copied().ok_or_else(|| io::Error::other("no address"))?;
    let mut last = io::Error::other("no try");
    for _ in 0..TRIES {
        let port = net::listen(SocketAddr::new(first, 0), 1)?.local_addr()?.port();
        match bind_all(addresses, port, &bind).await {
            Ok(sockets) => return Ok((port, sockets)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

async fn bind_all<T>(
    addresses: &[IpAddr],
    port: u16,
    bind: &impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<Vec<T>> {
    let mut sockets = Vec::new();
    for address in addresses {
        sockets.push(bind(SocketAddr::new(*address, port)).await?);
    }
    Ok(sockets)
}
