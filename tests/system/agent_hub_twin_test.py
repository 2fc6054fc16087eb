"""The agent and Vedette's own hub: what an operator changes by command is in effect within seconds, as KQL
sees it; and what became of each setting can be read in both places."""
import contextlib
import json
import socket
import subprocess
import time
import unittest

from harness import eventually, running_site

OBJECT = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
MODULE = "azureiotsecurity"
DEVICE = "press-7"
# From the change to what KQL finds of it; the commands and queries of the test are part of it.
SECONDS = 5


class Operator:
    """A site with one device, and what an operator does with it by the command line."""

    def __init__(self, site):
        self.site = site
        self.config = site.agent_config(site.create_module(DEVICE))
        self.agent = site.start_agent(self.config)
        eventually(lambda: self.setting("snapshotFrequency"), what="the first report")

    def set(self, **settings):
        desired = {OBJECT: {name: None if value is None else {"value": value} for name, value in settings.items()}}
        return self.site.cli("module", "twin", "update", DEVICE, MODULE, "--desired", json.dumps(desired))

    def setting(self, name, member="value"):
        reported = self.site.cli("module", "twin", "show", DEVICE, MODULE)["properties"]["reported"]
        return reported.get(OBJECT, {}).get(name, {}).get(member)

    def wait_for_setting(self, name, value):
        eventually(lambda: self.setting(name) == value, SECONDS, what=f"{name} reported as {value}")

    def details(self, event, condition="true"):
        """EventDetails of the named events, oldest first."""
        rows = self.site.kql(f'SecurityIoTRawEvent | where RawEventName == "{event}" | extend D = parse_json(EventDetails) '
                             f'| where {condition} | sort by TimeGenerated asc | project EventDetails')
        return [row["EventDetails"] if isinstance(row["EventDetails"], dict) else json.loads(row["EventDetails"])
                for row in rows]

    def wait_for(self, event, condition, timeout=SECONDS, count=1):
        def found():
            rows = self.details(event, condition)
            return rows if len(rows) >= count else None

        return eventually(found, timeout, 0.2, what=f"{count} {event} with {condition}")

    def close(self, test):
        """The agent's account, which must balance without a loss."""
        self.agent.stop()
        account = self.agent.lines()[-1]
        test.assertEqual(account["collected"], account["acknowledged"] + account["dropped"] + account["pending"], account)
        test.assertEqual(account["dropped"], 0, account)


def run(marker, times=1):
    for _ in range(times):
        subprocess.run(["/bin/true", marker], check=True)


def told(marker):
    # Exactly, since the queries' own processes have it in their arguments.
    return f'tostring(D.CommandLine) == "/bin/true {marker}"'


@contextlib.contextmanager
def connection_to_ourselves():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()), server.accept()[0]:
            yield server.getsockname()[1]


class AgentHubTwin(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(running_site())

    def test_off_and_on_again(self):
        operator = Operator(self.site)
        run("before-off")
        operator.wait_for("ProcessCreate", told("before-off"))
        operator.set(eventPriorityProcessCreate="off")
        operator.wait_for_setting("eventPriorityProcessCreate", "Off")
        self.assertEqual(operator.setting("eventPriorityProcessCreate", "status"), "desired")
        run("while-off", 3)
        operator.set(eventPriorityProcessCreate=None)
        operator.wait_for_setting("eventPriorityProcessCreate", "High")
        self.assertEqual(operator.setting("eventPriorityProcessCreate", "status"), "default")
        run("on-again")
        operator.wait_for("ProcessCreate", told("on-again"))
        # High is sent in its order: what came before would be there.
        self.assertEqual(operator.details("ProcessCreate", told("while-off")), [])
        operator.close(self)

    def test_snapshots_at_another_pace(self):
        operator = Operator(self.site)
        others = {f"eventPriority{name}": "Off" for name in ("OSBaseline", "SBoM", "SystemInformation", "ConnectedHardware",
                                                             "FirewallConfiguration", "ListeningPorts")}
        operator.set(snapshotFrequency="PT2S", **others)
        operator.wait_for_setting("snapshotFrequency", "PT2S")
        time.sleep(1)
        # Every one of them is of one moment: their number is that of the moments.
        moments = 'SecurityIoTRawEvent | where RawEventName == "LocalUsers" | summarize N = dcount(TimeStamp)'
        before = int(self.site.kql(moments)[0]["N"])
        begun = time.monotonic()
        eventually(lambda: int(self.site.kql(moments)[0]["N"]) >= before + 3, 15, 0.2, what="three more snapshots")
        self.assertGreater(time.monotonic() - begun, 2.5)
        operator.close(self)

    def test_aggregation(self):
        operator = Operator(self.site)
        operator.set(aggregationEnabledProcessCreate=True, aggregationIntervalProcessCreate="PT5S")
        operator.wait_for_setting("aggregationEnabledProcessCreate", True)
        run("again-and-again", 6)
        first = operator.wait_for("ProcessCreate", told("again-and-again"))
        self.assertEqual(len(first), 1, first)
        both = operator.wait_for("ProcessCreate", told("again-and-again"), timeout=15, count=2)
        repeats = [item for item in both if "HitCount" in item.get("ExtraDetails", {})]
        self.assertEqual([item["ExtraDetails"]["HitCount"] for item in repeats], ["5"], both)
        operator.close(self)

    def test_connections_within_the_device(self):
        operator = Operator(self.site)
        with connection_to_ourselves() as port:
            run("behind-the-first")
            operator.wait_for("ProcessCreate", told("behind-the-first"))
        operator.set(connectionLoopback=True)
        operator.wait_for_setting("connectionLoopback", True)
        with connection_to_ourselves() as later:
            to = 'tostring(D.RemotePort) == "{0}" or tostring(D.LocalPort) == "{0}"'
            found = operator.wait_for("ConnectionCreate", to.format(later))
            self.assertEqual({found[0]["RemoteAddress"], found[0]["LocalAddress"]}, {"127.0.0.1"})
            self.assertEqual(operator.details("ConnectionCreate", to.format(port)), [])
        operator.close(self)

    def test_a_bad_key_is_refused_alone_and_told(self):
        operator = Operator(self.site)
        operator.set(heartbeatFrequency="PT1S", snapshotFrequency="often", frequencyOfSnapshots="PT1H")
        operator.wait_for_setting("heartbeatFrequency", "PT1S")
        self.assertEqual(operator.setting("snapshotFrequency"), "PT13H")
        self.assertEqual(operator.setting("snapshotFrequency", "error"), "TypeMismatch")
        self.assertEqual(operator.setting("frequencyOfSnapshots", "status"), "unusable")
        errors = operator.wait_for("ConfigurationError", "true", count=2)
        self.assertEqual({(item["ConfigurationName"], item["ErrorType"], item["UsedConfiguration"]) for item in errors
                          if item["ConfigurationName"] == "snapshotFrequency"},
                         {("snapshotFrequency", "TypeMismatch", "PT13H")})
        self.assertEqual({item["ConfigurationName"] for item in errors}, {"snapshotFrequency", "frequencyOfSnapshots"})
        # The good one is obeyed.
        beats = len(operator.details("Heartbeat"))
        operator.wait_for("Heartbeat", "true", count=beats + 3)
        operator.close(self)

    def test_settings_under_another_name(self):
        """A device that came from Microsoft's agent, where the name was configured."""
        parts = dict(part.split("=", 1) for part in self.site.create_module(DEVICE).split(";"))
        folder = self.site.folder
        self.site.write_secret(folder / "key", parts["SharedAccessKey"])
        (folder / "LocalConfiguration.json").write_text(json.dumps({"Configuration": {
            "RemoteConfigurationObjectName": "ms_iotn:urn_press_Settings",
            "Authentication": {"Identity": "SecurityModule", "AuthenticationMethod": "SasToken", "FilePath": str(folder / "key"),
                               "DeviceId": DEVICE, "HostName": f"localhost:{self.site.ports[0]}"}}}))
        config = folder / "agent.toml"
        config.write_text(f'[hub]\nlocal_configuration = "{folder / "LocalConfiguration.json"}"\nca_file = "{self.site.ca}"\n'
                          f'[state]\ndir = "{folder / "agent"}"\n')
        agent = self.site.start_agent(config)
        desired = {"ms_iotn:urn_press_Settings": {"snapshotFrequency": {"value": "PT6H"}},
                   OBJECT: {"snapshotFrequency": {"value": "PT7H"}}}
        self.site.cli("module", "twin", "update", DEVICE, MODULE, "--desired", json.dumps(desired))
        reported = eventually(lambda: (lambda found: found.get("snapshotFrequency", {}).get("status") == "desired" and found)(
            self.site.cli("module", "twin", "show", DEVICE, MODULE)["properties"]["reported"].get(
                "ms_iotn:urn_press_Settings", {})), 10, what="the setting reported under its name")
        self.assertEqual(reported["snapshotFrequency"]["value"], "PT6H")
        self.assertNotIn(OBJECT, self.site.cli("module", "twin", "show", DEVICE, MODULE)["properties"]["reported"])
        agent.stop()


if __name__ == "__main__":
    unittest.main()
