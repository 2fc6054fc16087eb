"""Alerts as work: one for each cause, bulk changes that say first what they touch, suppressions, relations, CSV."""
import csv
import io
import unittest

from harness import Site, eventually
from mqtt import Client, process_create, security_message

RULE = "5c1d8d5e-8a3e-4c55-9d60-0b6b7f7f0a01"
RULES = f"""title: Something that only this test does
id: {RULE}
level: high
author: The test
license: CC0-1.0
tags: [attack.execution, attack.t1059.004]
logsource: {{product: linux, category: process_creation}}
detection: {{it: {{CommandLine|contains: only-this-test}}, condition: it}}
falsepositives: [The test]
vedette:
  why: The command line has what only the test would write.
  entity: [CommandLine]
  remediation: [Let the test end.]
"""


class AlertsAsWork(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.__exit__, None, None, None)
        rules = self.site.folder / "rules"
        rules.mkdir()
        (rules / "test.yml").write_text(RULES)
        config = self.site.hub_dir / "hub.toml"
        config.write_text(config.read_text() + f'\n[content]\ndetections = "{rules}"\n')
        self.site.start_hub()
        self.modules = {}

    def send(self, device, *commands, pid=4711):
        """Reports started processes; returns when the hub has them for good."""
        if device not in self.modules:
            self.modules[device] = self.site.create_module(device)
        events = []
        for command in commands:
            event = process_create(f"only-this-test {command}")
            event["Payload"][0]["ProcessId"] = pid
            event["Payload"][0]["ParentProcessId"] = pid - 1
            events.append(event)
        with Client(self.site, self.modules[device]) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(security_message(events)))

    def alerts(self, *filters):
        return self.site.cli("alert", "list", "--rule", RULE, *filters)["items"]

    def wait(self, count, *filters):
        """The alerts, when there are so many."""
        return eventually(lambda: (lambda found: found if len(found) == count else None)(self.alerts(*filters)),
                          what=f"{count} alerts of {filters}")

    def test_one_alert_for_each_cause_and_what_people_make_of_it(self):
        self.send("press-1", "a", "a", "b")
        first = {alert["entity"]: alert for alert in self.wait(2)}
        self.assertEqual(first["only-this-test a"]["hitCount"], 2)
        self.assertEqual(first["only-this-test b"]["hitCount"], 1)
        one = first["only-this-test a"]
        self.assertEqual(one["rule"]["author"], "The test")
        self.assertEqual(one["rule"]["license"], "CC0-1.0")
        self.assertEqual(one["falsePositives"], ["The test"])

        # Somebody else's process of another device has nothing to do with it; its neighbour has.
        self.send("lathe-1", "c")
        self.wait(3)
        related = self.site.cli("alert", "related", one["id"])["items"]
        reasons = {entry["alert"]["entity"]: [reason["relation"] for reason in entry["reasons"]]
                   for entry in related if entry["alert"]["rule"]["id"] == RULE}
        self.assertEqual(reasons, {"only-this-test b": ["sameProcess", "sibling", "sameDevice"]})

        taken = self.site.cli("alert", "update", one["id"], "--set-status", "active", "--if-match", one["etag"],
                              "--comment", "I look at it")
        self.assertEqual((taken["status"], taken["verdict"]), ("active", None))
        stale = self.site.cli("alert", "update", one["id"], "--to-nobody", "--if-match", one["etag"], check=False)
        self.assertEqual(stale.returncode, 5, stale.stderr)
        self.send("press-1", "a")
        eventually(lambda: self.site.cli("alert", "show", one["id"])["hitCount"] == 3, what="a further hit")
        closed = self.site.cli("alert", "close", one["id"], "--verdict", "benign", "--comment", "a drill")
        self.assertEqual(closed["verdict"], "benign")
        self.assertEqual([entry["action"] for entry in closed["history"]], ["created", "activated", "closed"])
        self.assertEqual(closed["history"][-1]["detail"], "benign")

        # The workspace has what was made of it, and closed and again is another alert.
        query = (f'SecurityAlert | where SystemAlertId == "{one["id"]}" | summarize arg_max(TimeGenerated, *) '
                 "by SystemAlertId | project Status, C = tostring(parse_json(ExtendedProperties).Classification)")
        eventually(lambda: self.site.kql(query) == [{"Status": "Resolved", "C": "BenignPositive"}], what="its row")
        self.send("press-1", "a")
        again = self.wait(1, "--entity", "only-this-test a", "--status", "open")[0]
        self.assertNotEqual(again["id"], one["id"])

        # All of it outlives the hub.
        self.site.hub.stop()
        self.site.start_hub()
        self.assertEqual(self.site.cli("alert", "show", one["id"])["history"], closed["history"])
        self.assertEqual(len(self.alerts()), 4)

    def test_a_bulk_change_touches_what_it_announced(self):
        self.send("press-1", "a", "b")
        self.send("press-2", "a")
        self.wait(3)
        plan = self.site.cli("alert", "change-many", "--rule", RULE, "--device", "press-1", "--status", "open",
                             "--set-status", "closed", "--verdict", "falsePositive", "--comment", "known")
        self.assertEqual(plan["alerts"], 2)
        self.assertEqual(plan["predicate"], f'status is new or active, device is "press-1", rule is "{RULE}"')
        self.assertEqual(plan["effect"], 'close as falsePositive, comment "known"')
        self.assertEqual(len(self.alerts("--status", "open")), 3, "nothing has happened yet")
        self.send("press-1", "c")
        self.wait(4)
        done = self.site.cli("alert", "change-many", "--token", plan["token"])
        self.assertEqual((done["changed"], done["skipped"]), (2, 0))
        left = sorted((alert["deviceId"], alert["entity"]) for alert in self.alerts("--status", "open"))
        self.assertEqual(left, [("press-1", "only-this-test c"), ("press-2", "only-this-test a")])
        self.assertEqual(self.site.cli("alert", "change-many", "--token", plan["token"], check=False).returncode, 3)
        eventually(lambda: self.site.kql('IoTHubAudit | where OperationName == "alert.bulk" and ResultType == "Success"'),
                   what="the audit record")

        groups = self.site.cli("alert", "count", "--by", "verdict", "--rule", RULE)["items"]
        self.assertEqual({group["key"]: group["alerts"] for group in groups}, {"falsePositive": 2, "": 2})
        rows = list(csv.DictReader(io.StringIO(
            self.site.cli("alert", "export", "--rule", RULE, json_output=False))))
        self.assertEqual(sorted(row["Entity"] for row in rows if row["Verdict"] == "falsePositive"),
                         ["only-this-test a", "only-this-test b"])
        self.assertEqual({row["Techniques"] for row in rows}, {"T1059.004"})

    def test_a_suppression_from_preview_to_removal(self):
        self.send("press-1", "nightly a")
        self.send("press-2", "nightly b")
        self.send("lathe-1", "nightly c")
        self.wait(3)
        scope = ["--device", "press-*", "--rule", RULE, "--field", "CommandLine:contains:nightly"]
        preview = self.site.cli("suppression", "test", *scope)
        self.assertEqual((preview["alerts"], preview["open"], preview["truePositives"]), (2, 2, 0))
        made = self.site.cli("suppression", "create", "Backups", "--reason", "The nightly backup, ticket 42",
                             "--expires", "P14D", "--close-open", *scope)
        self.assertEqual(made["closedAlerts"], 2)
        self.assertTrue(made["inForce"])
        self.assertEqual([alert["deviceId"] for alert in self.alerts("--status", "open")], ["lathe-1"])

        self.send("press-1", "nightly a", "daily d")
        self.wait(2, "--status", "open")
        hidden = self.wait(1, "--hidden", "only")[0]
        self.assertEqual((hidden["suppressionId"], hidden["entity"]), (made["id"], "only-this-test nightly a"))
        self.assertEqual(len(self.site.cli("alert", "show", hidden["id"])["evidence"]), 1)
        listed = self.site.cli("suppression", "list")["items"]
        self.assertEqual([(one["hiddenAlerts"], one["hiddenHits"]) for one in listed], [(1, 1)])
        stored = f'SecurityAlert | where SystemAlertId == "{hidden["id"]}"'
        shown = f'SecurityAlert | where CompromisedEntity == "press-1" and AlertType == "{RULE}"'
        eventually(lambda: "only-this-test daily d" in str(self.site.kql(shown)), what="the row of what is shown")
        self.assertEqual(self.site.kql(stored), [], "what is hidden is not told")

        off = self.site.cli("suppression", "disable", made["id"])
        self.assertFalse(off["inForce"])
        self.send("press-2", "nightly b")
        self.wait(1, "--device", "press-2", "--status", "open")
        self.site.cli("suppression", "enable", made["id"])
        self.assertEqual(self.site.cli("suppression", "delete", made["id"], "--restore", check=False).returncode, 0)
        self.wait(1, "--entity", "only-this-test nightly a", "--status", "open")
        eventually(lambda: self.site.kql(stored), what="the row of what is shown again")


if __name__ == "__main__":
    unittest.main()
