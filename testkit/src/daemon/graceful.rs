//! Graceful restart (RFC 4724, RFC 9494) in each daemon's own language.

use super::{Config, Kind};

/// What a daemon offers its first neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graceful {
    /// Seconds it may stay away.
    pub restart_time: u16,
    /// Seconds for which its routes are the last resort after that.
    pub long_lived: Option<u32>,
}

impl Graceful {
    /// Adds the lines to `config`. BIRD also gets a kernel protocol whose routes stay when it ends: FRR
    /// has that always, GoBGP writes no kernel routes.
    pub fn add_to(self, kind: Kind, config: &mut Config) {
        let Self { restart_time, long_lived } = self;
        let (mut global, mut session) = (Vec::new(), Vec::new());
        match kind {
            Kind::Frr => {
                global.push("bgp graceful-restart".to_owned());
                global.push("bgp graceful-restart preserve-fw-state".to_owned());
                global.push(format!("bgp graceful-restart restart-time {restart_time}"));
                global.extend(
                    long_lived.map(|s| format!("bgp long-lived-graceful-restart stale-time {s}")),
                );
            }
            Kind::Bird => {
                global.push("graceful restart wait 5;".to_owned());
                global.push(
                    "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; \
                     persist; scan time 1; }"
                        .to_owned(),
                );
                session.push("graceful restart on;".to_owned());
                session.push(format!("graceful restart time {restart_time};"));
                if let Some(seconds) = long_lived {
                    session.push("long lived graceful restart on;".to_owned());
                    session.push(format!("long lived stale time {seconds};"));
                }
            }
            Kind::Gobgp => {
                session.push("[neighbors.afi-safis.mp-graceful-restart.config]".to_owned());
                session.push("enabled = true".to_owned());
                if let Some(seconds) = long_lived {
                    let table = "[neighbors.afi-safis.long-lived-graceful-restart.config]";
                    session.push(table.to_owned());
                    session.push("enabled = true".to_owned());
                    session.push(format!("restart-time = {seconds}"));
                }
                session.push("[neighbors.graceful-restart.config]".to_owned());
                session.push("enabled = true".to_owned());
                session.push(format!("restart-time = {restart_time}"));
                if long_lived.is_some() {
                    session.push("long-lived-enabled = true".to_owned());
                }
            }
        }
        config.extra.extend(global);
        if let Some(neighbor) = config.neighbors.first_mut() {
            neighbor.extra.extend(session);
        }
    }
}
