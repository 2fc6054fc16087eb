"""Azure Monitor's query client, unmodified, against the hub's workspace."""
import json
import unittest

import https
import sdk
from harness import eventually


def setUpModule():
    sdk.setup()


DAY = {"duration": "P1D"}


class Logs(sdk.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = https.api(cls.site, "POST", "/tokens", {"name": "logs", "role": "reader"})
        cls.token = made.json()["token"]
        cls.site.cli("device", "create", "logs-1")

    def setUp(self):
        self.logs = self.enterContext(sdk.Driver(self.site, "logs.js"))
        self.logs.call("connect", endpoint=self.site.endpoints["https"] + "/v1", token=self.token)

    def ask(self, query, timespan=None, workspace="localhost", **options):
        return self.logs.call("workspace", workspace=workspace, query=query, timespan=timespan or DAY, options=options)

    def test_values_of_every_type_arrive_as_the_client_means_them(self):
        answer = self.ask('print s="x", l=42, r=0.5, b=true, d=datetime(2026-01-02T03:04:05Z), t=1h, '
                          'o=dynamic({"a":[1]}), g=guid(9c647395-b913-4997-a732-a7fe7303b649), n=int(null)')
        self.assertEqual(answer["status"], "Success")
        [table] = answer["tables"]
        self.assertEqual(table["name"], "PrimaryResult")
        self.assertEqual([column["type"] for column in table["columnDescriptors"]],
                         ["string", "long", "real", "bool", "datetime", "timespan", "dynamic", "guid", "int"])
        self.assertEqual(table["rows"], [["x", 42, 0.5, True, "2026-01-02T03:04:05.000Z", "01:00:00", {"a": [1]},
                                          "9c647395-b913-4997-a732-a7fe7303b649", None]])

    def test_the_hubs_own_tables_and_its_timespan(self):
        query = 'IoTHubOperations | where DeviceId == "logs-1" and OperationName == "create" | count'
        eventually(lambda: self.ask(query)["tables"][0]["rows"] == [[1]], what="the record of the device's creation")
        past = {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}
        self.assertEqual(self.ask(query, past)["tables"][0]["rows"], [[0]])
        tenant = self.ask("IoTHubOperations | take 1 | project TenantId")["tables"][0]["rows"][0][0]
        self.assertEqual(self.ask("print a=1", workspace=tenant)["tables"][0]["rows"], [[1]], "by its id, too")

    def test_statistics_and_charts_when_asked_for(self):
        answer = self.ask("range x from 1 to 3 step 1 | render barchart", includeQueryStatistics=True,
                          includeVisualization=True, serverTimeoutInSeconds=20)
        self.assertEqual(answer["visualization"]["visualization"], "barchart")
        self.assertGreater(answer["statistics"]["query"]["executionTime"], 0)
        plain = self.ask("print 1")
        self.assertNotIn("statistics", plain)
        self.assertNotIn("visualization", plain)

    def refused(self, query, status, words, **more):
        with self.assertRaises(sdk.SdkError) as caught:
            self.ask(query, **more)
        self.assertEqual(caught.exception.status, status, caught.exception.message)
        self.assertIn(words, caught.exception.message)

    def test_faults_are_told_in_the_hubs_words(self):
        self.refused("SecurityAlert | wher x", 400, "did you mean 'where'?")
        self.refused("SecurityAlert | where Nix == 1", 400, "SemanticError")
        self.refused("print 1", 404, "PathNotFoundError", workspace="elsewhere")
        self.logs.call("connect", endpoint=self.site.endpoints["https"] + "/v1", token="vdt_wrong")
        self.refused("print 1", 401, "AuthorizationRequiredError")

    def test_a_batch_answers_each_query(self):
        answers = self.logs.call("batch", queries=[
            {"workspace": "localhost", "query": "print a=1", "timespan": DAY, "includeQueryStatistics": True},
            {"workspace": "localhost", "query": "nothing at all", "timespan": DAY}])
        self.assertEqual(answers[0]["tables"][0]["rows"], [[1]])
        self.assertIn("statistics", answers[0])
        self.assertNotEqual(answers[1]["status"], "Success")
        self.assertIn("BadArgumentError", json.dumps(answers[1]))

    def test_a_resource_is_the_hub(self):
        answer = self.logs.call("resource", query="print a=1", timespan=DAY,
                                resource="/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h")
        self.assertEqual(answer["tables"][0]["rows"], [[1]])


if __name__ == "__main__":
    unittest.main()
