//! The options of a peer that stand for themselves.

use super::*;

#[test]
fn another_as_and_private_as_numbers_are_matters_between_systems() {
    let case = with_base(
        &[
            peer(
                "a",
                "192.0.2.1",
                "peerASN: 2\nlocalASN: 65010\nlocalASReplace: true\nremovePrivateAS: 0",
            ),
            peer("b", "192.0.2.2", "peerASN: 65001\nlocalASN: 65010"),
            peer("c", "192.0.2.3", "remoteAS: internal\nlocalASN: 65010"),
            peer("d", "192.0.2.4", "peerASN: 2\nlocalASN: 65001"),
            peer("e", "192.0.2.5", "peerASN: 2\nlocalASN: 2"),
            peer("f", "192.0.2.6", "peerASN: 65001\nremovePrivateAS: 0"),
        ]
        .concat(),
    );
    let local = case.peer("a").local_as.unwrap();
    assert_eq!((local.asn.value(), local.no_prepend, local.replace), (65010, false, true));
    assert_eq!(case.peer("a").remove_private_as, Some(intent::RemovePrivateAs::Remove));
    for (name, reason) in [
        ("b", Reason::InvalidForIBGP),
        ("c", Reason::InvalidForIBGP),
        ("d", Reason::InvalidSpec),
        ("e", Reason::InvalidSpec),
        ("f", Reason::InvalidForIBGP),
    ] {
        assert_eq!(case.refused(&format!("BGPPeer default/{name}")).0, reason, "{name}");
    }
}
