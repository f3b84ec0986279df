//! The options at work on loopback connections.
//!
//! That something does not connect can only be seen by waiting: the waits are bounded and short.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(300);

fn socket(ip: IpAddr) -> Socket {
    let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap()
}

/// A listening socket on loopback, or on the unspecified address for both families.
fn listener(ip: IpAddr) -> (Socket, u16) {
    let listener = socket(ip);
    if ip.is_unspecified() {
        set_only_v6(&listener, false).unwrap();
    }
    listener.bind(&SocketAddr::new(ip, 0).into()).unwrap();
    listener.listen(16).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    (listener, port)
}

/// What this machine or user cannot do is said, and is a failure where `CI=true` promises that it can.
fn skipped(what: &str, error: &io::Error) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{what}: {error}");
    eprintln!("SKIPPED: {what}: {error}");
}

/// Whether a client with this key (for the server's address) gets through.
fn connects(to: IpAddr, port: u16, key: Option<&[u8]>, wait: Duration) -> bool {
    let client = socket(to);
    if let Some(key) = key {
        set_md5_key(&client, to, if to.is_ipv4() { 32 } else { 128 }, key).unwrap();
    }
    client.connect_timeout(&SocketAddr::new(to, port).into(), wait).is_ok()
}

fn only_the_right_key_connects(listen: IpAddr, peer: IpAddr, prefix_len: u8) {
    let (listener, port) = listener(listen);
    if let Err(error) = set_md5_key(&listener, peer, prefix_len, b"probe")
        && error.raw_os_error() == Some(libc::ENOPROTOOPT)
    {
        return skipped("TCP MD5", &error);
    }
    set_md5_key(&listener, peer, prefix_len, b"right").unwrap();
    assert!(connects(peer, port, Some(b"right"), LONG), "the right key connects");
    assert!(!connects(peer, port, Some(b"wrong"), SHORT), "a wrong key does not");
    assert!(!connects(peer, port, None, SHORT), "no key does not");
    set_md5_key(&listener, peer, prefix_len, b"changed").unwrap();
    assert!(connects(peer, port, Some(b"changed"), LONG), "a replaced key counts");
    assert!(!connects(peer, port, Some(b"right"), SHORT), "and the old one no more");
    clear_md5_key(&listener, peer, prefix_len).unwrap();
    assert!(connects(peer, port, None, LONG), "without a key none is needed");
    clear_md5_key(&listener, peer, prefix_len).unwrap();
}

#[test]
fn md5_of_an_ipv4_peer() {
    only_the_right_key_connects(V4, V4, 32);
}

#[test]
fn md5_of_an_ipv6_peer() {
    only_the_right_key_connects(V6, V6, 128);
}

#[test]
fn md5_of_an_ipv4_peer_on_an_ipv6_listener() {
    only_the_right_key_connects(Ipv6Addr::UNSPECIFIED.into(), V4, 32);
}

#[test]
fn md5_of_prefixes() {
    only_the_right_key_connects(V4, V4, 8);
    only_the_right_key_connects(V6, V6, 64);
    only_the_right_key_connects(Ipv6Addr::UNSPECIFIED.into(), V4, 8);
}

#[test]
fn the_longest_md5_prefix_wins_and_others_need_no_key() {
    let (listener, port) = listener(V4);
    set_md5_key(&listener, [127, 0, 0, 0].into(), 30, b"wide").unwrap();
    set_md5_key(&listener, V4, 32, b"narrow").unwrap();
    assert!(connects(V4, port, Some(b"narrow"), LONG));
    assert!(!connects(V4, port, Some(b"wide"), SHORT));
    let outside = socket(V4);
    outside.bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
    outside.connect_timeout(&SocketAddr::new(V4, port).into(), LONG).unwrap();
}

#[test]
fn impossible_md5_keys_are_refused_before_the_kernel() {
    let v4 = socket(V4);
    let refused = |result: io::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        error.to_string()
    };
    assert!(refused(set_md5_key(&v4, V4, 33, b"x")).contains("0 to 32"));
    assert!(refused(set_md5_key(&v4, V6, 128, b"x")).contains("IPv4 socket"));
    assert!(refused(set_md5_key(&v4, V4, 32, b"")).contains("empty"));
    assert!(refused(set_md5_key(&v4, V4, 32, &[b'x'; 81])).contains("at most 80"));
    set_md5_key(&v4, V4, 32, &[b'x'; 80]).unwrap();
    set_md5_key(&v4, "::ffff:127.0.0.1".parse().unwrap(), 32, b"mapped").unwrap();
}

fn min_ttl_guards(listen: IpAddr, to: IpAddr) {
    let (listener, port) = listener(listen);
    set_min_ttl(&listener, 255).unwrap();
    let near = socket(to);
    set_ttl(&near, 255).unwrap();
    near.connect_timeout(&SocketAddr::new(to, port).into(), LONG).unwrap();
    let far = socket(to);
    set_ttl(&far, 254).unwrap();
    assert!(far.connect_timeout(&SocketAddr::new(to, port).into(), SHORT).is_err());
    set_min_ttl(&listener, 254).unwrap();
    let far = socket(to);
    set_ttl(&far, 254).unwrap();
    far.connect_timeout(&SocketAddr::new(to, port).into(), LONG).unwrap();
    set_min_ttl(&listener, 0).unwrap();
    assert!(connects(to, port, None, LONG));
}

#[test]
fn min_ttl_of_ipv4() {
    min_ttl_guards(V4, V4);
}

#[test]
fn min_ttl_of_ipv6() {
    min_ttl_guards(V6, V6);
}

#[test]
fn min_ttl_of_ipv4_on_an_ipv6_listener() {
    min_ttl_guards(Ipv6Addr::UNSPECIFIED.into(), V4);
}

#[test]
fn ttl_is_set_for_both_families_and_never_zero() {
    let v6 = socket(V6);
    set_ttl(&v6, 7).unwrap();
    assert_eq!((v6.unicast_hops_v6().unwrap(), v6.ttl_v4().unwrap()), (7, 7));
    assert_eq!(set_ttl(&v6, 0).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_device_binding_is_set_and_lifted() {
    let v4 = socket(V4);
    bind_device(&v4, Some("lo")).unwrap();
    assert_eq!(v4.device().unwrap().as_deref(), Some(&b"lo"[..]));
    match bind_device(&v4, None) {
        // Lifting a binding needs CAP_NET_RAW.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            skipped("lifting a binding", &error)
        }
        lifted => {
            lifted.unwrap();
            assert_eq!(v4.device().unwrap(), None);
        }
    }
    assert!(bind_device(&v4, Some("no-such-device")).is_err());
}

#[test]
fn freebind_allows_an_address_we_do_not_have() {
    for addr in ["192.0.2.1:0", "[2001:db8::1]:0"] {
        let addr: SocketAddr = addr.parse().unwrap();
        let bound = socket(addr.ip());
        assert!(bound.bind(&addr.into()).is_err());
        set_freebind(&bound, true).unwrap();
        bound.bind(&addr.into()).unwrap();
    }
}

#[test]
fn only_v6_lets_both_families_listen_on_one_port() {
    let (_v4, port) = listener(V4);
    let v6 = socket(V6);
    set_only_v6(&v6, true).unwrap();
    v6.bind(&SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port).into()).unwrap();
    v6.listen(1).unwrap();
}

#[test]
fn user_timeout_reads_back() {
    let v4 = socket(V4);
    set_user_timeout(&v4, Some(Duration::from_millis(9500))).unwrap();
    assert_eq!(v4.tcp_user_timeout().unwrap(), Some(Duration::from_millis(9500)));
    set_user_timeout(&v4, None).unwrap();
    assert_eq!(v4.tcp_user_timeout().unwrap(), None);
}

#[test]
fn an_interface_by_index_and_a_dscp_read_back() {
    let v4 = socket(V4);
    bind_ifindex(&v4, NonZeroU32::MIN).unwrap();
    assert_eq!(v4.device().unwrap().as_deref(), Some(&b"lo"[..]));
    let beyond = NonZeroU32::new(u32::MAX).unwrap();
    assert_eq!(bind_ifindex(&v4, beyond).unwrap_err().raw_os_error(), Some(libc::ENODEV));
    set_dscp(&v4, 48).unwrap();
    assert_eq!(v4.tos_v4().unwrap(), 0xc0);
    let v6 = socket(V6);
    set_dscp(&v6, 48).unwrap();
    assert_eq!(v6.tclass_v6().unwrap(), 0xc0);
}
