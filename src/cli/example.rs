//! Views for tests.

use speaker::view::{MessageCounts, PeerFamilyView, PeerView};

/// An eBGP neighbour, one hour and two minutes in `state`.
pub(crate) fn example_peer(name: &str, state: &str, families: Vec<PeerFamilyView>) -> PeerView {
    PeerView {
        router: "fabric".into(),
        name: name.into(),
        address: Some("10.1.0.1".parse().unwrap()),
        range: None,
        interface: None,
        description: String::new(),
        local_as: 65101,
        remote_as: 65001,
        session_type: "eBGP".into(),
        state: state.into(),
        since_secs: 3725,
        established_count: 1,
        shutdown: None,
        last_error: None,
        last_error_secs: None,
        last_sent: None,
        last_received: None,
        local_endpoint: None,
        remote_endpoint: None,
        remote_router_id: None,
        hold_time_secs: 90,
        keepalive_secs: 30,
        capabilities: vec![],
        families,
        received: MessageCounts::default(),
        sent: MessageCounts::default(),
        treated_as_withdraw: 0,
        attributes_discarded: 0,
        over_limit: 0,
        kept_originals: 0,
        held: None,
    }
}
