#!/usr/bin/env python3
"""Counts the tests in tests/ that start a lab or a run at a multiple of real time, by file: those whose text, or a helper's that they call, says so.
Usage: real-time-tests.py [COMMIT]; without one, the files as they are."""

import pathlib, re, subprocess, sys

FUNCTION = re.compile(r"((?:^ *#\[[^\n]*\n)*)^ *(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)", re.M)
# Names that many files have: only the same file's are meant.
COMMON = {"start", "run", "new", "of", "one", "lab", "main", "at", "command"}


def files(commit):
    if commit is None:
        return {str(path): path.read_text() for path in pathlib.Path("tests").rglob("*.rs")}
    git = lambda *args: subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout
    names = git("ls-tree", "-r", "--name-only", commit, "tests").split()
    return {name: git("show", f"{commit}:{name}") for name in names if name.endswith(".rs")}


def functions(text):
    found = list(FUNCTION.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(match[2], bool(re.search(r"#\[(tokio::)?test\b", match[1])), text[match.start() : end]) for match, end in zip(found, ends)]


every = {(file, name): (test, body) for file, text in files(*sys.argv[1:2] or [None]).items() for name, test, body in functions(text)}
real = {key for key, (_, body) in every.items() if "--speed" in body or "in_lab_at" in body}
calls = lambda body, name: re.search(rf"\b{re.escape(name)}\(", body)
before = None
while before != len(real):
    before = len(real)
    for (file, name), (_, body) in every.items():
        near = lambda other: other[0] == file or (("support" in other[0] or "wire" in other[0]) and other[1] not in COMMON)
        if any(near(other) and calls(body, other[1]) for other in real):
            real.add((file, name))
tests = [key for key, (test, _) in every.items() if test]
count = {}
for file, _ in (key for key in tests if key in real):
    count[file] = count.get(file, 0) + 1
print(f"{len(tests)} tests, {sum(count.values())} of them at a multiple of real time")
for file, of_file in sorted(count.items(), key=lambda pair: -pair[1]):
    print(f"{of_file:4} {file}")
