"""Groups of devices: found by the twin query language and kept configured, with Microsoft's service SDK, the
command line and a real agent."""
import json
import unittest

import sdk
from harness import eventually

OBJECT = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
MODULE = "azureiotsecurity"


def setUpModule():
    sdk.setup()


class Queries(sdk.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number in range(12):
            cls.site.cli("device", "create", f"q{number:02}")
            site = "north" if number % 3 else "south"
            cls.site.cli("device", "twin", "update", f"q{number:02}", "--tags", json.dumps({"site": site, "floor": number}))
        cls.fleet = cls.enterClassContext(sdk.Driver(cls.site, "fleet.js"))
        cls.fleet.call("open", connectionString=cls.site.credentials["serviceConnectionString"])

    def test_pages_of_twins(self):
        pages = self.fleet.call("query", sql="SELECT * FROM devices WHERE tags.site = 'north'", pageSize=3)
        self.assertEqual([len(page["items"]) for page in pages], [3, 3, 2])
        self.assertEqual({page["type"] for page in pages}, {"Twin"})
        twins = self.fleet.call("twins", sql="SELECT * FROM devices WHERE tags.floor >= 10", pageSize=1)
        self.assertEqual([(twin["deviceId"], twin["tags"]["floor"]) for twin in twins], [("q10", 10), ("q11", 11)])
        self.assertEqual(twins[0]["properties"]["desired"]["$version"], 1)

    def test_columns_and_groups(self):
        pages = self.fleet.call("query", sql="SELECT deviceId, tags.floor AS level FROM devices WHERE tags.floor IN [3, 4]")
        self.assertEqual(pages[0]["items"], [{"deviceId": "q03", "level": 3}, {"deviceId": "q04", "level": 4}])
        pages = self.fleet.call("query", sql="SELECT tags.site AS site, COUNT() AS n, AVG(tags.floor) AS mean FROM devices "
                                             "WHERE STARTSWITH(deviceId, 'q') GROUP BY tags.site")
        self.assertEqual(pages[0]["type"], "Raw")
        self.assertEqual(pages[0]["items"], [{"site": "north", "n": 8, "mean": 6}, {"site": "south", "n": 4, "mean": 4.5}])

    def test_errors_as_the_sdk_knows_them(self):
        with self.assertRaises(sdk.SdkError) as refused:
            self.fleet.call("query", sql="SELECT * FROM devices WHERE tags.site == ")
        self.assertEqual(refused.exception.name, "ArgumentError")
        self.assertIn("1:42", refused.exception.message)
        with sdk.Driver(self.site, "fleet.js") as other:
            connection = self.site.credentials["serviceConnectionString"]
            other.call("open", connectionString=connection.rpartition("SharedAccessKey=")[0] + "SharedAccessKey=AAAA")
            with self.assertRaises(sdk.SdkError) as refused:
                other.call("query", sql="SELECT * FROM devices")
            self.assertEqual(refused.exception.name, "UnauthorizedError")

    def test_they_are_recorded(self):
        marker = "SELECT deviceId FROM devices WHERE tags.recorded = 1"
        self.fleet.call("query", sql=marker)
        found = eventually(lambda: self.site.kql('IoTHubOperations | where Category == "TwinQueries" and StatusCode == 200'),
                           what="the record")
        self.assertEqual({each["Identity"] for each in found}, {"policy:iothubowner"})

    def test_the_command_line(self):
        rows = self.site.cli("device", "query", "SELECT deviceId FROM devices WHERE tags.floor < 2")
        self.assertEqual(rows, [{"deviceId": "q00"}, {"deviceId": "q01"}])
        table = self.site.cli("device", "query", "SELECT tags.site AS site, COUNT() AS devices FROM devices WHERE "
                              "IS_DEFINED(tags.site) GROUP BY tags.site", "-o", "table", json_output=False)
        self.assertRegex(table, r"site +devices")
        self.assertRegex(table, r"north +8")
        wrong = self.site.cli("device", "query", "SELECT * FROM devices WHERE isdefined(tags)", check=False, json_output=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("did you mean IS_DEFINED?", wrong.stderr)
        self.assertIn("^", wrong.stderr)


class Configurations(sdk.TestCase):
    def desired(self, device, module=None):
        noun = ("module", "twin", "show", device, module) if module else ("device", "twin", "show", device)
        found = self.site.cli(*noun)["properties"]["desired"]
        return {name: value for name, value in found.items() if not name.startswith("$")}

    def tag(self, device, **tags):
        self.site.cli("device", "twin", "update", device, "--tags", json.dumps(tags))

    def test_with_the_service_sdk(self):
        for device in ("c1", "c2"):
            self.device(device)
        self.tag("c1", line="a")
        with sdk.Driver(self.site, "fleet.js") as fleet:
            fleet.call("open", connectionString=self.site.credentials["serviceConnectionString"])
            made = fleet.call("add", configuration={
                "id": "line-a", "priority": 10, "targetCondition": "tags.line = 'a'", "labels": {"team": "pumps"},
                "content": {"deviceContent": {"properties.desired.pump": {"speed": 4}}},
                "metrics": {"queries": {"fast": "SELECT deviceId FROM devices WHERE properties.desired.pump.speed > 3"}}})
            self.assertEqual((made["id"], made["schemaVersion"]), ("line-a", "1.0"))
            eventually(lambda: self.desired("c1") == {"pump": {"speed": 4}}, what="the setting in the twin")
            self.assertEqual(self.desired("c2"), {})
            # A device that comes into the group, and one that leaves it.
            self.tag("c2", line="a")
            self.tag("c1", line="b")
            eventually(lambda: self.desired("c2") == {"pump": {"speed": 4}}, what="the setting in the other twin")
            eventually(lambda: self.desired("c1") == {}, what="no setting in the first twin")

            counts = eventually(lambda: (lambda shown: shown["systemMetrics"]["results"] == {"targetedCount": 1, "appliedCount": 1}
                                         and shown)(fleet.call("get", name="line-a")), what="the counts")
            found = fleet.call("query", sql=counts["systemMetrics"]["queries"]["appliedCount"])
            self.assertEqual(found[0]["items"], [{"deviceId": "c2"}])
            self.assertIn("line-a", [each["id"] for each in fleet.call("list")])

            with self.assertRaises(sdk.SdkError) as refused:
                fleet.call("add", configuration={"id": "line-a", "content": {}})
            self.assertEqual(refused.exception.name, "DeviceAlreadyExistsError")
            with self.assertRaises(sdk.SdkError) as refused:
                fleet.call("update", configuration={**counts, "etag": "b2xk"}, force=False)
            self.assertEqual(refused.exception.name, "InvalidEtagError")
            changed = fleet.call("update", configuration={**counts, "content": {"deviceContent": {
                "properties.desired.pump.speed": 7}}}, force=True)
            self.assertNotEqual(changed["etag"], counts["etag"])
            eventually(lambda: self.desired("c2") == {"pump": {"speed": 7}}, what="the changed setting")

            # What is there after a restart is enforced, and what was set is known.
            self.site.hub.stop()
            self.site.start_hub()
            eventually(lambda: fleet.call("get", name="line-a")["metrics"]["results"].get("fast") == 1, what="the metric")
            fleet.call("remove", name="line-a")
            eventually(lambda: self.desired("c2") == {}, what="no setting")
            with self.assertRaises(sdk.SdkError) as refused:
                fleet.call("get", name="line-a")
            self.assertEqual(refused.exception.status, 404)
            fleet.call("apply", device="c1", content={"deviceContent": {"properties.desired.once": 1}})
            self.assertEqual(self.desired("c1"), {"once": 1})

        wanted = {"createConfiguration", "updateConfiguration", "deleteConfiguration", "applyConfiguration",
                  "applyConfigurationContent", "getConfiguration", "listConfigurations"}
        records = eventually(lambda: (lambda found: wanted <= {each["OperationName"] for each in found} and found)(self.site.kql(
            'IoTHubOperations | where Category == "Configurations" and StatusCode == 200')), what="the records")
        self.assertEqual({each["Identity"] for each in records if each["OperationName"] == "createConfiguration"},
                         {"policy:iothubowner"})
        self.assertIn("configuration:line-a", {each["Identity"] for each in records if each["DeviceId"] == "c2"})

    def test_one_setting_reaches_the_agents_of_a_group(self):
        config = self.site.agent_config(self.site.create_module("press-7"), "press-7")
        agent = self.site.start_agent(config)
        reported = lambda: self.site.cli("module", "twin", "show", "press-7", MODULE)["properties"]["reported"].get(OBJECT, {})
        eventually(lambda: reported().get("snapshotFrequency"), what="the agent's first report")
        content = {"modulesContent": {MODULE: {f"properties.desired.{OBJECT}.snapshotFrequency": {"value": "PT5H"}}}}
        shown = self.site.cli("configuration", "set", "presses", "--target", "tags.SecurityGroup = 'presses'",
                              "--content", json.dumps(content), "--priority", "5")
        self.assertEqual(shown["priority"], 5)
        self.tag("press-7", SecurityGroup="presses")
        eventually(lambda: reported()["snapshotFrequency"].get("value") == "PT5H", what="the setting in effect")
        self.assertEqual(reported()["snapshotFrequency"]["status"], "desired")
        # Somebody's own setting beside it stays; one at the same place is set back.
        own = {OBJECT: {"heartbeatFrequency": {"value": "PT9M"}, "snapshotFrequency": {"value": "PT1H"}}}
        self.site.cli("module", "twin", "update", "press-7", MODULE, "--desired", json.dumps(own))
        eventually(lambda: reported()["heartbeatFrequency"].get("value") == "PT9M" and
                   reported()["snapshotFrequency"].get("value") == "PT5H", what="both settings in effect")
        self.site.cli("configuration", "set", "presses", "--target", "tags.SecurityGroup = 'others'")
        eventually(lambda: reported()["snapshotFrequency"].get("status") == "default", what="the default again")
        self.assertEqual(self.desired("press-7", MODULE), {OBJECT: {"heartbeatFrequency": {"value": "PT9M"}}})
        listed = self.site.cli("configuration", "list")["items"]
        self.assertIn("presses", [each["id"] for each in listed])
        self.site.cli("configuration", "delete", "presses", json_output=False)
        self.assertEqual(self.site.cli("configuration", "show", "presses", check=False).returncode, 3)
        agent.stop(timeout=120)


if __name__ == "__main__":
    unittest.main()
