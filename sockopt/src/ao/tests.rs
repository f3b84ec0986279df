//! Keys on loopback connections, where the kernel has TCP-AO; what can be seen without it everywhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

fn socket(ip: IpAddr) -> Socket {
    let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap()
}

fn key(secret: &[u8], id: u8) -> AoKey<'_> {
    AoKey { secret, send_id: id, recv_id: id, algorithm: AoAlgorithm::HmacSha1 }
}

fn id(id: u8) -> AoKeyId {
    AoKeyId { send: id, recv: id }
}

fn full(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// Whether the tests of real segments can run; where `COSMOS_TCP_AO=1` promises it, they must.
fn supported() -> bool {
    match ao_support() {
        Ok(()) => true,
        Err(why) => {
            assert!(std::env::var_os("COSMOS_TCP_AO").is_none(), "{why}");
            eprintln!("SKIPPED: {why}");
            false
        }
    }
}

fn listener(ip: IpAddr, prefix_len: u8, keys: &[AoKey<'_>]) -> (Socket, u16) {
    let listener = socket(ip);
    for key in keys {
        add_ao_key(&listener, ip, prefix_len, *key).unwrap();
    }
    listener.bind(&SocketAddr::new(ip, 0).into()).unwrap();
    listener.listen(4).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    (listener, port)
}

fn connect(to: IpAddr, port: u16, keys: &[AoKey<'_>], wait: Duration) -> io::Result<TcpStream> {
    let client = socket(to);
    for key in keys {
        add_ao_key(&client, to, full(to), *key)?;
    }
    client.connect_timeout(&SocketAddr::new(to, port).into(), wait)?;
    client.set_read_timeout(Some(LONG))?;
    Ok(client.into())
}

fn talk(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"ping").unwrap();
    let mut got = [0; 4];
    to.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ping");
}

#[test]
fn a_kernel_without_it_says_so_and_one_with_it_takes_a_key() {
    let fresh = add_ao_key(&socket(V4), V4, 32, key(b"secret", 1));
    match ao_support() {
        Ok(()) => fresh.unwrap(),
        Err(why) => {
            assert!(fresh.is_err());
            assert!(why.contains("TCP-AO"), "{why}");
        }
    }
}

#[test]
fn impossible_keys_are_refused_before_the_kernel() {
    let v4 = socket(V4);
    let refused = |result: io::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        error.to_string()
    };
    assert!(refused(add_ao_key(&v4, V4, 33, key(b"x", 1))).contains("0 to 32"));
    assert!(refused(add_ao_key(&v4, V6, 128, key(b"x", 1))).contains("IPv4 socket"));
    assert!(refused(add_ao_key(&v4, V4, 32, key(b"", 1))).contains("1 to 80"));
    assert!(refused(add_ao_key(&v4, V4, 32, key(&[b'x'; 81], 1))).contains("1 to 80"));
}

#[test]
fn only_the_right_key_connects() {
    if !supported() {
        return;
    }
    // No shorter prefix of ::1: its network is ::, which the kernel takes with length 0 only.
    for (ip, prefix_len) in [(V4, 32), (V4, 8), (V6, 128)] {
        for algorithm in [AoAlgorithm::HmacSha1, AoAlgorithm::Aes128Cmac, AoAlgorithm::HmacSha256] {
            let right = AoKey { algorithm, ..key(b"right", 7) };
            let (listener, port) = listener(ip, prefix_len, &[right]);
            let mut client = connect(ip, port, &[right], LONG).unwrap();
            let mut server: TcpStream = listener.accept().unwrap().0.into();
            talk(&mut client, &mut server);
            let state = ao_state(&server).unwrap();
            assert_eq!((state.current, state.rnext, state.bad), (7, 7, 0));
            assert!(state.good > 0);
            let wrong = AoKey { algorithm, ..key(b"wrong", 7) };
            assert!(connect(ip, port, &[wrong], SHORT).is_err(), "{ip} wrong key");
            let other = AoKey { algorithm, ..key(b"right", 8) };
            assert!(connect(ip, port, &[other], SHORT).is_err(), "{ip} wrong identifier");
            assert!(connect(ip, port, &[], SHORT).is_err(), "{ip} no key");
        }
    }
}

#[test]
fn keys_are_exchanged_under_a_live_connection() {
    if !supported() {
        return;
    }
    let (old, new) = (key(b"old", 1), key(b"new", 2));
    let (listener, port) = listener(V4, 32, &[old]);
    let mut client = connect(V4, port, &[old], LONG).unwrap();
    let mut server: TcpStream = listener.accept().unwrap().0.into();
    talk(&mut client, &mut server);
    for end in [&client, &server] {
        add_ao_key(end, V4, 32, new).unwrap();
    }
    // The client asks for the new key; the server signs with it once it has heard that.
    prefer_ao_key(&client, id(2), false).unwrap();
    assert_eq!(ao_state(&client).unwrap().rnext, 2);
    talk(&mut client, &mut server);
    assert_eq!(ao_state(&server).unwrap().current, 2);
    prefer_ao_key(&server, id(2), false).unwrap();
    talk(&mut server, &mut client);
    assert_eq!(ao_state(&client).unwrap().current, 2);
    for end in [&client, &server] {
        remove_ao_key(end, V4, 32, id(1), Some(id(2))).unwrap();
        remove_ao_key(end, V4, 32, id(1), Some(id(2))).unwrap();
    }
    talk(&mut client, &mut server);
    talk(&mut server, &mut client);
    for end in [&client, &server] {
        let state = ao_state(end).unwrap();
        assert_eq!((state.bad, state.unknown_key, state.unsigned), (0, 0, 0), "nothing was lost");
    }
    assert_eq!(
        remove_ao_key(&client, V4, 32, id(2), None).unwrap_err().raw_os_error(),
        Some(libc::EBUSY)
    );
}

#[test]
fn a_connection_without_it_cannot_be_given_it() {
    if !supported() {
        return;
    }
    let (listener, port) = listener(V4, 32, &[]);
    let client = connect(V4, port, &[], LONG).unwrap();
    let (_server, _) = listener.accept().unwrap();
    assert!(add_ao_key(&client, V4, 32, key(b"late", 1)).is_err());
    assert!(ao_state(&client).is_err());
}
