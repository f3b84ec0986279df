//! The whole run as JSON: every round of every leg.

use serde_json::{Value, json};

use super::{Report, Row, ratios};
use crate::bench_load::run::{Leg, Round};

pub(super) fn value(report: &Report) -> Value {
    let ratios: Vec<_> = report
        .groups()
        .into_iter()
        .flat_map(|(scenario, input)| {
            ratios(&report.group(scenario, input)).into_iter().map(move |ratio| {
                json!({
                    "scenario": scenario, "input": input.label(), "leg": ratio.leg,
                    "time": ratio.time, "fastestOther": ratio.by, "cpu": ratio.cpu,
                    "memory": ratio.memory,
                })
            })
        })
        .collect();
    json!({
        "machine": report.machine,
        "subjects": report.subjects,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "noDaemon": report.ceilings.iter().map(|(scenario, input, leg)| json!({
            "scenario": scenario, "input": input.label(), "routes": leg.routes,
            "seconds": leg.seconds,
        })).collect::<Vec<_>>(),
        "bestOtherAgainstOurs": ratios,
    })
}

fn row(row: &Row) -> Value {
    json!({
        "scenario": row.scenario,
        "input": row.input.label(),
        "subject": row.subject,
        "rounds": row.rounds.iter().map(round).collect::<Vec<_>>(),
    })
}

fn round(round: &Round) -> Value {
    json!({
        "legs": round.legs.iter().map(leg).collect::<Vec<_>>(),
        "end": round.end.as_ref().map(ToString::to_string),
    })
}

fn leg(leg: &Leg) -> Value {
    json!({
        "leg": leg.name,
        "routes": leg.routes,
        "seconds": leg.seconds,
        "routesPerSecond": leg.routes as f64 / leg.seconds.max(1e-9),
        "cpuSeconds": leg.cpu_seconds,
        "peakKiB": leg.peak_kib,
        "lagSeconds": leg.lag.map(|lag| json!({"p50": lag.p50, "p99": lag.p99, "max": lag.max})),
        "note": leg.note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_and_every_end_is_in_it() {
        let value = value(&super::super::tests::report());
        assert_eq!(value["rows"][0]["rounds"].as_array().unwrap().len(), 2);
        assert_eq!(value["rows"][0]["rounds"][1]["legs"][0]["peakKiB"], 4096);
        assert_eq!(value["rows"][3]["rounds"][0]["end"], "stalled at 7 of 9");
        assert_eq!(value["noDaemon"][0]["seconds"], 0.25);
        assert_eq!(value["bestOtherAgainstOurs"][0]["time"], 4.0);
    }
}
