"""Custom alerts: made, previewed, raised by real traffic, kept over a restart, taken from files."""
import datetime
import json
import pathlib
import unittest

from harness import Site, eventually
from mqtt import Client, process_create, security_message

TITLES = {
    "ProcessNotAllowed": "Custom alert - a process was executed that is not allowed",
    "MqttD2CMessagesNotInAllowedRange":
        "Custom alert - number of device to cloud messages in MQTT protocol is outside the allowed range",
}


def ran(executable):
    """A process that starts now."""
    event = process_create(executable)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    event["TimestampUTC"] = event["TimestampLocal"] = now
    event["Payload"][0]["Executable"] = executable
    return event


class CustomAlerts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.__exit__, None, None, None)
        cls.folder = pathlib.Path(cls.site.hub_dir) / "custom"
        cls.folder.mkdir()
        config = cls.site.hub_dir / "hub.toml"
        config.write_text(config.read_text() + f'\n[content]\ncustom_alerts = "{cls.folder}"\n')
        cls.site.start_hub()
        cls.modules = {name: cls.site.create_module(name) for name in ("pump-1", "press-1")}
        cls.site.cli("device", "twin", "update", "pump-1", "--tags", '{"SecurityGroup": "pumps"}')

    def custom(self, *args, **options):
        return self.site.cli("custom-alert", *args, **options)

    def run_process(self, device, executable):
        with Client(self.site, self.modules[device]) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(security_message([ran(executable)])))

    def alerts(self, device, kind):
        found = self.site.cli("alert", "list", "--device", device)["items"]
        return [each for each in found if each["title"] == TITLES[kind]]

    def test_a_list_is_previewed_made_and_raises_an_alert_in_its_group(self):
        self.run_process("pump-1", "/opt/first/odd")
        stored = 'ProcessCreate | where Executable == "/opt/first/odd"'
        eventually(lambda: self.site.kql(stored), what="the stored event")
        would = self.custom("preview", "ProcessNotAllowed", "--group", "pumps", "--deny", "odd")
        self.assertEqual((would["alerts"], would["devices"]), (1, 1))
        self.assertEqual(would["items"][0]["entity"], "/opt/first/odd")
        nothing = self.custom("preview", "ProcessNotAllowed", "--deny", "odd")
        self.assertEqual(nothing["alerts"], 0, "of another group")
        self.assertEqual(self.alerts("pump-1", "ProcessNotAllowed"), [], "a preview raises nothing")

        made = self.custom("create", "ProcessNotAllowed", "--group", "pumps", "--deny", "odd", "--severity", "High")
        self.assertEqual((made["deny"], made["enabled"], made["file"]), (["odd"], True, None))
        again = self.custom("create", "ProcessNotAllowed", "--group", "pumps", "--deny", "x", check=False)
        self.assertEqual(again.returncode, 5, again.stderr)
        self.run_process("press-1", "/opt/second/odd")
        self.run_process("pump-1", "/opt/second/odd")
        alert = eventually(lambda: self.alerts("pump-1", "ProcessNotAllowed"), what="the alert")[0]
        self.assertEqual(alert["severity"], "High")
        self.assertIn("It ran /opt/second/odd", json.dumps(self.site.cli("alert", "show", alert["id"])))
        self.assertEqual(self.alerts("press-1", "ProcessNotAllowed"), [])
        rows = 'SecurityAlert | where AlertType startswith "IoT_CA_" or ExtendedProperties has "IoT_CA_ProcessNotAllowed"'
        eventually(lambda: self.site.kql(rows), what="a row of SecurityAlert")

        # A change needs the state that was read.
        stale = self.custom("change", made["id"], "--disable", "--if-match", "99", check=False)
        self.assertEqual(stale.returncode, 5, stale.stderr)
        self.assertFalse(self.custom("change", made["id"], "--disable")["enabled"])
        self.custom("delete", made["id"], check=False, json_output=False)
        self.assertEqual(self.custom("show", made["id"], check=False).returncode, 3)
        audit = 'IoTHubAudit | where Category == "customAlert" | distinct OperationName'
        eventually(lambda: len(self.site.kql(audit)) >= 3, what="audit records")

    def test_a_count_goes_on_over_a_restart(self):
        made = self.custom("create", "MqttD2CMessagesNotInAllowedRange", "--max", "5", "--window", "P1D")

        def telemetry(count):
            with Client(self.site, self.modules["press-1"]) as client:
                self.assertEqual(client.connect(), 0)
                for _ in range(count):
                    self.assertTrue(client.acknowledged("{}", security=False))

        def counted(count):
            ingress = ('IoTHubOperations | where DeviceId == "press-1" and OperationName == "ingress" and '
                       f'TimeGenerated > datetime({made["since"]}) | summarize Count = sum(Count)')
            eventually(lambda: self.site.kql(ingress)[0]["Count"] >= count, what="the recorded messages")

        telemetry(4)
        counted(4)
        self.assertEqual(self.alerts("press-1", "MqttD2CMessagesNotInAllowedRange"), [])
        self.site.hub.stop()
        self.site.start_hub()
        self.assertEqual(self.custom("show", made["id"])["since"], made["since"])
        telemetry(3)
        alert = eventually(lambda: self.alerts("press-1", "MqttD2CMessagesNotInAllowedRange"), what="the alert")[0]
        self.assertIn("7 device-to-cloud messages over MQTT", json.dumps(self.site.cli("alert", "show", alert["id"])))

    def test_files_are_followed_and_said_to_be_wrong(self):
        path = self.folder / "presses.yml"
        path.write_text("customAlerts:\n  - {group: presses, type: LocalUserNotAllowed, allow: [root, 1000]}\n")
        listed = eventually(lambda: self.custom("list", "--group", "presses")["items"], what="the file's alert")
        self.assertEqual(listed[0]["allow"], ["root", "1000"])
        self.assertEqual(listed[0]["file"], str(path))
        self.assertEqual(self.custom("delete", listed[0]["id"], check=False).returncode, 4)
        path.write_text("customAlerts:\n  - {group: presses, typ: x}\n")
        problems = eventually(lambda: self.custom("list")["problems"], what="what is wrong")
        self.assertIn("line 2: there is no 'typ'", problems[0]["message"])
        path.unlink()
        eventually(lambda: not self.custom("list")["problems"], what="the file is gone")

    def test_all_go_out_and_in_as_a_file(self):
        self.custom("create", "FileUploadsNotInAllowedRange", "--group", "moved", "--max", "3")
        text = self.custom("export", json_output=False)
        self.assertIn('group: "moved"', text)
        changed = self.site.folder / "changed.yml"
        changed.write_text(text.replace("max: 3", "max: 4"))
        tried = self.custom("import", changed, "--dry-run")
        self.assertEqual((tried["changed"], tried["created"], tried["dryRun"]), (1, 0, True))
        self.assertEqual(self.custom("list", "--group", "moved")["items"][0]["max"], 3)
        self.custom("import", changed)
        self.assertEqual(self.custom("list", "--group", "moved")["items"][0]["max"], 4)


if __name__ == "__main__":
    unittest.main()
