//! Which path BFD has to watch: the two ends, the interface between them, one hop or more.
//!
//! Pure but for two looks at the system: which interface has the neighbour's subnet, and which source
//! address the routes choose (for strict mode, where BFD comes before TCP).
//!
//! Both ends must decide alike, or they talk past each other on two UDP ports. So `multiHop` is derived as
//! FRR does: multihop when an external session is configured to cross routers, or an internal one's
//! neighbour is on no subnet of ours.
//!
//! References: RFC 5881 section 3, RFC 5883 section 3, RFC 5882 section 10.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use bfd::runner::Endpoints;

use super::Asked;
use crate::local::{Ends, link_to};

/// What BFD is to watch for a session between these ends; `scope` is the interface of link-local ones.
///
/// # Errors
/// What is missing, for people.
pub(super) fn endpoints(
    asked: &Asked,
    local: IpAddr,
    remote: IpAddr,
    scope: u32,
) -> Result<Endpoints, String> {
    let link = if scope == 0 { link_to(remote) } else { Some(scope) };
    let device = asked.device.clone();
    if is_multihop(asked, remote, link.is_some()) {
        return Ok(Endpoints::MultiHop { local, remote, device });
    }
    let ifindex = link.unwrap_or_else(|| Ends::of(local, scope).ifindex);
    if ifindex == 0 {
        return Err(format!(
            "no interface leads directly to {remote}; if it is more than one hop away, set bfd.multiHop"
        ));
    }
    Ok(Endpoints::SingleHop { local, remote, ifindex, device })
}

fn is_multihop(asked: &Asked, remote: IpAddr, is_on_link: bool) -> bool {
    let is_link_local = matches!(remote, IpAddr::V6(v6) if v6.is_unicast_link_local());
    match asked.config.multihop {
        _ if is_link_local => false,
        Some(said) => said,
        None if asked.is_external => asked.is_multihop,
        None => !is_on_link,
    }
}

/// The ends that a connection would have if it were made now.
///
/// # Errors
/// No route, or no source address, for people.
pub(super) fn expected(asked: &Asked) -> Result<(IpAddr, IpAddr, u32), String> {
    let remote = asked.remote.ip();
    let scope = match asked.remote {
        SocketAddr::V6(v6) => v6.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    if let Some(local) = asked.local {
        return Ok((local, remote, scope));
    }
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let chosen = || {
        let socket = UdpSocket::bind((any, 0))?;
        if let Some(device) = &asked.device {
            sockopt::bind_device(&socket, Some(device))?;
        }
        // Sends nothing: the kernel only looks for a route and a source address.
        socket.connect(asked.remote)?;
        socket.local_addr()
    };
    match chosen() {
        Ok(local) => Ok((local.ip(), remote, scope)),
        Err(error) => Err(format!("no way to {remote}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::BfdConfig;

    fn asked(said: Option<bool>, is_external: bool, is_multihop: bool) -> Asked {
        Asked {
            config: BfdConfig {
                min_tx: Duration::from_millis(300),
                min_rx: Duration::from_millis(300),
                multiplier: 3,
                multihop: said,
                strict: false,
            },
            remote: "127.0.0.1:179".parse().unwrap(),
            local: None,
            device: None,
            is_external,
            is_multihop,
        }
    }

    #[test]
    fn the_number_of_hops_is_what_is_said_or_what_the_session_is() {
        let remote: IpAddr = "192.0.2.2".parse().unwrap();
        let link_local: IpAddr = "fe80::2".parse().unwrap();
        for (asked, remote, is_on_link, multihop) in [
            (asked(None, true, false), remote, true, false),
            (asked(None, true, false), remote, false, false),
            (asked(None, true, true), remote, true, true),
            (asked(None, false, false), remote, true, false),
            (asked(None, false, false), remote, false, true),
            (asked(Some(true), false, false), remote, true, true),
            (asked(Some(false), true, true), remote, false, false),
            (asked(Some(true), true, true), link_local, true, false),
        ] {
            assert_eq!(is_multihop(&asked, remote, is_on_link), multihop, "{asked:?}");
        }
    }

    #[test]
    fn the_expected_ends_are_those_of_the_routes_or_of_the_configuration() {
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(expected(&asked(None, true, false)), Ok((loopback, loopback, 0)));
        let ours: IpAddr = "127.0.0.9".parse().unwrap();
        let told = Asked { local: Some(ours), ..asked(None, true, false) };
        assert_eq!(expected(&told), Ok((ours, loopback, 0)));
        let ends = endpoints(&told, ours, loopback, 0).unwrap();
        let ifindex = Ends::of(loopback, 0).ifindex;
        let single = Endpoints::SingleHop { local: ours, remote: loopback, ifindex, device: None };
        assert_eq!(ends, single);
    }

    #[test]
    fn a_neighbour_that_no_link_leads_to_is_refused_with_the_way_out() {
        let [ours, theirs]: [IpAddr; 2] =
            ["203.0.113.1", "203.0.113.2"].map(|t| t.parse().unwrap());
        let why = endpoints(&asked(None, true, false), ours, theirs, 0).unwrap_err();
        assert!(why.contains("bfd.multiHop"), "{why}");
    }
}
