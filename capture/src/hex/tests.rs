//! The spellings that are understood, and those that are refused.

use bgp_wire::KEEPALIVE;

use crate::{Error, Format, GapReason, Input, Record, open};

/// Messages and gaps of a text, as type octets and reasons.
fn read(text: &str) -> Vec<Result<u8, GapReason>> {
    let mut reader = open(Input::bytes(text.into()), Format::Hex).unwrap();
    let mut found = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        found.push(match record {
            Record::Message(m) => Ok(m.bytes[18]),
            Record::Gap(g) => Err(g.reason),
            other => panic!("{other:?}"),
        });
    }
    found
}

fn digits(octets: &[u8], between: &str, before: &str) -> String {
    octets.iter().map(|b| format!("{before}{b:02x}")).collect::<Vec<_>>().join(between)
}

#[test]
fn plain_spellings() {
    for (between, before) in
        [("", ""), (" ", ""), (":", ""), (", ", "0x"), ("", "\\x"), ("-", ""), ("\n", "")]
    {
        let text = digits(&KEEPALIVE, between, before);
        assert_eq!(read(&text), [Ok(4)], "{text}");
        assert_eq!(read(&text.to_uppercase().replace('X', "x")), [Ok(4)], "{text}");
    }
    assert_eq!(read(&format!("0x{}", digits(&KEEPALIVE, "", ""))), [Ok(4)]);
}

#[test]
fn several_messages_and_comments() {
    let one = digits(&KEEPALIVE, " ", "");
    assert_eq!(read(&format!("# first\n{one} # end\n#mid\n{one}{one}\n")), [Ok(4); 3]);
    // A cut message ends at an empty line.
    let cut = &one[..38];
    assert_eq!(read(&format!("{cut}\n\n{one}\n")), [Err(GapReason::Truncated), Ok(4)]);
}

#[test]
fn dumps_with_offsets() {
    let xxd = "00000000: ffff ffff ffff ffff ffff ffff ffff ffff  ................\n\
               00000010: 0013 04                                  ...\n";
    assert_eq!(read(xxd), [Ok(4)]);
    assert_eq!(read(&xxd.repeat(2)), [Ok(4), Ok(4)]);
    let hexdump = "00000000  ff ff ff ff ff ff ff ff  ff ff ff ff ff ff ff ff  |................|\n\
                   00000010  00 13 04                                          |...|\n\
                   00000013\n";
    assert_eq!(read(&hexdump.repeat(2)), [Ok(4), Ok(4)]);
    let wireshark = "0000   ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff   ................\n\
                     0010   00 13 04                                          ...\n";
    assert_eq!(read(wireshark), [Ok(4)]);
    // tcpdump -x begins with the IP header; here ten octets stand for it.
    let tcpdump = "\t0x0000:  4500 0034 0000 0000 4006 ffff ffff ffff\n\
                   \t0x0010:  ffff ffff ffff ffff ffff 0013 04\n";
    assert_eq!(read(tcpdump), [Err(GapReason::NoMarker), Ok(4)]);
}

#[test]
fn what_is_not_hex_is_told_with_its_place() {
    let text = "ffff\nhello\n";
    let mut reader = open(Input::bytes(text.into()), Format::Hex).unwrap();
    let e = reader.next().unwrap_err();
    assert!(matches!(e, Error::Malformed { at: 5, .. }), "{e}");
    assert!(matches!(reader.next(), Ok(Some(Record::Gap(_)))));
    assert!(matches!(reader.next(), Ok(None)));
    for (text, word) in [("fff", "odd"), ("0010: ffff", "offset"), ("0000: ff\n0010: ff", "offset")]
    {
        let mut reader = open(Input::bytes(text.into()), Format::Hex).unwrap();
        let e = std::iter::from_fn(|| Some(reader.next().err())).take(2).flatten().next();
        assert!(e.is_some_and(|e| e.to_string().contains(word)), "{text}");
    }
}

#[test]
fn a_line_longer_than_the_piece() {
    for between in ["", " ", ":"] {
        let text = digits(&KEEPALIVE.repeat(5000), between, "");
        assert_eq!(read(&text).len(), 5000);
        assert!(read(&text).iter().all(Result::is_ok));
    }
    assert_eq!(
        read(&format!("#{}\n{}", "zz ".repeat(50_000), digits(&KEEPALIVE, "", ""))),
        [Ok(4)]
    );
}
