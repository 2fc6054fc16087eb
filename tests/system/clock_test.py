"""The wall clock jumps while the agent is at work: a day forward, two days back. What is collected stays accounted
for, everything periodic keeps its pace, and events say the time as the device then has it."""
import contextlib
import datetime
import json
import os
import shutil
import struct
import subprocess
import time
import unittest
import unittest.mock

from harness import eventually, running_site

OBJECT = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
MODULE = "azureiotsecurity"
DAY = datetime.timedelta(days=1)
HERE = os.path.dirname(os.path.abspath(__file__))


class Clock:
    """The wall clock of the programs that are started inside started(); the machine's is left alone."""

    def __init__(self, folder):
        self.library, self.file = folder / "clock_shift.so", folder / "clock_shift"
        subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", self.library,
                        f"{HERE}/clock_shift.c"], check=True)
        self.shift = datetime.timedelta(0)
        self.file.write_bytes(bytes(8))

    def started(self):
        return unittest.mock.patch.dict(os.environ, LD_PRELOAD=str(self.library), VEDETTE_CLOCK_SHIFT=str(self.file))

    def jump(self, by):
        """In place, since the file's page is the programs' memory."""
        self.shift += by
        with open(self.file, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", round(self.shift.total_seconds()) * 1_000_000_000))

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + self.shift


@contextlib.contextmanager
def storm():
    loops = [subprocess.Popen(["sh", "-c", "while /bin/true; do /bin/sleep 0.002; done"]) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class ClockJumps(unittest.TestCase):
    def setUp(self):
        if shutil.which("gcc") is None:
            self.skipTest("gcc is not installed")
        self.site = self.enterContext(running_site())
        self.clock = Clock(self.site.folder)
        self.config = self.site.agent_config(self.site.create_module())
        with self.clock.started():
            self.agent = self.site.start_agent(self.config)
        quiet = {f"eventPriority{name}": {"value": "Off"} for name in (
            "OSBaseline", "SBoM", "SystemInformation", "ConnectedHardware", "FirewallConfiguration", "ListeningPorts")}
        self.site.cli("module", "twin", "update", "device-1", MODULE, "--desired", json.dumps({OBJECT: {
            **quiet, "heartbeatFrequency": {"value": "PT1S"}, "snapshotFrequency": {"value": "PT2S"},
            "aggregationEnabledProcessTerminate": {"value": True}, "aggregationIntervalProcessTerminate": {"value": "PT3S"}}}))
        eventually(lambda: self.reported().get("snapshotFrequency", {}).get("value") == "PT2S", what="the settings")

    def reported(self):
        return self.site.cli("module", "twin", "show", "device-1", MODULE)["properties"]["reported"].get(OBJECT, {})

    def connection(self):
        return self.site.agent_status(self.config)["connection"]

    def restart_hub(self):
        self.site.hub.stop()
        self.site.start_hub()

    def look(self, marker, patience=60):
        """A process with that argument is told with the time of the shifted clock, behind what waits already."""
        before = self.clock.now()
        subprocess.run(["/bin/true", marker], check=True)
        row = eventually(lambda: self.site.kql(
            'SecurityIoTRawEvent | where RawEventName == "ProcessCreate" | extend D = parse_json(EventDetails) '
            f'| where tostring(D.CommandLine) == "/bin/true {marker}" | project At = tostring(D.TimestampUTC)'),
                         patience, what=marker)[0]
        at = datetime.datetime.fromisoformat(row["At"].replace("Z", "+00:00"))
        self.assertLess(abs(at - before).total_seconds(), 2, f"{marker}: {at}, and the clock said {before}")

    def details(self, event):
        rows = self.site.kql(f'SecurityIoTRawEvent | where RawEventName == "{event}" '
                             '| summarize D = take_any(EventDetails) by IoTRawEventId | project D')
        return [row["D"] if isinstance(row["D"], dict) else json.loads(row["D"]) for row in rows]

    def stored(self):
        return int(self.site.kql("SecurityIoTRawEvent | summarize N = count_distinct(IoTRawEventId)")[0]["N"])

    def uptimes(self):
        return sorted(int(beat["UptimeSeconds"]) for beat in self.details("Heartbeat"))

    def snapshots(self):
        return int(self.site.kql('SecurityIoTRawEvent | where RawEventName == "LocalUsers" '
                                 '| summarize N = dcount(TimeStamp)')[0]["N"])

    def test_jumps_under_load(self):
        first_beat = eventually(self.uptimes, what="a heartbeat")[-1] + 1
        snapshots, begun = self.snapshots(), time.monotonic()
        with storm():
            time.sleep(3)
            self.clock.jump(DAY)
            time.sleep(5)
            self.look("tomorrow")
            self.assertTrue(self.connection()["online"])
            self.assertEqual(self.connection()["connects"], 1)
            # The token for the next connection is one of tomorrow.
            self.restart_hub()
            eventually(lambda: self.connection()["online"] and self.connection()["connects"] >= 2, 60, what="a new connection")

            self.clock.jump(-2 * DAY)
            before = self.connection()["connects"]
            time.sleep(5)
            self.look("yesterday")
            self.assertTrue(self.connection()["online"])
            self.assertEqual(self.connection()["connects"], before)
            # A token of yesterday is over: the hub refuses, and all waits on the device.
            self.restart_hub()
            eventually(lambda: self.connection()["refused"] >= 1, 60, what="a refusal")
            self.assertIn("refused the credentials", self.connection()["lastError"])
            subprocess.run(["/bin/true", "while-refused"], check=True)
            time.sleep(3)
            self.assertFalse(self.connection()["online"])

            # The clock is set right: a token that counts from now.
            self.clock.jump(DAY)
            eventually(lambda: self.connection()["online"], 120, what="the connection with a good token")
            self.look("today", patience=180)
        eventually(lambda: self.site.agent_status(self.config)["queues"]["low"]["pending"] < 50, 120, 0.5, what="the backlog")
        taken, elapsed = self.snapshots() - snapshots, time.monotonic() - begun
        self.agent.stop(timeout=60)
        account = self.agent.lines()[-1]
        self.assertEqual(account["collected"], account["acknowledged"] + account["dropped"] + account["pending"], account)
        self.assertEqual(account["dropped"], 0, account)
        # What is acknowledged is in the hub's journal, and in its tables a moment later.
        eventually(lambda: self.stored() >= account["acknowledged"], what="the last events in the tables")
        self.assertLessEqual(self.stored(), account["collected"])

        # Everything periodic went on as before: by the agent's own monotonic clock, one a second, neither more nor fewer.
        beats = [uptime for uptime in self.uptimes() if uptime >= first_beat]
        gaps = [after - before for before, after in zip(beats, beats[1:])]
        # Had one waited for the wall clock, it were a day; a busy machine may be some seconds late.
        self.assertLessEqual(max(gaps), 10, beats)
        self.assertLessEqual(len(beats), beats[-1] - beats[0] + 5, beats)
        self.assertGreaterEqual(beats[-1] - beats[0], elapsed - 5, beats)
        # A busy machine takes fewer; had they ended with the jump back, it were less than a third.
        self.assertGreater(taken, elapsed / 2 * 0.4, f"{taken} snapshots in {elapsed} s")
        self.assertLess(taken, elapsed / 2 + 3, f"{taken} snapshots in {elapsed} s")
        # Held-back repeats ended with their windows.
        hits = [item for item in self.details("ProcessTerminate") if "HitCount" in item["ExtraDetails"]]
        self.assertTrue(hits)
        print(f"{account}, {len(beats)} heartbeats and {taken} snapshots in {elapsed:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
