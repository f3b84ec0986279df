//! OPEN: both parameter forms, faults in the order of RFC 4271 section 6.2.

use super::*;

fn sample(capabilities: Vec<Capability>) -> Open {
    Open::new(Asn(4_200_000_001), 90, Ipv4Addr::new(10, 0, 0, 1), capabilities)
}

fn wire(open: &Open) -> Vec<u8> {
    let mut out = Vec::new();
    open.encode(&mut out);
    out
}

/// A body with the given optional parameter octets, the length field included.
fn body(parameters: &[u8]) -> Vec<u8> {
    [&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1], parameters].concat()
}

fn kind(parameters: &[u8]) -> DecodeErrorKind {
    Open::decode(&body(parameters)).unwrap_err().kind
}

#[test]
fn round_trip() {
    let open = sample(vec![Capability::MultiProtocol(Family::IPV6_UNICAST)]);
    let bytes = wire(&open);
    assert_eq!(bytes[16..19], [0, 29 + 14, 1]);
    assert_eq!(bytes[19..29], [4, 0x5b, 0xa0, 0, 90, 10, 0, 0, 1, 14]);
    assert_eq!(Open::decode(&bytes[19..]).unwrap(), open);
    assert_eq!(open.families(), [Family::IPV6_UNICAST].into_iter().collect());
}

#[test]
fn no_parameters() {
    let open = Open::decode(&body(&[0])).unwrap();
    assert_eq!((open.asn, open.capabilities.len()), (Asn(65001), 0));
    assert_eq!(open.families(), FamilySet::IPV4_UNICAST);
    assert_eq!(wire(&open)[19..], body(&[0]));
}

#[test]
fn extended_form() {
    let many = vec![Capability::Unknown { code: 200, value: vec![7; 100].into() }; 5];
    let open = sample(many);
    let bytes = wire(&open);
    assert_eq!(bytes[28..30], [255, 255]);
    assert_eq!(Open::decode(&bytes[19..]).unwrap(), open);
    // Small parameters may use it too, and the one-octet length is then not believed.
    for length in [1, 9, 255] {
        let extended = body(&[length, 255, 0, 5, 2, 0, 2, 2, 0]);
        assert_eq!(Open::decode(&extended).unwrap().capabilities, [Capability::RouteRefresh]);
    }
    // The border: 253 octets of capabilities still fit the classic form.
    for (value, classic) in [(245usize, true), (246, false)] {
        let c = Capability::Unknown { code: 200, value: vec![7; value].into() };
        let bytes = wire(&sample(vec![c]));
        assert_eq!(bytes[29] == 2, classic);
        assert!(Open::decode(&bytes[19..]).is_ok());
    }
}

#[test]
fn several_parameters_and_duplicates() {
    let open = Open::decode(&body(&[10, 2, 2, 2, 0, 2, 4, 2, 0, 70, 0])).unwrap();
    assert_eq!(
        open.capabilities,
        [Capability::RouteRefresh, Capability::RouteRefresh, Capability::EnhancedRouteRefresh]
    );
}

#[test]
fn fields() {
    let refuse = |body: &[u8]| {
        let e = Open::decode(body).unwrap_err();
        let n = e.notification(body);
        (n.code, n.subcode, n.data.to_vec())
    };
    let mut b = body(&[0]);
    b[0] = 3;
    assert_eq!(refuse(&b), (2, 1, vec![0, 4]));
    let mut b = body(&[0]);
    (b[1], b[2]) = (0, 0);
    assert_eq!(refuse(&b), (2, 2, vec![]));
    for hold in [1, 2] {
        let mut b = body(&[0]);
        b[4] = hold;
        assert_eq!(refuse(&b), (2, 6, vec![]));
    }
    let mut b = body(&[0]);
    b[5] = 0;
    b[8] = 0;
    assert_eq!(refuse(&b), (2, 3, vec![]));
    let mut b = body(&[0]);
    b[5] = 250;
    assert!(Open::decode(&b).is_ok(), "class E identifiers are fine (RFC 6286)");
    // AS 0 in the capability.
    assert_eq!(refuse(&body(&[8, 2, 6, 65, 4, 0, 0, 0, 0])), (2, 2, vec![]));
}

/// CVE-2022-40302, 40318, 43681, 36440 class: lengths past the end, truncated parameters.
#[test]
fn parameters_that_do_not_add_up() {
    use DecodeErrorKind::*;
    for bad in [
        &[1u8][..],
        &[3, 2, 1],
        &[2, 2, 1],
        &[1, 2],
        &[4, 2, 2, 2, 1],
        &[3, 2, 1, 2],
        &[0, 2, 0],
        &[255, 255],
        &[255, 255, 0],
        &[255, 255, 0, 4, 2, 0, 2, 2, 0],
        &[255, 255, 0, 6, 2, 0, 2, 2, 0],
        &[255, 255, 0, 2, 2, 0],
        &[255, 255, 255, 255, 2, 0, 2, 2, 0],
    ] {
        assert_eq!(kind(bad), MalformedOptionalParameters, "{bad:?}");
    }
    // Type 255 announces the extended form only in front (RFC 9072 section 2).
    assert_eq!(kind(&[6, 2, 2, 2, 0, 255, 0]), UnsupportedOptionalParameter(255));
    assert_eq!(kind(&[9, 255, 0, 3, 255, 0, 0]), UnsupportedOptionalParameter(255));
    assert_eq!(kind(&[2, 1, 0]), UnsupportedOptionalParameter(1));
    assert_eq!(kind(&[255, 255, 0, 3, 3, 0, 0]), UnsupportedOptionalParameter(3));
    assert_eq!(kind(&[5, 2, 3, 65, 1, 0]), MalformedCapability(65));
}

#[test]
fn every_truncation_is_refused() {
    let open = sample(vec![Capability::RouteRefresh, Capability::ExtendedMessage]);
    let bytes = wire(&open);
    for cut in 19..bytes.len() {
        assert!(Open::decode(&bytes[19..cut]).is_err(), "{cut}");
    }
}

/// Two octets each, as many as the extended form holds.
#[test]
fn thousands_of_capabilities() {
    let list = vec![Capability::RouteRefresh; 16_000];
    let mut body = body(&[255, 255]);
    let parameters = u16::try_from(3 + 2 * list.len()).unwrap().to_be_bytes();
    let capabilities = u16::try_from(2 * list.len()).unwrap().to_be_bytes();
    body.extend_from_slice(
        &[&parameters[..], &[2], &capabilities, &[2, 0].repeat(16_000)].concat(),
    );
    assert_eq!(Open::decode(&body).unwrap().capabilities, list);
}

#[test]
fn text() {
    let open = sample(vec![
        Capability::MultiProtocol(Family::IPV6_UNICAST),
        Capability::EnhancedRouteRefresh,
    ]);
    assert_eq!(
        open.to_string(),
        "AS 4200000001, identifier 10.0.0.1, hold time 90 s: four-octet-as 4200000001; \
         ipv6/unicast; enhanced-route-refresh"
    );
    let bare = Open::decode(&body(&[0])).unwrap();
    assert_eq!(bare.to_string(), "AS 65001, identifier 10.0.0.1, hold time 90 s");
}
