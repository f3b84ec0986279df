//! Every row once, tiny, against our debug binary and BIRD: does the bench still measure what it says?
//!
//! Only exactness is asserted, never time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::privilege::in_namespaces;
use testkit::skip::{Reason, skip};

use super::input::{Input, Inputs, Scale};
use super::report::Report;
use super::root::Root;
use super::run::{End, Options};
use super::subject::{Bird, Cosmos, Subject, build};
use super::{rows, scenario};
use crate::tidy;

/// The binary that lies beside the test programs of the workspace; built where there is none.
fn ours(root: &Path) -> PathBuf {
    let beside = std::env::current_exe().unwrap().with_file_name("../cosmos");
    if beside.is_file() { beside } else { build(root, &[]).unwrap() }
}

#[test]
fn every_row_delivers_exactly() {
    in_namespaces(|| {
        let root = tidy::workspace_root().unwrap();
        let binary = ours(&root);
        let ours = Cosmos::find(&root, Some(&binary)).unwrap();
        let mut subjects: Vec<Box<dyn Subject>> = vec![Box::new(ours)];
        let birds = Bird::find(&Root::HOST).unwrap();
        if birds.is_empty() {
            skip("bench_load::smoke with BIRD", &Reason::Program("BIRD"));
        }
        subjects.extend(birds.into_iter().map(|bird| Box::new(bird) as Box<dyn Subject>));
        let scale: Scale = "0.001".parse().unwrap();
        let options = Options { pin: None, patience: Duration::from_secs(15), rounds: 1 };
        let mut report = Report::new(Vec::new(), &subjects);
        let mut inputs = Inputs::new(scale);
        for scenario in scenario::ALL {
            rows(*scenario, Input::Internet, &mut inputs, &subjects, &options, &mut report)
                .unwrap();
        }
        assert_eq!(report.rows().len(), scenario::ALL.len() * subjects.len());
        for row in report.rows() {
            match row.end() {
                None => {
                    let legs = &row.rounds[0].legs;
                    assert!(!legs.is_empty() && legs.iter().all(|leg| leg.routes > 0), "{row:?}");
                }
                Some(End::NotCarried(_)) => {}
                Some(end) => panic!("{end}: {row:?}"),
            }
        }
    });
}
