"""Detection rules as people manage them: checked, tried, hunted, set, excepted; by the real programs."""
import json
import unittest
import uuid

import https
import mqtt
from harness import Site, eventually

PING = """title: Somebody pings
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001
description: A test's.
logsource: {product: linux, category: process_creation}
detection: {s: {CommandLine|startswith: 'ping '}, condition: s}
level: low
vedette: {entity: [CommandLine]}
"""


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        cls.site.start_hub()
        cls.identity = cls.site.create_module("press-1")
        cls.file = cls.site.folder / "ping.yml"
        cls.file.write_text(PING)

    def setUp(self):
        self.site.cli("rule", "add", self.file)
        self.addCleanup(self.site.cli, "rule", "remove", "Somebody pings", json_output=False)

    def run_processes(self, *command_lines):
        resource = "/devices/press-1/modules/azureiotsecurity/messages/events" + https.VERSION
        events = [mqtt.process_create(line) for line in command_lines]
        answer = https.request(self.site, "POST", resource, mqtt.security_message(events),
                               {"iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1"},
                               https.device_token(self.identity))
        self.assertEqual(answer.status, 204, answer.body)

    def stored(self, marker):
        count = f'SecurityIoTRawEvent | where EventDetails contains "{marker}" | count'
        return eventually(lambda: self.site.kql(count)[0]["Count"], what=f"{marker} is stored")

    def alerts(self, marker):
        found = self.site.cli("alert", "list", "--search", marker)["items"]
        return [(alert["title"], alert["severity"]) for alert in found]

    def raised(self, marker):
        return eventually(lambda: self.alerts(marker), what=f"an alert about {marker}")

    def not_raised(self, marker):
        """Nothing was raised for it: what came after it was."""
        later = uuid.uuid4().hex
        self.run_processes("ping " + later)
        self.raised(later)
        self.assertEqual(self.alerts("ping " + marker), [])

    def test_a_rule_of_ones_own_is_raised_and_set(self):
        self.run_processes("ping first-one")
        self.assertEqual(self.raised("first-one"), [("Somebody pings", "Low")])
        self.site.cli("rule", "severity", "Somebody pings", "High", "--comment", "for the test")
        self.run_processes("ping second-one")
        self.assertEqual(self.raised("second-one"), [("Somebody pings", "High")])
        shown = self.site.cli("rule", "show", "somebody PINGS")
        self.assertEqual((shown["severity"], shown["ownSeverity"]), ("High", "Low"))
        self.assertEqual(shown["setting"]["comment"], "for the test")
        off = self.site.cli("rule", "disable", "Somebody pings")
        self.assertEqual(off["state"], "disabled")
        self.run_processes("ping third-one")
        self.stored("third-one")
        self.site.cli("rule", "enable", "Somebody pings")
        self.not_raised("third-one")
        self.site.cli("rule", "severity", "Somebody pings", "own")

    def test_what_is_set_outlives_the_hub_and_is_audited(self):
        self.site.cli("rule", "severity", "Somebody pings", "Medium")
        self.site.hub.stop()
        self.site.start_hub()
        self.assertEqual(self.site.cli("rule", "show", "Somebody pings")["severity"], "Medium")
        self.site.cli("rule", "severity", "Somebody pings", "own")
        audit = json.loads(https.api(self.site, "GET", "/audit?limit=50").body)["items"]
        actions = {record["action"] for record in audit}
        self.assertLessEqual({"rule.create", "rule.set"}, actions)

    def test_exceptions_are_previewed_over_history_and_hold(self):
        self.run_processes("ping monitor-one", "ping monitor-two", "ping intruder")
        self.stored("intruder")
        where = ("--where", "CommandLine|contains=monitor")
        preview = self.site.cli("rule", "exception", "preview", "Somebody pings", *where)
        self.assertTrue(preview["complete"])
        self.assertEqual(preview["hits"]["hidden"], 2)
        self.assertGreaterEqual(preview["hits"]["raised"], 3)
        self.assertEqual(preview["alerts"]["hidden"], 2)
        made = self.site.cli("rule", "exception", "add", "Somebody pings", *where, "--title", "Our monitor")
        hunted = self.site.cli("rule", "hunt", "Somebody pings", "--examples", 100)
        lines = [example["details"]["CommandLine"] for example in hunted["examples"]]
        self.assertIn("ping intruder", lines)
        self.assertNotIn("ping monitor-one", lines)
        self.run_processes("ping monitor-three")
        self.not_raised("monitor-three")
        # The rule is replaced; the exception stays.
        self.file.with_name("newer.yml").write_text(PING.replace("level: low", "level: medium"))
        self.site.cli("rule", "replace", "Somebody pings", self.file.with_name("newer.yml"))
        self.run_processes("ping monitor-four")
        self.not_raised("monitor-four")
        self.site.cli("rule", "exception", "remove", made["id"], json_output=False)
        self.run_processes("ping monitor-five")
        self.assertEqual(self.raised("monitor-five"), [("Somebody pings", "Medium")])

    def test_rules_are_hunted_from_a_file(self):
        self.run_processes("ssh nowhere-else")
        self.stored("nowhere-else")
        file = self.site.folder / "ssh.yml"
        file.write_text(PING.replace("ping ", "ssh ").replace("a001", "a002"))
        found = self.site.cli("rule", "hunt", file)
        self.assertEqual(found["hits"]["raised"], 1)
        self.assertEqual(found["devices"], [{"deviceId": "press-1", "raised": 1, "hidden": 0}])
        self.assertEqual(self.site.cli("rule", "hunt", file, "--device", "press-2")["hits"]["raised"], 0)

    def test_what_is_wrong_is_told_with_its_place(self):
        file = self.site.folder / "wrong.yml"
        file.write_text(PING.replace("CommandLine|", "ComandLine|").replace("a001", "a003"))
        for command in (["rule", "check", file], ["rule", "add", file]):
            answer = self.site.cli(*command, check=False)
            self.assertNotEqual(answer.returncode, 0, command)
            self.assertIn("CommandLine", answer.stdout + answer.stderr)
        unknown = self.site.cli("rule", "show", "No such rule", check=False)
        self.assertEqual(unknown.returncode, 3, unknown.stderr)

    def test_rules_that_cannot_run_are_listed_with_the_reason(self):
        file = self.site.folder / "windows.yml"
        file.write_text(PING.replace("linux, category: process_creation", "windows, service: security")
                        .replace("Somebody pings", "Windows only").replace("a001", "a004"))
        self.site.cli("rule", "add", file)
        listed = self.site.cli("rule", "list", "--state", "noEvents", "--search", "Windows only")["items"]
        self.assertEqual(len(listed), 1)
        self.assertIn("no events", listed[0]["problem"])
        self.site.cli("rule", "remove", "7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a004", json_output=False)


if __name__ == "__main__":
    unittest.main()
