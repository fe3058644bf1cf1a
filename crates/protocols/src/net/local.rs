//! Failures of sockets that are this machine's own, as a lack of descriptors, and say nothing about the other end.

use std::error::Error;
use std::{fmt, io};

use rustix::io::Errno;

/// What this machine lacked, or would not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocalFailure {
    /// The process or the machine has as many files and sockets open as it may.
    Descriptors,
    /// No memory, or no buffer for a socket.
    Memory,
    /// No local port, or no local address.
    Ports,
    /// The system has no room for it just now.
    Busy,
    /// The machine's own packet filter or policy refused it.
    Refused,
    /// The machine's own network is down.
    Down,
}

impl LocalFailure {
    /// Whether an error, or whatever it comes from, is this machine's own.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // An `io::Error` names what its inner error comes from as its source, and not the inner error itself.
                let inner = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
                return Self::of_errno(io).or_else(|| inner.and_then(Self::of));
            }
            next = error.source();
        }
        None
    }

    fn of_errno(error: &io::Error) -> Option<Self> {
        Some(match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => Self::Descriptors,
            Errno::NOMEM | Errno::NOBUFS => Self::Memory,
            Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Self::Ports,
            Errno::AGAIN => Self::Busy,
            Errno::PERM | Errno::ACCESS => Self::Refused,
            Errno::NETDOWN => Self::Down,
            _ => return None,
        })
    }
}

impl fmt::Display for LocalFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "this machine had no file descriptor left for a socket",
            Self::Memory => "this machine had no memory left for a socket",
            Self::Ports => "this machine had no local port left for a socket",
            Self::Busy => "this machine had no room for another connection",
            Self::Refused => "this machine's own packet filter or policy refused the connection",
            Self::Down => "this machine's own network was down",
        })
    }
}

/// How many descriptors this process may have open (`RLIMIT_NOFILE`); `None` where there is no limit.
pub fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Lets this process have as many descriptors open as the system allows it to: the limit that a shell gives is often 1024, and a
/// blackhole is when sockets pile up. A system that refuses leaves the limit as it is, and preflight compares it with what is needed.
pub fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    fn of(errno: Errno) -> Option<LocalFailure> {
        LocalFailure::of(&io::Error::from(errno))
    }

    #[test]
    fn every_error_of_the_machine_itself_is_known() {
        for (errno, failure) in [
            (Errno::MFILE, LocalFailure::Descriptors),
            (Errno::NFILE, LocalFailure::Descriptors),
            (Errno::NOMEM, LocalFailure::Memory),
            (Errno::NOBUFS, LocalFailure::Memory),
            (Errno::ADDRNOTAVAIL, LocalFailure::Ports),
            (Errno::ADDRINUSE, LocalFailure::Ports),
            (Errno::AGAIN, LocalFailure::Busy),
            (Errno::PERM, LocalFailure::Refused),
            (Errno::ACCESS, LocalFailure::Refused),
            (Errno::NETDOWN, LocalFailure::Down),
        ] {
            assert_eq!(of(errno), Some(failure), "{errno}");
            let wrapped = Outer(io::Error::other(Outer(io::Error::from(errno))));
            assert_eq!(LocalFailure::of(&wrapped), Some(failure), "{errno}, deep inside");
        }
    }

    #[test]
    fn what_the_other_end_or_the_way_there_does_is_not_the_machines() {
        let others = [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::CONNABORTED,
            Errno::PIPE,
            Errno::TIMEDOUT,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
        ];
        assert!(others.into_iter().all(|errno| of(errno).is_none()));
        assert_eq!(LocalFailure::of(&io::Error::other("a sentence")), None);
    }

    #[test]
    fn the_limit_of_descriptors_is_raised_as_far_as_it_goes() {
        raise_descriptors();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!((limit.current, descriptors()), (limit.maximum, limit.maximum));
    }
}
