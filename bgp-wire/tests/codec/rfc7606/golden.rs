//! The table of verdicts, line by line: with the attribute in front and at the end, with a short and
//! an extended length, with routes to withdraw and without.

use std::collections::BTreeMap;

use bgp_wire::{AttrType, UpdateContext, attr::table};

use super::{
    Attribute,
    Verdict::{self, Discard, Gone, Keep, Reset, Withdraw},
    body, ebgp, hex, ibgp, notification, raw, verdict, with,
};

fn sessions() -> BTreeMap<&'static str, UpdateContext> {
    BTreeMap::from([
        ("ibgp", ibgp()),
        ("ebgp", ebgp()),
        ("confed", UpdateContext { confederation: true, ..ebgp() }),
        ("as2", UpdateContext { as4: false, ..ebgp() }),
        ("aigp", UpdateContext { aigp: true, ..ibgp() }),
    ])
}

fn kind_of(name: &str) -> u8 {
    let row = table::ROWS.iter().find(|row| row.name == name);
    row.map_or_else(|| name.parse().unwrap(), |row| row.kind.0)
}

struct Case<'t> {
    line: &'t str,
    ctx: UpdateContext,
    attribute: Attribute,
    want: Verdict,
    /// Code, subcode and whether the data is the attribute.
    notification: Option<(u8, u8, bool)>,
}

impl Case<'_> {
    #[track_caller]
    fn check(&self, list: &[Attribute], nlri: &[u8], want: Verdict) {
        let body = body(list, nlri);
        let (got, error) = verdict(&body, &self.ctx, self.attribute.1);
        assert_eq!(got, want, "{}", self.line);
        let Some((code, subcode, has_data)) = self.notification else { return };
        let data = if has_data { raw(&self.attribute) } else { vec![] };
        let error = error.unwrap_or_else(|| panic!("no error: {}", self.line));
        assert_eq!(notification(&body, error), (code, subcode, data), "{}", self.line);
    }

    fn run(&self) {
        let mut last = with(&self.ctx, self.attribute.clone());
        self.check(&last, &[8, 10], self.want);
        last.rotate_right(1);
        self.check(&last, &[8, 10], self.want);

        // Without routes (RFC 7606 section 5.2). MP_REACH_NLRI is routes, and MP_UNREACH_NLRI is no
        // reason to expect some; what the next hop of no routes is does not matter.
        let routes = matches!(self.attribute.1, 14 | 15);
        let next_hop = matches!(self.notification, Some((3, 8, _)));
        if !routes && !next_hop {
            let want = if self.want == Withdraw { Reset } else { self.want };
            self.check(&last, &[], want);
        }
    }
}

#[test]
fn every_line() {
    let sessions = sessions();
    let (mut lines, mut kinds) = (0, [false; 256]);
    for line in include_str!("verdicts.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("short line: {line}"));
        let (on, kind, flags, value) = (next(), kind_of(next()), hex(next())[0], hex(next()));
        let want = match next() {
            "keep" => Keep,
            "gone" => Gone,
            "discard" => Discard,
            "withdraw" => Withdraw,
            "reset" => Reset,
            other => panic!("{other}: {line}"),
        };
        let notification = matches!(want, Withdraw | Reset).then(|| {
            let (code, subcode) = next().split_once('/').unwrap();
            let has_data = match next() {
                "attr" => true,
                "-" => false,
                other => panic!("{other}: {line}"),
            };
            (code.parse().unwrap(), subcode.parse().unwrap(), has_data)
        });
        assert_eq!(words.next(), None, "{line}");
        for (name, ctx) in &sessions {
            if on != "all" && !on.split(',').any(|session| session == *name) {
                continue;
            }
            for flags in [flags, flags | 0x10] {
                let attribute = (flags, kind, value.clone());
                Case { line, ctx: *ctx, attribute, want, notification }.run();
            }
        }
        lines += 1;
        kinds[usize::from(kind)] = true;
    }
    assert!(lines > 150, "{lines} lines");
    for row in &table::ROWS {
        assert!(kinds[usize::from(row.kind.0)], "{} has no line", row.name);
    }
}

/// Every row cites the section its verdict is from.
#[test]
fn every_row_has_a_section() {
    for row in &table::ROWS {
        assert!(row.rfc.starts_with("RFC ") && row.rfc.contains(" section "), "{}", row.name);
        assert_eq!(AttrType(row.kind.0).to_string(), row.name);
    }
}
