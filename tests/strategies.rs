//! `gameday compare-strategies`: what users get of each strategy, by bounds.

use crate::support::{gameday, tools};
use serde_json::Value;

fn bounds(contender: &Value, figure: &str) -> (f64, f64) {
    let end = |name: &str| contender[figure][name].as_f64();
    (end("lower_s").unwrap(), end("upper_s").unwrap_or(f64::INFINITY))
}

#[test]
fn a_replica_loses_seconds_a_bridge_minutes_and_a_pool_kept_by_hand_more() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("strategies");
    let scenario = tools::in_repository("scenarios/strategies.toml");
    let mut command = gameday();
    command.args(["compare-strategies", "--seed", "7", "--format", "json", "--out"]).arg(&out);
    let output = command.arg(scenario).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [native, bridge, by_hand] = [0, 1, 2].map(|number| &told["contenders"][number]);
    for contender in [native, bridge, by_hand] {
        assert_eq!(contender["state_identical"], true, "{contender}");
    }

    assert!(bounds(native, "rto").1 < 120.0, "{native}");
    assert!(bounds(native, "rpo").1 < 30.0, "{native}");
    assert_eq!((&native["probed"]["at_cut"], &native["probed"]["at_end"]), (&"newest".into(), &"newest".into()));

    assert_eq!(native["probed"]["diverged"], serde_json::json!([]), "{native}");

    let rpo = bounds(bridge, "rpo");
    assert!(60.0 < rpo.0 && rpo.1 < 600.0, "{bridge}");
    assert_ne!(bridge["probed"]["at_cut"], "newest", "{bridge}");
    // The record follows the health check, whatever is still in the queue.
    assert_eq!(bridge["rto_verdict"], "not_confirmed", "{bridge}");
    assert!(bridge["carried"].as_u64().unwrap() > 50, "{bridge}");
    assert_eq!(bridge["probed"]["diverged"], serde_json::json!(["custom:branch"]), "{bridge}");

    let (rto, rpo) = (bounds(by_hand, "rto"), bounds(by_hand, "rpo"));
    assert!(1800.0 < rto.0 && rto.1 < 3600.0, "{by_hand}");
    // The whole baseline is lost; how old the pool is, a run cannot tell.
    assert!(rpo.0 > 350.0 && rpo.1.is_infinite(), "{by_hand}");
    let probed = &by_hand["probed"];
    assert_eq!((&probed["at_cut"], &probed["at_end"]), (&"old".into(), &"old".into()), "{by_hand}");
    assert_eq!(probed["diverged"].as_array().unwrap().len(), 2, "{by_hand}");
    assert_eq!(by_hand["carried"], 0, "{by_hand}");

    let table = std::fs::read_to_string(out.join("strategies.md")).unwrap();
    assert!(table.contains("NOT as claimed") && table.contains("| `bridge` | 5-15 min"), "{table}");
}
