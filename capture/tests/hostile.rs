//! BMP and MRT made by hand, damaged records, and octets that nobody meant.

#![allow(clippy::unwrap_used)] // builders of test data

mod common;

use capture::{BmpView, Format, Input, Record, open};
use common::{FIN, SYN, ip, pcap, pcapng, read, update};
use proptest::prelude::*;

/// A BMP message with a per-peer header.
fn bmp(kind: u8, peer_kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut m = vec![3];
    m.extend_from_slice(&u32::try_from(48 + body.len()).unwrap().to_be_bytes());
    m.extend_from_slice(&[kind, peer_kind, flags]);
    m.extend_from_slice(&[0; 20]); // distinguisher, padding
    m.extend_from_slice(&[192, 0, 2, 7, 0, 0, 0xfd, 0xe8, 10, 0, 0, 7]);
    m.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0]);
    m.truncate(48);
    m.extend_from_slice(body);
    m
}

fn open_message() -> Vec<u8> {
    let mut m = update(29, 7);
    m[18] = 1;
    m
}

fn session() -> Vec<u8> {
    let up = [&[0; 12][..], &[192, 0, 2, 1, 0, 179, 0x9c, 0x40], &open_message(), &open_message()];
    let mirror = [&[0, 0, 0, 31][..], &update(31, 3), &[0, 1, 0, 2, 0, 1]].concat();
    [
        vec![3, 0, 0, 0, 12, 4, 0, 2, 0, 2, b'r', b'1'],
        bmp(3, 0, 0, &up.concat()),
        bmp(0, 0, 0x40, &update(30, 1)),
        bmp(0, 0, 0x30, &update(30, 2)),
        bmp(0, 3, 0, &update(30, 3)),
        bmp(6, 0, 0, &mirror),
        bmp(1, 0, 0, &[0, 0, 0, 0]),
        bmp(2, 0, 0, &[[3].as_slice(), &update(30, 4)].concat()),
        vec![3, 0, 0, 0, 6, 5],
    ]
    .concat()
}

const SESSION: [&str; 12] = [
    "BmpInitiation",
    "BmpPeerUp",
    "29:7",
    "29:7",
    "30:1",
    "30:2",
    "30:3",
    "31:3",
    "BmpMirroring { code: 1 }",
    "BmpStatistics",
    "BmpPeerDown { reason: 3 }",
    "30:4",
];

#[test]
fn bmp_in_a_file_and_in_a_capture() {
    let mut expected = SESSION.to_vec();
    expected.push("BmpTermination");
    let s = session();
    assert_eq!(read(s.clone()), expected);
    let packets: Vec<_> = [0_usize, 100, 130, 131, 400]
        .windows(2)
        .map(|w| (w[0], w[1]))
        .chain([(400, s.len())])
        .map(|(from, to)| ip(11019, u32::try_from(from).unwrap(), 0, &s[from..to]))
        .collect();
    assert_eq!(read(pcap(101, &packets)), expected);
}

#[test]
fn bmp_says_who_and_which_table() {
    let mut reader = open(Input::bytes(session()), Format::Auto).unwrap();
    assert_eq!(reader.format(), Format::Bmp);
    let mut seen = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        let Record::Message(m) = record else { continue };
        let bmp = m.bmp.unwrap();
        assert_eq!(m.time.map(|t| (t.secs, t.nanos)), Some((9, 8000)));
        assert_eq!(bmp.id.to_string(), "10.0.0.7");
        seen.push((bmp.view, m.as4, m.from.to_string(), m.to.to_string()));
    }
    let peer = "192.0.2.7 AS65000".to_owned();
    let none = "?".to_owned();
    assert_eq!(seen[0].2, "192.0.2.1:179");
    assert_eq!(seen[1].3, "192.0.2.1:179");
    assert_eq!(
        seen[2..5],
        [
            (BmpView::AdjRibInPost, Some(true), peer.clone(), none.clone()),
            (BmpView::AdjRibOutPre, Some(false), none.clone(), peer.clone()),
            (BmpView::LocRib { filtered: false }, Some(true), peer, none),
        ]
    );
}

#[test]
fn a_bad_bmp_message_does_not_stop_the_next() {
    let bad = bmp(6, 0, 0, &[0, 9, 0, 0]);
    let found = read([bad, bmp(0, 0, 0, &update(30, 1))].concat());
    assert!(found[0].contains("octet 0: BMP message: a Route Mirroring TLV"), "{found:?}");
    assert_eq!(found[1..], ["30:1"]);
    let short = bmp(0, 0, 0, &update(40, 1)[..30]);
    assert_eq!(read(short), ["gap Truncated 10/30"]);
}

fn mrt(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, 9][..], &kind.to_be_bytes(), &subtype.to_be_bytes(), &length, body].concat()
}

#[test]
fn table_dump_of_the_old_kind() {
    let v4 = [0, 0, 0, 1, 198, 51, 100, 0, 24, 1, 0, 0, 0, 5, 192, 0, 2, 9, 0, 64, 0, 3, 64, 1, 0];
    let found = read(mrt(12, 1, &v4));
    assert_eq!(found, ["192.0.2.9 [24, 198, 51, 100] [64, 1, 0]"]);
    let mut long = v4;
    long[8] = 33;
    let found = read([mrt(12, 1, &long), mrt(12, 1, &v4)].concat());
    assert!(found[0].contains("longer than its address"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn damaged_mrt() {
    let peers = mrt(13, 1, &[1, 1, 1, 1, 0, 0, 0, 1, 0, 9, 9, 9, 9, 192, 0, 2, 1, 0, 64]);
    let entry = |peer: u8| [0, peer, 0, 0, 0, 5, 0, 1, 77];
    let rib = |count: u8, entries: &[[u8; 9]]| {
        let head = [0, 0, 0, 0, 8, 10, 0, count];
        mrt(13, 2, &[&head[..], &entries.concat()].concat())
    };
    let good = "192.0.2.1 [8, 10] [77]";
    // An entry of an unknown peer does not hide the others.
    let found = read([peers.clone(), rib(3, &[entry(0), entry(1), entry(0)])].concat());
    assert_eq!((found[1].as_str(), found[3].as_str()), (good, good));
    assert!(found[2].contains("peer index"), "{found:?}");
    // A record that promises more entries than it has does not hide the next record.
    let found = read([peers.clone(), rib(2, &[entry(0)]), rib(1, &[entry(0)])].concat());
    assert_eq!((found[1].as_str(), found[3].as_str()), (good, good));
    assert!(found[2].contains("ends outside the record"), "{found:?}");
    // A record of impossible length ends reading, at its offset.
    let at = peers.len();
    let mut long = rib(1, &[entry(0)]);
    long[8] = 0xff;
    let found = read([peers.clone(), long].concat());
    assert!(found[1].starts_with(&format!("error octet {at}: a MRT record of 42781")), "{found:?}");
    // A cut one as well.
    let cut = rib(1, &[entry(0)]);
    let found = read([&peers[..], &cut[..cut.len() - 1]].concat());
    assert!(
        found[1].contains(&format!("octet {at}: the file ends inside this MRT record: 28 of 29"))
    );
}

/// Files of every format, to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    let stream = [update(30, 1), update(40, 2), update(50, 3)].concat();
    let packets = [
        ip(179, 0, SYN, &[]),
        ip(179, 31, 0, &stream[30..]),
        ip(179, 1, 0, &stream[..50]),
        ip(179, 121, FIN, &[]),
    ];
    let peers = [1, 1, 1, 1, 0, 0, 0, 1, 2, 9, 9, 9, 9, 192, 0, 2, 1, 0, 0, 0, 64];
    let rib = [0, 0, 0, 0, 8, 10, 0, 1, 0, 0, 0, 0, 0, 5, 0, 3, 64, 1, 0];
    let message = [&[0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2][2..], &stream].concat();
    vec![
        pcap(101, &packets),
        pcap(1, &packets),
        session(),
        [mrt(13, 1, &peers), mrt(13, 2, &rib), mrt(16, 1, &message)].concat(),
        stream.clone(),
        stream.iter().map(|b| format!("{b:02x} ")).collect::<String>().into_bytes(),
        pcapng(false, &ip(179, 0, 0, &stream)),
        pcapng(true, &ip(179, 0, 0, &stream)),
    ]
}

/// Reads to the end, whatever comes; the sum of what came out is bounded by what went in.
fn survive(file: Vec<u8>, format: Format) -> Result<(), TestCaseError> {
    let size = file.len() as u64;
    let Ok(mut reader) = open(Input::bytes(file), format) else { return Ok(()) };
    let mut steps = 0_u64;
    loop {
        steps += 1;
        prop_assert!(steps <= 4 * size + 100, "no end");
        match reader.next() {
            Ok(None) => break,
            Ok(Some(Record::Message(m))) => prop_assert!(m.bytes.len() >= 19),
            Ok(Some(_)) => {}
            Err(e) => prop_assert!(!e.to_string().contains('\n')),
        }
    }
    prop_assert!(matches!(reader.next(), Ok(None)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_octets(bytes in prop::collection::vec(any::<u8>(), 0..600), which in 0_usize..7) {
        let format = Format::ALL.get(which).copied().unwrap_or_default();
        survive(bytes, format)?;
    }

    #[test]
    fn damaged_files(
        which in 0_usize..8,
        damage in prop::collection::vec((any::<u16>(), any::<u8>()), 0..12),
        cut in any::<u16>(),
    ) {
        let formats = [
            Format::Pcap,
            Format::Pcap,
            Format::Bmp,
            Format::Mrt,
            Format::Raw,
            Format::Hex,
            Format::Pcapng,
            Format::Pcapng,
        ];
        let mut file = seeds().swap_remove(which);
        for (at, value) in damage {
            let at = usize::from(at) % file.len();
            file[at] = value;
        }
        if cut < 20_000 {
            file.truncate(usize::from(cut) % file.len());
        }
        survive(file.clone(), Format::Auto)?;
        survive(file, formats[which])?;
    }
}
