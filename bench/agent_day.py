#!/usr/bin/env python3
"""What an agent costs in a day: memory, CPU, bytes sent and bytes written to disk, idle and busy.

    bench/agent_day.py [--seconds N] [--only NAME,...]

A real hub on loopback takes what the agent sends. After a warm-up, in which the first snapshots go out, each
row is measured for N seconds (default 120) and scaled to a day; the snapshots of a day (one set every 13
hours) are added from what the first set took. Busy is a device that starts the same ten small commands once
a second, as shell scripts on devices do, once without and once with aggregation. Memory and CPU are of the
collecting and the network process together: RSS counts pages that both map twice, PSS once. Other processes
of this machine are seen, too: run it on a quiet one. Needs root."""
import argparse
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("VEDETTE_BIN", str(ROOT / "build/release/bin"))
sys.path.insert(0, str(ROOT / "tests/system"))
from harness import running_site  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
DAY = 86400
WARM_UP = 20
SNAPSHOTS_A_DAY = 24 / 13
COMMANDS = [["/bin/true"], ["/bin/date"], ["/bin/uname", "-a"], ["/bin/ls", "/etc"], ["/bin/df"],
            ["/bin/cat", "/proc/loadavg"], ["/usr/bin/id"], ["/bin/hostname"], ["/bin/sleep", "0"], ["/bin/echo", "ok"]]
AGGREGATE = '[aggregate]\nevents = ["ProcessCreate", "ProcessTerminate"]\nwindow = "1h"\n'


def family_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family_of(int(child)))]


def fields_of(path):
    return dict(line.split(":", 1) for line in pathlib.Path(path).read_text().splitlines() if ":" in line)


def kib(text):
    return int(text.split()[0])


class Reading:
    """Counters of the agent's processes at one moment."""

    def __init__(self, site, config, pid):
        status = site.agent_status(config)
        self.at = time.monotonic()
        self.sent = status["connection"]["bytesSent"]
        self.written = self.cpu = self.rss = self.pss = 0
        for each in family_of(pid):
            self.written += int(fields_of(f"/proc/{each}/io")["write_bytes"])
            stat = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            self.cpu += (int(stat[11]) + int(stat[12])) / TICK
            self.rss += kib(fields_of(f"/proc/{each}/status")["VmRSS"])
            self.pss += kib(fields_of(f"/proc/{each}/smaps_rollup")["Pss"])


class Busy(threading.Thread):
    def __init__(self):
        super().__init__()
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(1.0):
            for command in COMMANDS:
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def measure(name, seconds, extra, busy):
    with running_site() as site:
        config = site.agent_config(site.create_module(), extra=extra)
        agent = site.start_agent(config)
        time.sleep(WARM_UP)
        first = Reading(site, config, agent.process.pid)
        load = Busy() if busy else None
        if load:
            load.start()
        time.sleep(seconds)
        last = Reading(site, config, agent.process.pid)
        if load:
            load.ending.set()
            load.join()
    scale = DAY / (last.at - first.at)
    sent = (last.sent - first.sent) * scale + first.sent * SNAPSHOTS_A_DAY
    written = (last.written - first.written) * scale + first.written * SNAPSHOTS_A_DAY
    cpu = (last.cpu - first.cpu) / (last.at - first.at)
    print(f"| {name} | {last.rss / 1024:.1f} | {last.pss / 1024:.1f} | {100 * cpu:.2f} % | {sent / 1e6:.1f} | "
          f"{written / 1e6:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    rows = [("idle", "", False), ("busy", "", True), ("busy, aggregated", AGGREGATE, True)]
    print("| | RSS, MiB | PSS, MiB | CPU of one core | MB sent a day | MB written a day |\n|---|---|---|---|---|---|")
    for name, extra, busy in rows:
        if not arguments.only or name in arguments.only.split(","):
            measure(name, arguments.seconds, extra, busy)


main()
