//! The arguments of `cosmos decode`, with the help texts.

use std::net::IpAddr;
use std::path::PathBuf;

use bgp_wire::Family;
use clap::{Args, ValueEnum};

/// Arguments of `cosmos decode`.
#[derive(Clone, Debug, Args)]
#[command(
    long_about = "Decodes BGP from files: pcap and pcapng captures (TCP streams put together), MRT \
tables and updates (TABLE_DUMP, TABLE_DUMP_V2, BGP4MP, with ADD-PATH), BMP streams, raw messages and \
hex; plain, .gz or .bz2. Shows every message or table route with all attributes, and every fault \
with what RFC 7606 makes of it.\n\n\
What changes the meaning of bytes (four-octet AS numbers, ADD-PATH, internal or external) is taken \
from the OPENs of both sides, else from the MRT record, else from what fits; how it was decided is \
noted. Families nobody announced are decoded all the same.",
    after_help = "Exit codes: 0 ok, 1 findings worse than a note (with --strict), 2 an input could \
not be read or the command line makes no sense.\n\n\
Examples:\n  \
cosmos decode session.pcap\n  \
cosmos decode -1 --prefix 10.0.0.0/8 --longer updates.20240101.0000.gz\n  \
cosmos decode -o json rib.bz2 | jq -r 'select(.attributes.MULTI_EXIT_DISC > 100) | .announced[0].prefix'\n  \
cosmos decode --only-findings --summary *.pcapng\n  \
echo ffffffffffffffffffffffffffffffff001304 | cosmos decode"
)]
pub struct DecodeArgs {
    /// What to read; - is standard input, which is also read when it is a pipe and no FILE is given
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Text for people, or JSON: one object a message or table route, one a line
    #[arg(short, long, value_enum, default_value_t = DecodeOutput::Text)]
    pub output: DecodeOutput,
    /// Text with one line a route, for grep
    #[arg(short = '1', long, conflicts_with = "output")]
    pub one_line: bool,
    /// What the input is
    #[arg(long, value_enum, default_value_t = InputFormat::Auto)]
    pub format: InputFormat,
    /// In captures: a TCP port with BGP besides 179
    #[arg(long, value_name = "PORT")]
    pub bgp_port: Option<u16>,
    /// In captures: the TCP port with BMP, which else shows by its first message
    #[arg(long, value_name = "PORT")]
    pub bmp_port: Option<u16>,
    /// Add the octets of each message, in hex
    #[arg(long)]
    pub hex: bool,
    /// Add findings that cost nothing, such as a length longer than it has to be; JSON always has them
    #[arg(long)]
    pub notes: bool,
    /// Colours in text
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Counts of messages, routes and findings on standard error at the end
    #[arg(long)]
    pub summary: bool,
    /// Exit code 1 when there is a finding worse than a note
    #[arg(long)]
    pub strict: bool,
    /// What to show.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How to read it.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// What to show.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct SelectArgs {
    /// Only messages of these types
    #[arg(long = "type", value_enum, value_delimiter = ',', value_name = "TYPE,...")]
    pub types: Vec<TypeName>,
    /// Only routes to this prefix; an address means the routes that cover it
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub prefix: Option<PrefixQuery>,
    /// With --prefix: more specific ones too
    #[arg(long, requires = "prefix")]
    pub longer: bool,
    /// With --prefix: those that cover it too
    #[arg(long, requires = "prefix")]
    pub covering: bool,
    /// Only what this address sent or received
    #[arg(long, value_name = "ADDR")]
    pub peer: Option<IpAddr>,
    /// Only routes of these families, for example ipv4/unicast,ipv6/vpn,l2vpn/evpn
    #[arg(long, value_delimiter = ',', value_name = "FAMILY,...", value_parser = family)]
    pub family: Vec<Family>,
    /// Only messages and routes with findings worse than a note
    #[arg(long)]
    pub only_findings: bool,
    /// Stop after so many messages or routes shown
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// How to read what no OPEN explains.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Session, when the capture does not show it")]
pub struct SessionArgs {
    /// AS numbers are four octets wide
    #[arg(long, conflicts_with = "as2")]
    pub as4: bool,
    /// AS numbers are two octets wide
    #[arg(long)]
    pub as2: bool,
    /// Routes of these families have path identifiers; `none`: no family's have
    #[arg(long, value_delimiter = ',', value_name = "FAMILY,...", value_parser = family_or_none)]
    pub add_path: Option<Vec<Option<Family>>>,
    /// The sessions are internal
    #[arg(long, conflicts_with = "ebgp")]
    pub ibgp: bool,
    /// The sessions are external
    #[arg(long)]
    pub ebgp: bool,
    /// The sessions are inside a confederation (RFC 5065)
    #[arg(long)]
    pub confederation: bool,
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecodeOutput {
    /// Indented lines
    Text,
    /// One JSON object a line
    Json,
}

/// What the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// By its first octets
    Auto,
    /// A pcap capture
    Pcap,
    /// A pcapng capture
    Pcapng,
    /// MRT (RFC 6396, 8050)
    Mrt,
    /// BMP (RFC 7854)
    Bmp,
    /// BGP messages, one after the other
    Raw,
    /// The same in hex digits
    Hex,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also into a pipe
    Always,
    /// Not at all
    Never,
}

/// A type of message or record, for `--type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TypeName {
    /// OPEN
    Open,
    /// UPDATE
    Update,
    /// NOTIFICATION
    Notification,
    /// KEEPALIVE
    Keepalive,
    /// ROUTE-REFRESH
    RouteRefresh,
    /// A route of a table dump
    Route,
    /// An event of a session, of its transport or of the file
    State,
    /// Octets missing from a capture, or that no message could be made of
    Gap,
    /// Messages of other types
    Unknown,
}

/// What `--prefix` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixQuery {
    /// A prefix.
    Prefix(ipnet::IpNet),
    /// An address: what covers it.
    Address(IpAddr),
}

fn prefix(text: &str) -> Result<PrefixQuery, String> {
    if let Ok(address) = text.parse() {
        return Ok(PrefixQuery::Address(address));
    }
    text.parse::<ipnet::IpNet>()
        .map(|net| PrefixQuery::Prefix(net.trunc()))
        .map_err(|_| "expected a prefix such as 10.0.0.0/8, or an address".to_owned())
}

fn family(text: &str) -> Result<Family, String> {
    let text = text.to_ascii_lowercase();
    let name = match text.as_str() {
        "ipv4" => "ipv4/unicast",
        "ipv6" => "ipv6/unicast",
        "vpnv4" => "ipv4/vpn",
        "vpnv6" => "ipv6/vpn",
        "evpn" => "l2vpn/evpn",
        "rtc" => "ipv4/route-target",
        other => other,
    };
    name.parse().map_err(|_| {
        "expected a family such as ipv4/unicast, ipv6/labeled-unicast, ipv4/vpn, l2vpn/evpn or afi-1/safi-5"
            .to_owned()
    })
}

fn family_or_none(text: &str) -> Result<Option<Family>, String> {
    if text == "none" { Ok(None) } else { family(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_short_names() {
        assert_eq!(family("VPNv4"), Ok(Family::IPV4_VPN));
        assert_eq!(family("l2vpn/evpn"), Ok(Family::EVPN));
        assert!(family("ipx").unwrap_err().contains("ipv4/unicast"));
        assert_eq!(family_or_none("none"), Ok(None));
    }

    #[test]
    fn a_prefix_is_masked_and_an_address_stays_one() {
        assert_eq!(prefix("10.1.2.3/8"), Ok(PrefixQuery::Prefix("10.0.0.0/8".parse().unwrap())));
        assert_eq!(prefix("2001:db8::1"), Ok(PrefixQuery::Address("2001:db8::1".parse().unwrap())));
        assert!(prefix("10.0.0").is_err());
    }
}
