"""The agent and its module twin: every change takes effect at once, a bad one harms nobody, nothing is lost."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import Program, Site, eventually
from iot_hub import OBJECT, IotHub


class Device:
    """An agent against a hub of the test's own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.hub = IotHub(self.folder)
        self.hub.start()
        self.config = self.folder / "agent.toml"
        Site.write_secret(self.folder / "secret", self.hub.connection_string)
        self.state = self.folder / "state"
        self.config.write_text(f'[hub]\nconnection_string_file = "{self.folder / "secret"}"\n'
                               f'ca_file = "{self.hub.certificate}"\n[state]\ndir = "{self.state}"\n')
        self.agent = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.agent is not None and self.agent.process.poll() is None:
            self.agent.kill()
        self.hub.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.agent = Program(self.folder, "vedette-agent", ["run", "--config", self.config])
        self.agent.ready()
        return self.agent

    def stop(self):
        """Stops it; its account."""
        self.agent.stop()
        account = self.agent.lines()[-1]
        assert account["event"] == "stopped", account
        return account

    def agent_files(self):
        """Bytes of the cache."""
        total = 0
        for file in (self.state / "spool").rglob("*.seg"):
            try:
                total += file.stat().st_size
            except FileNotFoundError:
                pass  # done with, in the meantime
        return total

    def reported(self, name, member="value"):
        return self.hub.settings().get(name, {}).get(member)

    def wait_reported(self, name, value, timeout=20):
        eventually(lambda: self.reported(name) == value, timeout, what=f"{name} reported as {value}")

    def starts(self, marker):
        return [event for when, event in self.hub.events("ProcessCreate")
                if marker in event["Payload"][0]["CommandLine"]]


def run(marker, times=1):
    for number in range(times):
        subprocess.run(["sh", "-c", f": {marker} {number}"], check=True)


class AgentTwin(unittest.TestCase):
    def test_settings_take_effect_at_once_and_a_bad_one_alone_is_refused(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            self.assertEqual(device.reported("snapshotFrequency", "status"), "default")
            sources = eventually(lambda: device.hub.reported.get("vedette", {}).get("sources"), what="sources")
            self.assertIn(sources["ProcessCreate"]["tier"], ("ebpf", "audit", "connector", "proc"))
            eventually(lambda: [e for _, e in device.hub.events("Diagnostic")
                                if e["Payload"][0]["Message"].startswith("agent.sources")], what="the sources' event")

            begun = time.monotonic()
            device.hub.patch_desired({"eventPriorityProcessTerminate": "off", "heartbeatFrequency": "PT1S",
                                      "snapshotFrequency": 7, "maxMessageSizeInBytes": 10000})
            device.wait_reported("heartbeatFrequency", "PT1S")
            self.assertLess(time.monotonic() - begun, 1.0)
            self.assertEqual(device.reported("eventPriorityProcessTerminate"), "Off")
            self.assertEqual(device.reported("snapshotFrequency", "error"), "TypeMismatch")
            self.assertEqual(device.reported("snapshotFrequency"), "PT13H")
            self.assertEqual(device.reported("maxMessageSizeInBytes", "error"), "NotOptimal")
            self.assertEqual(device.reported("maxMessageSizeInBytes"), 10000)
            errors = eventually(lambda: device.hub.events("ConfigurationError"), what="ConfigurationError")[0][1]
            self.assertEqual({(i["ConfigurationName"], i["ErrorType"], i["UsedConfiguration"])
                              for i in errors["Payload"]},
                             {("snapshotFrequency", "TypeMismatch", "PT13H"),
                              ("maxMessageSizeInBytes", "NotOptimal", "10000")})

            # Off: starts are told, ends are not. (One that was told before the change may come after.)
            run("while-off")
            eventually(lambda: device.starts("while-off"), what="a start")
            beats = len(device.hub.events("Heartbeat"))
            eventually(lambda: len(device.hub.events("Heartbeat")) >= beats + 2, 10, what="heartbeats")
            pids = {e["Payload"][0]["ProcessId"] for e in device.starts("while-off")}
            ends = {i["ProcessId"] for _, e in device.hub.events("ProcessTerminate") for i in e["Payload"]}
            self.assertFalse(pids & ends)

            # A conflict is brought together; a patch leaves all else alone.
            device.hub.patch_desired({"highPriorityMessageFrequency": "PT6H", "lowPriorityMessageFrequency": "PT5H"})
            device.wait_reported("highPriorityMessageFrequency", "PT5H")
            self.assertEqual(device.reported("highPriorityMessageFrequency", "error"), "Conflict")
            self.assertEqual(device.reported("heartbeatFrequency"), "PT1S")
            account = device.stop()
            self.assertEqual(account["collected"],
                             account["acknowledged"] + account["dropped"] + account["pending"])
            self.assertEqual(account["dropped"], 0)

    def test_each_lane_keeps_its_frequency(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            # Only heartbeats, so that a busy machine does not fill a message earlier.
            quiet = {name: "Off" for name in device.hub.settings() if name.startswith("eventPriority")}
            device.hub.patch_desired({**quiet, "eventPriorityHeartbeat": "High", "heartbeatFrequency": "PT1S",
                                      "highPriorityMessageFrequency": "PT4S", "lowPriorityMessageFrequency": "PT5H"})
            device.wait_reported("highPriorityMessageFrequency", "PT4S")
            # What was there before the change is sent at the first occasion.
            time.sleep(5)
            begun = time.monotonic()
            time.sleep(13)
            with device.hub.lock:
                times = [when for when, _ in device.hub.messages if when > begun]
            self.assertIn(len(times), (3, 4), times)
            for before, after in zip(times, times[1:]):
                self.assertAlmostEqual(after - before, 4, delta=0.7)
            # Nothing that was waiting is lost by going back.
            device.hub.patch_desired({"highPriorityMessageFrequency": None})
            beats = len(device.hub.events("Heartbeat"))
            eventually(lambda: len(device.hub.events("Heartbeat")) >= beats + 3, 8, what="heartbeats at once")
            account = device.stop()
            self.assertEqual(account["dropped"], 0)

    def test_the_last_good_settings_hold_without_a_hub(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            device.hub.patch_desired({"eventPriorityProcessTerminate": "Off", "heartbeatFrequency": "PT2S"})
            device.wait_reported("heartbeatFrequency", "PT2S")
            device.stop()
            device.hub.stop()
            device.start()
            run("offline", 3)
            time.sleep(1)
            device.stop()
            device.hub.start()
            device.start()
            eventually(lambda: len(device.starts("offline")) == 3, 60, what="what happened offline")
            pids = {e["Payload"][0]["ProcessId"] for e in device.starts("offline")}
            ends = {i["ProcessId"] for _, e in device.hub.events("ProcessTerminate") for i in e["Payload"]}
            self.assertFalse(pids & ends)
            device.stop()

    def test_messages_keep_their_size_and_what_is_too_large_is_cut(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            device.hub.patch_desired({"maxMessageSizeInBytes": 8192})
            device.wait_reported("maxMessageSizeInBytes", 8192)
            begun = time.monotonic()
            subprocess.run(["true", "oversize-" + "x" * 60000], check=True)
            run("after-it")
            eventually(lambda: device.starts("after-it"), what="the event behind the large one")
            large = eventually(lambda: device.starts("oversize-"), what="the large one")[0]
            self.assertIn("CommandLine", large["Payload"][0]["ExtraDetails"]["Truncated"])
            with device.hub.lock:
                sizes = [len(payload) for when, payload in device.hub.messages if when > begun]
            self.assertLessEqual(max(sizes), 8192)
            device.stop()

    def test_repeats_are_aggregated(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            device.hub.patch_desired({"aggregationEnabledProcessCreate": True,
                                      "aggregationIntervalProcessCreate": "PT6S"})
            device.wait_reported("aggregationIntervalProcessCreate", "PT6S")
            for _ in range(6):
                subprocess.run(["/bin/true", "again-and-again"], check=True)
            first = eventually(lambda: device.starts("again-and-again"), 20, what="the first, at once")
            self.assertEqual(len(first), 1)
            both = eventually(lambda: len(device.starts("again-and-again")) == 2 and device.starts("again-and-again"),
                              40, what="the repeats")
            self.assertNotIn("HitCount", both[0]["Payload"][0]["ExtraDetails"])
            repeats = both[1]["Payload"][0]
            self.assertEqual(repeats["ExtraDetails"]["HitCount"], "5")
            self.assertEqual((repeats["ProcessId"], repeats["ParentProcessId"]), (0, 0))
            self.assertLessEqual(repeats["ExtraDetails"]["StartTimeUtc"], repeats["ExtraDetails"]["EndTimeUtc"])
            device.stop()

    def test_the_account_holds_through_changes_outages_and_a_small_cache(self):
        with Device() as device:
            device.start()
            device.wait_reported("snapshotFrequency", "PT13H")
            changes = [{"maxLocalCacheSizeInBytes": 65536, "maxMessageSizeInBytes": 8192},
                       {"eventPriorityProcessCreate": "Low", "lowPriorityMessageFrequency": "PT2S"},
                       {"aggregationEnabledProcessTerminate": True, "aggregationIntervalProcessTerminate": "PT1S"},
                       {"maxLocalCacheSizeInBytes": 8192}, {"eventPriorityProcessCreate": "High"},
                       {"maxLocalCacheSizeInBytes": None, "maxMessageSizeInBytes": None,
                        "lowPriorityMessageFrequency": None}]
            for number, change in enumerate(changes):
                device.hub.patch_desired(change)
                run(f"storm-{number}", 60)
                device.hub.stop()
                run(f"outage-{number}", 60)
                if number == 3:  # a crash in the middle of it
                    device.agent.kill()
                    device.start()
                self.assertLessEqual(device.agent_files(), 64 << 20)
                device.hub.start()
            last = "the-last-one"
            eventually(lambda: device.reported("maxLocalCacheSizeInBytes") == 64 << 20, 60, what="the settings")
            run(last)
            eventually(lambda: device.starts(last), 60, what="the last event")
            account = device.stop()
            self.assertEqual(account["collected"],
                             account["acknowledged"] + account["dropped"] + account["pending"], account)
            self.assertGreater(account["dropped"], 0)  # the small cache had no room
            self.assertEqual(json.loads((device.state / "twin.json").read_text())["version"], device.hub.version)
            for topic in device.hub.topics:
                self.assertIn("%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1", topic)
            self.assertIn(OBJECT, device.hub.reported)


if __name__ == "__main__":
    unittest.main()
