//! The arguments of `cosmos`, with the help texts.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Kubernetes BGP control plane with its own BGP speaker.
#[derive(Debug, Parser)]
#[command(
    name = "cosmos",
    version,
    about = "Kubernetes BGP control plane with its own BGP speaker",
    long_about = "Cosmos turns BGPRouter, BGPPeer, BGPAdvertisement and the other objects of \
                  bgp.miloapis.com into BGP sessions, routes and Linux kernel state, with an \
                  embedded BGP speaker. Without a cluster the objects come from a folder of YAML.",
    after_help = "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 daemon not reachable.\n\
                  See it work first: cosmos lab",
    arg_required_else_help = true,
    infer_subcommands = true,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the speaker from a folder of manifests
    Run(RunArgs),
    /// Show what a running speaker knows
    Show(ShowArgs),
    /// Explain a decision of a running speaker
    Explain(ExplainArgs),
    /// Name why sessions are not Established or not well, with the fix
    Doctor(DoctorArgs),
    /// Reset a session of a running speaker, or have routes sent again
    Clear(crate::clear::ClearArgs),
    /// Read captures, MRT tables, BMP streams or raw BGP and show every message and verdict
    Decode(crate::decode::DecodeArgs),
    /// Print the CustomResourceDefinitions as YAML
    #[command(after_help = "Example:\n  cosmos crds | kubectl apply --server-side -f -")]
    Crds,
    /// Two nodes, two leaf switches, anycast with ECMP, a cable pulled: all on this machine
    Lab(LabArgs),
}

/// Arguments of `cosmos run`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Signals: SIGTERM and SIGINT close every session with a Cease and stop. Kernel \
routes stay, so that traffic flows while the daemon is restarted, and neighbours with graceful \
restart are left so that they keep our routes; --remove-routes-on-exit takes it all away. Log level: RUST_LOG, for example RUST_LOG=info,speaker=debug.\n\n\
Examples:\n  \
cosmos run --manifests /etc/cosmos --node node1\n  \
cosmos run --manifests ./config/samples --node node1 --fib none --control /tmp/c.sock\n  \
cosmos run --manifests /etc/cosmos --node node1 --http 127.0.0.1:9179"
)]
pub struct RunArgs {
    /// Folder of YAML or JSON manifests; watched, an edit applies without a restart
    #[arg(long, value_name = "DIR", env = "COSMOS_MANIFESTS")]
    pub manifests: PathBuf,
    /// Name of the Node whose routers run here
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node: String,
    /// Where best paths go
    #[arg(long, value_enum, default_value_t = FibChoice::Kernel)]
    pub fib: FibChoice,
    /// Control socket [default: /run/cosmos/control.sock, or $XDG_RUNTIME_DIR/cosmos/control.sock]
    #[arg(long, value_name = "PATH", env = "COSMOS_CONTROL")]
    pub control: Option<PathBuf>,
    /// Serve /metrics, /healthz, /readyz and /version here, for example 127.0.0.1:9179
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Remove our kernel routes on a graceful stop instead of keeping traffic flowing
    #[arg(long)]
    pub remove_routes_on_exit: bool,
    /// Folder for what the next run must know of this one, so that a restart loses no traffic; it
    /// must survive the process (mount it into a container) [default: that of the control socket]
    #[arg(long, value_name = "DIR", env = "COSMOS_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Kernel routing table for our routes
    #[arg(long, value_name = "ID", default_value_t = 254, value_parser = clap::value_parser!(u32).range(1..))]
    pub fib_table: u32,
    /// End when the parent, which must have this process id, ends; for harnesses
    #[arg(long, value_name = "PID", hide = true)]
    pub die_with_parent: Option<i32>,
}

/// Where best paths go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FibChoice {
    /// Linux kernel routes, marked with protocol 179
    Kernel,
    /// Nowhere: control plane only, every next hop counts as reachable
    None,
}

/// How to reach the daemon.
#[derive(Clone, Debug, Args)]
pub struct ControlArgs {
    /// Control socket [default: /run/cosmos/control.sock, or $XDG_RUNTIME_DIR/cosmos/control.sock]
    #[arg(long, value_name = "PATH", env = "COSMOS_CONTROL", global = true)]
    pub control: Option<PathBuf>,
    /// Only this router (BGPRouter or BGPInstance)
    #[arg(long, value_name = "NAME", global = true)]
    pub router: Option<String>,
    /// A table for people, or JSON (one array) for scripts
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table, global = true)]
    pub output: OutputFormat,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns
    Table,
    /// One JSON document
    Json,
}

/// Arguments of `cosmos show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
cosmos show peers\n  \
cosmos show peer leaf1\n  \
cosmos show routes 10.10.10.10/32\n  \
cosmos show routes --family ipv6/unicast -o json | jq '.[] | select(.best)'\n  \
cosmos show advertised leaf1\n  \
cosmos show fib")]
pub struct ShowArgs {
    /// How to reach the daemon.
    #[command(flatten)]
    pub control: ControlArgs,
    /// What to show.
    #[command(subcommand)]
    pub what: ShowWhat,
}

/// What `cosmos show` shows.
#[derive(Clone, Debug, Subcommand)]
pub enum ShowWhat {
    /// Neighbours and their sessions, one line a neighbour and family
    Peers,
    /// Everything about one neighbour: session, timers, capabilities, routes, what went wrong
    Peer {
        /// Neighbour's name, address or interface
        peer: String,
    },
    /// All paths known; `*>` best, `*=` shares traffic with the best, `x` takes no part
    #[command(visible_alias = "route")]
    Routes {
        /// Only this prefix; of VPN and EVPN routes the text in the prefix column, quoted
        #[arg(value_parser = route)]
        prefix: Option<String>,
        /// Only this family, for example ipv4/unicast, vpnv4, evpn
        #[arg(long, value_name = "AFI/SAFI", value_parser = family)]
        family: Option<String>,
    },
    /// What is sent to a neighbour (Adj-RIB-Out)
    Advertised {
        /// Neighbour's name or address
        peer: String,
        /// Only this family, for example ipv4/unicast, vpnv4, evpn
        #[arg(long, value_name = "AFI/SAFI", value_parser = family)]
        family: Option<String>,
    },
    /// What a neighbour sent (Adj-RIB-In), filtered paths included
    Received {
        /// Neighbour's name or address
        peer: String,
        /// Only this family, for example ipv4/unicast, vpnv4, evpn
        #[arg(long, value_name = "AFI/SAFI", value_parser = family)]
        family: Option<String>,
    },
    /// Routes given to the kernel, and whether it took them
    Fib,
    /// The objects read, accepted or refused, and why
    #[command(visible_alias = "object")]
    Objects,
}

/// Arguments of `cosmos explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  cosmos explain route 10.10.10.10/32")]
pub struct ExplainArgs {
    /// How to reach the daemon.
    #[command(flatten)]
    pub control: ControlArgs,
    /// What to explain.
    #[command(subcommand)]
    pub what: ExplainWhat,
}

/// What `cosmos explain` explains.
#[derive(Clone, Debug, Subcommand)]
pub enum ExplainWhat {
    /// Every candidate for a prefix, the winner, and the step at which each other path lost
    Route {
        /// The prefix, exactly as announced; of VPN and EVPN routes as `show routes` has it, quoted
        #[arg(value_parser = route)]
        prefix: String,
    },
}

/// Arguments of `cosmos doctor`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all is well, 1 something is wrong, 3 daemon not reachable.\n\n\
Examples:\n  cosmos doctor\n  cosmos doctor leaf1\n  \
cosmos doctor -o json | jq '.[] | select(.findings != []) | [.peer, .findings[0].cause]'"
)]
pub struct DoctorArgs {
    /// How to reach the daemon.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Only this neighbour: its name, address or interface
    pub peer: Option<String>,
}

/// Arguments of `cosmos lab`.
#[derive(Clone, Debug, Args)]
#[command(
    long_about = "Builds a small fabric in network namespaces of this machine: node1 and node2, \
each linked to leaf1 and leaf2, every router a `cosmos run` of its own with generated manifests. \
Both nodes announce one anycast address; the leaves share traffic over both; a cable is pulled \
and the time to converge is measured. Needs Linux, no root and no other program.",
    after_help = "Examples:\n  cosmos lab --once         see it and leave; exit code 0 if all was seen\n  \
cosmos lab                stay, look around with cosmos show, end with Ctrl-C\n  \
cosmos lab --shell leaf1  the same, with a shell inside leaf1"
)]
pub struct LabArgs {
    /// Leave after the demonstration; exit code 0 if and only if all of it was seen
    #[arg(long, conflicts_with = "shell")]
    pub once: bool,
    /// Keep the folder of manifests and logs
    #[arg(long)]
    pub keep: bool,
    /// Open a shell inside this router's namespace afterwards
    #[arg(long, value_name = "NODE", value_parser = ["node1", "node2", "leaf1", "leaf2"])]
    pub shell: Option<String>,
}

/// The control socket used when none is given: `/run/cosmos/control.sock` for root, else in
/// `$XDG_RUNTIME_DIR`. `None` when a non-root user has no runtime folder.
pub fn default_control_path() -> Option<PathBuf> {
    control_path_for(nix::unistd::geteuid().is_root(), std::env::var_os("XDG_RUNTIME_DIR"))
}

fn control_path_for(root: bool, runtime_dir: Option<std::ffi::OsString>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/run/cosmos/control.sock"));
    }
    let dir = PathBuf::from(runtime_dir.filter(|d| !d.is_empty())?);
    Some(dir.join("cosmos/control.sock"))
}

/// A typing error is found before a daemon is asked.
fn route(text: &str) -> Result<String, String> {
    match speaker::is_route_name(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("expected a prefix such as 10.0.0.0/8, or a route as `show routes` has it".into())
        }
    }
}

fn family(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let wanted = match lower.as_str() {
        "ipv4" | "4" => "ipv4/unicast",
        "ipv6" | "6" => "ipv6/unicast",
        "vpnv4" => "ipv4/vpn",
        "vpnv6" => "ipv6/vpn",
        "evpn" => "l2vpn/evpn",
        "rtc" => "ipv4/route-target",
        other => other,
    };
    let known = speaker::families();
    if known.iter().any(|family| family == wanted) {
        return Ok(wanted.to_owned());
    }
    Err(format!("expected {}", known.join(" or ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_help_and_the_main_ones_examples() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            assert!(command.get_after_help().is_some(), "{} has no example", command.get_name());
        }
    }

    #[test]
    fn global_options_are_taken_after_the_noun_too() {
        let cli = Cli::try_parse_from(["cosmos", "show", "peers", "-o", "json", "--router", "r"]);
        let Ok(Cli { command: Command::Show(show) }) = cli else { panic!("{cli:?}") };
        assert_eq!(show.control.output, OutputFormat::Json);
        assert_eq!(show.control.router.as_deref(), Some("r"));
    }

    #[test]
    fn families_are_checked_before_anything_is_asked() {
        assert_eq!(family("IPv4/Unicast").as_deref(), Ok("ipv4/unicast"));
        assert_eq!(family("ipv6").as_deref(), Ok("ipv6/unicast"));
        assert_eq!(route("65000:1:10.0.0.0/8").as_deref(), Ok("65000:1:10.0.0.0/8"));
        assert!(route("10.0.0.0").unwrap_err().contains("10.0.0.0/8"));
        assert!(family("ipv4/flowspec").unwrap_err().contains("ipv4/unicast"));
    }

    #[test]
    fn the_default_socket_depends_on_who_asks() {
        assert_eq!(
            control_path_for(true, None).unwrap().to_str(),
            Some("/run/cosmos/control.sock")
        );
        assert_eq!(
            control_path_for(false, Some("/run/user/7".into())).unwrap().to_str(),
            Some("/run/user/7/cosmos/control.sock")
        );
        assert_eq!(control_path_for(false, None), None);
        assert_eq!(control_path_for(false, Some("".into())), None);
    }
}
