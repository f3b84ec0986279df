//! `cosmos lab --once`, the whole product on one machine: exit code 0 means all of it was seen.

use std::process::Command;

use testkit::skip::{self, Reason};

#[test]
fn the_lab_sees_ecmp_data_and_convergence() {
    let output = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .args(["lab", "--once"])
        .output()
        .expect("the binary was built with this test");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if err.contains("sudo cosmos lab") {
        return skip::skip(
            "the_lab_sees_ecmp_data_and_convergence",
            &Reason::Privilege(err.trim().to_owned()),
        );
    }
    assert!(output.status.success(), "{out}\n{err}");
    for seen in
        ["Established", "nexthop via", "answers from node1 and node2", "after", "all was seen"]
    {
        assert!(out.contains(seen), "{seen} is missing:\n{out}");
    }
}
