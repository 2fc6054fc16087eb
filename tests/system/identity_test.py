"""Who may connect: certificates of uploaded authorities, keys, policies, addresses, limits. Each refusal is
looked for in what the hub recorded, not only in what the client saw."""
import json
import socket
import ssl
import struct
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from harness import Site, eventually, running_site
from mqtt import Client, packet, parse_connection_string, sas, text


class Api:
    """The hub's own API with the owner's policy."""

    def __init__(self, site):
        self.url = site.endpoints["https"] + "/api/v1"
        parts = parse_connection_string(site.credentials["serviceConnectionString"])
        self.token = sas(parts["HostName"].partition(":")[0], parts["SharedAccessKey"]) + "&skn=" + \
            parts["SharedAccessKeyName"]
        self.context = ssl.create_default_context(cafile=site.ca)

    def call(self, method, path, body=None, headers=None):
        """Status and parsed body."""
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": self.token, "Content-Type": "application/json",
                                                  **(headers or {})})
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        return status, json.loads(data) if data else None

    def wait_for_record(self, **wanted):
        """The newest operations record with these members."""
        def check():
            records = self.call("GET", "/operations?limit=200")[1]["items"]
            return next((r for r in records if all(r.get(k) == v for k, v in wanted.items())), None)

        return eventually(check, what=f"a record with {wanted}")


class Authority:
    """A certificate authority in a folder of its own, by openssl."""

    def __init__(self, folder, name, issuer=None, constraints="critical,CA:TRUE"):
        self.folder = folder / f"ca-{name}"
        self.folder.mkdir()
        (self.folder / "index.txt").touch()
        (self.folder / "index.txt.attr").write_text("unique_subject=no\n")
        (self.folder / "serial").write_text("01\n")
        (self.folder / "config").write_text(
            f"[ca]\ndefault_ca=own\n[own]\nnew_certs_dir={self.folder}\ndatabase={self.folder}/index.txt\n"
            f"serial={self.folder}/serial\npolicy=any\ndefault_md=sha256\n[any]\ncommonName=supplied\n"
            f"[self]\nbasicConstraints={constraints}\n[authority]\nbasicConstraints=critical,CA:TRUE\n"
            "[device]\nextendedKeyUsage=clientAuth\n")
        self.key = self.folder / "key"
        if issuer is None:
            self.certificate = self.folder / "certificate"
            self._request(name, self.key)
            self._openssl("ca", "-batch", "-notext", "-selfsign", "-config", self.folder / "config", "-keyfile",
                          self.key, "-in", self.folder / "request", "-startdate", "20200101000000Z", "-enddate",
                          "20991231000000Z", "-extensions", "self", "-out", self.certificate)
        else:
            self.certificate, self.key = issuer.issue(name, extensions="authority")

    @staticmethod
    def _openssl(*command):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)

    def _request(self, name, key):
        subject = "/CN=" + name.replace("/", "\\/")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                      "-keyout", key, "-out", self.folder / "request")

    def issue(self, name, start="20200101000000Z", end="20991231000000Z", extensions="device"):
        """Certificate and key files."""
        stem = name.replace("/", "_") + f"-{time.monotonic_ns()}"
        certificate, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        self._request(name, key)
        self._openssl("ca", "-batch", "-notext", "-config", self.folder / "config", "-keyfile", self.key, "-cert",
                      self.certificate, "-in", self.folder / "request", "-startdate", start, "-enddate", end,
                      "-extensions", extensions, "-out", certificate)
        return certificate, key


class CertificateClient(Client):
    """MQTT by a client certificate, with the chain that follows it."""

    def __init__(self, site, device, certificate, key, chain=()):
        bundle = site.folder / f"bundle-{time.monotonic_ns()}"
        bundle.write_text("".join(path.read_text() for path in (certificate, *chain)))
        self._pair = bundle, key
        super().__init__(site, f"HostName=localhost;DeviceId={device};SharedAccessKey=AAAA")
        self.socket.close()
        context = ssl.create_default_context(cafile=site.ca)
        context.load_cert_chain(*self._pair)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", site.ports[0]), timeout=15),
                                          server_hostname="localhost")

    def connect(self):
        self.send(packet(0x10, text("MQTT") + b"\x04\x80" + struct.pack(">H", 60) + text(self.identity) +
                         text(self.username)))
        return self.read()[1][1]


def token_client(site, connection, resource, key, policy="", expiry=None):
    password = sas(resource, key, expiry) + (f"&skn={policy}" if policy else "")
    return Client(site, connection, password=password)


class Certificates(unittest.TestCase):
    def prove(self, api, name, authority):
        status, made = api.call("PUT", f"/certificates/{name}", {"certificate": authority.certificate.read_text()})
        self.assertEqual((status, made["verified"]), (201, False), made)
        code = api.call("POST", f"/certificates/{name}/code")[1]["verificationCode"]
        proof = authority.issue(code)[0].read_text()
        status, verified = api.call("POST", f"/certificates/{name}/verify", {"certificate": proof})
        self.assertEqual((status, verified["verified"]), (200, True), verified)

    def test_devices_of_an_uploaded_authority(self):
        with running_site() as site:
            api = Api(site)
            factory = Authority(site.folder, "factory", constraints="critical,CA:TRUE,pathlen:0")
            stranger = Authority(site.folder, "stranger")
            status, refused = api.call("PUT", "/certificates/bad", {"certificate": factory.issue("d1")[0].read_text()})
            self.assertEqual(status, 400, refused)
            for device in ("d1", "d2"):
                status, made = api.call("PUT", f"/devices/{device}", {"authentication": {"type": "certificateAuthority"}})
                self.assertEqual((status, made["authentication"]["type"]), (201, "certificateAuthority"), made)
            good = factory.issue("d1")

            def attempt(device, pair, chain=()):
                with CertificateClient(site, device, *pair, chain) as client:
                    return client.connect()

            self.assertEqual(attempt("d1", good), 5, "nobody proved to have the authority's key yet")
            api.wait_for_record(reason="cert_untrusted", deviceId="d1", statusCode=401)
            api.call("PUT", "/certificates/factory", {"certificate": factory.certificate.read_text()})
            status, _ = api.call("POST", "/certificates/factory/verify",
                                 {"certificate": factory.issue("anything")[0].read_text()})
            self.assertEqual(status, 400)
            api.call("DELETE", "/certificates/factory")
            self.prove(api, "factory", factory)

            self.assertEqual(attempt("d2", good), 5)
            api.wait_for_record(reason="cert_name", deviceId="d2", subCode=401003)
            self.assertEqual(attempt("d2", factory.issue("d2", end="20210101000000Z")), 5)
            api.wait_for_record(reason="cert_expired", deviceId="d2")
            self.assertEqual(attempt("d2", stranger.issue("d2"), [stranger.certificate]), 5)
            api.wait_for_record(reason="cert_untrusted", deviceId="d2")
            beyond = Authority(site.folder, "beyond", issuer=factory)
            self.assertEqual(attempt("d2", beyond.issue("d2"), [beyond.certificate]), 5)
            api.wait_for_record(reason="cert_invalid", deviceId="d2")

            with CertificateClient(site, "d1", *good) as client:
                self.assertEqual(client.connect(), 0)
                accepted = api.wait_for_record(operation="deviceConnect", deviceId="d1", statusCode=200)
                self.assertEqual(accepted["auth"]["type"], "x509")
                self.assertEqual(len(accepted["auth"]["credential"]), 32)
                self.assertTrue(client.acknowledged("x", security=False))
                self.assertEqual(api.call("DELETE", "/certificates/factory")[0], 204)
                self.assertTrue(client.closed(), "its authority is gone")
            api.wait_for_record(operation="deviceDisconnect", reason="cert_untrusted", deviceId="d1")
            self.assertEqual(attempt("d1", good), 5)
            audit = [(r["action"], r["result"]) for r in api.call("GET", "/audit?limit=100")[1]["items"]]
            for entry in (("certificate.put", "ok"), ("certificate.put", "BadRequest"), ("certificate.verify", "ok"),
                          ("certificate.verify", "BadRequest"), ("certificate.delete", "ok")):
                self.assertIn(entry, audit)


class Tokens(unittest.TestCase):
    def test_every_refusal_says_why_in_the_record(self):
        with running_site() as site:
            api = Api(site)
            made = site.cli("device", "create", "d1")["connectionString"]
            key = parse_connection_string(made)["SharedAccessKey"]
            site.cli("device", "create", "off")
            off = site.cli("device", "show", "off", "--keys")["connectionString"]
            site.cli("device", "update", "off", "--status", "disabled")
            service = api.call("GET", "/policies/service")[1]["primaryKey"]
            past = int(time.time()) - 600
            cases = (("sas_signature", 401003, Client(site, made, key="AAAA" * 11)),
                     ("sas_expired", 401003, Client(site, made, expiry=past)),
                     ("sas_malformed", 401003, Client(site, made, password="secret")),
                     ("sas_scope", 401003, token_client(site, made, "localhost/devices/d2", key)),
                     ("sas_scope", 401003, token_client(site, made, "localhost", service, "service")),
                     ("unknown", 404001, Client(site, made.replace("DeviceId=d1", "DeviceId=nobody"))),
                     ("disabled", 401003, Client(site, off)))
            for reason, sub_code, client in cases:
                with client, self.subTest(reason=reason):
                    self.assertEqual(client.connect(), 5)
                    record = api.wait_for_record(reason=reason, subCode=sub_code, deviceId=client.device)
                    self.assertEqual(record["level"], "Error")
                    self.assertEqual(record["protocol"], "MQTT")
                    self.assertTrue(record["tls"]["version"].startswith("TLSv1."))

            def stored():
                return {row["n"] for row in site.kql("IoTHubOperations | where Level == 'Error' | extend n=Reason "
                                                     "| distinct n")}

            eventually(lambda: {c[0] for c in cases} <= stored(), what="the refusals in the workspace")

    def test_a_token_ends_in_mid_session_and_is_renewed(self):
        with running_site() as site:
            api = Api(site)
            made = site.cli("device", "create", "d1")["connectionString"]
            with Client(site, made, expiry=int(time.time()) + 3) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.closed())
            api.wait_for_record(operation="deviceDisconnect", deviceId="d1", subCode=401003, reason="sas_expired")
            api.wait_for_record(operation="deviceDisconnect", deviceId="d1", subCode=404104)
            with Client(site, made) as client:
                self.assertEqual(client.connect(), 0)
                api.wait_for_record(operation="deviceConnect", deviceId="d1", reason="token_renewal", statusCode=200)

    def test_policies_and_shared_credentials(self):
        with running_site() as site:
            api = Api(site)
            status, policy = api.call("PUT", "/policies/plant", {"rights": ["DeviceConnect"]})
            self.assertEqual(status, 201, policy)
            for device in ("d1", "d2"):
                made = site.cli("device", "create", device)["connectionString"]
                with token_client(site, made, "localhost", policy["secondaryKey"], "plant") as client:
                    self.assertEqual(client.connect(), 0)
            shared = api.call("GET", "/credentials/shared")[1]["items"]
            self.assertEqual([(s["kind"], [i["deviceId"] for i in s["identities"]]) for s in shared],
                             [("policy", ["d1", "d2"])])
            record = api.wait_for_record(operation="deviceConnect", deviceId="d2", statusCode=200)
            self.assertEqual(record["auth"]["credential"], shared[0]["credential"])
            self.assertNotIn(policy["secondaryKey"], json.dumps(shared))
            self.assertEqual(api.call("POST", "/policies/plant/regenerate", {"key": "secondary"})[0], 200)
            with token_client(site, made, "localhost", policy["secondaryKey"], "plant") as client:
                self.assertEqual(client.connect(), 5)
            with token_client(site, made, "localhost", policy["primaryKey"], "plant") as client:
                self.assertEqual(client.connect(), 0, "the other key works all the while")
            self.assertEqual(api.call("DELETE", "/policies/plant")[0], 204)
            with token_client(site, made, "localhost", policy["primaryKey"], "plant") as client:
                self.assertEqual(client.connect(), 5)


class Rules(unittest.TestCase):
    def test_addresses(self):
        with running_site() as site:
            api = Api(site)
            made = site.cli("device", "create", "d1")["connectionString"]
            status, _ = api.call("PUT", "/ip-filter", {"default": "allow", "rules": [
                {"name": "x", "action": "deny", "range": "10.0.0.1/8"}]})
            self.assertEqual(status, 400)
            status, _ = api.call("PUT", "/ip-filter", {"default": "allow", "rules": [
                {"name": "no loops", "action": "deny", "range": "127.0.0.0/8"}]})
            self.assertEqual(status, 200)
            with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
                Client(site, made).connect()
            record = api.wait_for_record(reason="ip_filter", statusCode=401)
            self.assertEqual(record["ip"], "127.0.0.1")
            self.assertEqual(api.call("PUT", "/ip-filter", {"default": "deny", "rules": [
                {"name": "loops", "action": "allow", "range": "127.0.0.1"}]})[0], 200)
            with Client(site, made) as client:
                self.assertEqual(client.connect(), 0)
            record = api.wait_for_record(operation="deviceConnect", deviceId="d1", statusCode=200)
            self.assertEqual(record["auth"]["acceptingIpFilterRule"], "loops")
            audit = [(r["action"], r["result"]) for r in api.call("GET", "/audit")[1]["items"]]
            self.assertIn(("ipFilter.put", "ok"), audit)
            self.assertIn(("ipFilter.put", "BadRequest"), audit)

    def test_quota_and_tls(self):
        with Site() as site:
            with open(site.hub_dir / "hub.toml", "a") as config:
                config.write("\n[limits]\ndaily_messages = 2\n[tls]\nmin_version = \"1.3\"\n")
            site.start_hub()
            api = Api(site)
            made = site.cli("device", "create", "d1")["connectionString"]
            with Client(site, made) as client:
                self.assertEqual(client.socket.version(), "TLSv1.3")
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged("x" * 5000, security=False))
                client.publish("y", security=False)
                self.assertTrue(client.closed())
            record = api.wait_for_record(reason="quota", deviceId="d1")
            self.assertEqual((record["statusCode"], record["subCode"]), (403, 403002))
            self.assertEqual(api.call("GET", "/limits")[1]["usedToday"], 2)
            site.hub.stop()
            site.start_hub()
            self.assertEqual(Api(site).call("GET", "/limits")[1]["usedToday"], 2, "a restart gives no day twice")
            old = ssl.create_default_context(cafile=site.ca)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                old.wrap_socket(socket.create_connection(("127.0.0.1", site.ports[0])), server_hostname="localhost")


if __name__ == "__main__":
    unittest.main()
