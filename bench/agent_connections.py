#!/usr/bin/env python3
"""What collecting network connections costs, and what it misses, beside auditd, in one run on this machine.

    bench/agent_connections.py [--seconds N] [--workers N] [--rounds N] [--only NAME,...]

The load connects over a pair of interfaces to a server in another network namespace, exchanges 16 bytes
and closes, as quickly as it can: one connection is one connect here and one accept4 there, and both ends
are told. CPU is user and system time of the watching processes (for auditd also of kauditd) for each
1,000 connections; "load CPU" is that of the load itself, which holds what the watching costs inside the
kernel; rounds alternate between the rows, and the middle one counts. Missed: connections (Out) that are
not in what the watcher wrote. The agent has no hub in reach and does not aggregate. Needs root."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
AGENT = pathlib.Path(os.environ.get("VEDETTE_AGENT", ROOT / "build/release/bin/vedette-agent"))
TICK = os.sysconf("SC_CLK_TCK")
HERE, THERE, PORT = "10.211.9.1", "10.211.9.2", 7500
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OUT = re.compile(rb'"RemoteAddress":"%s","RemotePort":"%d"[^{]*"Direction":"Out"[^{]*\{"State":"(?:Closed|Open)"'
                 % (THERE.encode(), PORT))
# Of a connect: a record with the address, the family first.
SADDR = re.compile(rb"type=SOCKADDR .*saddr=0200%04X%s" % (PORT, bytes(map(int, THERE.split("."))).hex().upper().encode()))


class Unavailable(Exception):
    """Why a row cannot be measured here."""


def run(*words):
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def count_in(files, pattern):
    return sum(len(pattern.findall(file.read_bytes())) for file in files)


class Watcher:
    """One row: start, the load runs, settle, stop; `cpu` and `seen` afterwards."""
    name = "nothing"

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))

    def start(self): ...
    def pids(self): return []
    def settle(self): ...
    def stop(self): ...
    def seen(self): return None
    def note(self): return ""


class AgentWatcher(Watcher):
    tier = "ebpf"
    # Processes are not what is measured, but belong to it: the agent always watches them.
    name = "agent ebpf"

    def start(self):
        if not AGENT.exists():
            raise Unavailable(f"no {AGENT}; run make build")
        connection = self.folder / "connection"
        connection.write_text(f"HostName=localhost:9;DeviceId=bench;ModuleId=agent;SharedAccessKey={KEY}\n")
        connection.chmod(0o600)
        config = self.folder / "agent.toml"
        config.write_text(f'[hub]\nconnection_string_file = "{connection}"\n[state]\ndir = "{self.folder / "state"}"\n'
                          f'max_bytes = "4 GiB"\n[collect]\ntier = "{self.tier}"\n')
        self.process = subprocess.Popen([AGENT, "run", "--config", config], stdout=subprocess.PIPE, text=True,
                                        stderr=(self.folder / "log").open("w"))
        if not self.process.stdout.readline():
            raise Unavailable((self.folder / "log").read_text().strip()[-300:])
        # The pictures at the start are not what is measured.
        self.quiet()

    def quiet(self):
        for _ in range(20):
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < 0.03:
                break

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu(self): return sum(cpu_seconds(pid) for pid in self.pids())
    def settle(self): self.quiet()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.stopped = json.loads(self.process.stdout.readlines()[-1])
        self.process.wait(30)

    def seen(self): return count_in((self.folder / "state/spool").rglob("*.seg"), OUT)
    def note(self): return f"kernel lost {self.stopped['kernelLost']}, dropped {self.stopped['dropped']}"


class AgentDiag(AgentWatcher):
    name = "agent inet_diag"
    tier = "connector"


class Auditd(Watcher):
    name = "auditd connect and accept"

    def start(self):
        if not shutil.which("auditd", path="/usr/sbin:/sbin"):
            raise Unavailable("auditd is not installed (scripts/setup bench)")
        if subprocess.run(["pidof", "auditd"], capture_output=True, check=False).returncode == 0:
            raise Unavailable("an auditd is running here; it is left alone")
        status = self._audit("-s")
        # To be put back as it was.
        self.enabled = re.search(r"enabled (\d)", status)[1]
        self.backlog = re.search(r"backlog_limit (\d+)", status)[1]
        self.lost = int(re.search(r"lost (\d+)", status)[1])
        self.rules = [line for line in self._audit("-l").splitlines() if line.startswith("-")]
        (self.folder / "auditd.conf").write_text(
            f"log_file = {self.folder}/audit.log\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\nfreq = 50\n"
            "max_log_file = 4000\nmax_log_file_action = IGNORE\nlocal_events = yes\nwrite_logs = yes\n"
            "space_left = 75\nspace_left_action = IGNORE\nadmin_space_left = 50\nadmin_space_left_action = IGNORE\n"
            "disk_full_action = IGNORE\ndisk_error_action = IGNORE\n")
        (self.folder / "auditd.conf").chmod(0o600)
        self.process = subprocess.Popen(["/usr/sbin/auditd", "-n", "-s", "enable", "-c", self.folder],
                                        stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("w"))
        time.sleep(1)
        if self.process.poll() is not None:
            raise Unavailable("auditd did not start: " + (self.folder / "log").read_text().strip()[-200:])
        self._audit("-D")
        self._audit("-b", "8192")
        self._audit("-a", "always,exit", "-F", "arch=b64", "-S", "connect,accept,accept4", "-k", "bench")

    @staticmethod
    def _audit(*args):
        return subprocess.run(["auditctl", *args], capture_output=True, text=True, check=False).stdout

    def pids(self):
        kauditd = subprocess.run(["pgrep", "-x", "kauditd"], capture_output=True, text=True, check=False).stdout.split()
        return [self.process.pid, *map(int, kauditd)]

    def settle(self): time.sleep(2)

    def stop(self):
        self.lost = int(re.search(r"lost (\d+)", self._audit("-s"))[1]) - self.lost
        self._audit("-D")
        for rule in self.rules:
            self._audit(*rule.split())
        self._audit("-b", self.backlog)
        self.process.terminate()
        self.process.wait(20)
        self._audit("-e", self.enabled)

    def seen(self): return count_in(self.folder.glob("audit.log*"), SADDR)
    def note(self): return f"kernel lost {self.lost} records"


ROWS = [Watcher, AgentWatcher, AgentDiag, Auditd]


@contextlib.contextmanager
def network():
    name, link = f"bench-{os.getpid()}", f"vb{os.getpid()}"[:13]
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        for where, device, address in (([], link, HERE), (["-n", name], "eth0", THERE)):
            run("ip", *where, "addr", "add", address + "/24", "dev", device)
            run("ip", *where, "link", "set", device, "up")
        yield f"/run/netns/{name}"
    finally:
        subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)
        run("ip", "netns", "delete", name)


def measure(row, folder, netns, arguments):
    watcher = row(folder)
    watcher.start()
    with contextlib.ExitStack() as stack:
        stack.callback(watcher.stop)
        time.sleep(1)
        pids = watcher.pids()
        before = sum(cpu_seconds(pid) for pid in pids)
        out = run(folder / "load", arguments.seconds, arguments.workers, THERE, PORT, netns)
        watcher.settle()
        cpu = sum(cpu_seconds(pid) for pid in pids) - before
    load = {name: int(value) for name, value in (line.split() for line in out.splitlines())}
    seen = watcher.seen()
    shutil.rmtree(watcher.folder, ignore_errors=True)
    return {"row": row.name, "made": load["made"], "per_second": load["made"] / arguments.seconds,
            "cpu_ms_per_1000": cpu * 1e6 / load["made"], "load_cpu_ms_per_1000": load["cpu_ms"] * 1e3 / load["made"],
            "missed": None if seen is None else load["made"] - seen, "note": watcher.note()}


def middle(results):
    ordered = {key: statistics.median(result[key] for result in results)
               for key in ("made", "per_second", "cpu_ms_per_1000", "load_cpu_ms_per_1000")}
    missed = None if results[0]["missed"] is None else sum(result["missed"] for result in results)
    return {"row": results[0]["row"], **ordered, "missed": missed, "note": results[-1]["note"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name holds one of these, comma-separated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("agent_connections: needs root, for eBPF and audit")
    wanted = [word for word in arguments.only.split(",") if word]
    rows = [row for row in ROWS if not wanted or any(word in row.name for word in wanted)]
    results = {}
    with tempfile.TemporaryDirectory(prefix="agent-connections-") as name, network() as netns:
        folder = pathlib.Path(name)
        run("cc", "-O2", "-o", folder / "load", ROOT / "bench/connection_load.c")
        for number in range(arguments.rounds):
            for row in rows:
                try:
                    results.setdefault(row.name, []).append(measure(row, folder, netns, arguments))
                    print(f"agent_connections: {row.name}, round {number + 1} done", file=sys.stderr)
                except Unavailable as reason:
                    print(f"agent_connections: {row.name} skipped: {reason}", file=sys.stderr)
    results = [middle(rounds) for rounds in results.values()]
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    print(f"{'watching':<28} {'made':>8} {'per s':>7} {'CPU ms/1000':>12} {'load CPU ms/1000':>17} {'missed':>7}  note")
    for result in results:
        missed = "-" if result["missed"] is None else result["missed"]
        print(f"{result['row']:<28} {result['made']:>8.0f} {result['per_second']:>7.0f} "
              f"{result['cpu_ms_per_1000']:>12.1f} {result['load_cpu_ms_per_1000']:>17.1f} {missed:>7}  {result['note']}")


main()
