//! Extended communities as text, both ways.
//!
//! What for: the `Display` and the `FromStr` of [`ExtCommunity`]; the table of forms is in
//! [`ext_community`](super).
//! Where: beside the type.
//! How: named when encoding the name gives the same octets again, else in hexadecimal.
//! Invariants: the two are inverse to each other for every bit pattern.
//! References: as in [`ext_community`](super).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::{BAD, ExtCommunity, ExtKind, FromStr, ParseError, fmt, hex_array, number};

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        if kind.encode() != Some(*self) || !has_text(kind) {
            return write!(f, "0x{:016x}", u64::from_be_bytes(self.0));
        }
        match kind {
            ExtKind::RouteTarget(target) => write!(f, "rt:{target}"),
            ExtKind::RouteOrigin(origin) => write!(f, "soo:{origin}"),
            ExtKind::OspfDomainId(domain) => write!(f, "ospf-domain:{domain}"),
            ExtKind::OspfRouteType { area, route_type, options } => {
                write!(f, "ospf-route-type:{area}:{route_type}:{options:#04x}")
            }
            ExtKind::OspfRouterId(id) => write!(f, "ospf-router-id:{id}"),
            ExtKind::SourceAs(source) => write!(f, "source-as:{source}"),
            ExtKind::VrfRouteImport(vrf) => write!(f, "vrf-import:{vrf}"),
            ExtKind::LinkBandwidth { transitive, asn, octets } => {
                write!(f, "lbw:{}{asn}:{octets}", if transitive { "transitive:" } else { "" })
            }
            ExtKind::Color { flags: 0, color } => write!(f, "color:{color}"),
            ExtKind::Color { flags, color } => write!(f, "color:{flags:#06x}:{color}"),
            ExtKind::Encapsulation(tunnel) => write!(f, "encap:{tunnel}"),
            ExtKind::DefaultGateway => f.write_str("default-gw"),
            ExtKind::MacMobility { sticky, sequence } => {
                write!(f, "mac-mobility:{}{sequence}", if sticky { "sticky:" } else { "" })
            }
            ExtKind::EsiLabel { single_active, field } => {
                write!(f, "esi-label:{}", if single_active { "single-active:" } else { "" })?;
                match (field >> 4, field & 0x0f) {
                    (label, 0) => write!(f, "{label}"),
                    _ => write!(f, "{field:#08x}"),
                }
            }
            ExtKind::EsImport(mac) => write!(f, "es-import:{mac}"),
            ExtKind::RouterMac(mac) => write!(f, "router-mac:{mac}"),
            ExtKind::Layer2 { flags, mtu } => write!(f, "l2-attr:{flags:#06x}:{mtu}"),
            ExtKind::TrafficRate { asn: 0, octets } => write!(f, "rate:{octets}"),
            ExtKind::TrafficRate { asn, octets } => write!(f, "rate:{asn}:{octets}"),
            ExtKind::TrafficRatePackets { asn: 0, packets } => write!(f, "rate-packets:{packets}"),
            ExtKind::TrafficRatePackets { asn, packets } => {
                write!(f, "rate-packets:{asn}:{packets}")
            }
            ExtKind::TrafficAction { sample, terminal } => f.write_str(match (sample, terminal) {
                (false, false) => "action:none",
                (true, false) => "action:sample",
                (false, true) => "action:terminal",
                (true, true) => "action:sample:terminal",
            }),
            ExtKind::Redirect(target) => write!(f, "redirect:{target}"),
            ExtKind::TrafficMarking(dscp) => write!(f, "mark:{dscp}"),
            ExtKind::OriginValidation(state) => match STATES.get(usize::from(state)) {
                Some(name) => write!(f, "ov:{name}"),
                None => write!(f, "ov:{state}"),
            },
            ExtKind::Unknown => Ok(()),
        }
    }
}

/// Origin validation states by number.
const STATES: [&str; 3] = ["valid", "not-found", "invalid"];

/// Whether a rate, if the kind has one, is a number people can write: finite and not below zero.
fn has_text(kind: ExtKind) -> bool {
    match kind {
        ExtKind::LinkBandwidth { octets: rate, .. }
        | ExtKind::TrafficRate { octets: rate, .. }
        | ExtKind::TrafficRatePackets { packets: rate, .. } => {
            rate.is_finite() && rate.is_sign_positive()
        }
        _ => true,
    }
}

impl FromStr for ExtCommunity {
    type Err = ParseError;

    /// Every form of the table in the [module](super), `target:` and `origin:` for `rt:` and `soo:`,
    /// and `0x0002fde900000064`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        if s.starts_with("0x") {
            return hex_array(s, BAD).map(Self);
        }
        let (name, rest) = s.split_once(':').unwrap_or((s, ""));
        parse_kind(&name.to_ascii_lowercase(), rest)?.encode().ok_or(BAD)
    }
}

fn parse_kind(name: &str, rest: &str) -> Result<ExtKind, ParseError> {
    Ok(match name {
        "rt" | "target" => ExtKind::RouteTarget(rest.parse()?),
        "soo" | "origin" => ExtKind::RouteOrigin(rest.parse()?),
        "ospf-domain" => ExtKind::OspfDomainId(rest.parse()?),
        "ospf-route-type" => {
            let (area, rest) = rest.split_once(':').ok_or(BAD)?;
            let (route_type, options) = rest.split_once(':').ok_or(BAD)?;
            let [options] = hex_array(options, BAD)?;
            ExtKind::OspfRouteType {
                area: area.parse().map_err(|_| BAD)?,
                route_type: number(route_type, BAD)?,
                options,
            }
        }
        "ospf-router-id" => ExtKind::OspfRouterId(rest.parse().map_err(|_| BAD)?),
        "source-as" => ExtKind::SourceAs(rest.parse()?),
        "vrf-import" => ExtKind::VrfRouteImport(rest.parse()?),
        "lbw" => {
            let (transitive, rest) = flagged(rest, "transitive:");
            let (asn, octets) = rest.split_once(':').ok_or(BAD)?;
            let (asn, octets) = (number(asn, BAD)?, rate(octets)?);
            ExtKind::LinkBandwidth { transitive, asn, octets }
        }
        "color" => match rest.split_once(':') {
            None => ExtKind::Color { flags: 0, color: number(rest, BAD)? },
            Some((flags, color)) => ExtKind::Color {
                flags: u16::from_be_bytes(hex_array(flags, BAD)?),
                color: number(color, BAD)?,
            },
        },
        "encap" => ExtKind::Encapsulation(rest.parse()?),
        "default-gw" if rest.is_empty() => ExtKind::DefaultGateway,
        "mac-mobility" => {
            let (sticky, sequence) = flagged(rest, "sticky:");
            ExtKind::MacMobility { sticky, sequence: number(sequence, BAD)? }
        }
        "esi-label" => {
            let (single_active, label) = flagged(rest, "single-active:");
            let field = if label.starts_with("0x") {
                let [a, b, c] = hex_array(label, BAD)?;
                u32::from_be_bytes([0, a, b, c])
            } else {
                let label = number::<u32>(label, BAD)?;
                if label > 0x000f_ffff {
                    return Err(BAD);
                }
                label << 4
            };
            ExtKind::EsiLabel { single_active, field }
        }
        "es-import" => ExtKind::EsImport(rest.parse()?),
        "router-mac" => ExtKind::RouterMac(rest.parse()?),
        "l2-attr" => {
            let (flags, mtu) = rest.split_once(':').ok_or(BAD)?;
            let flags = u16::from_be_bytes(hex_array(flags, BAD)?);
            ExtKind::Layer2 { flags, mtu: number(mtu, BAD)? }
        }
        "rate" => {
            let (asn, octets) = asn_and_rate(rest)?;
            ExtKind::TrafficRate { asn, octets }
        }
        "rate-packets" => {
            let (asn, packets) = asn_and_rate(rest)?;
            ExtKind::TrafficRatePackets { asn, packets }
        }
        "action" => {
            let (sample, terminal) = match rest {
                "none" => (false, false),
                "sample" => (true, false),
                "terminal" => (false, true),
                "sample:terminal" => (true, true),
                _ => return Err(BAD),
            };
            ExtKind::TrafficAction { sample, terminal }
        }
        "redirect" => ExtKind::Redirect(rest.parse()?),
        "mark" => match number(rest, BAD)? {
            dscp @ 0..=63 => ExtKind::TrafficMarking(dscp),
            _ => return Err(BAD),
        },
        "ov" => ExtKind::OriginValidation(match rest {
            "valid" => 0,
            "not-found" => 1,
            "invalid" => 2,
            state => number(state, BAD)?,
        }),
        _ => return Err(BAD),
    })
}

fn flagged<'a>(rest: &'a str, flag: &str) -> (bool, &'a str) {
    rest.strip_prefix(flag).map_or((false, rest), |rest| (true, rest))
}

fn asn_and_rate(rest: &str) -> Result<(u16, f32), ParseError> {
    match rest.split_once(':') {
        Some((asn, octets)) => Ok((number(asn, BAD)?, rate(octets)?)),
        None => Ok((0, rate(rest)?)),
    }
}

fn rate(s: &str) -> Result<f32, ParseError> {
    number::<f32>(s, BAD).and_then(|rate| if rate.is_finite() { Ok(rate) } else { Err(BAD) })
}
