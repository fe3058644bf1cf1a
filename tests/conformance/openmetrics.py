# prometheus_client's own parser reads what a run wrote as OpenMetrics, and finds the figures of run.json in it.
import json
import os
import sys
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for folder in map(Path, os.environ["RUNS"].split(" ")):
    text = (folder / "metrics.txt").read_text()
    assert text.endswith("# EOF\n"), folder
    families = {family.name: family for family in text_string_to_metric_families(text)}
    run = json.loads((folder / "run.json").read_text())
    samples = {}
    for family in families.values():
        assert family.name.startswith("gameday_") and family.documentation, family
        assert family.unit == "" or family.name.endswith(f"_{family.unit}"), family
        assert family.samples, family
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, key
            samples[key] = sample.value

    def value(name, **labels):
        return samples.get((name, *sorted(labels.items())))

    (info,) = families["gameday_run"].samples
    assert info.labels["run_id"] == run["run_id"]
    assert value("gameday_run_exit_code") == run["exit_code"]
    for milestone in run["milestones"]:
        for bound in ("lower", "upper"):
            found = value("gameday_milestone_seconds", milestone=milestone["name"], bound=bound)
            assert found == milestone[f"{bound}_s"], milestone
    for bound in ("lower", "upper"):
        rpo = run["rpo"]
        if rpo.get("lower_s") is not None:
            assert value("gameday_rpo_seconds", bound=bound) == rpo[f"{bound}_s"], rpo
        assert value("gameday_rto_seconds", bound=bound) == run["chain"]["total"][f"{bound}_s"]
    if run["rollback"]["state_identical"] is not None:
        whole = run["rollback"]["state_identical"] and not run["rollback"]["not_reverted"]
        assert value("gameday_restored") == whole, run["rollback"]
    logins = [sample for sample in families["gameday_logins"].samples] if run["logins"]["attempted"] else []
    ended = sum(s.value for s in logins if s.labels["outcome"] != "expected refusal")
    assert ended == run["logins"]["attempted"], (ended, run["logins"])
    good = sum(s.value for s in logins if s.labels["outcome"] == "succeeded")
    assert good == run["logins"]["succeeded"]
    verdicts = {s.labels["objective"]: s.labels["gameday_objective_verdict"] for s in families["gameday_objective_verdict"].samples if s.value}
    assert list(verdicts.values()) == [objective["verdict"] for objective in run["objectives"]]
    print(folder.name, len(samples), "samples", file=sys.stderr)
