//! A [`Config`] as the YAML manifests of `cosmos run`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::daemon::{Config, Neighbor};
use crate::route::{Announcement, Family, Origin};

/// The router, the node and the namespace of the objects.
pub(super) const NAME: &str = "dut";

const HEADER: &str = "apiVersion: bgp.miloapis.com/v1alpha1\n";

/// All objects, as several YAML documents. `fields` adds to the router's spec, or replaces.
pub(super) fn text(
    config: &Config,
    install_routes: bool,
    fields: &BTreeMap<String, String>,
) -> Result<String> {
    let mut out = router(config, install_routes, fields);
    for (index, neighbor) in config.neighbors.iter().enumerate() {
        out.push_str(&peer(index, neighbor)?);
    }
    for (index, announcement) in config.announcements.iter().enumerate() {
        out.push_str(&advertisement(index, announcement)?);
    }
    out.push_str(&policy(config)?);
    for document in &config.extra {
        let _ = writeln!(out, "---\n{document}");
    }
    Ok(out)
}

fn router(config: &Config, install_routes: bool, fields: &BTreeMap<String, String>) -> String {
    let families = format!("[{}, {}]", family_text(Family::Ipv4), family_text(Family::Ipv6));
    let mut spec = BTreeMap::from(
        [
            ("targetRef", format!("{{kind: Node, name: {NAME}}}")),
            ("roles", "[transit]".to_owned()),
            ("localASN", config.asn.to_string()),
            ("routerID", config.router_id.to_string()),
            ("addressFamilies", families),
            ("timers", "{connectRetry: 1s, idleHold: 1s}".to_owned()),
            ("installRoutes", install_routes.to_string()),
        ]
        .map(|(field, value)| (field.to_owned(), value)),
    );
    if let Some(port) = config.local_port() {
        spec.insert("listenPort".to_owned(), port.to_string());
    }
    spec.extend(fields.clone());
    let mut out =
        format!("{HEADER}kind: BGPRouter\nmetadata: {{name: {NAME}, namespace: default}}\nspec:\n");
    for (field, value) in spec {
        let _ = writeln!(out, "  {field}: {value}");
    }
    out
}

fn peer(index: usize, neighbor: &Neighbor) -> Result<String> {
    if !neighbor.four_octet_as {
        bail!("cosmos always speaks 4-octet AS numbers");
    }
    let families: Vec<_> = neighbor.families.iter().map(|f| family_text(*f)).collect();
    let mut out = format!(
        "---\n{HEADER}kind: BGPPeer\nmetadata: {{name: n{index}, namespace: default}}\nspec:\n  \
         routerRef: {{name: {NAME}}}\n  {}\n  peerASN: {}\n  passive: {}\n",
        neighbor.range.map_or_else(
            || format!("address: \"{}\"", neighbor.address),
            |range| format!("addressRange: \"{range}\""),
        ),
        neighbor.remote_as,
        neighbor.passive,
    );
    let has = |field: &str| neighbor.extra.iter().any(|line| line.starts_with(field));
    // Families that [`Family`] does not name come as a line of their own.
    if !has("addressFamilies:") {
        let _ = writeln!(out, "  addressFamilies: [{}]", families.join(", "));
    }
    if !has("updateSource:") {
        let _ = writeln!(out, "  updateSource: \"{}\"", neighbor.local_address);
    }
    if let Some(port) = neighbor.port {
        let _ = writeln!(out, "  remotePort: {port}");
    }
    if let Some(limit) = neighbor.maximum_prefix {
        let _ = writeln!(out, "  maximumPrefix: {{limit: {limit}}}");
    }
    for line in &neighbor.extra {
        let _ = writeln!(out, "  {line}");
    }
    if let Some(password) = &neighbor.password {
        let _ = write!(
            out,
            "  authSecretRef: {{name: n{index}}}\n---\napiVersion: v1\nkind: Secret\n\
             metadata: {{name: n{index}, namespace: default}}\nstringData: {{password: \"{password}\"}}\n"
        );
    }
    Ok(out)
}

fn advertisement(index: usize, a: &Announcement) -> Result<String> {
    if !a.large_communities.is_empty() {
        bail!("{}: manifests have no field for large communities", a.prefix);
    }
    let mut out = format!(
        "---\n{HEADER}kind: BGPAdvertisement\nmetadata: {{name: a{index}, namespace: default}}\n\
         spec:\n  routerRef: {{name: {NAME}}}\n  addressFamily: {}\n  prefixes: [\"{}\"]\n",
        family_text(a.family()),
        a.prefix,
    );
    if !a.communities.is_empty() {
        let list: Vec<_> = a.communities.iter().map(|(x, y)| format!("\"{x}:{y}\"")).collect();
        let _ = writeln!(out, "  communities: [{}]", list.join(", "));
    }
    if let Some(local_pref) = a.local_pref {
        let _ = writeln!(out, "  localPreference: {local_pref}");
    }
    Ok(out)
}

/// What an advertisement cannot say is set on export, prefix by prefix; all else passes.
fn policy(config: &Config) -> Result<String> {
    let mut out = format!(
        "---\n{HEADER}kind: BGPPolicy\nmetadata: {{name: export, namespace: default}}\nspec:\n  \
         routerRef: {{name: {NAME}}}\n  direction: export\n  terms:\n"
    );
    for (index, a) in config.announcements.iter().enumerate() {
        let mut set = Vec::new();
        if let Some(med) = a.med {
            set.push(format!("metric: {med}"));
        }
        match a.origin {
            Origin::Igp => {}
            Origin::Egp => set.push("origin: egp".into()),
            Origin::Incomplete => set.push("origin: incomplete".into()),
        }
        if let Some(asn) = a.as_path.first() {
            if a.as_path.iter().any(|other| other != asn) {
                bail!("{}: a policy prepends copies of one AS", a.prefix);
            }
            set.push(format!("asPath: {{prepend: {}, asn: {asn}}}", a.as_path.len()));
        }
        if set.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "  - {{sequence: {}, action: permit, match: {{ipPrefix: \"{}\"}}, set: {{{}}}}}",
            index + 1,
            a.prefix,
            set.join(", ")
        );
    }
    out.push_str("  - {sequence: 60000, action: permit, match: {any: true}}\n");
    Ok(out)
}

fn family_text(family: Family) -> String {
    format!("{{afi: {}, safi: unicast}}", family.name())
}
