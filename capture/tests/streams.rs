//! TCP streams in captures made by hand: order, loss, link layers, containers, compression.

mod common;

use std::io::Write as _;

use capture::{Format, Options};
use common::{FIN, RST, SYN, ip, pcap, pcapng, read, read_with, update};
use proptest::prelude::*;

const RAW: u32 = 101;

fn three() -> Vec<u8> {
    [update(30, 1), update(40, 2), update(50, 3)].concat()
}

#[test]
fn in_order_late_twice_and_overlapping() {
    let s = three();
    let all = ["30:1", "40:2", "50:3"];
    for isn in [7_u32, u32::MAX - 20, u32::MAX] {
        let at = |from: usize, to: usize| {
            ip(179, isn.wrapping_add(1 + u32::try_from(from).unwrap()), 0, &s[from..to])
        };
        let syn = ip(179, isn, SYN, &[]);
        for packets in [
            vec![at(0, 120)],
            vec![at(0, 25), at(25, 120)],
            vec![at(60, 120), at(0, 25), at(25, 60)],
            vec![at(0, 35), at(0, 35), at(20, 90), at(80, 120), at(10, 70)],
            vec![at(110, 120), at(50, 100), at(90, 111), at(0, 60)],
        ] {
            let mut packets = packets;
            packets.insert(0, syn.clone());
            let found = read(pcap(RAW, &packets));
            assert_eq!(found[0], "TcpOpened");
            assert_eq!(found[1..], all, "{isn}");
        }
    }
}

#[test]
fn what_is_lost_is_told_and_the_next_marker_found() {
    let s = three();
    // The middle of the second message is not there; the end tells.
    let packets = [ip(179, 0, 0, &s[..40]), ip(179, 50, 0, &s[50..])];
    assert_eq!(read(pcap(RAW, &packets)), ["30:1", "gap Lost 10/10", "gap NoMarker 20/0", "50:3"]);
    // A capture that begins inside a message, and ends inside one.
    let packets = [ip(179, 0, 0, &s[10..100])];
    assert_eq!(read(pcap(RAW, &packets)), ["gap NoMarker 20/0", "40:2", "gap Truncated 20/30"]);
    // Far ahead of the window.
    let packets = [ip(179, 0, 0, &s[..30]), ip(179, 1_000_030, 0, &s[70..])];
    assert_eq!(read(pcap(RAW, &packets)), ["30:1", "gap Lost 1000000/0", "50:3"]);
}

#[test]
fn a_hole_is_given_up_in_time() {
    // One segment is lost, and hundreds follow: they come out before the end.
    let m = update(100, 9);
    let packets: Vec<_> =
        (0..600_u32).filter(|n| *n != 3).map(|n| ip(179, n * 100, 0, &m)).collect();
    let found = read(pcap(RAW, &packets));
    assert_eq!(found.len(), 600);
    assert_eq!(found[3], "gap Lost 100/0");
    // Every second one is lost: more holes than are kept.
    let packets: Vec<_> = (0..200_u32).map(|n| ip(179, n * 200, 0, &m)).collect();
    let found = read(pcap(RAW, &packets));
    assert_eq!(found.iter().filter(|f| *f == "100:9").count(), 200);
    assert_eq!(found.iter().filter(|f| *f == "gap Lost 100/0").count(), 199);
}

#[test]
fn cut_packets() {
    let s = three();
    let mut cut = ip(179, 0, 0, &s);
    cut.truncate(cut.len() - 60);
    let next = ip(179, 120, 0, &update(23, 4));
    assert_eq!(read(pcap(RAW, &[cut, next])), ["30:1", "gap Lost 60/30", "23:4"]);
}

#[test]
fn ends_and_new_beginnings() {
    let a = update(30, 1);
    let packets = [
        ip(179, 9, SYN, &[]),
        ip(179, 10, FIN, &a),
        ip(179, 10, FIN, &a), // a late copy
        ip(179, 99, SYN, &[]),
        ip(179, 100, 0, &a),
        ip(179, 130, 0, &a[..20]),
        ip(179, 150, RST, &[]),
        ip(179, 130, 0, &a), // late
    ];
    assert_eq!(
        read(pcap(RAW, &packets)),
        ["TcpOpened", "30:1", "TcpClosed", "TcpOpened", "30:1", "gap Truncated 10/20", "TcpReset"]
    );
}

#[test]
fn other_ports_by_content_or_choice() {
    let a = update(30, 1);
    let whole = pcap(RAW, &[ip(5000, 0, 0, b"GET /"), ip(5000, 5, 0, &a)]);
    assert_eq!(read(whole), ["30:1"]);
    let parts = pcap(RAW, &[ip(5000, 0, 0, &a[..10]), ip(5000, 10, 0, &a[10..])]);
    assert!(read(parts.clone()).is_empty());
    let options = Options { bgp_port: Some(5000), ..Options::default() };
    assert_eq!(read_with(parts, options), ["30:1"]);
}

#[test]
fn link_layers() {
    let p = ip(179, 0, 0, &update(30, 1));
    let head = |h: &[u8]| [h, &p].concat();
    let mac = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    let ether = |rest: &[u8]| [&mac[..], rest, &p].concat();
    for (link, packet) in [
        (1, ether(&[8, 0])),
        (1, ether(&[0x81, 0, 0, 5, 8, 0])),
        (1, ether(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0])),
        (1, ether(&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64])),
        (101, p.clone()),
        (228, p.clone()),
        (0, head(&[2, 0, 0, 0])),
        (108, head(&[0, 0, 0, 2])),
        (9, head(&[0xff, 3, 0, 0x21])),
        (9, head(&[0x21])),
        (104, head(&[0x0f, 0, 8, 0])),
        (113, head(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0])),
        (276, head(&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0])),
    ] {
        assert_eq!(read(pcap(link, &[packet])), ["30:1"], "link type {link}");
    }
    let found = read(pcap(105, &[p]));
    assert!(found.len() == 1 && found[0].contains("link type 105"), "{found:?}");
}

#[test]
fn fragments() {
    let whole = ip(179, 0, 0, &[update(30, 1), update(34, 2)].concat());
    let part = |from: usize, to: usize, more: u16| {
        let mut p = whole[..20].to_vec();
        p.extend_from_slice(&whole[20 + from..20 + to]);
        let length = u16::try_from(p.len()).unwrap();
        p[2..4].copy_from_slice(&length.to_be_bytes());
        let field = (more << 13) | u16::try_from(from / 8).unwrap();
        p[6..8].copy_from_slice(&field.to_be_bytes());
        p
    };
    let end = whole.len() - 20;
    assert_eq!(read(pcap(RAW, &[part(48, end, 0), part(0, 48, 1)])), ["30:1", "34:2"]);
    assert_eq!(read(pcap(RAW, &[part(0, 48, 1)])), ["gap Fragment 0/0"]);
}

#[test]
fn pcapng_of_either_byte_order() {
    for big in [false, true] {
        let file = pcapng(big, &ip(179, 0, 0, &update(31, 1)));
        let mut reader = capture::open(capture::Input::bytes(file.clone()), Format::Auto).unwrap();
        let record = reader.next().unwrap().unwrap();
        let time = record.time().unwrap();
        assert_eq!((time.secs, time.nanos), (1_700_000_000, 123_456_789));
        assert!(reader.next().unwrap().is_none());
        let cut = file[..file.len() - 5].to_vec();
        assert!(read(cut)[0].contains("ends inside this block"));
    }
}

#[test]
fn compressed_and_in_members() {
    let gz = |bytes: &[u8]| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    };
    let bz = |bytes: &[u8]| {
        let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    };
    let s = three();
    let all = ["30:1", "40:2", "50:3"];
    assert_eq!(read([gz(&s[..33]), gz(&s[33..])].concat()), all);
    assert_eq!(read([bz(&s[..33]), bz(&s[33..])].concat()), all);
    let packets = pcap(RAW, &[ip(179, 0, 0, &s)]);
    assert_eq!(read(gz(&packets)), all);
    let cut = gz(&s);
    let found = read(cut[..cut.len() - 6].to_vec());
    assert_eq!(found[..3], all);
    assert!(found[3].contains("gzip data is broken or cut short"), "{found:?}");
    assert!(read(vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0])[0].contains("zstd -dc"));
    assert!(read(Vec::new())[0].contains("empty"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However a stream is cut, shuffled and repeated, the same messages come out.
    #[test]
    fn cuts_and_order_do_not_matter(
        lengths in prop::collection::vec(23_u16..400, 1..40),
        cuts in prop::collection::vec(1_usize..700, 1..60),
        swaps in prop::collection::vec((0_usize..100, 1_usize..8), 0..30),
        again in prop::collection::vec(0_usize..100, 0..10),
        isn in any::<u32>(),
    ) {
        let mut stream = Vec::new();
        let mut expected = vec!["TcpOpened".to_owned()];
        for (n, length) in lengths.iter().enumerate() {
            let fill = u8::try_from(n).unwrap();
            stream.extend(update(*length, fill));
            expected.push(format!("{length}:{fill}"));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let to = (at + cut).min(stream.len());
            parts.push((at, to));
            at = to;
            if at == stream.len() { break; }
        }
        for (from, by) in swaps {
            let from = from % parts.len();
            let to = (from + by) % parts.len();
            // Within 31 holes, the most that are kept.
            if parts.len() < 31 || from.abs_diff(to) < 8 { parts.swap(from, to); }
        }
        for which in again {
            let part = parts[which % parts.len()];
            parts.push(part);
        }
        let mut packets = vec![ip(179, isn, SYN, &[])];
        packets.extend(parts.iter().map(|&(from, to)| {
            ip(179, isn.wrapping_add(1 + u32::try_from(from).unwrap()), 0, &stream[from..to])
        }));
        prop_assert_eq!(read(pcap(RAW, &packets)), expected);
    }
}
