"""Twins: what is desired reaches the agent and other clients, and what they report the hub; and every
way in which the agent can prove who it is."""
import base64
import hashlib
import json
import shutil
import ssl
import subprocess
import time
import unittest

import mqtt
from harness import eventually, running_site

SETTINGS = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
MODULE = "azureiotsecurity"


def thumbprint(certificate, algorithm="sha256"):
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return hashlib.new(algorithm, der).hexdigest()


def make_certificate(site, name, start="20200101000000Z", end="20991231000000Z"):
    """A self-signed certificate and its key, as two files."""
    folder = site.folder / f"{name}.ca"
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "config").write_text(f"[ca]\ndefault_ca=own\n[own]\nnew_certs_dir={folder}\ndatabase={folder}/index.txt\n"
                                   f"serial={folder}/serial\npolicy=any\ndefault_md=sha256\n[any]\ncommonName=supplied\n")
    certificate, key, request = site.folder / f"{name}.pem", site.folder / f"{name}.key", folder / "request"
    for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", key, "-out", request],
                    ["ca", "-batch", "-notext", "-selfsign", "-config", folder / "config", "-keyfile", key, "-in", request,
                     "-startdate", start, "-enddate", end, "-out", certificate]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return certificate, key


def connected(site, device, module=MODULE):
    return lambda: site.cli("module", "show", device, module)["connectionState"] == "Connected"


def records(site, query):
    return lambda: site.kql("IoTHubOperations | " + query)


class Twin(unittest.TestCase):
    def test_the_agent_obeys_and_reports(self):
        with running_site() as site:
            agent = site.start_agent(site.agent_config(site.create_module("press-7")))
            twin = lambda: site.cli("module", "twin", "show", "press-7", MODULE)
            eventually(lambda: twin()["properties"]["reported"].get(SETTINGS), what="the first report")
            started = time.monotonic()
            desired = {SETTINGS: {"snapshotFrequency": {"value": "PT2H"}, "maxMessageSizeInBytes": {"value": "large"}}}
            site.cli("module", "twin", "update", "press-7", MODULE, "--desired", json.dumps(desired))
            reported = eventually(lambda: (lambda found: found.get("snapshotFrequency", {}).get("value") == "PT2H" and found)(
                twin()["properties"]["reported"][SETTINGS]), what="the change in the reported properties")
            self.assertLess(time.monotonic() - started, 5)
            # The key that cannot be obeyed is refused alone.
            self.assertNotEqual(reported["maxMessageSizeInBytes"].get("value"), "large")

            # While the agent is away, a change waits for it.
            agent.stop()
            site.cli("module", "twin", "update", "press-7", MODULE, "--desired",
                     json.dumps({SETTINGS: {"snapshotFrequency": {"value": "PT3H"}}}))
            agent = site.start_agent(site.folder / "agent.toml")
            eventually(lambda: twin()["properties"]["reported"][SETTINGS]["snapshotFrequency"]["value"] == "PT3H",
                       what="the change that waited")
            agent.stop()

            changes = eventually(records(site, 'where Category == "C2DTwinOperations" | project OperationName, Identity, '
                                               'DeviceId, ModuleId, ResultDescription'), what="the audit records")
            self.assertEqual({change["Identity"] for change in changes}, {"policy:iothubowner"})
            self.assertEqual({change["ModuleId"] for change in changes}, {MODULE})
            self.assertIn("desired version 3", {change["ResultDescription"] for change in changes})

    def test_the_command_line(self):
        with running_site() as site:
            site.create_module("d1")
            document = site.folder / "desired.json"
            document.write_text('{"pump": {"speed": 4}}')
            twin = site.cli("device", "twin", "update", "d1", "--desired", f"@{document}", "--tags", '{"SecurityGroup": "pumps"}')
            self.assertEqual(twin["tags"], {"SecurityGroup": "pumps"})
            table = site.cli("device", "twin", "show", "d1", "-o", "table", json_output=False)
            self.assertRegex(table, r"desired +pump\.speed +4")
            self.assertRegex(table, r"tags +SecurityGroup +pumps")
            refused = site.cli("device", "twin", "update", "d1", "--desired", '{"a.b": 1}', check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("a.b", refused.stderr)
            stale = site.cli("device", "twin", "update", "d1", "--tags", '{"x": null}', "--if-match", "old", check=False)
            self.assertEqual(stale.returncode, 5)
            self.assertEqual(site.cli("device", "twin", "show", "none", check=False).returncode, 3)
            self.assertEqual(site.cli("device", "twin", "update", "d1", check=False).returncode, 2)
            # Twins outlive the hub's process.
            site.hub.stop()
            site.start_hub()
            self.assertEqual(site.cli("device", "twin", "show", "d1")["properties"]["desired"]["pump"], {"speed": 4})

    def test_mosquitto_as_a_client(self):
        if not shutil.which("mosquitto_sub"):
            self.skipTest("mosquitto-clients is not installed")
        with running_site() as site:
            parts = mqtt.parse_connection_string(site.create_module("d1"))
            token = mqtt.sas(f"localhost/devices/d1/modules/{MODULE}", parts["SharedAccessKey"])
            login = ["-h", "127.0.0.1", "-p", str(site.ports[0]), "--cafile", site.ca, "-i", f"d1/{MODULE}", "-V", "mqttv311",
                     "-u", f"localhost/d1/{MODULE}/?api-version=2021-04-12", "-P", token, "-W", "20"]

            subprocess.run(["mosquitto_pub", *login[:-2], "-t", "$iothub/twin/PATCH/properties/reported/?$rid=7", "-q", "1",
                            "-m", '{"r":{"x":1}}'], check=True, capture_output=True)
            eventually(lambda: site.cli("module", "twin", "show", "d1", MODULE)["properties"]["reported"].get("r") == {"x": 1},
                       what="what mosquitto reported")

            listener = subprocess.Popen(["mosquitto_sub", *login, "-t", "$iothub/twin/PATCH/properties/desired/#", "-C", "1",
                                         "-F", "%t %p"], stdout=subprocess.PIPE, text=True)
            try:
                eventually(connected(site, "d1"), what="mosquitto's connection")
                # SUBSCRIBE follows the connection; a change before it would not be told.
                version = 1
                while listener.poll() is None and version < 100:
                    version = site.cli("module", "twin", "update", "d1", MODULE, "--desired",
                                       '{"a": 2}')["properties"]["desired"]["$version"]
                output, _ = listener.communicate(timeout=30)
            finally:
                listener.kill()
                listener.wait()
            self.assertRegex(output.strip(),
                             r'^\$iothub/twin/PATCH/properties/desired/\?\$version=(\d+) \{"a":2,"\$version":\1\}$')


class Identity(unittest.TestCase):
    def config(self, site, connection_string, hub_keys, name="agent"):
        config = site.agent_config(connection_string, name)
        config.write_text(config.read_text().replace("[hub]\n", "[hub]\n" + hub_keys))
        return config

    def test_a_certificate_by_its_thumbprint(self):
        with running_site() as site:
            certificate, key = make_certificate(site, "module")
            site.cli("device", "create", "d1")
            made = site.cli("module", "create", "d1", MODULE, "--thumbprint", thumbprint(certificate, "sha1"))
            self.assertTrue(made["connectionString"].endswith(";x509=true"), made["connectionString"])
            self.assertNotIn("symmetricKey", made["authentication"])
            agent = site.start_agent(self.config(site, made["connectionString"],
                                                 f'certificate_file = "{certificate}"\nprivate_key_file = "{key}"\n'))
            eventually(connected(site, "d1"), what="the agent's connection")
            agent.stop()
            login = eventually(records(site, 'where OperationName == "deviceConnect" and StatusCode == 200'), what="record")[0]
            self.assertIn("x509", json.dumps(login))

    def test_wrong_and_expired_certificates_are_recorded(self):
        with running_site() as site:
            certificate, key = make_certificate(site, "right")
            other, other_key = make_certificate(site, "other")
            expired, expired_key = make_certificate(site, "expired", end="20210101000000Z")
            site.cli("device", "create", "d1")
            made = site.cli("module", "create", "d1", MODULE, "--thumbprint", thumbprint(certificate),
                            "--secondary-thumbprint", thumbprint(expired))
            for used, used_key, reason in ((other, other_key, "thumbprint"), (expired, expired_key, "cert_expired")):
                agent = site.start_agent(self.config(site, made["connectionString"],
                                                     f'certificate_file = "{used}"\nprivate_key_file = "{used_key}"\n'))
                refusal = eventually(records(site, f'where Reason == "{reason}"'), what=f"the record of {reason}")[0]
                self.assertEqual((refusal["DeviceId"], refusal["ModuleId"], refusal["StatusCode"]), ("d1", MODULE, 401))
                agent.stop()
            self.assertEqual(site.cli("module", "show", "d1", MODULE)["connectionState"], "Disconnected")

    def test_a_device_stands_for_its_module(self):
        with running_site() as site:
            device = site.cli("device", "create", "d1")["connectionString"]
            https = f"https_port = {site.ports[1]}\n"
            agent = site.start_agent(self.config(site, device, https))
            # There is no such module yet: the agent collects, says why, and tries again.
            eventually(lambda: "create it there" in agent.log(), what="the reason")
            site.cli("module", "create", "d1", MODULE)
            eventually(connected(site, "d1"), timeout=90, what="the agent's connection")
            agent.stop()
            asked = eventually(records(site, 'where OperationName == "get" and StatusCode == 200'), what="the record")[0]
            self.assertEqual((asked["Identity"], asked["Protocol"]), ("device:d1", "HTTPS"))

            # The key never reached a log.
            key = site.cli("module", "show", "d1", MODULE, "--keys")["authentication"]["symmetricKey"]["primaryKey"]
            self.assertTrue(base64.b64decode(key))
            self.assertNotIn(key, agent.log() + site.hub.log())

    def test_a_device_with_a_certificate_stands_for_its_module(self):
        with running_site() as site:
            certificate, key = make_certificate(site, "device")
            device = site.cli("device", "create", "d1", "--thumbprint", thumbprint(certificate))["connectionString"]
            site.cli("module", "create", "d1", MODULE)
            both = site.folder / "both.pem"
            site.write_secret(both, certificate.read_text() + key.read_text())
            agent = site.start_agent(self.config(site, device, f'https_port = {site.ports[1]}\ncertificate_file = "{both}"\n'))
            eventually(connected(site, "d1"), what="the agent's connection")
            agent.stop()


if __name__ == "__main__":
    unittest.main()
