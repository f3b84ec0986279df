//! The replay and the naive decision process, proven on BIRD with a real table: whatever they expect
//! of our speaker, BIRD already does.

use std::sync::Arc;

use testkit::daemon::{Config, Kind};
use testkit::mrt::Dump;
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::replay::Habits;
use testkit::route::router_id;
use testkit::skip::skip;
use testkit::{data, oracle, replay};

#[test]
fn bird_agrees_with_the_oracle_on_every_prefix_of_a_real_table() {
    in_namespaces(|| {
        let test = "bird_agrees_with_the_oracle";
        if let Err(missing) = Kind::Bird.installed() {
            return skip(test, &missing);
        }
        let path = match data::file(data::RRC06) {
            Ok(path) => path,
            Err(reason) => return skip(test, &reason),
        };
        let dump = Dump::load(&path).unwrap();
        assert_eq!((dump.entries.len(), dump.peers.len()), (641_957, 5));
        let want = replay::expected(&dump, oracle::Options::default(), Habits::default());
        let (speaker, peers) =
            (Arc::new(NetNs::new("speaker").unwrap()), NetNs::new("peers").unwrap());
        replay::wire(&speaker, &peers, &dump).unwrap();
        let config = Config {
            asn: replay::SPEAKER_AS,
            router_id: router_id(1),
            neighbors: replay::neighbors(&dump),
            announcements: vec![],
            extra: vec![],
        };
        let _bird = Kind::Bird.start(&speaker, config).unwrap();
        let sink = replay::sink(&peers, &want).unwrap();
        let senders = replay::feed(&peers, &dump).unwrap();
        replay::wait_sink(&sink, &want).unwrap();
        senders.iter().for_each(|sender| sender.check_running().unwrap());
    });
}
