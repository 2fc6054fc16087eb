"""Power cuts, disks that fail or are full, damaged files, clocks that jump: whatever the hub acknowledged is there
afterwards, once, and what it cannot do it says.

VEDETTE_ROUNDS says how often the power is cut (5 unless told; `make test-full`: 100), VEDETTE_SEED repeats a run."""
import contextlib
import datetime
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import amqp
import https
import mqtt
import senders
from clock_test import Clock
from faulty_disk import FaultyDisk
from harness import Site, eventually, running_site
from mqtt import process_create, security_message
from senders import ALL, NONE, attempts, health, metric

PAGE = 5000  # rows of one answer; a query gives at most 10,000


def stored(site, sender, numbers):
    """Of these numbers: how many rows there are of each."""
    rows = {}
    for first in range(min(numbers), max(numbers) + 1, PAGE) if numbers else ():
        for row in site.kql(f'SecurityIoTRawEvent | where DeviceId == "{sender.device}" '
                            f'| extend N = toint(extract(@"{sender.device}-([0-9]{{7}})", 1, EventDetails)) '
                            f"| where N between ({first} .. {first + PAGE - 1}) "
                            "| summarize Rows = count(), Ids = count_distinct(IoTRawEventId) by N"):
            rows[int(row["N"])] = (int(row["Rows"]), int(row["Ids"]))
    return rows


class Accounts:
    """Compares, again and again, what senders were promised with what is in the tables."""

    def __init__(self, test, site, all_senders):
        self.test, self.site, self.senders = test, site, all_senders
        self.verified = {sender: set() for sender in all_senders}

    def check(self):
        """That everything acknowledged until now is there, once."""
        for sender in self.senders:
            begun, acknowledged = sender.account()
            unverified = acknowledged - self.verified[sender]

            def all_there(sender=sender, unverified=unverified):
                rows = stored(self.site, sender, unverified)
                return rows if unverified <= rows.keys() else None

            try:
                # The acknowledgement promises the journal; the tables follow a moment later.
                rows = eventually(all_there, 60, 0.2, what="everything acknowledged in the tables")
            except Exception:
                missing = sorted(unverified - stored(self.site, sender, unverified).keys())
                self.test.fail(f"{sender.device}: acknowledged and not there: {missing[:20]} of {len(unverified)}; "
                               f"{begun} sent\n{self.site.hub.log()[-3000:]}")
            self.test.assertEqual({n: row for n, row in rows.items() if row != (1, 1)}, {}, sender.device)
            self.verified[sender] |= unverified

    def close(self):
        """Ends the senders and takes stock of all."""
        for sender in self.senders:
            sender.end()
        self.check()
        for sender in self.senders:
            begun, acknowledged = sender.account()
            total = self.site.kql(f'SecurityIoTRawEvent | where DeviceId == "{sender.device}" '
                                  "| summarize Rows = count(), Ids = count_distinct(IoTRawEventId)")[0]
            self.test.assertEqual(int(total["Rows"]), int(total["Ids"]), f"{sender.device}: something is there twice")
            self.test.assertLessEqual(int(total["Rows"]), begun, f"{sender.device}: more than was ever sent")
            self.test.assertGreaterEqual(int(total["Rows"]), len(acknowledged))
            print(f"{sender.device}: {begun} sent in {sender.sessions} sessions, {len(acknowledged)} acknowledged, "
                  f"{total['Rows']} stored", flush=True)


class Changes(threading.Thread):
    """A person at work meanwhile: makes devices, sets their twins, sends them messages, and remembers what was
    answered well."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.number = site, 0
        self.made, self.set, self.sent = [], [], []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            name = f"made-{self.number}"
            self.number += 1
            for path, method, body, good in ((f"/devices/{name}", "PUT", {}, self.made),
                                             (f"/devices/{name}/twin", "PATCH", {"properties": {"desired": {"n": name}}}, self.set),
                                             (f"/devices/{name}/messages", "POST", {"body": name}, self.sent)):
                try:
                    if https.api(self.site, method, path, body).status in (200, 201, 202):
                        good.append(name)
                except senders.BROKEN:
                    time.sleep(0.02)
            time.sleep(0.01)

    def check(self, test):
        """All of it is still there; then it is forgotten."""
        made, self.made, was_set, self.set, sent, self.sent = self.made, [], self.set, [], self.sent, []
        for name in made:
            test.assertEqual(https.api(self.site, "GET", f"/devices/{name}").status, 200, name)
        for name in was_set:
            twin = https.api(self.site, "GET", f"/devices/{name}/twin").json()
            test.assertEqual(twin["properties"]["desired"].get("n"), name, twin)
        for name in sent:
            waiting = https.api(self.site, "GET", f"/devices/{name}/messages").json()["items"]
            test.assertEqual(len(waiting), 1, name)
        return len(made) + len(was_set) + len(sent)


class PowerCuts(unittest.TestCase):
    def test_what_was_promised_survives_them(self):
        seed = int(os.environ.get("VEDETTE_SEED", time.time_ns() % 1_000_000))
        rounds = int(os.environ.get("VEDETTE_ROUNDS", "5"))
        print(f"seed {seed} (VEDETTE_SEED repeats it), {rounds} rounds", flush=True)
        chance = random.Random(seed)
        with running_site() as site:
            accounts = Accounts(self, site, senders.start_all(site))
            changes = Changes(site)
            changes.start()
            kept = 0
            for _ in range(rounds):
                time.sleep(chance.uniform(0.2, 1.5))
                site.hub.cut_power()
                while chance.random() < 0.3:
                    # While it starts, too: it recovers, or migrates, or has just begun to listen.
                    site.launch_hub()
                    time.sleep(chance.uniform(0.0, 0.5))
                    site.hub.cut_power()
                changes.ending.set()
                site.start_hub()
                changes.join(60)
                accounts.check()
                kept += changes.check(self)
                changes = Changes(site)
                changes.number = 1000 * len(site.programs)
                changes.start()
            changes.ending.set()
            changes.join(60)
            accounts.close()
            for sender in accounts.senders:
                self.assertGreater(sender.sessions, 1, "the cuts reached nobody")
                self.assertGreater(len(sender.acknowledged), rounds, "there was no load")
            self.assertGreater(kept, rounds)
            print(f"{kept} changes kept", flush=True)


class Disks(unittest.TestCase):
    def says_so_and_recovers(self, site, identity, fail, heal):
        """Nothing is acknowledged that could not be kept, everybody can see it, and it ends when the cause does."""
        self.assertEqual(attempts(site, identity, "before"), ALL)
        self.assertEqual(health(site), (200, "ok"))

        def nothing_is_taken():
            fail()
            return attempts(site, identity, "during", filler=50_000) == NONE

        # A store may give space back just now.
        eventually(nothing_is_taken, what="no acknowledgement on any way")
        self.assertEqual(health(site), (503, "messages are refused: they cannot be stored"))
        self.assertEqual(metric(site, "vedette_journal_failing"), 1)
        self.assertGreaterEqual(metric(site, "vedette_ingest_not_durable_total"), 3)
        self.assertIn("ingest.refusing", site.hub.log())
        heal()
        # By itself: nobody sends anything now.
        eventually(lambda: health(site)[0] == 200, what="health")
        self.assertEqual(metric(site, "vedette_journal_failing"), 0)
        self.assertEqual(attempts(site, identity, "after"), ALL)
        for marker in ("before", "after"):
            eventually(lambda m=marker: int(site.kql(
                f'SecurityIoTRawEvent | where EventDetails has "{m}" | summarize N = count()')[0]["N"]) == 3,
                       what=f"what came {marker}")
        record = eventually(lambda: site.kql('IoTHubOperations | where OperationName == "journalWrite" and StatusCode == 503'),
                            what="the record of it")
        self.assertEqual(len(record), 1)
        self.assertTrue(eventually(lambda: site.kql(
            'IoTHubOperations | where OperationName == "journalWrite" and StatusCode == 200'), what="the record of its end"))

    def run_with_faults(self, how, whole):
        if shutil.which("gcc") is None:
            self.skipTest("gcc is not installed")
        with Site() as site:
            disk = FaultyDisk(site, site.hub_dir if whole else site.hub_dir / "journal")
            with disk.started():
                site.start_hub()
            identity = site.create_module()
            self.says_so_and_recovers(site, identity, lambda: disk.set(how), lambda: disk.set(disk.NONE))
            if whole:
                disk.set(how)
                refused = https.api(site, "PUT", "/devices/unkept", {})
                self.assertGreaterEqual(refused.status, 500, refused.body)
                disk.set(disk.NONE)
                self.assertEqual(https.api(site, "PUT", "/devices/kept", {}).status, 201)
            site.hub.cut_power()
            site.start_hub()
            self.assertEqual(int(site.kql('SecurityIoTRawEvent | where EventDetails has "before" or EventDetails has "after" '
                                          "| summarize N = count()")[0]["N"]), 6)
            if whole:
                self.assertEqual(https.api(site, "GET", "/devices/kept").status, 200)

    def test_a_journal_that_cannot_be_synced(self):
        self.run_with_faults(FaultyDisk.ERROR, whole=False)

    def test_no_file_can_be_synced(self):
        self.run_with_faults(FaultyDisk.FULL, whole=True)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
    def test_a_full_disk(self):
        with Site() as site, contextlib.ExitStack() as stack:
            disk = site.folder / "disk"
            disk.mkdir()
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], check=False).returncode != 0:
                self.skipTest("this machine lets nobody mount a file system")
            stack.callback(subprocess.run, ["umount", "-l", disk], check=False)
            subprocess.run(["cp", "-a", f"{site.hub_dir}/.", disk], check=True)
            site.hub_dir = disk
            site.start_hub()
            stack.callback(lambda: site.hub.process.poll() is None and site.hub.kill())
            identity = site.create_module()
            ballast = disk / "ballast"

            def fill():
                with open(ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * 4096)

            self.says_so_and_recovers(site, identity, fill, ballast.unlink)
            self.assertEqual(https.api(site, "PUT", "/devices/kept", {}).status, 201)


def overwrite(path, at, data=b"\xa5" * 4096):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


class Damage(unittest.TestCase):
    """To the files of a hub that is not running."""

    def prepared(self, rows=200):
        site = self.enterContext(Site())
        site.start_hub()
        self.identity = site.create_module()
        with mqtt.Client(site, self.identity) as client:
            self.assertEqual(client.connect(), 0)
            filler = "".join(f"{i:05d}" for i in range(1000))
            for number in range(rows):
                self.assertTrue(client.acknowledged(security_message([process_create(f"old-{number} {filler}")])))
        eventually(lambda: self.count(site) == rows, what="the rows")
        site.hub.stop()
        return site

    @staticmethod
    def count(site):
        return int(site.kql("SecurityIoTRawEvent | summarize N = count()")[0]["N"])

    def refused(self, site, *words):
        hub = site.launch_hub()
        self.assertNotEqual(hub.process.wait(60), 0)
        for word in words:
            self.assertIn(word, hub.log())

    def works(self, site):
        self.assertEqual(attempts(site, self.identity, "new"), ALL)
        eventually(lambda: int(site.kql('SecurityIoTRawEvent | where EventDetails has "new" | summarize N = count()')[0]["N"]) == 3,
                   what="new rows")

    def test_an_event_store_that_is_none_any_more(self):
        site = self.prepared()
        file = site.hub_dir / "events.duckdb"
        overwrite(file, 0, b"\xa5" * 12288)
        self.refused(site, str(file), "move this file", "empty event store")
        # As it says.
        file.rename(site.folder / "damaged.duckdb")
        site.start_hub()
        self.works(site)
        self.assertEqual(https.api(site, "GET", "/devices/device-1").status, 200)

    def test_an_event_store_that_is_empty(self):
        site = self.prepared()
        os.truncate(site.hub_dir / "events.duckdb", 0)
        site.start_hub()
        # The journal has it all still.
        eventually(lambda: self.count(site) == 200, what="the rows from the journal")
        self.works(site)

    def test_an_event_store_with_a_damaged_middle(self):
        site = self.prepared()
        file = site.hub_dir / "events.duckdb"
        size = file.stat().st_size
        for at in range(16384, size - 4096, 65536):
            overwrite(file, at)
        hub = site.launch_hub()
        # Whether it can be told at the start depends on what was hit.
        if eventually(lambda: hub.process.poll() is not None or hub.out_path.stat().st_size > 0, 60) and hub.process.poll() is not None:
            self.assertIn("move this file", hub.log())
            return
        site.endpoints = hub.ready()
        answer = site.cli("kql", "SecurityIoTRawEvent | summarize N = count(), L = sum(strlen(EventDetails))", check=False)
        self.assertNotEqual(answer.returncode, 0, "a query over damaged rows gave an answer: " + answer.stdout)
        self.assertIsNone(hub.process.poll(), "the hub goes on")
        self.assertEqual(attempts(site, self.identity, "new"), ALL, "messages are kept in the journal")

    def test_an_event_store_put_back_from_an_old_copy(self):
        site = self.prepared()
        file = site.hub_dir / "events.duckdb"
        shutil.copy(file, site.folder / "old.duckdb")
        # What the journal keeps for those who follow it would make up for what the copy lacks.
        with open(site.hub_dir / "hub.toml", "a", encoding="utf-8") as config:
            config.write('[stream]\nkeep = "0"\n')
        site.start_hub()
        with mqtt.Client(site, self.identity) as client:
            self.assertEqual(client.connect(), 0)
            # More than one file of the journal, so that it gives some up.
            for _ in range(60):
                self.assertTrue(client.acknowledged("x" * 200_000, security=False))
        eventually(lambda: metric(site, "vedette_journal_backlog_records") == 0, what="the tables to follow")
        site.hub.stop()
        shutil.copy(site.folder / "old.duckdb", file)
        site.start_hub()
        self.assertEqual(self.count(site), 200)
        self.assertIn("ingest.gap", site.hub.log())
        self.assertGreater(metric(site, "vedette_ingest_journal_corrupt_records_total"), 0)
        record = eventually(lambda: site.kql('IoTHubOperations | where OperationName == "storeEvents" and StatusCode == 500'),
                            what="the record of what is gone")
        self.assertIn("older copy", str(record[0]))
        self.works(site)

    def test_a_state_file_that_is_none_any_more(self):
        site = self.prepared(rows=1)
        file = site.hub_dir / "state.db"
        copy = site.folder / "copy.db"
        shutil.copy(file, copy)
        overwrite(file, 0, b"\xa5" * 100)
        self.refused(site, str(file), "damaged", "put back a copy")
        os.truncate(file, 0)
        self.refused(site, str(file), "damaged", "put back a copy")
        # A page in the middle: what is on it would be missed much later.
        shutil.copy(copy, file)
        overwrite(file, file.stat().st_size // 2 // 4096 * 4096)
        self.refused(site, str(file), "damaged", "put back a copy")
        shutil.copy(copy, file)
        site.start_hub()
        self.works(site)


class Clocks(unittest.TestCase):
    """The hub's clock jumps, with devices connected over MQTT and AMQP."""

    def test_jumps(self):
        if shutil.which("gcc") is None:
            self.skipTest("gcc is not installed")
        with Site() as site:
            clock = Clock(site.folder)
            with clock.started():
                site.start_hub()
            hour = datetime.timedelta(hours=1)
            identity, other = site.create_module(), site.create_module("device-2")

            def connected(kind, connection):
                client = self.enterContext(kind(site, connection, expiry=int(clock.now().timestamp()) + 3600))
                self.assertEqual(client.connect(), 0)
                return client

            def ask(query):
                # The one who asks lives in the same time.
                with clock.started():
                    return site.kql(query)

            def takes(client, marker):
                self.assertTrue(client.acknowledged(security_message([process_create(marker)])), marker)
                row = eventually(lambda: ask(f'SecurityIoTRawEvent | where EventDetails has "{marker}" '
                                             "| project At = tostring(TimeGenerated)"), what=marker)[0]
                at = datetime.datetime.fromisoformat(row["At"].replace("Z", "+00:00"))
                self.assertLess(abs((at - clock.now()).total_seconds()), 60, marker)

            over_mqtt, over_amqp = connected(mqtt.Client, identity), connected(amqp.Client, other)
            clock.jump(hour / 2)
            takes(over_mqtt, "in-half-an-hour")
            takes(over_amqp, "in-half-an-hour-too")
            # Backwards by more than any time-out, and than the tokens' lives.
            clock.jump(-hour * 12)
            takes(over_mqtt, "half-a-day-ago")
            takes(over_amqp, "half-a-day-ago-too")
            takes(connected(mqtt.Client, identity), "half-a-day-ago-anew")
            self.assertTrue(over_mqtt.closed(), "the newer of two")
            # Tokens are over once the clock says so; who has a new one is served.
            late = connected(mqtt.Client, identity)
            clock.jump(hour * 11.5 + datetime.timedelta(minutes=55))
            self.assertTrue(late.closed())
            late = connected(mqtt.Client, identity)
            takes(late, "an-hour-later")
            # Set right again.
            clock.jump(-clock.shift)
            takes(late, "now")
            ended = eventually(lambda: site.kql('IoTHubOperations | where OperationName == "deviceDisconnect" and '
                                                'DeviceId == "device-1" and Reason == "sas_expired"'), what="the record")
            self.assertTrue(ended)
            self.assertEqual(health(site), (200, "ok"))
            site.hub.stop()


if __name__ == "__main__":
    unittest.main()
