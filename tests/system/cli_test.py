"""The command line with a real hub: formats, exit codes, where settings come from, completion."""
import csv
import io
import json
import os
import pty
import shutil
import subprocess
import unittest

from harness import BIN, Site, eventually


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.site.start_hub()
        cls.site.cli("device", "create", "press-7")
        cls.site.cli("module", "create", "press-7", "azureiotsecurity")

    @classmethod
    def tearDownClass(cls):
        cls.site.__exit__()

    def run_cli(self, *args, **kwargs):
        return self.site.cli(*args, check=False, json_output=False, **kwargs)

    def plain(self, *args, env=None, stdin=None):
        """The program with nothing but these arguments and this environment."""
        return subprocess.run([str(BIN / "vedette"), *map(str, args)], capture_output=True, text=True, timeout=60,
                              check=False, input=stdin, env={"PATH": os.environ["PATH"], **(env or {})})

    def on_terminal(self, *args, env=None):
        """What the program writes to a terminal."""
        ours, theirs = pty.openpty()
        command = [str(BIN / "vedette"), "--hub", self.site.endpoints["https"], "--ca-file", str(self.site.ca),
                   "--connection-string-file", str(self.site._service), *args]
        with subprocess.Popen(command, stdout=theirs, env={"PATH": os.environ["PATH"], **(env or {})}):
            os.close(theirs)
            text = b""
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:
                    break
                if not piece:
                    break
                text += piece
        os.close(ours)
        return text.decode().replace("\r\n", "\n")

    def test_formats(self):
        listed = json.loads(self.run_cli("device", "list", "--search", "press-7").stdout)
        self.assertEqual([d["deviceId"] for d in listed["items"]], ["press-7"])
        self.assertEqual(listed["total"], 1)
        rows = list(csv.reader(io.StringIO(self.run_cli("device", "list", "--search", "press-7", "-o", "csv").stdout)))
        self.assertEqual(rows[0][0], "Device")
        self.assertEqual(rows[1][:2], ["press-7", "enabled"])
        table = self.run_cli("device", "list", "--search", "press-7", "-o", "table").stdout.splitlines()
        self.assertRegex(table[0], r"^Device +Status +Connection +Last activity +Open alerts$")
        self.assertRegex(table[1], r"^press-7 +enabled +Disconnected +0$")
        self.assertIn("azureiotsecurity", self.run_cli("device", "show", "press-7", "-o", "table").stdout)
        self.assertIn("iothubowner", self.run_cli("kql", "print a = 'iothubowner'", "-o", "table").stdout)

    def test_table_and_colour_on_a_terminal(self):
        coloured = self.on_terminal("device", "list")
        self.assertIn("\x1b[1mDevice\x1b[0m", coloured)
        plain = self.on_terminal("device", "list", env={"NO_COLOR": "1"})
        self.assertTrue(plain.startswith("Device"))
        self.assertNotIn("\x1b", plain)

    def test_exit_codes(self):
        wrong_key = self.site.folder / "wrong-key"
        self.site.write_secret(wrong_key, "HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=d3Jvbmc=")
        cases = [
            (0, ["device", "list"], ""),
            (1, ["kql", "print x"], "error:"),
            (2, ["device", "lst"], "did you mean 'list'"),
            (1, ["device", "create", "a b"], ""),  # the hub, not the command line, refuses the id
            (3, ["device", "show", "none"], 'no device "none"'),
            (3, ["module", "show", "press-7", "none"], 'no module "none" of device "press-7"'),
            (3, ["module", "list", "none"], "no device"),
            (3, ["alert", "show", "none"], 'no alert "none"'),
            (3, ["alert", "close", "none"], "no alert"),
            (4, ["--connection-string-file", wrong_key, "device", "list"], "key may have been changed"),
            (5, ["device", "create", "press-7"], "exists already"),
            (5, ["device", "delete", "press-7", "--if-match", "old"], "changed in between"),
            (6, ["--hub", "https://127.0.0.1:1", "device", "list"], "vedette-hub run"),
            (6, ["--hub", "https://no-such-host.invalid", "device", "list"], "look up"),
        ]
        for status, args, message in cases:
            answer = self.run_cli(*args)
            with self.subTest(args=args):
                self.assertEqual(answer.returncode, status, answer.stderr)
                self.assertIn(message, answer.stderr)
                if status != 0:
                    self.assertEqual(answer.stdout, "")
        answer = self.plain("--hub", self.site.endpoints["https"], "--connection-string-file", self.site._service,
                            "device", "list")
        self.assertEqual(answer.returncode, 6)
        self.assertIn("--ca-file", answer.stderr)

    def test_device_life(self):
        created = self.site.cli("device", "create", "pump-1", "--status", "disabled")
        self.assertEqual(created["status"], "disabled")
        self.assertIn("DeviceId=pump-1", created["connectionString"])
        self.assertNotIn("symmetricKey", self.site.cli("device", "show", "pump-1")["authentication"])
        shown = self.site.cli("device", "show", "pump-1", "--keys")
        self.assertEqual(shown["connectionString"], created["connectionString"])
        updated = self.site.cli("device", "update", "pump-1", "--status", "enabled", "--if-match", shown["etag"])
        self.assertEqual(updated["status"], "enabled")
        module = self.site.cli("module", "create", "pump-1", "m")
        self.assertIn("ModuleId=m", module["connectionString"])
        self.assertEqual(self.run_cli("module", "delete", "pump-1", "m").returncode, 0)
        self.assertEqual(self.run_cli("device", "delete", "pump-1").returncode, 0)
        self.assertEqual(self.run_cli("device", "show", "pump-1").returncode, 3)

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], cwd=self.site.folder, check=True, capture_output=True)

    def test_certificates(self):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "factory.pem", "-days", "2", "-subj", "/CN=Factory")
        self.openssl("x509", "-in", "factory.pem", "-outform", "DER", "-out", "factory.der")
        made = self.site.cli("certificate", "upload", "factory", self.site.folder / "factory.der")
        self.assertFalse(made["verified"])
        self.assertEqual(self.run_cli("certificate", "upload", "factory", self.site.folder / "factory.der").returncode, 5)
        code = self.site.cli("certificate", "code", "factory")["verificationCode"]
        self.openssl("req", *key, "-keyout", "proof.key", "-out", "proof.csr", "-subj", f"/CN={code}")
        self.openssl("x509", "-req", "-in", "proof.csr", "-CA", "factory.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "2", "-out", "proof.pem")
        self.assertTrue(self.site.cli("certificate", "verify", "factory", self.site.folder / "proof.pem")["verified"])
        listed = self.run_cli("certificate", "list", "-o", "table").stdout
        self.assertIn("Factory", listed)
        device = self.site.cli("device", "create", "by-authority", "--auth", "certificateAuthority")
        self.assertEqual(device["authentication"]["type"], "certificateAuthority")
        self.assertEqual(self.run_cli("certificate", "delete", "factory").returncode, 0)
        self.assertEqual(self.run_cli("certificate", "show", "factory").returncode, 3)

    def test_how_devices_prove_themselves(self):
        for wrong in (("--auth", "selfSigned"), ("--auth", "sas", "--thumbprint", "A" * 40)):
            self.assertEqual(self.run_cli("device", "create", "x509-1", *wrong).returncode, 2)
        made = self.site.cli("device", "create", "x509-1", "--thumbprint", "A" * 64)
        self.assertEqual(made["authentication"]["type"], "selfSigned")
        self.site.cli("device", "update", "x509-1", "--thumbprint", "B" * 64, "--secondary-thumbprint", "A" * 64)
        shown = self.site.cli("device", "show", "x509-1")
        self.assertEqual(shown["authentication"]["x509Thumbprint"],
                         {"primaryThumbprint": "B" * 64, "secondaryThumbprint": "A" * 64})
        self.assertEqual(shown["status"], "enabled")
        self.assertEqual(self.run_cli("device", "update", "x509-1").returncode, 2)

    def test_policies(self):
        made = self.site.cli("policy", "create", "reader", "--right", "RegistryRead", "--right", "ServiceConnect")
        self.assertEqual(made["rights"], ["RegistryRead", "ServiceConnect"])
        renewed = self.site.cli("policy", "regenerate", "reader", "secondary")
        self.assertEqual(renewed["primaryKey"], made["primaryKey"])
        self.assertNotEqual(renewed["secondaryKey"], made["secondaryKey"])
        self.assertEqual(self.site.cli("policy", "update", "reader", "--right", "RegistryRead")["rights"], ["RegistryRead"])
        self.assertEqual(self.site.cli("policy", "show", "reader")["primaryKey"], made["primaryKey"])
        listed = self.run_cli("policy", "list")
        self.assertIn("reader", listed.stdout)
        self.assertNotIn(made["primaryKey"], listed.stdout)
        self.assertEqual(self.run_cli("policy", "delete", "reader").returncode, 0)
        self.assertEqual(self.run_cli("policy", "show", "reader").returncode, 3)

    def test_rules_about_addresses(self):
        self.site.cli("ip-filter", "add", "plant", "allow", "10.0.0.0/8")
        self.site.cli("ip-filter", "add", "lab", "deny", "10.9.0.0/16", "--position", "1")
        self.assertEqual(self.run_cli("ip-filter", "add", "lab", "deny", "10.8.0.0/16").returncode, 5)
        self.assertEqual(self.run_cli("ip-filter", "add", "odd", "deny", "nowhere").returncode, 1)
        rules = self.site.cli("ip-filter", "show")["rules"]
        self.assertEqual([(rule["name"], rule["action"]) for rule in rules], [("lab", "deny"), ("plant", "allow")])
        self.assertEqual(self.site.cli("ip-filter", "remove", "lab")["rules"], rules[1:])
        self.assertEqual(self.run_cli("ip-filter", "remove", "lab").returncode, 3)
        self.assertEqual(self.site.cli("ip-filter", "default", "deny")["default"], "deny")
        self.assertIn("All other addresses: deny", self.run_cli("ip-filter", "show", "-o", "table").stdout)
        self.site.cli("ip-filter", "default", "allow")

    def test_limits_and_shared_credentials(self):
        limits = self.site.cli("limits")
        own = {rate["kind"]: rate["identityPerSecond"] for rate in limits["rates"]}
        self.assertGreater(own["telemetry"], 0, "out of the box each identity has a rate")
        self.assertEqual(limits["dailyMessages"], 0)
        table = self.run_cli("limits", "-o", "table")
        self.assertIn("twin_update", table.stdout)
        for name in ("twin-a", "twin-b"):
            self.site.cli("device", "create", name, "--thumbprint", "C" * 64)
        shared = self.site.cli("credential", "shared")["items"]
        self.assertIn(["twin-a", "twin-b"], [sorted(each["deviceId"] for each in item["identities"]) for item in shared])
        self.assertIn("twin-a twin-b", self.run_cli("credential", "shared", "-o", "csv").stdout)

    def test_lists_follow_all_pages(self):
        names = [f"page-{i:03}" for i in range(12)]
        for name in names:
            self.site.cli("device", "create", name)
        listed = self.site.cli("device", "list", "--search", "page-")
        self.assertEqual([d["deviceId"] for d in listed["items"]], names)
        cut = self.run_cli("device", "list", "--search", "page-", "--limit", "5", "-o", "table")
        self.assertEqual(len(cut.stdout.splitlines()), 6)
        self.assertIn("5 of 12 shown", cut.stderr)

    def test_queries(self):
        self.assertEqual(self.site.cli("kql", "range x from 1 to 2 step 1"), [{"x": 1}, {"x": 2}])
        file = self.site.folder / "query.kql"
        file.write_text("print a = 1\n| extend b = a + 1\n")
        self.assertEqual(self.site.cli("kql", "--file", file), [{"a": 1, "b": 2}])
        self.assertEqual(self.site.cli("kql", "-", stdin="print c = 3"), [{"c": 3}])
        self.assertEqual(self.site.cli("kql", "--file", "-", stdin="print c = 3"), [{"c": 3}])
        wrong = self.run_cli("kql", "print a = 1\n| wher a == 1")
        self.assertEqual(wrong.returncode, 1)
        self.assertEqual(wrong.stderr.splitlines()[1:3], ["| wher a == 1", "  ^^^^"])
        cut = self.run_cli("kql", "range x from 1 to 100 step 1", "--limit", "3")
        self.assertEqual(len(json.loads(cut.stdout)), 3)
        self.assertIn("cut", cut.stderr)

    def test_settings_come_from_files_and_variables(self):
        config = self.site.folder / "config" / "vedette" / "cli.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f'hub = "{self.site.endpoints["https"]}"\nca_file = "{self.site.ca}"\n'
                          f'connection_string_file = "{self.site._service}"\noutput = "csv"\n')
        answer = self.plain("status", env={"XDG_CONFIG_HOME": str(config.parent.parent)})
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue(answer.stdout.startswith("Name,Value"))

        port = self.site.endpoints["https"].rpartition(":")[2]
        text = self.site.credentials["serviceConnectionString"] + f";HttpsPort={port}"
        answer = self.plain("status", env={"VEDETTE_CONNECTION_STRING": text, "VEDETTE_CA_FILE": str(self.site.ca)})
        self.assertEqual(answer.returncode, 0, answer.stderr)
        endpoints = json.loads(answer.stdout)["endpoints"]
        self.assertEqual(endpoints["https"], self.site.endpoints["https"])
        self.assertEqual(endpoints["mqtts"], self.site.endpoints["mqtts"])

    def test_changes_are_recorded_with_their_actor(self):
        self.site.cli("device", "create", "recorded")
        rows = eventually(lambda: self.site.kql('IoTHubOperations | where DeviceId == "recorded"'), what="operation")
        self.assertIn("policy:iothubowner", json.dumps(rows))

    def complete(self, *words):
        script = ('source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vedette; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        answer = subprocess.run(["bash", "-c", script, str(BIN / "vedette"), *words], capture_output=True, text=True,
                                check=True)
        return answer.stdout.split()

    def test_completion_in_bash(self):
        self.assertEqual(self.complete("vedette", "dev"), ["device"])
        self.assertIn("create", self.complete("vedette", "device", ""))
        self.assertEqual(self.complete("vedette", "-o", "json", "alert", "cl"), ["close"])
        self.assertEqual(self.complete("vedette", "device", "list", "-o", "t"), ["table"])
        self.assertEqual(self.complete("vedette", "device", "create", "x", "--status", ""), ["enabled", "disabled"])
        self.assertEqual(self.complete("vedette", "completion", "z"), ["zsh"])
        self.assertEqual(self.complete("vedette", "message", "validate", "--len"), ["--lenient"])

    def test_completion_scripts_parse(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.plain("completion", shell).stdout
            if shutil.which(shell) is None:
                continue
            checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
            self.assertEqual((shell, checked.returncode, checked.stderr), (shell, 0, ""))


if __name__ == "__main__":
    unittest.main()
