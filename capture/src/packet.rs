//! Captures: packets out of pcap and pcapng.
//!
//! What for: what `tcpdump` and Wireshark write.
//! Where: a format of [`Reader`](crate::Reader).
//! How: `pcap-parser` parses headers and blocks, one at a time on the window, after this module has
//! checked their length; [`link`] (on `etherparse`) gives the TCP segment in a packet; [`flows`] puts
//! segments together and cuts messages out of the streams.
//! Invariants: a packet or block has at most [`MAX_BLOCK`] octets; at most [`MAX_INTERFACES`]
//! interfaces are kept; a packet that is no TCP over IP is passed over, a link layer that is not read
//! is told once an interface.
//! References: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod flows;
mod fragments;
mod link;
mod stream;

use pcap_parser::pcapng::{
    parse_enhancedpacketblock_be, parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_simplepacketblock_be, parse_simplepacketblock_le,
};
use pcap_parser::traits::PcapNGPacketBlock as _;
use pcap_parser::{parse_pcap_header, pcap};

use crate::error::Error;
use crate::format::Format;
use crate::item::Item;
use crate::reader::Options;
use crate::record::{Container, Origin, Timestamp};
use crate::source::Source;

/// Longest packet or block that is read, in octets; capture programs stop at 262,144.
const MAX_BLOCK: usize = 4 << 20;
/// Interfaces of one section that are kept.
const MAX_INTERFACES: usize = 4096;

/// What a file says of the packets that follow.
#[derive(Debug)]
enum Layout {
    /// The file header has not been read.
    Unread,
    Pcap {
        big: bool,
        modified: bool,
        nanos: bool,
        link: u32,
    },
    Pcapng {
        big: bool,
        interfaces: Vec<Interface>,
    },
}

/// An interface of a pcapng section.
#[derive(Copy, Clone, Debug)]
struct Interface {
    link: u32,
    /// Units of time a second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
    snaplen: u32,
}

/// State of the reader.
#[derive(Debug)]
pub(crate) struct Packets {
    format: Format,
    layout: Layout,
    flows: flows::Flows,
    fragments: fragments::Fragments,
    number: u64,
    ended: bool,
    /// What ended the file early.
    failed: Option<Error>,
}

/// What one step over the file gave.
enum Taken {
    /// A packet: link type, time, and how many octets after `skip` it has at the front.
    Packet {
        link: u32,
        time: Option<Timestamp>,
        skip: usize,
        length: usize,
        whole: usize,
    },
    /// Something else of so many octets.
    Other(usize),
    End,
}

impl Packets {
    pub(crate) fn new(format: Format, options: &Options) -> Self {
        Self {
            format,
            layout: Layout::Unread,
            flows: flows::Flows::new(options),
            fragments: fragments::Fragments::default(),
            number: 0,
            ended: false,
            failed: None,
        }
    }

    pub(crate) fn chunk(&self) -> &[u8] {
        self.flows.chunk()
    }

    pub(crate) fn step(&mut self, source: &mut Source) -> Result<Option<Item>, Error> {
        loop {
            match self.flows.step() {
                Ok(Some(item)) => return Ok(Some(item)),
                Ok(None) => {}
                Err((at, problem)) => {
                    return Err(Error::Malformed { at, what: "BMP message", problem });
                }
            }
            if self.ended {
                return self.failed.take().map_or(Ok(None), Err);
            }
            // What is cut short is told after what the streams still hold.
            let taken = match self.take(source) {
                Ok(taken) => taken,
                Err(e) if e.is_recoverable() => return Err(e),
                Err(e) => {
                    self.finish();
                    self.failed = Some(e);
                    continue;
                }
            };
            match taken {
                Taken::End => self.finish(),
                Taken::Other(whole) => source.consume(whole),
                Taken::Packet { link, time, skip, length, whole } => {
                    self.number = self.number.saturating_add(1);
                    let origin = Origin {
                        at: source.offset(),
                        number: self.number,
                        container: Container::Packet,
                    };
                    let end = skip.saturating_add(length);
                    let packet = source.bytes().get(skip..end).unwrap_or_default();
                    match link::segment(link, packet) {
                        link::Found::Segment(segment) => self.flows.push(origin, time, &segment),
                        link::Found::Fragment(packet) => {
                            self.fragments.add(packet, origin, time, &mut self.flows);
                        }
                        link::Found::Nothing => {}
                    }
                    source.consume(whole);
                }
            }
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.fragments.finish(&mut self.flows);
        self.flows.finish();
    }

    /// Reads the next packet or block onto the front of the window.
    fn take(&mut self, source: &mut Source) -> Result<Taken, Error> {
        if self.format == Format::Pcapng {
            return self.take_block(source);
        }
        const WHAT: &str = "packet";
        let at = source.offset();
        let Layout::Pcap { big, modified, nanos, link } = self.layout else {
            return self.take_header(source);
        };
        let head = if modified { 24 } else { 16 };
        match source.fill(head) {
            0 => return Ok(Taken::End),
            have if have < head => return Err(source.shortfall("packet header", head)),
            _ => {}
        }
        let captured = length_at(source.bytes(), 8, big);
        let whole = captured.saturating_add(head);
        if whole > MAX_BLOCK {
            let (length, max) = (captured as u64, MAX_BLOCK as u64);
            return Err(Error::TooLong { at, what: WHAT, length, max, format: self.format });
        }
        if source.fill(whole) < whole {
            return Err(source.shortfall(WHAT, whole));
        }
        let parse = match (modified, big) {
            (true, _) => pcap::parse_pcap_frame_modified,
            (false, true) => pcap::parse_pcap_frame_be,
            (false, false) => pcap::parse_pcap_frame,
        };
        let broken =
            Error::Broken { at, what: WHAT, problem: "a broken header", format: self.format };
        let Ok((_, block)) = parse(source.bytes()) else { return Err(broken) };
        let micros = if nanos { 0 } else { block.ts_usec };
        let mut time = Timestamp::from_micros(block.ts_sec, micros);
        if nanos {
            time = nanoseconds(u64::from(block.ts_sec), u64::from(block.ts_usec));
        }
        Ok(Taken::Packet { link, time: Some(time), skip: head, length: captured, whole })
    }

    fn take_header(&mut self, source: &mut Source) -> Result<Taken, Error> {
        const HEADER: usize = 24;
        let at = source.offset();
        match source.fill(HEADER) {
            0 => return Err(Error::Empty),
            have if have < HEADER => return Err(source.shortfall("file header", HEADER)),
            _ => {}
        }
        let Ok((_, header)) = parse_pcap_header(source.bytes()) else {
            return Err(Error::Broken {
                at,
                what: "file header",
                problem: "an unknown magic number",
                format: self.format,
            });
        };
        // The upper bits say how long the frame check sequence is.
        let link = u32::from_ne_bytes(header.network.0.to_ne_bytes()) & 0xffff;
        self.layout = Layout::Pcap {
            big: matches!(header.magic_number, 0xd4c3_b2a1 | 0x4d3c_b2a1),
            modified: header.is_modified_format(),
            nanos: header.is_nanosecond_precision(),
            link,
        };
        source.consume(HEADER);
        if link::is_read(link) { Ok(Taken::Other(0)) } else { Err(Error::LinkLayer { at, link }) }
    }

    fn take_block(&mut self, source: &mut Source) -> Result<Taken, Error> {
        const WHAT: &str = "block";
        const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
        let at = source.offset();
        let format = self.format;
        let broken = |problem| Error::Broken { at, what: WHAT, problem, format };
        match source.fill(12) {
            0 => return Ok(Taken::End),
            have if have < 12 => return Err(source.shortfall("block header", 12)),
            _ => {}
        }
        let bytes = source.bytes();
        let is_section = bytes.starts_with(&SECTION);
        if is_section {
            let big = match bytes.get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                _ => return Err(broken("a section without byte-order magic")),
            };
            self.layout = Layout::Pcapng { big, interfaces: Vec::new() };
        }
        let Layout::Pcapng { big, interfaces } = &mut self.layout else {
            return Err(broken("a block before the section header"));
        };
        let big = *big;
        let (kind, whole) = (length_at(bytes, 0, big), length_at(bytes, 4, big));
        if whole < 12 || whole % 4 != 0 {
            return Err(broken("a length that no block can have"));
        }
        if whole > MAX_BLOCK {
            let (length, max) = (whole as u64, MAX_BLOCK as u64);
            return Err(Error::TooLong { at, what: WHAT, length, max, format });
        }
        if source.fill(whole) < whole {
            return Err(source.shortfall(WHAT, whole));
        }
        let block = source.bytes().get(..whole).unwrap_or_default();
        let malformed = |source: &mut Source, problem| {
            source.consume(whole);
            Error::Malformed { at, what: WHAT, problem }
        };
        match kind {
            1 => {
                let parsed = if big {
                    parse_interfacedescriptionblock_be(block)
                } else {
                    parse_interfacedescriptionblock_le(block)
                };
                let Ok((_, idb)) = parsed else {
                    return Err(malformed(source, "a broken interface description"));
                };
                let Some(resolution) = resolution(idb.if_tsresol) else {
                    return Err(malformed(source, "an impossible time resolution"));
                };
                // The parser reads the offset as little-endian always.
                let offset = if big { idb.if_tsoffset.swap_bytes() } else { idb.if_tsoffset };
                let link = u32::from_ne_bytes(idb.linktype.0.to_ne_bytes()) & 0xffff;
                let snaplen = idb.snaplen;
                if interfaces.len() >= MAX_INTERFACES {
                    return Err(malformed(source, "more than 4096 interfaces"));
                }
                interfaces.push(Interface { link, resolution, offset, snaplen });
                source.consume(whole);
                if link::is_read(link) {
                    Ok(Taken::Other(0))
                } else {
                    Err(Error::LinkLayer { at, link })
                }
            }
            6 => {
                let parsed = if big {
                    parse_enhancedpacketblock_be(block)
                } else {
                    parse_enhancedpacketblock_le(block)
                };
                let Ok((_, epb)) = parsed else {
                    return Err(malformed(source, "a broken packet block"));
                };
                let interface = usize::try_from(epb.if_id).ok().and_then(|i| interfaces.get(i));
                let (length, high, low) = (epb.packet_data().len(), epb.ts_high, epb.ts_low);
                let Some(interface) = interface.copied() else {
                    return Err(malformed(source, "a packet of an interface not described"));
                };
                let units = (u64::from(high) << 32) | u64::from(low);
                let time = Some(interface.time(units));
                Ok(Taken::Packet { link: interface.link, time, skip: 28, length, whole })
            }
            3 => {
                let parsed = if big {
                    parse_simplepacketblock_be(block)
                } else {
                    parse_simplepacketblock_le(block)
                };
                let Ok((_, spb)) = parsed else {
                    return Err(malformed(source, "a broken packet block"));
                };
                let length = spb.packet_data().len();
                let Some(interface) = interfaces.first().copied() else {
                    return Err(malformed(source, "a packet of an interface not described"));
                };
                let limit = match usize::try_from(interface.snaplen) {
                    Ok(0) | Err(_) => usize::MAX,
                    Ok(limit) => limit,
                };
                let length = length.min(limit);
                Ok(Taken::Packet { link: interface.link, time: None, skip: 12, length, whole })
            }
            // Names, statistics, comments, secrets: nothing of BGP.
            _ => Ok(Taken::Other(whole)),
        }
    }
}

impl Interface {
    fn time(&self, units: u64) -> Timestamp {
        let (secs, part) =
            match (units.checked_div(self.resolution), units.checked_rem(self.resolution)) {
                (Some(secs), Some(part)) => (secs, part),
                _ => (units, 0),
            };
        let nanos = u128::from(part)
            .saturating_mul(1_000_000_000)
            .checked_div(u128::from(self.resolution))
            .unwrap_or_default();
        nanoseconds(
            secs.saturating_add_signed(self.offset),
            u64::try_from(nanos).unwrap_or_default(),
        )
    }
}

/// Units a second: a power of ten, or of two when the high bit is set.
fn resolution(code: u8) -> Option<u64> {
    let power = u32::from(code & 0x7f);
    if code & 0x80 == 0 { 10_u64.checked_pow(power) } else { 1_u64.checked_shl(power) }
}

fn nanoseconds(secs: u64, nanos: u64) -> Timestamp {
    Timestamp {
        secs: secs.saturating_add(nanos / 1_000_000_000),
        nanos: u32::try_from(nanos % 1_000_000_000).unwrap_or_default(),
    }
}

/// Four octets at `at`.
fn length_at(bytes: &[u8], at: usize, big: bool) -> usize {
    let four = bytes.get(at..).and_then(|b| b.first_chunk::<4>()).copied().unwrap_or_default();
    let value = if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
    usize::try_from(value).unwrap_or(usize::MAX)
}
