//! The octets of messages, right and wrong, and what to look for in those that come.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail, ensure};
use testkit::frame::{NOTIFICATION, OPEN, UPDATE, encode};
use testkit::script::{Message, Session};

pub(crate) const ROUTE_REFRESH: u8 = 5;

/// Flags of an attribute.
pub(crate) const WELL_KNOWN: u8 = 0x40;
pub(crate) const TRANSITIVE: u8 = 0xc0;
pub(crate) const NON_TRANSITIVE: u8 = 0x80;

/// Any message.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::message(kind, body, &mut out);
    out
}

pub(crate) fn keepalive() -> Vec<u8> {
    message(4, &[])
}

pub(crate) fn notification(code: u8, subcode: u8, data: &[u8]) -> Vec<u8> {
    message(NOTIFICATION, &[&[code, subcode], data].concat())
}

/// A header that claims `length` octets, and as many as there can be.
pub(crate) fn claiming(length: u16, kind: u8) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend_from_slice(&length.to_be_bytes());
    out.push(kind);
    out.resize(usize::from(length).max(19), 0);
    out
}

pub(crate) fn capability(code: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("a capability has at most 255 octets");
    [&[code, length], value].concat()
}

/// The multiprotocol capability.
pub(crate) fn family(afi: u8, safi: u8) -> Vec<u8> {
    capability(1, &[0, afi, 0, safi])
}

/// An OPEN to be bent.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) version: u8,
    pub(crate) my_as: u16,
    pub(crate) hold_time: u16,
    pub(crate) id: Ipv4Addr,
    pub(crate) capabilities: Vec<Vec<u8>>,
    /// The length octet and all after it, instead of the capabilities.
    pub(crate) raw_parameters: Option<Vec<u8>>,
}

impl Open {
    /// IPv4 and IPv6 unicast, route refresh, four-octet AS numbers; hold time 90 s.
    pub(crate) fn new(asn: u32, id: Ipv4Addr) -> Self {
        Self {
            version: 4,
            my_as: u16::try_from(asn).unwrap_or(23456),
            hold_time: 90,
            id,
            capabilities: vec![
                family(1, 1),
                family(2, 1),
                capability(2, &[]),
                capability(65, &asn.to_be_bytes()),
            ],
            raw_parameters: None,
        }
    }

    /// One more capability.
    pub(crate) fn and(mut self, code: u8, value: &[u8]) -> Self {
        self.capabilities.push(capability(code, value));
        self
    }

    pub(crate) fn hold(self, hold_time: u16) -> Self {
        Self { hold_time, ..self }
    }

    /// Without the capabilities of this code.
    pub(crate) fn without(mut self, code: u8) -> Self {
        self.capabilities.retain(|capability| capability[0] != code);
        self
    }

    /// The address families (unicast, IPv4 and IPv6) of a session that begins with it.
    pub(crate) fn families(&self) -> Vec<u8> {
        if self.raw_parameters.is_some() {
            return vec![1];
        }
        let offers = |afi: &u8| self.capabilities.contains(&family(*afi, 1));
        [1, 2].into_iter().filter(offers).collect()
    }

    /// Other octets behind the fixed part, the length octet included.
    pub(crate) fn raw(self, parameters: &[u8]) -> Self {
        Self { raw_parameters: Some(parameters.to_vec()), ..self }
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut body = vec![self.version];
        body.extend_from_slice(&self.my_as.to_be_bytes());
        body.extend_from_slice(&self.hold_time.to_be_bytes());
        body.extend_from_slice(&self.id.octets());
        match &self.raw_parameters {
            Some(raw) => body.extend_from_slice(raw),
            None => {
                let all = self.capabilities.concat();
                let length = u8::try_from(all.len()).expect("fits one parameter");
                body.extend_from_slice(&[length + 2, 2, length]);
                body.extend_from_slice(&all);
            }
        }
        message(OPEN, &body)
    }
}

/// The capabilities of an OPEN's body in the classic form, in order.
pub(crate) fn capabilities(open: &[u8]) -> Result<Vec<(u8, Vec<u8>)>> {
    let mut rest = open.get(10..).context("OPEN is too short")?;
    let mut out = Vec::new();
    while let [kind, length, tail @ ..] = rest {
        ensure!(*kind == 2, "parameter {kind}");
        let (mut inside, next) =
            tail.split_at_checked(usize::from(*length)).context("parameter is cut")?;
        while let [code, length, tail @ ..] = inside {
            let (value, next) =
                tail.split_at_checked(usize::from(*length)).context("capability is cut")?;
            out.push((*code, value.to_vec()));
            inside = next;
        }
        rest = next;
    }
    Ok(out)
}

/// UPDATE from its three parts.
pub(crate) fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::update_body(withdrawn, attributes, nlri, &mut out);
    out
}

pub(crate) fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::attribute(flags, kind, value, &mut out);
    out
}

/// ORIGIN, AS_PATH of one AS, NEXT_HOP: what an external neighbour has to send.
pub(crate) fn mandatory(asn: u32, next_hop: Ipv4Addr) -> Vec<u8> {
    [attribute(WELL_KNOWN, 1, &[0]), as_path(&[asn]), attribute(WELL_KNOWN, 3, &next_hop.octets())]
        .concat()
}

/// AS_PATH with one sequence of four-octet numbers.
pub(crate) fn as_path(asns: &[u32]) -> Vec<u8> {
    let count = u8::try_from(asns.len()).expect("one segment");
    let mut value = vec![2, count];
    value.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    attribute(WELL_KNOWN, 2, &value)
}

/// ROUTE-REFRESH of a family.
pub(crate) fn refresh(afi: u8, subtype: u8, safi: u8) -> Vec<u8> {
    message(ROUTE_REFRESH, &[0, afi, subtype, safi])
}

/// The three parts of an UPDATE's body.
pub(crate) fn parts(body: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    fn part(octets: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = octets.split_first_chunk::<2>()?;
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    }
    let (withdrawn, rest) = part(body).context("withdrawn routes are cut")?;
    let (attributes, nlri) = part(rest).context("attributes are cut")?;
    Ok((withdrawn, attributes, nlri))
}

/// Flags and value of an attribute in a list.
pub(crate) fn find(mut list: &[u8], wanted: u8) -> Option<(u8, Vec<u8>)> {
    while let [flags, kind, rest @ ..] = list {
        let (length, rest) = if flags & 0x10 == 0 {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        };
        let (value, next) = rest.split_at_checked(length)?;
        if *kind == wanted {
            return Some((*flags, value.to_vec()));
        }
        list = next;
    }
    None
}

/// End-of-RIB of IPv4 (1) or IPv6 (2) unicast.
pub(crate) fn is_end_of_rib(message: &Message, afi: u8) -> bool {
    let marker: &[u8] = if afi == 1 { &[0; 4] } else { &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1] };
    message.kind == UPDATE && message.body == marker
}

/// Whether `column` holds exactly this encoded prefix among others.
pub(crate) fn holds(mut column: &[u8], prefix: &[u8]) -> bool {
    while let [bits, rest @ ..] = column {
        let octets = usize::from(*bits).div_ceil(8).min(rest.len());
        if column[..=octets] == *prefix {
            return true;
        }
        column = &rest[octets..];
    }
    false
}

/// Reads until `prefix` (IPv4, encoded) is announced: the attributes.
pub(crate) fn announced(session: &mut Session, prefix: &[u8]) -> Result<Vec<u8>> {
    read_until(session, |body| {
        let (_, attributes, nlri) = parts(body)?;
        Ok(holds(nlri, prefix).then(|| attributes.to_vec()))
    })
    .context("the route does not come")
}

/// Reads until `prefix` (IPv4, encoded) is withdrawn.
pub(crate) fn withdrawn(session: &mut Session, prefix: &[u8]) -> Result<()> {
    read_until(session, |body| Ok(holds(parts(body)?.0, prefix).then_some(())))
        .context("the route is not withdrawn")
}

/// Reads UPDATEs until `look` finds what it wants; a NOTIFICATION ends it.
pub(crate) fn read_until<T>(
    session: &mut Session,
    look: impl Fn(&[u8]) -> Result<Option<T>>,
) -> Result<T> {
    loop {
        let message = session.receive()?;
        match message.kind {
            NOTIFICATION => bail!("NOTIFICATION {:02x?}", message.body),
            UPDATE => {
                if let Some(found) = look(&message.body)? {
                    return Ok(found);
                }
            }
            _ => {}
        }
    }
}
