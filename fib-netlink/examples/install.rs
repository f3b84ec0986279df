//! How fast routes reach the kernel: install, replace and remove, printed as routes a second.
//!
//! `cargo run --release -p fib-netlink --example install [COUNT]` as root. It works in a network
//! namespace of its own and touches nothing else. One run, no statistics.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use fib_netlink::{Change, Fib, FibConfig, Hop, KernelView, Route};
use ipnet::IpNet;
use nix::sched::{CloneFlags, unshare};

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(200_000), |count| count.parse())?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    for args in [
        "link add name v0 type veth peer name v1",
        "link set dev v0 up",
        "link set dev v1 up",
        "addr add 10.0.0.1/24 dev v0",
        "addr add 2001:db8:a::1/64 dev v0 nodad",
    ] {
        if !Command::new("ip").args(args.split(' ')).status()?.success() {
            return Err(format!("ip {args} failed").into());
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(count))
}

async fn measure(count: u32) -> Result<(), Box<dyn Error>> {
    let fib = Fib::open(FibConfig::default()).await?;
    let mut events = fib.events()?;
    let mut view = KernelView::new(fib.config());
    while !view.is_synced() {
        view.apply(&events.recv().await.ok_or("the subscription ended")?);
    }
    let ifindex = view.link_by_name("v0").ok_or("no link v0")?.index;
    // A listener makes the kernel prepare a notification a route, as in a real program.
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    for (family, paths) in [(4, 1), (4, 4), (6, 1), (6, 4)] {
        let hops = |first: u16| -> Vec<Hop> {
            (first..first + paths).map(|n| hop(family, n).dev(ifindex)).collect()
        };
        let first: Vec<Route> =
            (0..count).map(|n| Route::new(prefix(family, n), hops(2))).collect();
        let second: Vec<Route> =
            (0..count).map(|n| Route::new(prefix(family, n), hops(3))).collect();
        let replace = |routes: &[Route]| routes.iter().cloned().map(Change::Replace).collect();
        let remove = first.iter().map(|route| Change::Remove(route.prefix)).collect();
        timed(&fib, &format!("IPv{family} {paths} path install"), replace(&first)).await?;
        timed(&fib, &format!("IPv{family} {paths} path equal"), replace(&first)).await?;
        timed(&fib, &format!("IPv{family} {paths} path replace"), replace(&second)).await?;
        timed(&fib, &format!("IPv{family} {paths} path remove"), remove).await?;
    }
    Ok(())
}

async fn timed(fib: &Fib, what: &str, batch: Vec<Change>) -> Result<(), Box<dyn Error>> {
    let count = batch.len();
    let start = clock();
    let applied = fib.apply_wait(batch).await?;
    let took = start.elapsed().as_secs_f64();
    if let Some(error) = applied.errors.first() {
        return Err(error.clone().into());
    }
    println!("{what:<22} {count} routes {took:.3} s {:>9.0} routes/s", count as f64 / took);
    Ok(())
}

fn prefix(family: u8, n: u32) -> IpNet {
    if family == 4 {
        IpNet::new((0x1400_0000 + (n << 8)).to_be_bytes().into(), 24).expect("24 fits")
    } else {
        let addr = 0x2001_0db9_u128 << 96 | u128::from(n) << 64;
        IpNet::new(addr.to_be_bytes().into(), 64).expect("64 fits")
    }
}

fn hop(family: u8, n: u16) -> Hop {
    if family == 4 {
        Hop::via([10, 0, 0, n.to_be_bytes()[1]].into())
    } else {
        Hop::via([0x2001, 0xdb8, 0xa, 0, 0, 0, 0, n].into())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what the example is for")]
fn clock() -> Instant {
    Instant::now()
}
