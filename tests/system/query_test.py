"""Queries as people run them: with limits, given up, kept under a name."""
import json
import signal
import subprocess
import time
import unittest

import https
from harness import BIN, Site, eventually

# A join of far too many rows.
ENDLESS = ("range a from 1 to 1000000 step 1 | extend k=1 | join kind=inner "
           "(range b from 1 to 1000000 step 1 | extend k=1) on k | summarize sum(a*b)")


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        config = cls.site.hub_dir / "conf.d"
        config.mkdir(exist_ok=True)
        (config / "query.toml").write_text('[query]\nmax_rows = 200\nrows = 100\nmax_timeout = "50s"\n')
        cls.site.start_hub()

    def post(self, path, body):
        answer = https.api(self.site, "POST", path, body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def running(self):
        return self.site.cli("query", "running")["items"]

    def test_limits_come_from_the_configuration_and_are_told(self):
        answer = self.post("/query", {"query": "range x from 1 to 500 step 1"})
        self.assertEqual(answer["limits"]["rows"], 100)
        self.assertEqual(answer["limits"]["reached"], "rows")
        self.assertEqual(len(answer["rows"]), 100)
        rows = self.site.cli("kql", "range x from 1 to 500 step 1", "--limit", 200, check=False, json_output=False)
        self.assertIn("cut after 200 rows", rows.stderr)
        much = self.site.cli("kql", "print 1", "--limit", 201, check=False, json_output=False)
        self.assertEqual(much.returncode, 1)
        self.assertIn("from 1 to 200", much.stderr)
        late = self.site.cli("kql", ENDLESS, "--timeout", 1, check=False, json_output=False)
        self.assertEqual(late.returncode, 1)
        self.assertIn("within 1000 ms", late.stderr)
        self.assertIn("50000 ms", late.stderr)

    def start(self, *more):
        return subprocess.Popen([BIN / "vedette", "--hub", self.site.endpoints["https"], "--ca-file", self.site.ca,
                                 "--connection-string-file", self.site.folder / "service.connection", "kql", ENDLESS,
                                 "--timeout", "50", *more],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def test_ctrl_c_ends_the_query_in_the_hub_at_once(self):
        program = self.start()
        try:
            eventually(self.running, what="the query runs")
            program.send_signal(signal.SIGINT)
            begin = time.monotonic()
            program.wait(timeout=20)
            eventually(lambda: not self.running(), what="nothing runs any more")
            self.assertLess(time.monotonic() - begin, 15)
        finally:
            program.kill()
            program.communicate()

    def test_somebody_ends_it_by_its_id(self):
        program = self.start()
        try:
            [query] = eventually(self.running, what="the query runs")
            self.assertEqual(query["query"], ENDLESS)
            self.site.cli("query", "cancel", query["id"], json_output=False)
            _, errors = program.communicate(timeout=30)
            self.assertIn("cancelled", errors)
            self.assertNotEqual(program.returncode, 0)
            self.assertEqual(self.running(), [])
        finally:
            program.kill()
            program.communicate()

    def test_saved_queries_are_listed_run_changed_and_deleted(self):
        cli = self.site.cli
        self.assertTrue(any(item["builtin"] for item in cli("query", "list")["items"]))
        cli("query", "save", "My rows", "range x from 1 to 3 step 1", "--tag", "a", "--description", "Three")
        self.assertEqual(cli("query", "run", "My rows"), [{"x": 1}, {"x": 2}, {"x": 3}])
        again = cli("query", "save", "my rows", "-", "--shared", stdin="print y = 7\n")
        self.assertTrue(again["shared"])
        self.assertEqual([item["name"] for item in cli("query", "list", "--own")["items"]], ["my rows"])
        self.assertEqual(cli("query", "show", "MY ROWS", "--kql", json_output=False).strip(), "print y = 7")
        cli("query", "delete", "My rows", json_output=False)
        gone = cli("query", "run", "My rows", check=False, json_output=False)
        self.assertEqual(gone.returncode, 3)
        refused = cli("query", "delete", "Alerts over time", check=False, json_output=False)
        self.assertEqual(refused.returncode, 4)

    def test_queries_take_values_for_what_they_declare(self):
        cli = self.site.cli
        query = "declare query_parameters(name:string, n:long = 2); range x from 1 to n step 1 | extend name"
        self.assertEqual(cli("kql", query, "--param", "name=it's a=b", "--param", "n=1"), [{"x": 1, "name": "it's a=b"}])
        cli("query", "save", "By name", query)
        self.assertEqual(cli("query", "run", "By name", "--param", "name='d'"), [{"x": 1, "name": "'d'"}, {"x": 2, "name": "'d'"}])
        exported = cli("export", "--query", query, "--param", "name=d", "--param", "n=1", json_output=False)
        self.assertEqual(json.loads(exported), {"x": 1, "name": "d"})
        for values, said in (([], "the parameter 'name' needs a value of type string"),
                             (["name=d", "n=two"], 'of type long, such as 7; found the text "two"'),
                             (["name=d", "m=2"], "a value is given for 'm'"),
                             (["name=d", "name=e"], "name is given twice")):
            with self.subTest(values):
                options = [word for value in values for word in ("--param", value)]
                refused = cli("kql", query, *options, check=False, json_output=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(said, refused.stderr)
        cli("query", "delete", "By name", json_output=False)

    def test_the_queries_that_come_with_the_hub_run(self):
        for item in self.site.cli("query", "list", "--limit", 1000)["items"]:
            if item["builtin"]:
                with self.subTest(item["name"]):
                    self.assertIsInstance(self.site.cli("query", "run", item["id"]), list)

    def test_a_client_that_goes_away_ends_its_query(self):
        connection = https.connect(self.site)
        connection.request("POST", "/api/v1/query", json.dumps({"query": ENDLESS, "timeoutMs": 50_000}),
                           {"Content-Type": "application/json", "Authorization": https.service_token(self.site)})
        try:
            eventually(self.running, what="the query runs")
        finally:
            connection.close()
        eventually(lambda: not self.running(), timeout=15, what="nothing runs any more")

    def test_completion_knows_the_hubs_tables(self):
        query = "SecurityIoTRawEvent | where Devi"
        answer = self.post("/query/complete", {"query": query, "offset": len(query)})
        self.assertEqual(answer["items"][0]["label"], "DeviceId")
        self.assertEqual((answer["offset"], answer["length"]), (28, 4))


if __name__ == "__main__":
    unittest.main()
