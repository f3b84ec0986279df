//! UPDATEs read back, for comparing what a scripted peer received. 4-octet AS numbers only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;

use super::{Attributes, Segment};
use crate::route::{Family, Origin};

/// One UPDATE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Prefixes withdrawn, both families.
    pub withdrawn: Vec<IpNet>,
    /// Prefixes announced, both families.
    pub announced: Vec<IpNet>,
    /// Attributes of the announced ones.
    pub attributes: Option<Attributes>,
    /// The message is an End-of-RIB marker of this family.
    pub end_of_rib: Option<Family>,
}

/// Reads the body of an UPDATE.
///
/// # Errors
/// On anything malformed: a speaker under test must not send it.
pub fn update(body: &[u8]) -> Result<Update> {
    let (withdrawn, rest) = counted(body)?;
    let (attributes, nlri) = counted(rest)?;
    let mut update = Update {
        withdrawn: prefixes(withdrawn, Family::Ipv4)?,
        announced: prefixes(nlri, Family::Ipv4)?,
        ..Update::default()
    };
    read_attributes(attributes, &mut update)?;
    if body == [0; 4] {
        update.end_of_rib = Some(Family::Ipv4);
    }
    Ok(update)
}

/// A two-octet length and that many octets; then the rest.
fn counted(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>().context("length")?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).context("too short")
}

fn prefixes(mut bytes: &[u8], family: Family) -> Result<Vec<IpNet>> {
    let mut out = Vec::new();
    while let Some((&len, rest)) = bytes.split_first() {
        let octets = usize::from(len).div_ceil(8);
        let (address, rest) = rest.split_at_checked(octets).context("prefix cut")?;
        bytes = rest;
        let address: IpAddr = match family {
            Family::Ipv4 => {
                let mut full = [0; 4];
                full.get_mut(..octets).context("prefix too long")?.copy_from_slice(address);
                Ipv4Addr::from(full).into()
            }
            Family::Ipv6 => {
                let mut full = [0; 16];
                full.get_mut(..octets).context("prefix too long")?.copy_from_slice(address);
                Ipv6Addr::from(full).into()
            }
        };
        let net = IpNet::new(address, len)?;
        ensure!(net.network() == address, "{net} has host bits");
        out.push(net);
    }
    Ok(out)
}

fn read_attributes(mut bytes: &[u8], update: &mut Update) -> Result<()> {
    let mut a = Attributes::new(&[], Ipv4Addr::UNSPECIFIED.into());
    let only = bytes;
    while !bytes.is_empty() {
        let (&[flags, kind], rest) = bytes.split_first_chunk().context("attribute header")?;
        let (value, rest) = if flags & 0x10 != 0 {
            counted(rest)?
        } else {
            let (&len, rest) = rest.split_first().context("attribute length")?;
            rest.split_at_checked(usize::from(len)).context("attribute cut")?
        };
        bytes = rest;
        match kind {
            14 => {
                let (family, next_hop, nlri) = mp_reach(value)?;
                a.next_hop = next_hop;
                update.announced.append(&mut prefixes(nlri, family)?);
            }
            15 => {
                let (&[0, afi, 1], nlri) = value.split_first_chunk().context("MP_UNREACH")? else {
                    bail!("MP_UNREACH_NLRI of a family nobody asked for");
                };
                let family = if afi == 1 { Family::Ipv4 } else { Family::Ipv6 };
                update.withdrawn.append(&mut prefixes(nlri, family)?);
                if nlri.is_empty() && value.len() + 3 >= only.len() - 1 {
                    update.end_of_rib = Some(family);
                }
            }
            _ => attribute(flags, kind, value, &mut a)
                .with_context(|| format!("attribute {kind}: {value:02x?}"))?,
        }
    }
    if !update.announced.is_empty() {
        update.attributes = Some(a);
    }
    Ok(())
}

fn mp_reach(value: &[u8]) -> Result<(Family, IpAddr, &[u8])> {
    let (&[0, afi, 1, len], rest) = value.split_first_chunk().context("MP_REACH_NLRI")? else {
        bail!("MP_REACH_NLRI of a family nobody asked for");
    };
    let family = if afi == 1 { Family::Ipv4 } else { Family::Ipv6 };
    let (next_hop, rest) = rest.split_at_checked(usize::from(len)).context("next hop")?;
    let next_hop = match next_hop.len() {
        4 => IpAddr::from(*next_hop.first_chunk::<4>().context("next hop")?),
        16 | 32 => IpAddr::from(*next_hop.first_chunk::<16>().context("next hop")?),
        other => bail!("next hop of {other} octets"),
    };
    let nlri = rest.get(1..).context("reserved octet")?;
    Ok((family, next_hop, nlri))
}

fn attribute(flags: u8, kind: u8, value: &[u8], a: &mut Attributes) -> Result<()> {
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).context("four octets");
    match kind {
        1 => {
            a.origin = match value {
                [0] => Origin::Igp,
                [1] => Origin::Egp,
                [2] => Origin::Incomplete,
                _ => bail!("ORIGIN"),
            }
        }
        2 => a.as_path = as_path(value)?,
        3 => a.next_hop = IpAddr::from(<[u8; 4]>::try_from(value)?),
        4 => a.med = Some(word(value)?),
        5 => a.local_pref = Some(word(value)?),
        6 => a.atomic_aggregate = true,
        7 => {
            let (asn, address) = value.split_at_checked(4).context("AGGREGATOR")?;
            a.aggregator = Some((word(asn)?, Ipv4Addr::from(<[u8; 4]>::try_from(address)?)));
        }
        8 => a.communities = value.chunks(4).map(word).collect::<Result<_>>()?,
        16 => {
            a.ext_communities =
                value.chunks(8).map(|c| c.try_into().context("8 octets")).collect::<Result<_>>()?;
        }
        32 => {
            let words: Vec<u32> = value.chunks(4).map(word).collect::<Result<_>>()?;
            a.large_communities = words
                .chunks(3)
                .map(|c| c.try_into().context("12 octets"))
                .collect::<Result<_>>()?;
        }
        _ => a.other.push((flags, kind, value.to_vec())),
    }
    Ok(())
}

fn as_path(mut bytes: &[u8]) -> Result<Vec<Segment>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (&[kind, count], rest) = bytes.split_first_chunk().context("segment")?;
        let (asns, rest) = rest.split_at_checked(usize::from(count) * 4).context("segment cut")?;
        bytes = rest;
        let asns = asns
            .chunks(4)
            .map(|c| c.try_into().map(u32::from_be_bytes))
            .collect::<Result<_, _>>()?;
        out.push(match kind {
            1 => Segment::Set(asns),
            2 => Segment::Sequence(asns),
            other => bail!("segment type {other}"),
        });
    }
    Ok(out)
}
