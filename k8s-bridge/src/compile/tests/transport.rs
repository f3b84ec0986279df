//! How a peer's segments are protected, and peers that are ranges.

use intent::{AoAlgorithm, Auth, PeerAddress, Reason};

use super::{peer, with_base};

const SECRETS: &str = "{apiVersion: v1, kind: Secret, metadata: {name: one}, stringData: {password: first}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: two}, stringData: {password: second}}\n---\n";

#[test]
fn tcp_ao_takes_one_key_or_several_and_each_its_own_identifiers() {
    let first = "peerASN: 2\ntcpAO: {secretRef: {name: one}, sendID: 1, recvID: 2";
    let more = "{secretRef: {name: two}, sendID: 3, recvID: 4, algorithm: aes-128-cmac-96}";
    let case = with_base(
        &[
            SECRETS.to_owned(),
            peer("a", "192.0.2.1", &format!("{first}}}")),
            peer("b", "192.0.2.2", &format!("{first}, additionalKeys: [{more}]}}")),
            peer("c", "192.0.2.3", &format!("{first}, algorithm: rot13}}")),
            peer(
                "d",
                "192.0.2.4",
                &format!("{first}, additionalKeys: [{{secretRef: {{name: two}}, sendID: 1, recvID: 9}}]}}"),
            ),
            peer(
                "e",
                "192.0.2.5",
                "peerASN: 2\ntcpAO: {secretRef: {name: gone}, sendID: 1, recvID: 2}",
            ),
        ]
        .concat(),
    );
    let keys = |name: &str| match &case.peer(name).auth {
        Auth::Ao(keys) => keys
            .iter()
            .map(|k| (k.secret.expose().to_vec(), k.send_id, k.recv_id, k.algorithm))
            .collect::<Vec<_>>(),
        other => panic!("{name} runs with {other:?}"),
    };
    let one = (b"first".to_vec(), 1, 2, AoAlgorithm::HmacSha1);
    assert_eq!(keys("a"), std::slice::from_ref(&one));
    assert_eq!(keys("b"), [one, (b"second".to_vec(), 3, 4, AoAlgorithm::Aes128Cmac)]);
    assert_eq!(case.refused("BGPPeer default/c").0, Reason::InvalidSpec);
    assert!(case.refused("BGPPeer default/d").1.contains("share an identifier"));
    assert_eq!(case.refused("BGPPeer default/e").0, Reason::SecretNotFound);
}

#[test]
fn a_range_is_a_template_with_a_limit() {
    let range = |name, range: &str, rest: &str| {
        peer(name, "192.0.2.9", &format!("peerASN: 2\n{rest}"))
            .replace("address: 192.0.2.9", &format!("addressRange: {range}"))
    };
    let case = with_base(
        &[
            range("a", "10.1.0.0/16", ""),
            range("b", "2001:db8::/64", "addressRangeLimit: 7"),
            range("c", "10.2.0.0/16", "updateSource: 2001:db8::1"),
        ]
        .concat(),
    );
    let address = |name| case.peer(name).address.clone();
    let at = |prefix: &str, limit| PeerAddress::Range { prefix: prefix.parse().unwrap(), limit };
    assert_eq!(address("a"), at("10.1.0.0/16", 100));
    assert_eq!(address("b"), at("2001:db8::/64", 7));
    assert!(case.refused("BGPPeer default/c").1.contains("different families"));
}
