"""SIGKILL at random moments loses nothing that was promised, and doubles nothing.

A stream of numbered process starts runs while hub and agent are killed and restarted. Afterwards KQL
must show: no event twice; every number that was started while the agent lived, except those in the
moment before an agent was killed (they were in the kernel's buffer, never collected); and exactly as
many distinct events as the agent's own persistent counters say it collected and did not drop."""
import os
import random
import subprocess
import time
import unittest

from harness import eventually, running_site

# What the agent may lose when it is killed: events the kernel had but the spool did not, in seconds
# of the stream before the kill.
KILL_WINDOW = 1.0
# Rows of one answer; a query gives at most 10,000.
PAGE = 5000


class Crash(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_doubled(self):
        seed = int(os.environ.get("VEDETTE_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (VEDETTE_SEED repeats it)", flush=True)
        chance = random.Random(seed)
        rounds = int(os.environ.get("VEDETTE_ROUNDS", "8"))
        run = f"run{seed}"
        starts = []  # (number, time of its start)
        kills = []

        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            if agent.tier != "ebpf":
                self.skipTest("needs eBPF, the tier that misses nothing (run as root)")

            def stream(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    number = len(starts)
                    starts.append((number, time.monotonic()))
                    subprocess.run(["/bin/true", f"{run}-{number:06d}"], check=True)

            for _ in range(rounds):
                stream(chance.uniform(0.2, 1.5))
                victim = chance.choice(["hub", "agent", "both"])
                if victim in ("hub", "both"):
                    site.hub.kill()
                if victim in ("agent", "both"):
                    agent.kill()
                    kills.append(time.monotonic())
                if victim == "hub":
                    # The agent goes on collecting with nobody to send to.
                    stream(chance.uniform(0.1, 0.5))
                if victim in ("hub", "both"):
                    site.start_hub()
                if victim in ("agent", "both"):
                    agent = site.start_agent(config)
            stream(0.5)

            query = (f'SecurityIoTRawEvent | where RawEventName == "ProcessCreate" and EventDetails contains "{run}-" '
                     '| extend N = extract(@"-([0-9]{6})", 1, EventDetails) | where isnotempty(N) '
                     '| summarize Rows = count(), Ids = count_distinct(IoTRawEventId) by N')
            last = f"{starts[-1][0]:06d}"
            eventually(lambda: site.kql(f'{query} | where N == "{last}"'), timeout=90, what="the last numbered event")

            # Everything the agent still holds is delivered before it ends.
            agent.stop()
            final = agent.lines()[-1]
            self.assertEqual(final["event"], "stopped")
            rows = []
            for first in range(0, len(starts), PAGE):
                rows += site.kql(f"{query} | where toint(N) between ({first} .. {first + PAGE - 1})")

            doubled = [row for row in rows if int(row["Rows"]) != 1 or int(row["Ids"]) != 1]
            self.assertEqual(doubled, [])

            there = {int(row["N"]) for row in rows}
            missing = [(number, at) for number, at in starts if number not in there]
            unexplained = [number for number, at in missing if not any(0 <= kill - at <= KILL_WINDOW for kill in kills)]
            self.assertEqual(unexplained, [], f"{len(missing)} missing of {len(starts)}, kills {len(kills)}")

            # The acknowledgement promises the journal; the workspace follows a moment later.
            total = eventually(lambda: (lambda row: row if int(row["Events"]) >= final["acknowledged"] else None)(
                site.kql("SecurityIoTRawEvent | summarize Events = count_distinct(IoTRawEventId), Rows = count()")[0]), what="every acknowledged event in the workspace")
            self.assertEqual(final["collected"], final["acknowledged"] + final["dropped"] + final["pending"])
            self.assertGreaterEqual(int(total["Events"]), final["acknowledged"])
            self.assertLessEqual(int(total["Events"]), final["collected"] - final["dropped"])
            print(f"{len(starts)} starts, {len(missing)} in kernel buffers at {len(kills)} agent kills, "
                  f"{total['Events']} events stored, agent {final}", flush=True)


if __name__ == "__main__":
    unittest.main()
