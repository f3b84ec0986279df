//! Conformance: what a peer sees of us on TCP, one test a clause.
//!
//! A scripted peer sends exact octets to the real `cosmos run` and looks at the exact answer. One
//! daemon serves all tests, each with a neighbour (or several) of its own, side by side. A test is
//! named by RFC and section; [`clause`] keeps the table of them, with what each says, and with the
//! clauses that have no test and why. What the octets of a message mean is proven in `bgp-wire`,
//! every (state, event) in `bgp-fsm`; here it is what arrives.
//!
//! It has a `main` of its own, since the table is the list of tests:
//!
//! - `cargo test --test conformance [PART OF A NAME]` runs them, and checks that `docs/conformance.md`
//!   has a row for each clause;
//! - `cargo xtask conformance` runs them all and writes that file, with the verdicts.

#[path = "conformance/clause.rs"]
mod clause;
#[path = "conformance/lab.rs"]
mod lab;
#[path = "conformance/matrix.rs"]
mod matrix;
#[path = "conformance/runner.rs"]
mod runner;
#[path = "conformance/wire.rs"]
mod wire;

#[path = "conformance/cease.rs"]
mod cease;
#[path = "conformance/collision.rs"]
mod collision;
#[path = "conformance/extensions.rs"]
mod extensions;
#[path = "conformance/fsm.rs"]
mod fsm;
#[path = "conformance/header.rs"]
mod header;
#[path = "conformance/open.rs"]
mod open;
#[path = "conformance/parameters.rs"]
mod parameters;
#[path = "conformance/refresh.rs"]
mod refresh;
#[path = "conformance/relations.rs"]
mod relations;
#[path = "conformance/restart.rs"]
mod restart;
#[path = "conformance/timers.rs"]
mod timers;
#[path = "conformance/update_kept.rs"]
mod update_kept;
#[path = "conformance/update_reset.rs"]
mod update_reset;

use std::process::ExitCode;

use clause::Clause;

/// Every clause, in the order of the matrix.
fn clauses() -> Vec<Clause> {
    let mut all: Vec<Clause> = [
        header::CLAUSES,
        open::CLAUSES,
        parameters::CLAUSES,
        fsm::CLAUSES,
        timers::CLAUSES,
        collision::CLAUSES,
        cease::CLAUSES,
        refresh::CLAUSES,
        update_reset::CLAUSES,
        update_kept::CLAUSES,
        extensions::CLAUSES,
        relations::CLAUSES,
        restart::CLAUSES,
    ]
    .concat();
    all.sort_by_key(|clause| (clause.rfc(), clause.section_key(), clause.name));
    all
}

fn main() -> ExitCode {
    runner::main(&clauses())
}
