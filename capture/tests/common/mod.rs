//! Captures and dumps made by hand.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part; these are tests

use capture::{Format, Input, Options, Record, open};
use etherparse::PacketBuilder;

pub(crate) const SYN: u8 = 1;
pub(crate) const FIN: u8 = 2;
pub(crate) const RST: u8 = 4;

/// An UPDATE of `length` octets filled with `fill`.
pub(crate) fn update(length: u16, fill: u8) -> Vec<u8> {
    let mut m = vec![0xff; 16];
    m.extend_from_slice(&length.to_be_bytes());
    m.push(2);
    m.resize(length.into(), fill);
    m
}

/// An IPv4 packet with a TCP segment from port 40000 to `port`.
pub(crate) fn ip(port: u16, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut b = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).tcp(40000, port, seq, 1000);
    if flags & SYN != 0 {
        b = b.syn();
    }
    if flags & FIN != 0 {
        b = b.fin();
    }
    if flags & RST != 0 {
        b = b.rst();
    }
    let mut packet = Vec::new();
    b.write(&mut packet, payload).unwrap();
    packet
}

/// A pcap file, little-endian, microseconds.
pub(crate) fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut f = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    f.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
    f.extend_from_slice(&link.to_le_bytes());
    for (at, p) in packets.iter().enumerate() {
        let length = u32::try_from(p.len()).unwrap();
        for field in [100 + u32::try_from(at).unwrap(), 5, length, length] {
            f.extend_from_slice(&field.to_le_bytes());
        }
        f.extend_from_slice(p);
    }
    f
}

/// A pcapng file with one interface of nanoseconds.
pub(crate) fn pcapng(big: bool, packet: &[u8]) -> Vec<u8> {
    let n = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let h = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = n(u32::try_from(body.len() + 12).unwrap());
        [&n(kind)[..], &length, &body, &length].concat()
    };
    let section = [&n(0x1a2b_3c4d)[..], &h(1), &h(0), &[0xff; 8]].concat();
    let option = [&h(9)[..], &h(1), &[9, 0, 0, 0], &h(0), &h(0)].concat();
    let interface = [&h(101)[..], &h(0), &n(0), &option].concat();
    let units = 1_700_000_000_123_456_789_u64;
    let (high, low) = (u32::try_from(units >> 32).unwrap(), (units & 0xffff_ffff) as u32);
    let length = n(u32::try_from(packet.len()).unwrap());
    let epb = [&n(0)[..], &n(high), &n(low), &length, &length, packet].concat();
    [block(0x0a0d_0d0a, &section), block(1, &interface), block(77, &[1, 2, 3]), block(6, &epb)]
        .concat()
}

/// What came out, in short: length and last octet of messages, `gap REASON OCTETS/HELD`, events.
pub(crate) fn read(file: Vec<u8>) -> Vec<String> {
    read_with(file, Format::Auto.into())
}

pub(crate) fn read_with(file: Vec<u8>, options: Options) -> Vec<String> {
    let mut reader = match open(Input::bytes(file), options) {
        Ok(reader) => reader,
        Err(e) => return vec![format!("error {e}")],
    };
    let mut found = Vec::new();
    for _ in 0..1_000_000 {
        found.push(match reader.next() {
            Ok(None) => return found,
            Err(e) => format!("error {e}"),
            Ok(Some(Record::Message(m))) => {
                assert_eq!(
                    usize::from(u16::from_be_bytes([m.bytes[16], m.bytes[17]])),
                    m.bytes.len()
                );
                format!("{}:{}", m.bytes.len(), m.bytes[m.bytes.len() - 1])
            }
            Ok(Some(Record::Gap(g))) => {
                format!("gap {:?} {}/{}", g.reason, g.octets, g.data.len())
            }
            Ok(Some(Record::State(s))) => format!("{:?}", s.kind),
            Ok(Some(Record::Route(r))) => format!("{} {:?} {:?}", r.peer.addr, r.nlri, r.attrs),
        });
    }
    panic!("no end after a million records");
}
