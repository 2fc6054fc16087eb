#!/usr/bin/env python3
"""What collecting process starts costs, and what it misses, beside auditd, in one run on this machine.

    bench/agent_exec.py [--seconds N] [--workers N] [--rate N] [--rounds N] [--only NAME,...] [--other AGENT]
                        [--freeze SECONDS]

The load starts a tiny static program as quickly as it can, or so often a second as --rate says; each start
carries its own number. Rows: nothing watching; the agent with no hub in reach (spooled); the agent sending
over MQTT/TLS (mosquitto as the other end); the agent's lower tiers; auditd with a rule for execve; with
--other, another build of the agent (no hub), to compare. The agent runs with all its collectors. CPU is user
and system time of the watching processes (all of the agent's; for auditd also kauditd), for each 1,000
starts; "load CPU" is that of the load itself, which holds what the watching costs inside the kernel; RSS and
PSS are the watchers' at the end. Missed are numbers that are not in what the watcher wrote. Rounds alternate
between the rows, and the middle one counts; losses are summed. With --freeze the watchers' files lie in a
file system of their own, which takes no writes for so long, two seconds into the load: who waits for its
disk loses what the kernel cannot hold. Needs root. Cleans up after itself."""
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
NUMBER = re.compile(rb"\bn(\d+)-(\d+)")
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Unavailable(Exception):
    """Why a row cannot be measured here."""


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_kib(pids, file="status", field="VmRSS"):
    total = 0
    for pid in pids:
        # A thread of the kernel has no memory to tell of.
        with contextlib.suppress(ProcessLookupError):
            size = re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/{file}").read_text())
            total += int(size[1]) if size else 0
    return total


def family_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family_of(int(child)))]


def build(folder):
    subprocess.run(["cc", "-O2", "-o", folder / "load", ROOT / "bench/exec_load.c"], check=True)
    subprocess.run(["cc", "-O2", "-static", "-nostdlib", "-o", folder / "child", ROOT / "bench/exec_child.c"], check=True)


@contextlib.contextmanager
def own_disk(folder, wanted):
    """A file system that can be frozen, where one is wanted."""
    disk = folder / "disk"
    disk.mkdir()
    if not wanted:
        yield disk
        return
    with (folder / "image").open("wb") as image:
        image.truncate(2 << 30)
    subprocess.run(["mkfs.ext4", "-q", folder / "image"], check=True)
    subprocess.run(["mount", "-o", "loop", folder / "image", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@contextlib.contextmanager
def frozen(disk, seconds):
    if not seconds:
        yield
        return
    freezer = subprocess.Popen(["sh", "-c", f"sleep 2; fsfreeze -f {disk}; sleep {seconds}; fsfreeze -u {disk}"])
    try:
        yield
    finally:
        freezer.wait()


def run_load(folder, arguments):
    out = subprocess.run([folder / "load", str(arguments.seconds), str(arguments.workers), str(arguments.rate),
                          folder / "child"], check=True,
                         capture_output=True, text=True).stdout
    counts = dict(line.split() for line in out.splitlines())
    total, cpu_ms = int(counts.pop("total")), int(counts.pop("cpu_ms"))
    return total, cpu_ms, {(int(name[1:]), number) for name, count in counts.items() for number in range(int(count))}


def numbers_in(files):
    found = set()
    for file in files:
        found |= {(int(a), int(b)) for a, b in NUMBER.findall(file.read_bytes())}
    return found


class Watcher:
    """One row: start, the load runs, settle, stop; `cpu` and `seen` afterwards."""
    name = "nothing"
    counts_starts = False

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))

    def start(self): ...
    def pids(self): return []
    def settle(self): ...
    def stop(self): ...
    def seen(self): return None
    def resident(self): return resident_kib(self.pids()), resident_kib(self.pids(), "smaps_rollup", "Pss")
    def note(self): return ""


class AgentWatcher(Watcher):
    tier = "ebpf"
    port = 9  # nobody is there
    ca = ""
    program = AGENT

    def start(self):
        if not self.program.exists():
            raise Unavailable(f"no {self.program}; run make build")
        connection = self.folder / "connection"
        connection.write_text(f"HostName=localhost:{self.port};DeviceId=bench;ModuleId=agent;SharedAccessKey={KEY}\n")
        config = self.folder / "agent.toml"
        config.write_text(f'[hub]\nconnection_string_file = "{connection}"\nca_file = "{self.ca}"\n[state]\n'
                          f'dir = "{self.folder / "state"}"\nmax_bytes = "4 GiB"\n[collect]\ntier = "{self.tier}"\n')
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen([self.program, "run", "--config", config], stdout=subprocess.PIPE, stderr=log, text=True)
        if not self.process.stdout.readline():
            raise Unavailable((self.folder / "log").read_text().strip()[-200:])
        # The pictures at the start are not what is measured.
        self.settle()

    def pids(self): return family_of(self.process.pid)
    def cpu(self): return sum(map(cpu_seconds, self.pids()))

    def settle(self):
        # Until what the load left behind is done; other processes of the machine go on.
        for _ in range(30):
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < 0.05:
                break

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.stopped = json.loads(self.process.stdout.readlines()[-1])
        self.process.wait(30)

    def seen(self): return numbers_in((self.folder / "state/spool").rglob("*.seg"))
    def note(self): return f"kernel lost {self.stopped['kernelLost']}, dropped {self.stopped['dropped']}"


class AgentSpool(AgentWatcher):
    name = "agent, ebpf, no hub"


class AgentOther(AgentSpool):
    name = "other agent, ebpf, no hub"


class AgentAudit(AgentWatcher):
    name = "agent, audit, no hub"
    tier = "audit"


class AgentConnector(AgentWatcher):
    name = "agent, connector, no hub"
    tier = "connector"


class AgentProc(AgentWatcher):
    name = "agent, proc, no hub"
    tier = "proc"


class AgentSending(AgentWatcher):
    name = "agent, ebpf, sending TLS"
    port = 28883

    def start(self):
        if not shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"):
            raise Unavailable("mosquitto is not installed (scripts/setup bench)")
        self.ca = self.folder / "c.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.folder / "k.pem", "-out", self.ca, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.ca}\ncertfile {self.ca}\nkeyfile {self.folder}/k.pem\n"
            "allow_anonymous true\nuser root\nmax_queued_messages 0\n")
        self.broker = subprocess.Popen(["mosquitto", "-c", self.folder / "mosquitto.conf"], stderr=subprocess.DEVNULL,
                                       env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        time.sleep(0.5)
        self.out = (self.folder / "received").open("w")
        self.reader = subprocess.Popen(["mosquitto_sub", "-h", "localhost", "-p", str(self.port), "--cafile", self.ca,
                                        "-t", "devices/#", "-q", "1"], stdout=self.out)
        time.sleep(0.5)
        super().start()

    def stop(self):
        super().stop()
        time.sleep(1)
        for process in (self.reader, self.broker):
            process.terminate()
            process.wait()

    def seen(self): return numbers_in([self.folder / "received"])


class Auditd(Watcher):
    name = "auditd, execve rule"

    def start(self):
        if not shutil.which("auditd", path="/usr/sbin:/sbin"):
            raise Unavailable("auditd is not installed (scripts/setup bench)")
        if subprocess.run(["pidof", "auditd"], capture_output=True, check=False).returncode == 0:
            raise Unavailable("an auditd is running here; it is left alone")
        status = subprocess.run(["auditctl", "-s"], capture_output=True, text=True, check=False)
        if status.returncode != 0:
            raise Unavailable(f"the kernel's audit is not available: {status.stderr.strip()}")
        # To be put back as it was.
        self.enabled = re.search(r"enabled (\d)", status.stdout)[1]
        self.backlog = re.search(r"backlog_limit (\d+)", status.stdout)[1]
        self.lost = int(re.search(r"lost (\d+)", status.stdout)[1])
        self.rules = [line for line in self._audit("-l").splitlines() if line.startswith("-")]
        (self.folder / "auditd.conf").write_text(
            f"log_file = {self.folder}/audit.log\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\nfreq = 50\n"
            "max_log_file = 4000\nmax_log_file_action = IGNORE\nlocal_events = yes\nwrite_logs = yes\n"
            "space_left = 75\nspace_left_action = IGNORE\nadmin_space_left = 50\nadmin_space_left_action = IGNORE\n"
            "disk_full_action = IGNORE\ndisk_error_action = IGNORE\n")
        (self.folder / "auditd.conf").chmod(0o600)
        self.folder.chmod(0o700)
        self.process = subprocess.Popen(["/usr/sbin/auditd", "-n", "-s", "enable", "-c", self.folder],
                                        stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("w"))
        time.sleep(1)
        if self.process.poll() is not None:
            raise Unavailable("auditd did not start: " + (self.folder / "log").read_text().strip()[-200:])
        self._audit("-D")
        # Debian's own limit; the default of the kernel is smaller still.
        self._audit("-b", "8192")
        self._audit("-a", "always,exit", "-F", "arch=b64", "-S", "execve,execveat", "-k", "bench")

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

    def seen(self): return numbers_in(self.folder.glob("audit.log*"))
    def note(self): return f"kernel lost {self.lost} records"


ROWS = [Watcher, AgentSpool, AgentOther, AgentSending, AgentAudit, AgentConnector, AgentProc, Auditd]


def measure(row, folder, disk, arguments):
    watcher = row(disk)
    watcher.start()
    with contextlib.ExitStack() as stack:
        stack.callback(watcher.stop)
        time.sleep(1)
        pids = watcher.pids()
        before = sum(cpu_seconds(pid) for pid in pids)
        with frozen(disk, arguments.freeze):
            total, load_ms, expected = run_load(folder, arguments)
        watcher.settle()
        cpu = sum(cpu_seconds(pid) for pid in pids) - before
        rss, pss = watcher.resident()
    seen = watcher.seen()
    shutil.rmtree(watcher.folder, ignore_errors=True)
    return {"row": row.name, "starts": total, "per_second": total / arguments.seconds, "cpu_ms_per_1000": cpu * 1e6 / total,
            "load_cpu_ms_per_1000": load_ms * 1e3 / total, "missed": None if seen is None else len(expected - seen), "rss_kib": rss, "pss_kib": pss, "note": watcher.note()}


def middle(results):
    numbers = ("starts", "per_second", "cpu_ms_per_1000", "load_cpu_ms_per_1000", "rss_kib", "pss_kib")
    ordered = {key: statistics.median(result[key] for result in results) for key in numbers}
    missed = None if results[0]["missed"] is None else sum(result["missed"] for result in results)
    return {"row": results[0]["row"], **ordered, "missed": missed, "note": results[-1]["note"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0, help="starts a second; 0: as many as there can be")
    parser.add_argument("--freeze", type=float, default=0, help="seconds without a disk")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--other", type=pathlib.Path, help="another build of the agent, for a row of its own")
    parser.add_argument("--only", default="", help="rows whose name holds one of these, comma-separated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("agent_exec: needs root, for eBPF and audit")
    wanted = [word for word in arguments.only.split(",") if word]
    AgentOther.program = arguments.other
    rows = [row for row in ROWS if (not wanted or any(word in row.name for word in wanted))
            and (row is not AgentOther or arguments.other)]
    results = {}
    with tempfile.TemporaryDirectory(prefix="agent-exec-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        build(folder)
        disk = stack.enter_context(own_disk(folder, arguments.freeze))
        for number in range(arguments.rounds):
            for row in rows:
                try:
                    results.setdefault(row.name, []).append(measure(row, folder, disk, arguments))
                    print(f"agent_exec: {row.name}, round {number + 1} done", file=sys.stderr)
                except Unavailable as reason:
                    print(f"agent_exec: {row.name} skipped: {reason}", file=sys.stderr)
    results = [middle(rounds) for rounds in results.values() if rounds]
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    print(f"{'watching':<26} {'starts':>8} {'per s':>7} {'CPU ms/1000':>12} {'load CPU':>9} {'missed':>7} {'RSS KiB':>8} {'PSS KiB':>8}  note")
    for result in results:
        missed = "-" if result["missed"] is None else result["missed"]
        print(f"{result['row']:<26} {result['starts']:>8.0f} {result['per_second']:>7.0f} "
              f"{result['cpu_ms_per_1000']:>12.1f} {result['load_cpu_ms_per_1000']:>9.1f} {missed:>7} "
              f"{result['rss_kib']:>8.0f} {result['pss_kib']:>8.0f}  {result['note']}")
    by_name = {result["row"]: result for result in results}
    agent, auditd = by_name.get(AgentSpool.name), by_name.get(Auditd.name)
    if agent and auditd and auditd["cpu_ms_per_1000"] > 0:
        print(f"agent/auditd CPU ratio: {agent['cpu_ms_per_1000'] / auditd['cpu_ms_per_1000']:.2f}")


main()
