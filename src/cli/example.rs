//! Views for tests.

use speaker::view::{PeerFamilyView, PeerView};

/// An eBGP neighbour, one hour and two minutes in `state`.
pub(crate) fn example_peer(name: &str, state: &str, families: Vec<PeerFamilyView>) -> PeerView {
    PeerView {
        router: "fabric".into(),
        name: name.into(),
        address: "10.1.0.1".parse().ok(),
        local_as: 65101,
        remote_as: 65001,
        session_type: "eBGP".into(),
        state: state.into(),
        since_secs: 3725,
        established_count: 1,
        hold_time_secs: 90,
        keepalive_secs: 30,
        families,
        ..PeerView::default()
    }
}
