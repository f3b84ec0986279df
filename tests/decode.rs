//! `cosmos decode` against files and decoders of other people: tshark, bgpdump, NetGauze, tcpdump and
//! the index of the data folder. Every disagreement is listed with its reason where it is tested, and
//! a listed one that no longer occurs fails as well.

#[path = "decode/bgpdump.rs"]
mod bgpdump;
#[path = "decode/command.rs"]
mod command;
#[path = "decode/documented.rs"]
mod documented;
#[path = "decode/golden.rs"]
mod golden;
#[path = "decode/index.rs"]
mod index;
#[path = "decode/netgauze.rs"]
mod netgauze;
#[path = "decode/run.rs"]
mod run;
#[path = "decode/tcpdump.rs"]
mod tcpdump;
#[path = "decode/tshark.rs"]
mod tshark;
