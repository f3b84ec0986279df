//! Prefixes: masking, text, wire form at every length.

use super::*;

#[test]
fn host_bits_are_cleared() {
    let p: V4Prefix = "10.1.2.3/8".parse().unwrap();
    assert_eq!(p, "10.0.0.0/8".parse().unwrap());
    assert_eq!(p.to_string(), "10.0.0.0/8");
    let p: V6Prefix = "2001:db8::1/32".parse().unwrap();
    assert_eq!(p.to_string(), "2001:db8::/32");
    assert_eq!("255.255.255.255/0".parse(), Ok(V4Prefix::DEFAULT));
    assert_eq!("ffff::/0".parse(), Ok(V6Prefix::DEFAULT));
}

#[test]
fn bad_text() {
    for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "x/8", "::/0"] {
        assert!(bad.parse::<V4Prefix>().is_err(), "{bad}");
    }
    for bad in ["::", "::/129", "::/-1", "10.0.0.0/8"] {
        assert!(bad.parse::<V6Prefix>().is_err(), "{bad}");
    }
    assert!("10.0.0.0/33".parse::<Prefix>().is_err());
}

#[test]
fn covering() {
    let net: V4Prefix = "10.0.0.0/8".parse().unwrap();
    assert!(net.contains(Ipv4Addr::new(10, 255, 0, 1)));
    assert!(!net.contains(Ipv4Addr::new(11, 0, 0, 1)));
    assert!(net.covers(&"10.2.0.0/16".parse().unwrap()));
    assert!(!net.covers(&V4Prefix::DEFAULT) && V4Prefix::DEFAULT.covers(&net));
    let net: V6Prefix = "2001:db8::/32".parse().unwrap();
    assert!(net.contains("2001:db8::1".parse().unwrap()));
    assert!(V6Prefix::DEFAULT.covers(&net) && !net.covers(&V6Prefix::DEFAULT));
}

fn wire_round_trip<P: NlriPrefix>(make: impl Fn(u8) -> P) {
    for len in 0..=P::MAX_BITS {
        let p = make(len);
        let mut out = Vec::new();
        p.put(&mut out);
        assert_eq!(out.len(), p.encoded_len());
        assert_eq!(out.len(), 1 + usize::from(len).div_ceil(8));
        // At the very end, and with octets behind it (the wide load).
        assert_eq!(P::take(&out), Some((p, &[][..])));
        let n = out.len();
        for cut in 0..n {
            assert_eq!(P::take(&out[..cut]), None);
        }
        out.extend_from_slice(&[0xff; 20]);
        assert_eq!(P::take(&out), Some((p, &[0xff; 20][..])));
    }
}

#[test]
fn every_length() {
    wire_round_trip(|len| V4Prefix::from_bits(0xfedc_ba98, len).unwrap());
    wire_round_trip(|len| V6Prefix::from_bits(u128::MAX / 3, len).unwrap());
}

#[test]
fn impossible_lengths_and_trailing_bits() {
    assert_eq!(V4Prefix::take(&[33, 1, 2, 3, 4, 5]), None);
    assert_eq!(V4Prefix::take(&[255, 1]), None);
    assert_eq!(V6Prefix::take(&[[129].as_slice(), &[0; 20]].concat()), None);
    // Bits past the length are ignored (RFC 4271 section 4.3).
    assert_eq!(V4Prefix::take(&[9, 10, 0xff]).unwrap().0, "10.128.0.0/9".parse().unwrap());
    assert_eq!(V4Prefix::take(&[9, 10, 0xff, 9, 9, 9]).unwrap().0.to_string(), "10.128.0.0/9");
}

#[test]
fn order_is_address_then_length() {
    let mut list: Vec<V4Prefix> =
        ["10.0.0.0/16", "10.0.0.0/8", "9.0.0.0/8"].iter().map(|s| s.parse().unwrap()).collect();
    list.sort_unstable();
    assert_eq!(format!("{list:?}"), "[9.0.0.0/8, 10.0.0.0/8, 10.0.0.0/16]");
}
