"""What remembers: alerts over several events, through kills of the hub; rules dropped into a running hub's folder; what
the hub itself recorded; devices that fall silent."""
import datetime
import json
import os
import subprocess
import time
import unittest
import unittest.mock
import uuid

from harness import Site, eventually, running_site
from mqtt import Client, process_create, security_message

PATIENCE = 60


def event(name, payload, category="Triggered", second=0, kind="Security"):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=second)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return {"Id": str(uuid.uuid4()), "TimestampLocal": stamp, "TimestampUTC": stamp, "Category": category, "Name": name,
            "EventType": kind, "IsEmpty": False, "PayloadSchemaVersion": "1.0", "Payload": payload}


def login(result, second, user="pi", address="198.51.100.7"):
    return event("Login", [{"ProcessId": 9, "UserName": user, "Operation": "sshd", "Executable": "/usr/sbin/sshd",
                            "Result": result, "RemoteAddress": address, "RemotePort": "5000", "LocalPort": "22"}],
                 second=second)


def users(*accounts):
    return event("LocalUsers", [{"UserId": str(number), "UserName": name, "GroupNames": groups, "GroupIds": ""}
                                for number, name, groups in accounts], "Periodic")


def heartbeat():
    return event("Heartbeat", [{"Tier": "Ebpf", "UptimeSeconds": 5, "CollectedEvents": 1, "AcknowledgedEvents": 1,
                                "DroppedEvents": 0, "PendingEvents": 0, "KernelLostEvents": 0}], "Periodic",
                 kind="Operational")


class Detectors(unittest.TestCase):
    def send(self, site, connection_string, *events):
        with Client(site, connection_string) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(security_message(list(events))))

    def alerts(self, site, title):
        return [alert for alert in site.cli("alert", "list")["items"] if alert["title"] == title]

    def wait_for(self, site, title, count=1):
        return eventually(lambda: (lambda found: found if len(found) >= count else None)(self.alerts(site, title)),
                          timeout=PATIENCE, interval=0.2, what=title)

    def test_what_is_remembered_survives_kills_and_is_told_once(self):
        rule = "title: {0}\nid: {1}\nname: {2}\n"
        with Site() as site:
            folder = site.folder / "rules"
            folder.mkdir()
            (folder / "own.yml").write_text(
                rule.format("One step", "0b3c9b6e-5cf0-4b8b-9f3a-5a7ce5bb1a01", "step") +
                "logsource: {product: linux, category: process_creation}\n"
                "detection: {s: {CommandLine|contains: 'own-step'}, condition: s}\nlevel: low\n---\n" +
                rule.format("Four steps", "0b3c9b6e-5cf0-4b8b-9f3a-5a7ce5bb1a02", "steps") +
                "correlation: {type: event_count, rules: step, group-by: [DeviceId], timespan: 1h, "
                "condition: {gte: 4}}\nlevel: high\n")
            with unittest.mock.patch.dict(os.environ, {"VEDETTE_CONTENT__DETECTIONS": str(folder)}):
                site.start_hub()
                module = site.create_module("d1")
                self.send(site, module, users((1, "pi", "pi"), (2, "ops", "ops")))
                # Four kills in the midst of it.
                for part in range(4):
                    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                    step = process_create(f"own-step {part}", TimestampUTC=now, TimestampLocal=now)
                    self.send(site, module, *[login("Fail", -60 + 3 * part + i) for i in range(3)], step)
                    site.hub.kill()
                    site.start_hub()
                self.send(site, module, login("Success", 0), users((1, "pi", "pi;docker")))
                for title in ("Successful Bruteforce attempt", "Four steps", "Local user deletion detected",
                              "Local user added to one or more groups"):
                    self.assertEqual(self.wait_for(site, title)[0]["deviceId"], "d1", title)
                site.hub.kill()
                site.start_hub()
                self.send(site, module, heartbeat())
                shown = site.cli("alert", "show", self.alerts(site, "Successful Bruteforce attempt")[0]["id"])
                self.assertIn("12 logins failed", shown["whyFlagged"])
                self.assertGreater(len(shown["evidence"]), 3, "the failures come with it, also those before the kills")
                counts = {alert["title"]: alert["hitCount"] for alert in site.cli("alert", "list")["items"]}
                self.assertEqual(counts, {"Successful Bruteforce attempt": 1, "Four steps": 1,
                                          "Local user deletion detected": 1,
                                          "Local user added to one or more groups": 1})
                site.hub.stop()

    def test_rules_that_are_dropped_into_the_folder_of_a_running_hub(self):
        with Site() as site:
            folder = site.folder / "rules"
            folder.mkdir()
            with unittest.mock.patch.dict(os.environ, {"VEDETTE_CONTENT__DETECTIONS": str(folder)}):
                site.start_hub()
            module = site.create_module("d1")
            self.send(site, module, process_create("dropped-rule before"))
            (folder / "mine.yml").write_text(
                "title: Mine\nid: 0b3c9b6e-5cf0-4b8b-9f3a-5a7ce5bb1a03\n"
                "logsource: {product: linux, category: process_creation}\n"
                "detection: {s: {CommandLine|contains: 'dropped-rule'}, condition: s}\nlevel: medium\n")
            with Client(site, module) as client:
                self.assertEqual(client.connect(), 0)

                def matched():
                    self.assertTrue(client.acknowledged(security_message([process_create("dropped-rule after")])))
                    time.sleep(0.3)
                    return self.alerts(site, "Mine")

                alert = eventually(matched, timeout=PATIENCE, what="an alert of the new rule")[0]
            evidence = site.cli("alert", "show", alert["id"])["evidence"]
            self.assertNotIn("before", json.dumps(evidence), "what came earlier was looked at by the rules of then")
            site.hub.stop()

    def test_what_the_hub_recorded(self):
        with running_site() as site:
            module = site.create_module("d1")
            for overrides in ({"key": "AAAA"}, {"expiry": int(time.time()) - 86400}):
                with Client(site, module, **overrides) as client:
                    client.connect()
            self.assertEqual(self.wait_for(site, "Invalid SAS token signature")[0]["deviceId"], "d1")
            self.assertEqual(self.wait_for(site, "Expired SAS Token")[0]["severity"].lower(), "low")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", "ca.key", "-out", "factory.pem", "-days", "2", "-subj", "/CN=Factory"],
                           cwd=site.folder, check=True, capture_output=True)
            upload = ("certificate", "upload", "factory", site.folder / "factory.pem")
            site.cli(*upload)
            self.assertNotEqual(site.cli(*upload, check=False).returncode, 0)
            site.cli("certificate", "delete", "factory", json_output=False)
            self.assertNotEqual(site.cli("certificate", "delete", "factory", check=False).returncode, 0)
            for title in ("New certificate added to an IoT Hub", "Certificate deleted from an IoT Hub",
                          "Unsuccessful attempt detected to add a certificate to an IoT Hub",
                          "Unsuccessful attempt detected to delete a certificate from an IoT Hub"):
                found = self.wait_for(site, title)
                self.assertEqual((len(found), found[0]["severity"].lower(), found[0]["entity"]), (1, "medium", "factory"))
            # A refused login is told once, however often the hub starts.
            site.hub.stop()
            with open(site.hub_dir / "hub.toml", "a", encoding="utf-8") as config:
                config.write("\n[retention]\nmax_age = \"100d\"\n")
            site.start_hub()
            changed = self.wait_for(site, "Attempt to add or edit a diagnostic setting of an IoT Hub detected")
            self.assertEqual(changed[0]["entity"], "retention")
            self.assertEqual(self.alerts(site, "Certificate deleted from an IoT Hub")[0]["hitCount"], 1)
            site.hub.stop()

    def test_devices_that_fall_silent(self):
        with unittest.mock.patch.dict(os.environ, {"VEDETTE_DETECTIONS__SILENT_AFTER": "4s"}), running_site() as site:
            modules = {name: site.create_module(name) for name in ("quiet", "disabled", "serviced")}
            site.cli("device", "twin", "update", "serviced", "--tags", json.dumps({"Maintenance": True}))
            for module in modules.values():
                self.send(site, module, heartbeat())
            site.cli("device", "update", "disabled", "--status", "disabled")
            alert = self.wait_for(site, "Device silent")[0]
            self.assertEqual(alert["deviceId"], "quiet")
            self.assertIn("4 seconds", site.cli("alert", "show", alert["id"])["whyFlagged"])
            site.hub.kill()
            site.start_hub()
            self.send(site, modules["quiet"], heartbeat())
            ended = eventually(lambda: (lambda a: a if a["status"] == "closed" else None)(
                site.cli("alert", "show", alert["id"])), timeout=PATIENCE, what="the alert ends by itself")
            self.assertIn("heard again", json.dumps(ended["history"]))
            self.assertEqual({found["deviceId"] for found in self.alerts(site, "Device silent")}, {"quiet"})
            site.hub.stop()


if __name__ == "__main__":
    unittest.main()
