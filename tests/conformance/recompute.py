"""Recomputes the figures of run.json from the event log alone, by docs/milestones.md, with no code of GameDay's:
recompute.py events.ndjson run.json prints a line for each figure that differs, and exits with 1 where one does."""

import datetime, json, sys
def ns(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 10**9 + int((rest + "000000000")[:9])
log, run = [json.loads(line) for line in open(sys.argv[1])], json.load(open(sys.argv[2]))
head, of = log[0], lambda kind: [r for r in log if r["event"] == kind]
for record in log:
    times = {"sent", "received", "departed", "scheduled", "started", "ended", "api_sent"} & record.keys()
    record.update({key: ns(record[key]) for key in times if isinstance(record[key], str)})
primary = [m for m in of("mutation") if m["region"] == head["primary"]]
calls = primary if any(m["step"] == "cut" for m in primary) else of("mutation")
of_fault = lambda n: {step: [c for c in calls if c.get("fault") == n and c["step"] == step] for step in ("cut", "heal")}
faults = {n: of_fault(n) for n in {c.get("fault") for c in calls if c["step"] == "cut"}}
zero = min((c["sent"] for f in faults.values() for c in f["cut"]), default=None)
if zero is None:
    sys.exit(0 if all(m["lower_s"] is None for m in run["milestones"]) else "milestones without a cut")
healed = [min([h["sent"] for h in f["heal"] if h["sent"] >= max(c["sent"] for c in f["cut"])], default=None) for f in faults.values()]
heal = None if None in healed else max(healed)
by_heal, role_of = lambda at: heal is None or at <= heal, lambda r: r.get("role")
logins = [r for r in of("login") if r["outcome"]["class"] not in ("cancelled", "harness_failed")]
refused = [r for r in logins if r.get("at_replica") == "refused" and role_of(r) == "replica" and r["outcome"]["class"] != "succeeded"]
counted = [r for r in logins if r not in refused] if refused else logins
good = lambda r: r["outcome"]["class"] == "succeeded"
last, first = lambda values: max(values, default=None), lambda values: min(values, default=None)
def seen(looks, floor, new, until=None):
    """From the last look that saw the old state to the first after it that saw the new one."""
    looks = [r for r in looks if until is None or r["sent"] <= until]
    old = last(r["sent"] for r in looks if not new(r))
    at = first(r["received"] for r in looks if new(r) and r["sent"] >= floor and (old is None or r["sent"] > old))
    return at and (max(old or floor, floor), at)
def every(parts):
    parts = list(parts)
    return (max(a for a, _ in parts), max(b for _, b in parts)) if parts and None not in parts else None
covered = [a for f in of("fault_planned") for a in f.get("addresses", [])]
stopped, paths = any(c.get("ipv4") for f in faults.values() for c in f["cut"]), sorted(of("path"), key=lambda r: r["sent"])
probes = {a: [p for p in paths if p["address"] == a] for a in {p["address"] for p in paths if not covered or p["address"] in covered}}
probes = probes if stopped and any(p["sent"] >= zero for ps in probes.values() for p in ps) else {}
took = sorted(p["received"] - p["departed"] for ps in probes.values() for p in ps if p["open"])
covering = lambda a: [n for n, f in enumerate(of("fault_planned"), 1) if a in f.get("addresses", [])]
def turn_ended(address):
    own = [f for n, f in faults.items() if n is None or not covering(address) or n in covering(address)]
    return first(h["sent"] for f in own for h in f["heal"] if h["sent"] >= min(c["sent"] for c in f["cut"])) or float("inf")
def vanished(address):
    ended = turn_ended(address)
    opened = last(p["sent"] for p in probes[address] if p["open"] and p["received"] <= ended)
    gone = first(p["departed"] for p in probes[address] if not p["open"] and max(zero, (opened or zero - 1) + 1) <= p["sent"] <= ended)
    return gone and (max(opened or zero, zero), gone + took[len(took) // 2])
calls_that = lambda step: [c for f in faults.values() for c in f[step] if c.get("ipv4") or not stopped]
m = {"fault_effective": every(map(vanished, probes)) if probes else (zero, max(c["received"] for c in calls_that("cut")))}
failed = first(r["ended"] for r in counted if r["ended"] > zero and not good(r))
m["first_failed_login"] = failed and (failed, failed)
health = sorted(of("health"), key=lambda r: r["sent"])
sick = next((h for h in health if h["sent"] >= zero and not h["status_healthy"]), None)
m["health_check_unhealthy"] = sick and (max([zero] + [h["sent"] for h in health if h["status_healthy"] and h["sent"] < sick["sent"]]), sick["received"])
well = sick and next((h for h in health if h["sent"] >= (heal or 1 << 62) and h["status_healthy"]), None)
m["health_check_healthy"] = well and (max([heal] + [h["sent"] for h in health if not h["status_healthy"] and h["sent"] < well["sent"]]), well["received"])
told = [r for r in of("answer") if r["role"] or not r.get("unknown")]
for source in ("authoritative", "resolver"):
    own = [[r for r in told if r["server"] == s and r["source"] == source] for s in {r["server"] for r in told if r["source"] == source}]
    m[f"dns_flip_{source}"] = every(seen(looks, zero, lambda r: role_of(r) == "replica", heal) for looks in own)
    back = every(seen(looks, heal, lambda r: role_of(r) == "primary") for looks in own if any(role_of(r) == "replica" and r["sent"] >= zero for r in looks)) if heal else None
    m["dns_failback_authoritative"] = m.get("dns_failback_authoritative") if source == "resolver" else back
kinds = {c.get("name") or c["cohort"] + (" " + c["caches_for"] if "caches_for" in c else ""): c["cohort"] for c in head["scenario"]["users"]["cohorts"]}
WAY = {"dns_failed", "connect_timeout", "tls_failed"}
def possible(role, start, shows):
    there = [r for r in counted if good(r) and role_of(r) == role and r["ended"] > shows and (role == "primary" or by_heal(r["api_sent"])) and r["api_sent"] >= shows]
    signs = [s for s in of("session") if s["step"].startswith("sign_in") and not s.get("blocked") and good(s) and role_of(s) == role and s["sent"] >= shows and (role == "primary" or by_heal(s["sent"]))]
    upper = first([r["ended"] for r in there] + [s["received"] for s in signs])
    profiles, flows = {}, {r["flow"] for r in counted}
    for r in counted if upper else []:
        kind = kinds.get(r["cohort"])
        profile = profiles.setdefault(kind if kind in ("tries-replica", "fresh-lookup") else ("keeps", r["cohort"]), {})
        if not start <= r["started"] < upper or r["outcome"]["class"] in ("shed", "no_session"):
            continue
        what = r["outcome"]["class"]
        way = role_of(r) != role or what in WAY or (what in ("connection_failed", "stalled") and r["outcome"]["step"] in ("dns", "connect", "tls"))
        accepted = good(r) or ("api_sent" in r and r["api_sent"] and what != "api_refused" and not (what == "throttled" and r["outcome"]["step"] == "protected_api"))
        if way or not accepted and what != "stalled":
            key = "way" if way else r["flow"]
            profile[key] = max(profile.get(key, start), r["started"])
    own, fresh = "tries-replica" in profiles, "fresh-lookup" in profiles
    chosen = lambda k: k == "tries-replica" or not own and (k == "fresh-lookup" or not fresh) if role == "replica" else k != "tries-replica" or not fresh
    profiles = {k: p for k, p in profiles.items() if chosen(k)}
    bounds = [max(p.get("way", start), min(p.get(flow, start) for flow in flows)) for p in profiles.values()]
    return upper and (min(bounds, default=start), upper)
m["first_replica_login"] = possible("replica", zero, zero)
bad = last(r["scheduled"] for r in counted if zero <= r["scheduled"] and by_heal(r["scheduled"]) and not (good(r) and role_of(r) == "replica"))
after = sorted((r["scheduled"], r["arrival"], r["ended"]) for r in counted if zero <= r["scheduled"] and by_heal(r["scheduled"]) and good(r) and role_of(r) == "replica" and (bad is None or r["scheduled"] > bad))
m["replica_sustained"], late = (max(bad or zero, zero), after[0][2]) if any(p["phase"] == "hold" for p in of("phase_started")) and len(after) >= 10 else None, {}
for c in sorted((c for c in calls_that("heal") if heal and c["sent"] >= heal), key=lambda c: c["sent"]):
    late.setdefault((c["call"], c["resource"]), c)
last_heal, answered = (last(c[when] for c in late.values()) for when in ("sent", "received"))
opened = {a: first(p["received"] for p in ps if p["open"] and p["received"] >= (heal or 1 << 62)) for a, ps in probes.items()}
hung = [p["sent"] for a, ps in probes.items() for p in ps if not p["open"] and opened[a] and p["sent"] < opened[a] < p["received"]]
up = None if not last_heal or None in opened.values() else max(opened.values()) if probes else max(c["received"] for c in calls_that("heal") if c["sent"] >= heal and not c.get("error"))
m["fault_reverted"] = up and (max([last_heal, *hung]), up)
served = (cut := last_heal and last(c["received"] for c in calls_that("cut") if c["received"] < last_heal)) and any(
    good(r) and role_of(r) == "primary" and cut < r["started"] and r["ended"] < last_heal for r in of("login"))
m["first_primary_login_after_failback"] = up and possible("primary", last_heal, up if served else min(answered, up))
wrong = []
def same(name, ours, theirs, slack=1.5e-6):
    if (ours is None) != (theirs is None) or (ours is not None and abs(ours - theirs) > slack):
        wrong.append(f"{name}: run.json says {theirs}, the log {ours}")
bounds = {}
for milestone in run["milestones"]:
    at = m.get(milestone["name"])
    at = None if milestone.get("before_cut") else at and tuple((t - zero) / 1e9 for t in at)
    bounds[milestone["name"]] = at
    [same(f"{milestone['name']}.{key}", at and at[index], milestone[key]) for index, key in enumerate(("lower_s", "upper_s"))]
for span in run["durations"]:
    a, b = bounds[span["from"]], bounds[span["to"]]
    for key, ours in (("lower_s", a and b and max(0.0, b[0] - a[1])), ("upper_s", a and b and max(0.0, b[1] - a[0]))):
        same(f"{span['name']}.{key}", ours, span[key])
writes, reads = sorted(of("canary_written"), key=lambda w: w["sequence"]), sorted(of("canary_read"), key=lambda r: r["sent"])
if run["rpo"] and bounds["fault_effective"]:
    low, high = (zero + round(t * 1e9) for t in bounds["fault_effective"])
    kept = last(r["sequence"] for r in reads if r["received"] <= low)
    shown = next((r["sequence"] for r in reads if r["sent"] >= high), None)
    lost = [w for w in writes if w["acknowledged"] and w["received"] < low and shown is not None and w["sequence"] > max(shown, kept or 0)]
    sent = last(w["sent"] for w in writes if kept is not None and w["sequence"] <= kept)
    same("rpo.lower_s", (low - min(w["received"] for w in lost)) / 1e9 if lost else 0.0, run["rpo"]["lower_s"])
    same("rpo.upper_s", sent and (high - sent) / 1e9, run["rpo"]["upper_s"])
    same("rpo.writes_lost", None if shown is None else len(lost), run["rpo"]["writes_lost"])
windows = {}
for r in counted:
    number = (r["scheduled"] - zero) // 10**9
    if number >= -30:
        windows[number] = [a + b for a, b in zip(windows.get(number, [0, 0]), (1, good(r)))]
reported = {int(w["from_s"]): [w["attempted"], w["succeeded"]] for w in (run["availability"] or {"windows": []})["windows"]}
wrong += [f"window {n} s: run.json says {reported.get(n)}, the log {windows.get(n)}" for n in sorted(windows.keys() | reported.keys()) if windows.get(n) != reported.get(n)]
longest = max((r["ended"] - r["scheduled"] for r in counted if good(r) and by_heal(r["ended"])), default=0)
def check_back(name, curve, own):
    """The first login from which, up to every later one until the heal, the share of successes is that of steady state."""
    before = [good(r) for r in own if r["scheduled"] < zero and r["ended"] <= zero]
    points = [(r["scheduled"], good(r) and by_heal(r["ended"])) for r in sorted(own, key=lambda r: r["scheduled"]) if zero <= r["scheduled"] < (heal or 1 << 62) and not (good(r) and not by_heal(r["ended"]) and r["scheduled"] + longest > heal)]
    for at in curve["recovered"] if before and heal else []:
        level = 1 if at["percent"] == 100 else at["percent"] * sum(before) / 100 / len(before)
        for index in range(len(points)) if not at["after_restore"] and at["lower_s"] is not None else []:
            parts = [sum(ok for _, ok in points[index:end]) - level * (end - index) for end in range(index + 1, len(points) + 1)]
            if min(parts) >= -1e-9:
                same(f"{name} {at['percent']} % back, lower", (points[index - 1][0] - zero) / 1e9 if index else 0.0, at["lower_s"])
                same(f"{name} {at['percent']} % back, upper", (points[index][0] - zero) / 1e9, at["upper_s"])
                break
check_back("all", run["recovery"]["all"], counted) if run["recovery"] else None
print("\n".join(wrong) or f"{sys.argv[2]}: {2 * len(bounds)} bounds, {len(run['durations'])} durations, RPO and {len(windows)} windows agree")
sys.exit(1 if wrong else 0)
