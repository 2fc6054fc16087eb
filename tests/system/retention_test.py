"""What is kept and what goes: raw events off, dry runs, holds, usage; backups, transfers and checks."""
import json
import time
import unittest

import https
from harness import Site, eventually
from mqtt import Client, process_create, security_message

MINER = "sh -c echo cpuminer-multi"


class Kept(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.__exit__, None, None, None)
        config = cls.site.hub_dir / "hub.toml"
        config.write_text(config.read_text() + '\n[retention]\ncost_per_gib = 1024.0\ncurrency = "EUR"\n')
        cls.site.start_hub()
        cls.modules = {name: cls.site.create_module(name) for name in ("press-1", "press-9", "lathe-1")}

    def send(self, device, count):
        """Events of the device, each told from all others; how they are told."""
        marker = f"{device} {time.time_ns()}"
        with Client(self.site, self.modules[device]) as client:
            self.assertEqual(client.connect(), 0)
            events = [process_create(f"{marker} {i}") for i in range(count)]
            self.assertTrue(client.acknowledged(security_message(events)))
        query = f'SecurityIoTRawEvent | where EventDetails contains "{marker}"'
        eventually(lambda: len(self.site.kql(query)) == count, what="rows")
        return query

    def compact(self):
        return self.site.cli("store", "compact")

    # -------------------------------------------------------------------------------- limits

    def test_a_dry_run_says_what_would_go_and_holds_keep_what_they_are_about(self):
        pressed = self.send("press-1", 5)
        self.send("lathe-1", 4)
        self.compact()
        tables = {table["table"]: table for table in self.site.cli("retention", "show")["tables"]}
        self.assertEqual(tables["SecurityIoTRawEvent"]["maxAgeSeconds"], 90 * 86400)
        self.assertGreaterEqual(tables["SecurityIoTRawEvent"]["rows"], 9)
        self.assertEqual(self.site.cli("retention", "plan")["items"], [], "nothing is old")

        tried = self.site.cli("retention", "plan", "--table", "SecurityIoTRawEvent", "--max-size", "1")
        self.assertEqual({item["why"] for item in tried["items"]}, {"tableSize"})
        self.assertEqual(tried["rows"], tables["SecurityIoTRawEvent"]["rows"])

        hold = self.site.cli("hold", "create", "--reason", "Case 4711", "--device", "press-1",
                             "--table", "SecurityIoTRawEvent")
        self.assertEqual((hold["active"], hold["deviceId"], hold["owner"]), (True, "press-1", hold["createdBy"]))
        held = self.site.cli("retention", "plan", "--table", "SecurityIoTRawEvent", "--max-size", "1")
        of_press = len(self.site.kql('SecurityIoTRawEvent | where DeviceId == "press-1"'))
        self.assertEqual(held["rows"], tried["rows"] - of_press)
        self.assertEqual(sum(item["rowsHeld"] for item in held["items"]), of_press)
        self.assertEqual(len(self.site.kql(pressed)), 5, "dry runs")

        self.assertEqual([each["id"] for each in self.site.cli("hold", "list")["items"]], [hold["id"]])
        released = self.site.cli("hold", "release", hold["id"], "--reason", "It is closed")
        self.assertFalse(released["active"])
        self.assertEqual(self.site.cli("hold", "list")["items"], [])
        self.assertEqual(len(self.site.cli("hold", "list", "--all")["items"]), 1)
        self.assertEqual(self.site.cli("hold", "release", hold["id"], "--reason", "x", check=False).returncode, 5)
        done = 'IoTHubAudit | where Category == "hold" and ResultType == "Success"'
        eventually(lambda: len(self.site.kql(done)) == 2, what="audit records")
        recorded = {row["OperationName"]: row["ResultDescription"] for row in self.site.kql(done)}
        self.assertEqual(recorded, {"hold.create": "Case 4711", "hold.release": "It is closed"})
        self.assertEqual(self.site.cli("retention", "apply")["items"], [])

    def test_what_is_wrong_with_a_request_is_said(self):
        for path, word in (("/api/v1/retention/plan?table=SecurityIoTRawEvents", "Did you mean"),
                           ("/api/v1/retention/plan?maxAge=soon", "maxAge"),
                           ("/api/v1/retention/plan?diskMax=-1", "diskMax"),
                           ("/api/v1/usage?by=colour", "eventType"),
                           ("/api/v1/store/export?table=Nothing", "Nothing")):
            answer = https.request(self.site, "GET", path, token=https.service_token(self.site))
            self.assertEqual(answer.status, 400, path)
            self.assertIn(word, answer.json()["error"]["message"])
        for arguments in (("--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"),
                          ("--until", "2020-01-01T00:00:00Z"), ("--table", "Nothing"), ("--from", "yesterday")):
            answer = self.site.cli("hold", "create", "--reason", "x", *arguments, check=False)
            self.assertEqual(answer.returncode, 1, arguments)
        self.assertEqual(self.site.cli("hold", "show", "999", check=False).returncode, 3)

    def test_usage_says_who_and_what(self):
        self.send("press-9", 6)

        def sums(by):
            answer = self.site.cli("usage", "--by", by, "--table", "SecurityIoTRawEvent")
            return answer, {item["name"]: item for item in answer["items"]}

        def told():
            answer, devices = sums("device")
            return (answer, devices) if devices.get("press-9", {}).get("rows") == 6 else None

        answer, devices = eventually(told, what="usage of press-9")
        self.assertEqual(len(self.site.kql('SecurityIoTRawEvent | where DeviceId == "press-9"')), 6)
        self.assertEqual(answer["rows"], sum(device["rows"] for device in devices.values()))
        self.assertAlmostEqual(answer["cost"], answer["bytes"] / 2**20)
        self.assertEqual(answer["currency"], "EUR")
        self.assertIn("ProcessCreate", sums("eventType")[1])
        self.assertEqual(len(sums("day")[1]), 1)

    # -------------------------------------------------------------------------------- the stores

    def test_a_backup_comes_back(self):
        before = self.send("lathe-1", 3)
        made = self.site.cli("store", "backup", "one")
        after = self.send("lathe-1", 2)
        self.assertEqual([each["name"] for each in self.site.cli("store", "backups")["items"]], ["one"])
        self.assertEqual(self.site.cli("store", "check", "one")["bytes"], made["bytes"])
        self.assertEqual(self.site.cli("store", "backup", "one", check=False).returncode, 5)
        self.assertTrue(self.site.cli("store", "verify")["sound"])

        restored = Site.__new__(Site)
        restored.__dict__.update(self.site.__dict__)
        restored.folder = self.site.folder / "elsewhere"
        restored.folder.mkdir()
        restored.hub_dir, restored.programs = restored.folder / "hub", []
        restored.ports, restored.amqp_port = (0, 0), 0
        self.site.cli("store", "restore", made["folder"], "--data-dir", restored.hub_dir)
        again = self.site.cli("store", "restore", made["folder"], "--data-dir", restored.hub_dir, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("not empty", again.stderr)
        self.assertTrue(self.site.cli("store", "verify", "--data-dir", restored.hub_dir)["sound"])
        restored.start_hub()
        try:
            self.assertEqual(len(restored.kql(before)), 3)
            self.assertEqual(restored.kql(after), [], "what came later is not in it")
            self.assertEqual({device["deviceId"] for device in restored.cli("device", "list")["items"]},
                             set(self.modules))
            with Client(restored, self.modules["lathe-1"]) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message([process_create("it goes on")])))
            eventually(lambda: restored.kql('SecurityIoTRawEvent | where EventDetails contains "it goes on"'),
                       what="a row in the restored hub")
        finally:
            restored.hub.stop()

        piece = next(iter((self.site.hub_dir / "backups" / "one").rglob("state.db")))
        content = bytearray(piece.read_bytes())
        content[len(content) // 2] ^= 1
        piece.write_bytes(content)
        damaged = self.site.cli("store", "check", "one", check=False)
        self.assertEqual(damaged.returncode, 5)
        self.assertIn("state.db", damaged.stderr)

    def test_rows_go_out_and_come_in_once(self):
        query = self.send("press-1", 7)
        for form in ("parquet", "ndjson"):
            file = self.site.folder / f"rows.{form}"
            self.site.cli("store", "export", "--table", "SecurityIoTRawEvent", "--file", file, "--format", form,
                          json_output=False)
            known = self.site.cli("store", "import", "--table", "SecurityIoTRawEvent", "--file", file, "--format", form)
            self.assertEqual(known["rowsAdded"], 0)
            self.assertGreaterEqual(known["rowsKnown"], 7)
        lines = [json.loads(line) for line in (self.site.folder / "rows.ndjson").read_text().splitlines()]
        for line in lines:
            line["DeviceId"] += "-copy"
        copies = self.site.folder / "copies.ndjson"
        copies.write_text("".join(json.dumps(line) + "\n" for line in lines))
        added = self.site.cli("store", "import", "--table", "SecurityIoTRawEvent", "--file", copies, "--format",
                              "ndjson")
        self.assertEqual(added["rowsAdded"], len(lines))
        self.assertEqual(len(self.site.kql(query)), 14)
        bad = self.site.cli("store", "import", "--table", "SecurityAlert", "--file", copies, "--format", "ndjson",
                            check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("not rows of SecurityAlert", bad.stderr)


class RawEventsOff(unittest.TestCase):
    def test_detection_goes_on_with_its_own_evidence(self):
        with Site() as site:
            config = site.hub_dir / "hub.toml"
            config.write_text(config.read_text() + '\n[retention]\nraw_events = "off"\n')
            site.start_hub()
            module = site.create_module("press-1")
            with Client(site, module) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message([process_create(MINER)])))
            alert = eventually(lambda: site.cli("alert", "list")["items"], what="an alert")[0]
            shown = site.cli("alert", "show", alert["id"])
            self.assertIn("cpuminer-multi", json.dumps(shown["evidence"]))
            row = eventually(lambda: site.kql("SecurityAlert"), what="the alert's row")[0]
            self.assertEqual(json.loads(row["ExtendedProperties"])["EventDetails"]["CommandLine"], MINER)
            self.assertEqual(site.kql("SecurityIoTRawEvent"), [])
            self.assertEqual(site.cli("retention", "show")["rawEvents"]["mode"], "off")


if __name__ == "__main__":
    unittest.main()
