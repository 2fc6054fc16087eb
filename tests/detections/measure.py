"""How well the detections decide: cases, public attack command lines by technique, and benign command lines. All of
it goes through `vedette rule test`, as anybody can do it by hand."""

import csv
import json
import os
import subprocess
import tempfile

import benign
import rules

SECONDS_BETWEEN = 5  # between two lines of the same attack
RELEVANT = ("Medium", "High")


def vedette():
    folder = os.environ.get("VEDETTE_BIN", os.path.join(rules.ROOT, "build", "release", "bin"))
    return os.path.join(folder, "vedette")


def shared(*parts):
    """A path in the folder with test material that is not part of the repository; None where it is absent."""
    folder = os.environ.get("VEDETTE_SHARED", os.path.join(rules.ROOT, "..", "shared"))
    path = os.path.join(folder, *parts)
    return path if os.path.exists(path) else None


def _test(option, lines, *more):
    """The lines that `vedette rule test` prints for its input."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
        file.flush()
        run = subprocess.run([vedette(), "rule", "test", option, file.name, *more], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode not in (0, 1) or not run.stdout and run.stderr:
        raise RuntimeError(run.stderr.strip() or f"vedette rule test ended with {run.returncode}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def cases(lines, *more):
    """The verdicts of cases, and their totals."""
    out = _test("--cases", lines, *more)
    return [line for line in out if "totals" not in line], next(line["totals"] for line in out if "totals" in line)


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _process(number, device, second, kind, line, shell="sh"):
    """The start of a process as an agent reports it. Its number finds the line again."""
    payload = {"ProcessId": number, "ParentProcessId": 1, "UserId": "0", "UserName": "root"}
    if kind == "shell":
        payload.update(Executable=f"/bin/{shell}", CommandLine=f"{shell} -c {line}",
                       ExtraDetails={"Argv": json.dumps([shell, "-c", line])})
    else:
        payload.update(Executable=line.split()[0], CommandLine=line)
    time = f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    return {"DeviceId": device, "Name": "ProcessCreate", "TimestampUTC": time, "Payload": payload}


def attacks(path, *more):
    """{(technique, name, id): titles of alerts of Medium and above} of every public attack."""
    tests = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            key = (row["technique"], row["name"], row["guid"])
            tests.setdefault(key, []).append((row["executor"], row["command"]))
    events = []
    for device, lines in enumerate(tests.values()):
        for at, (shell, line) in enumerate(lines):
            events.append(_process(len(events) + 1, f"attack-{device}", at * SECONDS_BETWEEN, "shell", line, shell))
    found = [set() for _ in tests]
    for finding in _test("--events", events, *more):
        if finding["severity"] in RELEVANT and finding["kind"] == "alert":
            found[int(finding["deviceId"].split("-")[1])].add(finding["alert"])
    return dict(zip(tests, found))


def harmless(lines, *more):
    """[(line, titles)] of the benign lines that raise an alert of Medium or above. Lines of the same file run on the
    same device, a second apart, so that what counts events has its chance to be wrong, too."""
    events, devices, seconds = [], {}, {}
    for kind, line, source in lines:
        device = devices.setdefault(source, f"benign-{len(devices)}")
        second = seconds.get(device, 0)
        seconds[device] = second + 1
        events.append(_process(len(events) + 1, device, second % 86_400, kind, line))
    found = {}
    for finding in _test("--events", events, *more):
        if finding["severity"] in RELEVANT and finding["kind"] == "alert":
            number = finding["evidence"]["details"]["ProcessId"]
            found.setdefault(number, set()).add(finding["alert"])
    return [(lines[number - 1][1], sorted(titles)) for number, titles in sorted(found.items())]


def benign_lines(packages=None, roots=benign.INSTALLED):
    return benign.collect(packages, roots)
