"""A storm of processes and connections while the hub comes and goes: memory stays flat, and the account of
every event balances exactly.

VEDETTE_SOAK_SECONDS says how long: a minute unless told; `make test-full` takes twenty."""
import os
import pathlib
import random
import socket
import statistics
import subprocess
import threading
import time
import unittest

from harness import eventually, running_site

SECONDS = int(os.environ.get("VEDETTE_SOAK_SECONDS", "60"))
# A tenth of the way is for warming up: tables and caches fill.
WARM_UP = 0.1
# By how much the median of the last third may exceed that of the middle one. In a short run a third sees
# few outages, and what is queued meanwhile differs by more; 3 MiB are still about 25 bytes for each event.
MAY_GROW = (1 if SECONDS >= 600 else 3) << 20
# A bound for the whole agent, far above what it should need, so that a leak cannot hide in a short run.
MOST = 48 << 20
# A machine is never quite still.
FEW = 100


def family_of(pid):
    """The process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family_of(int(child)))]


def memory_of(pid):
    """Proportional resident memory of a process and its children, in bytes."""
    total = 0
    for each in family_of(pid):
        for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) << 10
    return total


class Storm:
    """Processes that start processes, and a thread that makes connections, until the end."""

    def __init__(self):
        self.loops = [subprocess.Popen(["sh", "-c", "while /bin/true; do :; done"]) for _ in range(2)]
        self.server = socket.create_server(("127.0.0.1", 0))
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self.accept, self.connect)]
        for thread in self.threads:
            thread.start()

    def accept(self):
        self.server.settimeout(0.2)
        while not self.ending.is_set():
            try:
                self.server.accept()[0].close()
            except TimeoutError:
                pass

    def connect(self):
        while not self.ending.is_set():
            with socket.create_connection(self.server.getsockname()):
                pass
            time.sleep(0.002)

    def end(self):
        self.ending.set()
        for loop in self.loops:
            loop.kill()
            loop.wait()
        for thread in self.threads:
            thread.join()
        self.server.close()


class Soak(unittest.TestCase):
    def test_memory_is_flat_and_the_account_balances(self):
        seed = int(os.environ.get("VEDETTE_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (VEDETTE_SEED repeats it), {SECONDS} s", flush=True)
        chance = random.Random(seed)
        samples = []
        outages = 0
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            storm = Storm()
            self.addCleanup(storm.end)
            begin = time.monotonic()
            change = begin + chance.uniform(5, 15)
            while (now := time.monotonic()) < begin + SECONDS:
                samples.append(((now - begin) / SECONDS, memory_of(agent.process.pid)))
                if now >= change and site.hub is not None:
                    chance.choice([site.hub.stop, site.hub.kill])()
                    site.hub = None
                    outages += 1
                    change = now + chance.uniform(2, 8)
                elif now >= change:
                    site.start_hub()
                    change = now + chance.uniform(5, 20)
                time.sleep(0.5)
            storm.end()
            if site.hub is None:
                site.start_hub()

            # What the outages held back arrives, at its measured pace; then the agent gives its account.
            eventually(lambda: site.agent_status(config)["queues"]["low"]["pending"] < FEW, timeout=300, interval=1,
                       what="the backlog at the hub")
            agent.stop(timeout=60)
            final = agent.lines()[-1]
            self.assertEqual(final["event"], "stopped")
            self.assertEqual(final["collected"], final["acknowledged"] + final["dropped"] + final["pending"], final)
            self.assertGreater(final["acknowledged"], 100 * SECONDS, "there was no storm")
            # The acknowledgement promises the journal; the workspace follows a moment later.
            count = "SecurityIoTRawEvent | summarize N = count_distinct(IoTRawEventId)"
            stored = eventually(lambda: (lambda n: n if n >= final["acknowledged"] else None)(int(site.kql(count)[0]["N"])),
                                what="every acknowledged event in the workspace")
            # Nothing twice and nothing invented. What was sent and had to make room before its acknowledgement came
            # counts as dropped and yet arrived, so that more may be here than the device is sure of.
            self.assertLessEqual(stored, final["collected"], final)

        middle = statistics.median(each for at, each in samples if WARM_UP < at < 0.55)
        last = statistics.median(each for at, each in samples if at >= 0.55)
        most = max(each for _, each in samples)
        print(f"{outages} outages, {final}, memory {middle / 2**20:.1f} then {last / 2**20:.1f}, "
              f"at most {most / 2**20:.1f} MiB", flush=True)
        self.assertLess(last, middle + MAY_GROW)
        self.assertLess(most, MOST)


if __name__ == "__main__":
    unittest.main()
