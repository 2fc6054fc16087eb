"""Rules in KQL that the hub asks on a schedule."""
import os
import pathlib
import unittest

from harness import Site, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]

RULE = """\
id: 3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11  # of our own
name: Devices are made
severity: Medium
queryFrequency: 1m
queryPeriod: 1h
triggerOperator: gt
triggerThreshold: 0
tactics: [Persistence]
relevantTechniques: [T1136]
query: |
  IoTHubAudit
  | where OperationName == "device.put" and ResultType == "Success"
  | project TimeGenerated, Target, Identity
eventGroupingSettings:
  aggregationKind: AlertPerResult
entityMappings:
  - entityType: IoTDevice
    fieldMappings:
      - identifier: DeviceId
        columnName: Target
alertDetailsOverride:
  alertDisplayNameFormat: 'Device {{Target}} was made'
"""
ID = "3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11"
# Whatever alert there is: also those of the rule above, were it not for their provider.
OVER_ALERTS = """\
id: 5c1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a12
name: Any alert of a device
severity: Low
queryFrequency: 1m
queryPeriod: 1h
query: SecurityAlert | where ProviderName == "IoTSecurity"
"""


def published():
    shared = pathlib.Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared"))
    return sorted((shared / "corpora/kql_queries").glob("sentinel_*.kql"))


class Analytics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        cls.site.start_hub()

    def cli(self, *args, **options):
        return self.site.cli("analytics", *args, **options)

    def alerts(self):
        return [alert for alert in self.site.cli("alert", "list")["items"]
                if alert["rule"]["id"] == "analytics_" + ID]

    def test_a_rule_is_tried_then_raises_alerts_once_and_goes_on_after_a_restart(self):
        self.site.create_module("press-1")
        eventually(lambda: self.site.kql('IoTHubAudit | where OperationName == "device.put"'), what="the audit's row")
        tried = self.cli("test", "-", stdin=RULE)
        self.assertTrue(tried["triggered"])
        self.assertEqual([item["title"] for item in tried["items"]], ["Device press-1 was made"])
        self.assertEqual(self.alerts(), [])

        rule = self.cli("put", "-", stdin=RULE)
        self.assertEqual(rule["queryFrequency"], "PT1M")
        [alert] = eventually(self.alerts, timeout=60, what="the alert")
        self.assertEqual(alert["title"], "Device press-1 was made")
        self.assertEqual(alert["deviceId"], "press-1")
        self.assertEqual(alert["hitCount"], 1)
        [row] = eventually(lambda: self.site.kql('SecurityAlert | where AlertName has "press-1" '
                                                 '| project ProviderName, ProductName'), what="its row")
        self.assertEqual(row, {"ProviderName": "ASI Scheduled Alerts", "ProductName": "Azure Sentinel"})
        over = self.cli("test", "-", stdin=OVER_ALERTS)
        self.assertEqual(over["rows"], 0)

        # At once, and what was found before makes no second alert.
        runs = self.cli("show", ID)["runs"]
        self.cli("run", ID)
        eventually(lambda: self.cli("show", ID)["runs"] > runs, timeout=60, what="a run that was asked for")
        self.assertEqual(self.alerts()[0]["hitCount"], 1)

        self.site.hub.stop()
        self.site.start_hub()
        again = self.cli("show", "devices are made")
        self.assertEqual(again["findings"], 1)
        self.assertEqual(again["updatedBy"], rule["updatedBy"])
        self.assertEqual(self.cli("show", ID, "--yaml", json_output=False), RULE)

        self.assertFalse(self.cli("disable", ID)["enabled"])
        self.assertIsNone(self.cli("show", ID)["nextRun"])
        off = self.cli("run", ID, check=False, json_output=False)
        self.assertIn("switched off", off.stderr)
        self.cli("delete", ID, json_output=False)
        gone = self.cli("show", ID, check=False, json_output=False)
        self.assertEqual(gone.returncode, 3)
        [deleted] = eventually(lambda: self.site.kql('IoTHubAudit | where OperationName == "analyticsRule.delete"'),
                               what="the audit's row")
        self.assertEqual(deleted["Target"], ID)

    def test_what_is_wrong_with_a_rule_is_said_with_its_place(self):
        for text, expected in ((RULE.replace("queryPeriod: 1h", "queryPeriod: 1y"), "rule:5:"),
                               (RULE.replace("severity", "severty"), "did you mean 'severity'?"),
                               (RULE.replace("IoTHubAudit", "IoTHubAudits"), "rule:11:3:"),
                               (RULE.replace("IoTHubAudit", "IoTHubAudits"), "did you mean 'IoTHubAudit'?"),
                               ("name: x\n", "no line 'id: GUID'")):
            refused = self.cli("put", "-", stdin=text, check=False, json_output=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(expected, refused.stderr)

    def test_rules_that_come_with_the_hub_can_be_switched_off_and_not_deleted(self):
        builtin = [rule for rule in self.cli("list")["items"] if rule["builtin"]]
        self.assertGreaterEqual(len(builtin), 4)
        for rule in builtin:
            self.assertEqual(rule["problem"], "")
        refused = self.cli("delete", builtin[0]["id"], check=False, json_output=False)
        self.assertIn("disable it", refused.stderr)

    def test_the_published_rules_run_as_they_are(self):
        queries = published()
        if not queries:
            self.skipTest("there are no published rules: no corpora/kql_queries in VEDETTE_SHARED or ../shared")
        self.assertEqual(len(queries), 15)
        for path in queries:
            query = path.read_text(encoding="utf-8")
            indented = "".join("  " + line for line in query.splitlines(keepends=True))
            rule = (f"id: {ID}\nname: {path.stem}\nseverity: Medium\nqueryFrequency: 5m\nqueryPeriod: 1h\n"
                    f"entityMappings:\n  - entityType: IP\n    fieldMappings:\n      - identifier: Address\n"
                    f"        columnName: SourceDeviceAddress\nquery: |\n{indented}\n")
            with self.subTest(path.stem):
                tried = self.cli("test", "-", stdin=rule)
                self.assertEqual(tried["rows"], 0)


if __name__ == "__main__":
    unittest.main()
