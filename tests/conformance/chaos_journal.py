# Chaos Toolkit's own code takes the journal: chaostoolkit-lib finds its experiment valid, and chaostoolkit-reporting renders it,
# up to pandoc. Hostile names change nothing of what it renders but words.
import json
import os
import re
import sys
from pathlib import Path

from chaoslib.experiment import ensure_experiment_is_valid
from chaosreport import generate_report, generate_report_header

STATUSES = {"completed", "failed", "aborted", "interrupted"}
shapes = {}


def shape(markdown):
    """Headings, fences, and how many columns each line of a table has."""
    lines = []
    fenced = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            lines.append("fence")
        elif not fenced and line.startswith("#"):
            lines.append(line.split(" ")[0])
        elif not fenced and line.startswith("|"):
            lines.append(len(re.findall(r"(?<!\\)\|", line)))
    assert not fenced
    return lines


for folder in map(Path, os.environ["RUNS"].split(" ")):
    file = folder / "journal.json"
    journal, run = json.loads(file.read_text()), json.loads((folder / "run.json").read_text())
    ensure_experiment_is_valid(journal["experiment"])
    assert journal["status"] in STATUSES, journal["status"]
    expected = {0: ("completed", False), 1: ("completed", True), 3: ("aborted", False), None: ("interrupted", False)}
    if run["exit_code"] in expected:
        assert (journal["status"], journal["deviated"]) == expected[run["exit_code"]], run["exit_code"]
    after = journal["steady_states"]["after"]
    assert after["steady_state_met"] == all(probe["tolerance_met"] for probe in after["probes"])
    assert len(after["probes"]) == len(run["objectives"]) + len(run["expectations"])
    for item in journal["run"] + journal["rollbacks"] + after["probes"]:
        assert item["status"] in {"succeeded", "failed"} and item["start"] <= item["end"], item
    header = generate_report_header([str(file)], "markdown")
    markdown = header + generate_report(json.loads(file.read_text()), "markdown")
    assert "fault_effective" in markdown or run["zero_at"] is None, markdown[:500]
    assert "<script" not in markdown and "Undefined" not in markdown
    shapes[folder.name] = shape(markdown)
    print(folder.name, len(markdown), "characters", file=sys.stderr)

assert set(shapes["hostile"]) == set(shapes["sample"]), (set(shapes["hostile"]) ^ set(shapes["sample"]))
