//! One list of cases on two networks: the system's loopback, and the simulated one of virtual time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use gameday_core::model::Seed;
use gameday_protocols::net::{TcpListener, TcpStream, bind_udp, connect, connect_from, listen, set_backlog};
use gameday_protocols::timer::block_on_virtual;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANY_PORT: SocketAddr = SocketAddr::new(HOST, 0);
/// Longer than anything on loopback takes, shorter than the first retransmission of a SYN.
const SOON: Duration = Duration::from_millis(500);

/// Each case is tried on both.
macro_rules! on_both_networks {
    ($($name:ident)*) => {
        mod system {
            $(#[tokio::test]
            async fn $name() {
                super::$name().await;
            })*
        }

        mod simulated {
            $(#[test]
            fn $name() {
                super::block_on_virtual(super::Seed(7), super::$name).unwrap();
            })*
        }
    };
}

on_both_networks! {
    what_is_written_is_read_in_order_until_the_end
    where_nothing_listens_a_connection_is_refused
    a_port_is_taken_once
    a_full_queue_drops_the_syn_and_its_retransmission_connects
    a_queue_with_room_connects_before_it_is_accepted_from
    a_listener_that_goes_resets_what_waits
    unread_data_makes_a_close_a_reset
    a_close_without_linger_is_a_reset
    a_clean_close_is_seen_behind_unread_data
    a_writer_waits_for_a_reader_that_does_not_read
    a_reader_that_is_gone_breaks_the_pipe
    a_client_may_choose_its_address
    half_a_connection_still_carries_the_other_way
    what_is_on_its_way_is_not_printed
    datagrams_arrive_whole_and_name_their_sender
    a_datagram_for_nobody_is_lost
    a_short_buffer_cuts_a_datagram
}

async fn pair() -> (TcpStream, TcpStream, TcpListener) {
    let listener = listen(ANY_PORT, 16).unwrap();
    let client = connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, from) = listener.accept().await.unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!((server.peer_addr().unwrap(), server.local_addr().unwrap()), (from, client.peer_addr().unwrap()));
    (client, server, listener)
}

async fn what_is_written_is_read_in_order_until_the_end() {
    let (mut client, mut server, _listener) = pair().await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        // Read to its end, so that nothing is reset.
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, expected);
    drop(server);
    writing.await.unwrap();
}

async fn where_nothing_listens_a_connection_is_refused() {
    let at = listen(ANY_PORT, 1).unwrap().local_addr().unwrap();
    assert_eq!(timeout(SOON, connect(at)).await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

async fn a_port_is_taken_once() {
    let listener = listen(ANY_PORT, 1).unwrap();
    assert_eq!(listen(listener.local_addr().unwrap(), 1).unwrap_err().kind(), ErrorKind::AddrInUse);
    let other = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), listener.local_addr().unwrap().port());
    listen(other, 1).unwrap();
}

async fn a_full_queue_drops_the_syn_and_its_retransmission_connects() {
    let listener = listen(ANY_PORT, 16).unwrap();
    let at = listener.local_addr().unwrap();
    set_backlog(&listener, 0).unwrap();
    let _filler = connect(at).await.unwrap();
    let began = Instant::now();
    let mut hanging = tokio::spawn(connect(at));
    assert!(timeout(SOON, &mut hanging).await.is_err());
    // Room again before the second SYN.
    set_backlog(&listener, 16).unwrap();
    listener.accept().await.unwrap();
    hanging.await.unwrap().unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!((0.9..2.0).contains(&took), "{took} s: the first retransmission comes after 1 s");
}

async fn a_queue_with_room_connects_before_it_is_accepted_from() {
    let listener = listen(ANY_PORT, 4).unwrap();
    let at = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // Linux lets one more wait than the backlog says.
    for _ in 0..5 {
        waiting.push(timeout(SOON, connect(at)).await.unwrap().unwrap());
    }
    assert!(timeout(SOON, connect(at)).await.is_err());
    for client in waiting {
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
    }
}

async fn a_listener_that_goes_resets_what_waits() {
    let listener = listen(ANY_PORT, 4).unwrap();
    let mut client = connect(listener.local_addr().unwrap()).await.unwrap();
    drop(listener);
    sleep(SOON / 10).await;
    assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

async fn unread_data_makes_a_close_a_reset() {
    let (mut client, server, _listener) = pair().await;
    client.write_all(b"nobody reads this").await.unwrap();
    sleep(SOON / 10).await;
    drop(server);
    sleep(SOON / 10).await;
    assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

async fn a_close_without_linger_is_a_reset() {
    let (mut client, server, _listener) = pair().await;
    server.set_zero_linger().unwrap();
    drop(server);
    sleep(SOON / 10).await;
    assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

async fn a_clean_close_is_seen_behind_unread_data() {
    let (mut client, server, _listener) = pair().await;
    client.write_all(b"later").await.unwrap();
    sleep(SOON / 10).await;
    assert!(!server.peer_has_left());
    drop(client);
    sleep(SOON / 10).await;
    assert!(server.peer_has_left());
    let mut buffer = [0; 8];
    assert_eq!(server.try_read(&mut buffer).unwrap(), 5);
    assert_eq!(server.try_read(&mut buffer).unwrap(), 0);
}

async fn a_writer_waits_for_a_reader_that_does_not_read() {
    let (mut client, mut server, _listener) = pair().await;
    let much = vec![7; 16 << 20];
    let length = much.len();
    let mut writing = tokio::spawn(async move {
        client.write_all(&much).await.unwrap();
        client
    });
    assert!(timeout(SOON, &mut writing).await.is_err());
    let mut read = vec![0; length];
    server.read_exact(&mut read).await.unwrap();
    writing.await.unwrap();
}

async fn a_reader_that_is_gone_breaks_the_pipe() {
    let (mut client, server, _listener) = pair().await;
    drop(server);
    sleep(SOON / 10).await;
    // The first write may still go out: its answer is the reset.
    let first = client.write(b"x").await;
    sleep(SOON / 10).await;
    let second = client.write(b"x").await;
    let kind = first.and(second).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind:?}");
}

async fn a_client_may_choose_its_address() {
    let listener = listen(ANY_PORT, 4).unwrap();
    let own = IpAddr::V4(Ipv4Addr::new(127, 9, 8, 7));
    let client = connect_from(own, listener.local_addr().unwrap()).await.unwrap();
    assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
    assert_eq!(client.local_addr().unwrap().ip(), own);
}

async fn half_a_connection_still_carries_the_other_way() {
    let (mut client, mut server, _listener) = pair().await;
    client.shut_down_writing().unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    server.write_all(b"still").await.unwrap();
    let mut buffer = [0; 5];
    client.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"still");
    assert_eq!(client.try_write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

async fn what_is_on_its_way_is_not_printed() {
    let (mut client, server, _listener) = pair().await;
    client.write_all(b"password").await.unwrap();
    let socket = bind_udp(ANY_PORT).await.unwrap();
    socket.send_to(b"password", socket.local_addr().unwrap()).await.unwrap();
    let shown = format!("{client:?} {server:?} {socket:?}");
    for form in ["password", &format!("{:?}", b"password")[1..24]] {
        assert!(!shown.contains(form), "{shown}");
    }
}

async fn datagrams_arrive_whole_and_name_their_sender() {
    let (one, other) = (bind_udp(ANY_PORT).await.unwrap(), bind_udp(ANY_PORT).await.unwrap());
    for text in ["first", "second"] {
        assert_eq!(one.send_to(text.as_bytes(), other.local_addr().unwrap()).await.unwrap(), text.len());
    }
    let mut buffer = [0; 64];
    for text in ["first", "second"] {
        let (length, from) = timeout(SOON, other.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..length], from), (text.as_bytes(), one.local_addr().unwrap()));
    }
}

async fn a_datagram_for_nobody_is_lost() {
    let gone = bind_udp(ANY_PORT).await.unwrap().local_addr().unwrap();
    let socket = bind_udp(ANY_PORT).await.unwrap();
    assert_eq!(socket.send_to(b"x", gone).await.unwrap(), 1);
    assert!(timeout(SOON / 10, socket.recv_from(&mut [0; 8])).await.is_err());
}

async fn a_short_buffer_cuts_a_datagram() {
    let (one, other) = (bind_udp(ANY_PORT).await.unwrap(), bind_udp(ANY_PORT).await.unwrap());
    one.send_to(b"0123456789", other.local_addr().unwrap()).await.unwrap();
    let mut buffer = [0; 4];
    assert_eq!(other.recv_from(&mut buffer).await.unwrap().0, 4);
    assert_eq!(&buffer, b"0123");
}
