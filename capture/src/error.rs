//! What can go wrong with a file, each as one line that says where and what to do.

use std::io;

use crate::format::Format;

/// Why a file cannot be read, or not further.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}; check the path and its permissions")]
    Open {
        /// As given.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The system failed while reading.
    #[error("octet {at}: reading failed: {source}; copy the file again")]
    Read {
        /// Octets delivered before, after decompression.
        at: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The compressed data is broken or ends early.
    #[error(
        "octet {at} after decompression: the {kind} data is broken or cut short ({source}); \
         everything before was read, fetch the file again for the rest"
    )]
    Unpack {
        /// Octets delivered before, after decompression.
        at: u64,
        /// Name of the compression.
        kind: &'static str,
        /// The decoder's reason.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("the input is empty; give a pcap, pcapng, MRT, BMP, raw BGP or hex file")]
    Empty,
    /// The content is none of what is known.
    #[error(
        "cannot tell what this is (it begins with {head}); give a pcap, pcapng, MRT, BMP, raw BGP or \
         hex file, or force the format"
    )]
    Unrecognized {
        /// The first octets in hex.
        head: String,
    },
    /// A known format or compression that is not read.
    #[error("{what} is not read; convert it first: {fix}")]
    Unsupported {
        /// The format's name.
        what: &'static str,
        /// The command that converts it.
        fix: &'static str,
    },
    /// The file ends inside a record.
    #[error(
        "octet {at}: the file ends inside this {what}: {have} of {need} octets; everything before \
         was read, fetch the file again for the rest"
    )]
    Truncated {
        /// Where the record begins.
        at: u64,
        /// What kind of record.
        what: &'static str,
        /// Octets there.
        have: u64,
        /// Octets it says it has.
        need: u64,
    },
    /// A record says it is longer than any can be.
    #[error(
        "octet {at}: a {what} of {length} octets; at most {max} are read: the file is damaged here or \
         is not {format}"
    )]
    TooLong {
        /// Where the record begins.
        at: u64,
        /// What kind of record.
        what: &'static str,
        /// What it says.
        length: u64,
        /// The bound.
        max: u64,
        /// The format it is read as.
        format: Format,
    },
    /// Packets of a link layer that is not read.
    #[error(
        "octet {at}: packets of link type {link} are not read and are skipped; capture on an Ethernet, \
         IP, PPP or loopback interface"
    )]
    LinkLayer {
        /// Where the interface is described.
        at: u64,
        /// The LINKTYPE number.
        link: u32,
    },
    /// A record whose inside does not fit its type; the records after it are read.
    #[error("octet {at}: {what}: {problem}; this record is skipped")]
    Malformed {
        /// Where the enclosing record begins.
        at: u64,
        /// What kind of record.
        what: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
    /// The framing is lost: nothing after this can be read.
    #[error("octet {at}: {what}: {problem}; the file is damaged here or is not {format}")]
    Broken {
        /// Where the record begins.
        at: u64,
        /// What kind of record.
        what: &'static str,
        /// What does not fit.
        problem: &'static str,
        /// The format it is read as.
        format: Format,
    },
}

impl Error {
    /// Whether reading goes on after it. After any other error the reader is at its end.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::LinkLayer { .. })
    }
}
