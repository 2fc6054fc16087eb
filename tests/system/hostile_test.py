"""Clients that mean harm, or are broken: too large, out of order, wrongly encoded, with other people's tokens and
certificates, with ids that are programs. Each is refused, the refusal is recorded, and who means well is served all
the while."""
import contextlib
import http.client
import json
import pathlib
import socket
import ssl
import struct
import time
import unittest
import urllib.parse

import amqp
import https
import mqtt
from harness import Site, eventually
from identity_test import Api, Authority
from mqtt import packet, parse_connection_string, process_create, sas, security_message, text
from senders import ALL, BROKEN, attempts, health

LOGIN_TIMEOUT = 5
CONFIG = f"""
[mqtt]
login_timeout = "{LOGIN_TIMEOUT}s"
max_pending_logins = 60
[ingest]
queue_max = "8 MiB"
"""


def tls(site, port, context=None, source=""):
    context = context or ssl.create_default_context(cafile=site.ca)
    plain = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    return context.wrap_socket(plain, server_hostname="localhost")


def ends(connection, patience=30):
    """True when the hub closes the connection in that time, whatever it says before."""
    connection.settimeout(patience)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except (OSError, ssl.SSLError):
        pass
    return True


def memory(site, what="VmRSS"):
    status = pathlib.Path(f"/proc/{site.hub.process.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(what + ":"))


class Hostile(unittest.TestCase):
    """One hub for the tests of a class. After each a well-behaved module is served over every protocol."""

    config = CONFIG
    environment = contextlib.nullcontext

    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        (cls.site.hub_dir / "conf.d").mkdir(exist_ok=True)
        (cls.site.hub_dir / "conf.d/hostile.toml").write_text(cls.config)
        with cls.environment():
            cls.site.start_hub()
        cls.good = cls.site.create_module("good")

    def tearDown(self):
        self.assertIsNone(self.site.hub.process.poll(), "the hub ended:\n" + self.site.hub.log()[-3000:])
        eventually(lambda: attempts(self.site, self.good, "good") == ALL, 30, 0.2, what="service for the well-behaved")
        self.assertEqual(health(self.site), (200, "ok"))

    def device(self, name, **body):
        answer = https.api(self.site, "PUT", f"/devices/{name}", body)
        if answer.status == 409:
            answer = https.api(self.site, "GET", f"/devices/{name}?keys=true")
        self.assertIn(answer.status, (200, 201), answer.body)
        return answer.json()["connectionString"]

    def recorded(self, **columns):
        condition = " and ".join(f'{name} == {value}' if isinstance(value, int) else f'{name} == "{value}"'
                                 for name, value in columns.items())
        return eventually(lambda: self.site.kql(f"IoTHubOperations | where {condition}"), what=f"a record with {columns}")

    def ports(self):
        return {"MQTT": self.site.ports[0], "AMQP": self.site.amqp_port, "HTTPS": self.site.ports[1]}


class Malformed(Hostile):
    def mqtt_ends(self, data, reason=None, identity=None, logged_in=True):
        with mqtt.Client(self.site, identity or self.victim) as client:
            if logged_in:
                self.assertEqual(client.connect(), 0)
            with contextlib.suppress(OSError, ssl.SSLError):
                client.send(data)
            self.assertTrue(ends(client.socket), data[:60])
        if reason:
            self.recorded(DeviceId="victim", Reason=reason)

    def setUp(self):
        self.victim = self.device("victim")

    def test_mqtt_out_of_order_too_large_and_badly_encoded(self):
        topic = text("devices/victim/messages/events/")
        for data in (packet(0x32, topic + b"\x00\x01x"), packet(0x82, b"\x00\x01" + text("a") + b"\x01"), packet(0xC0, b""),
                     packet(0x40, b"\x00\x01"), packet(0xE0, b""), b"\x10\xff\xff\xff\x7f", packet(0x10, b"\xff" * 20_000),
                     packet(0x10, text("MQTT") + b"\x04\xff\x00\x3c" + text("victim") * 5),
                     packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c\xff\xffvictim"), packet(0x00, b""), packet(0xF0, b"x")):
            self.mqtt_ends(data, logged_in=False)
        connect = packet(0x10, text("MQTT") + b"\x04\x02\x00\x3c" + text("victim"))
        cases = ((connect, "protocol"), (packet(0x20, b"\0\0"), "protocol"), (packet(0x30 | 6, topic + b"x"), "protocol"),
                 (packet(0x34, topic + b"\x00\x01x"), "qos"), (packet(0x32, topic + b"\x00\x00x"), "protocol"),
                 (packet(0x32, text("devices/good/messages/events/") + b"\x00\x01x"), "topic"),
                 (packet(0x32, text("devices/victim/../good/messages/events/") + b"\x00\x01x"), "topic"),
                 (packet(0x32, b"\x00\x04\xc3\x28\xa0\xa1\x00\x01x"), None),
                 (packet(0x82, b"\x00\x01" + text("$iothub/twin/res/#") + b"\x03"), "protocol"),
                 (packet(0x82, b"\x00\x01"), "protocol"), (packet(0x80, b"\x00\x01"), "protocol"),
                 (packet(0x82, b"\x00\x01" + b"".join(text(f"a{i}") + b"\x01" for i in range(3000))), None),
                 (packet(0x32, b"\xff\xff" + b"x" * 65_535 + b"\x00\x01"), None),
                 (b"\x32\xff\xff\xff\x7f", "message_too_large"), (b"\x32\xff\xff\xff\xff\x01", "protocol"))
        for data, _ in cases:
            with self.subTest(data=data[:40]):
                self.mqtt_ends(data)
        # Each is on record, with what was wrong.
        def reasons():
            rows = self.site.kql('IoTHubOperations | where DeviceId == "victim" and Protocol == "MQTT" and '
                                 'OperationName == "deviceDisconnect" and StatusCode >= 400 | project Reason')
            return [row["Reason"] for row in rows]

        eventually(lambda: len(reasons()) >= len(cases), what="a record of each")
        for reason in {reason for _, reason in cases if reason}:
            self.assertGreaterEqual(sum(reason in each for each in reasons()), sum(reason == r for _, r in cases), reason)

    def test_contents_that_are_no_json(self):
        """The twin refuses them in words; a message is taken, since any bytes may be telemetry, and what is wrong with
        it as a security message is recorded."""
        contents = [b"\xff\xfe{", b"\xef\xbb\xbf{}", b"{\"a\":\"\xc3\x28\"}", b'{"a":"\\ud800"}', b"[" * 200_000,
                    b'{"a":' * 50_000, b'{"a":1e999}', b'{"a":NaN}', b"", b"\0", b'{"a":1}{"b":2}', b'{"a":1,}', b"null"]
        with mqtt.Client(self.site, self.victim) as client:
            self.assertEqual(client.connect(), 0)
            client.send(packet(0x82, b"\x00\x01" + text("$iothub/twin/res/#") + b"\x00"))
            self.assertEqual(client.read()[0], 0x90)
            for number, content in enumerate(contents):
                client.next_id = number + 1
                self.assertTrue(client.acknowledged(content, security=True), content[:20])
                client.send(packet(0x30, text(f"$iothub/twin/PATCH/properties/reported/?$rid={number}") + content))
                kind, answer = client.read()
                topic = answer[2:2 + struct.unpack(">H", answer[:2])[0]].decode()
                self.assertRegex(topic, rf"^\$iothub/twin/res/(400|413)/\?\$rid={number}", content[:20])
                self.assertEqual(kind & 0xF0, 0x30)
        self.recorded(DeviceId="victim", Reason="message_invalid")
        for content in contents:
            for method, path in (("PUT", "/devices/victim2"), ("PATCH", "/devices/victim/twin"), ("POST", "/devices/victim/messages"),
                                 ("POST", "/query"), ("PUT", "/enrollments/e"), ("PUT", "/ip-filter")):
                if not content and path == "/devices/victim2":
                    continue  # a device without wishes
                answer = https.request(self.site, method, "/api/v1" + path, content, {"Content-Type": "application/json"},
                                       https.service_token(self.site))
                self.assertIn(answer.status, (400, 413), (path, content[:20], answer.body))

    def test_amqp_out_of_order_and_too_large(self):
        deep = b"\x00\x53\x10" + b"\xc0\xff\x01" * 200
        described = amqp.Described
        frames = {
            "larger than agreed": b"\xff\xff\xff\xff\x02\x00\x00\x00", "smaller than a header": b"\x00\x00\x00\x04\x02\x00\x00\x00",
            "offset beyond its end": b"\x00\x00\x00\x08\xff\x00\x00\x00", "offset inside the header": b"\x00\x00\x00\x08\x01\x00\x00\x00",
            "an endless list": struct.pack(">IBBH", 24, 2, 0, 0) + b"\x00\x53\x10\xd0\xff\xff\xff\xff\xff\xff\xff\xff\x40\x40\x40\x40",
            "begin before open": amqp.frame(described(amqp.BEGIN, [None, amqp.Uint(0), amqp.Uint(1), amqp.Uint(1)])),
            "transfer before all": amqp.frame(described(amqp.TRANSFER, [amqp.Uint(0), amqp.Uint(0), b"0"]), b"x"),
            "a channel nobody opened": amqp.frame(described(amqp.FLOW, [None, amqp.Uint(1), amqp.Uint(0), amqp.Uint(1)]), channel=9999),
            "no performative": amqp.frame(described(0x99, [])),
        }
        for name, data in frames.items():
            with self.subTest(name), amqp.Client(self.site, self.victim) as client:
                self.assertEqual(client.log_in(), 0)
                client.send(amqp.AMQP_HEADER + data)
                self.assertTrue(ends(client.socket), name)
        after = {
            "lists in lists": struct.pack(">IBBH", len(deep) + 8, 2, 0, 0) + deep,
            "SASL again": amqp.frame(described(amqp.INIT, [amqp.Symbol("PLAIN")]), sasl=True),
            "a link nobody attached": amqp.frame(described(amqp.TRANSFER, [amqp.Uint(7), amqp.Uint(0), b"0", amqp.Uint(0)]), b"x"),
            "detach of what is not there": amqp.frame(described(amqp.DETACH, [amqp.Uint(4_000_000_000), True])),
            "a handle attached twice": amqp.frame(described(amqp.ATTACH, ["other", amqp.Uint(0), False, None, None, described(0x28, ["a"]),
                                                                     described(0x29, ["/devices/victim/messages/events"]), None, None, amqp.Uint(0)])),
            "a foreign outcome": amqp.frame(described(amqp.DISPOSITION, [False, amqp.Uint(0), amqp.Uint(4_000_000_000), True])),
        }
        for name, data in after.items():
            with self.subTest(name), amqp.Client(self.site, self.victim) as client:
                self.assertEqual(client.connect(), 0)
                client.send(data)
                # It may be passed over; then the connection works on.
                with contextlib.suppress(*BROKEN, AssertionError):
                    self.assertTrue(client.acknowledged("still there", security=False), name)
        with amqp.Client(self.site, self.victim) as client:
            self.assertEqual(client.connect(), 0)
            # Beyond what the link may carry it ends; between that and 256 KiB the message is refused.
            with self.assertRaisesRegex(amqp.Refused, "message-size-exceeded"):
                client.acknowledged("x" * 300_000, security=False)
        with amqp.Client(self.site, self.victim) as client:
            self.assertEqual(client.connect(), 0)
            self.assertFalse(client.acknowledged("x" * 265_000, security=False), "above 256 KiB")
            self.assertTrue(client.acknowledged("x" * 262_000, security=False))
        self.recorded(DeviceId="victim", Protocol="AMQP", Reason="message_too_large")
        for wrong in (b"\xff\xff\xff", b"\x00\x53\x75\xb0\xff\xff\xff\xff", b"\x00\x80" + b"\xff" * 20):
            with amqp.Client(self.site, self.victim) as client:
                self.assertEqual(client.connect(), 0)
                client.send(amqp.frame(described(amqp.TRANSFER, [amqp.Uint(0), amqp.Uint(0), b"0", amqp.Uint(0), False, False]), wrong))
                self.assertEqual(client.settled()[2], amqp.REJECTED, wrong)
        # Before anybody has proven anything: a token of megabytes, in one message that does not end.
        before = memory(self.site)
        with amqp.Client(self.site, self.victim) as client:
            self.assertEqual(client.log_in("ANONYMOUS", b""), 0)
            client.open()
            client.attach("$cbs")
            piece = amqp.frame(described(amqp.TRANSFER, [amqp.Uint(0), amqp.Uint(0), b"0", amqp.Uint(0), False, True]), b"x" * 60_000)
            with contextlib.suppress(OSError, ssl.SSLError):
                for _ in range(1000):
                    client.send(piece)
            self.assertLess(memory(self.site) - before, 24 << 20, "of 60 MB")

    def test_http_that_is_none(self):
        token = https.device_token(self.victim)
        target = "POST /devices/victim/messages/events" + https.VERSION + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token
        for head in ("\r\nContent-Length: 99999999999999999999\r\n\r\n", "\r\nContent-Length: -1\r\n\r\n",
                     "\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     "\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
                     "\r\nX: " + "y" * 100_000 + "\r\n\r\n", "\r\n" + "X: y\r\n" * 20_000 + "\r\n", "\r\nBad\0: 1\r\n\r\n", "\r\n folded\r\n\r\n"):
            with tls(self.site, self.site.ports[1]) as connection:
                with contextlib.suppress(OSError, ssl.SSLError):
                    connection.sendall((target + head).encode())
                answer = b""
                with contextlib.suppress(OSError, ssl.SSLError):
                    while piece := connection.recv(65536):
                        answer += piece
                self.assertRegex(answer[:12], rb"^(HTTP/1.1 4\d\d|)$", head[:60])
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1 if answer else 0, "one request, one answer")
        for _ in range(3):
            # Whoever is refused while he sends reads why.
            answer = https.request(self.site, "POST", f"/devices/victim/messages/events{https.VERSION}", b"x" * (6 << 20), None, token)
            self.assertEqual(answer.status, 413)


class Impostors(Hostile):
    """Tokens and certificates of others, over each protocol."""

    def over(self, connection, password=None, context=None, **overrides):
        """(accepted over MQTT, AMQP, HTTPS) for who shows that."""
        parts = parse_connection_string(connection)
        device = overrides.get("device", parts["DeviceId"])
        token = password or https.device_token(connection, **overrides)
        outcome = {}
        with mqtt.Client(self.site, connection, password=token, **overrides) as client:
            outcome["MQTT"] = client.connect() == 0
        with amqp.Client(self.site, connection, password=token, **overrides) as client:
            outcome["AMQP"] = client.log_in() == 0
        outcome["HTTPS"] = https.request(self.site, "POST", f"/devices/{device}/messages/events{https.VERSION}", "x",
                                         token=token).status == 204
        return outcome

    def refused(self, device, reason, *args, **kwargs):
        self.assertEqual(self.over(*args, **kwargs), {"MQTT": False, "AMQP": False, "HTTPS": False}, reason)
        for protocol in ("MQTT", "AMQP", "HTTPS"):
            self.recorded(DeviceId=device, Reason=reason, Protocol=protocol)

    def test_tokens(self):
        good = {"MQTT": True, "AMQP": True, "HTTPS": True}
        first, second = self.device("t1"), self.device("t2")
        key = parse_connection_string(first)["SharedAccessKey"]
        stolen = https.device_token(first)
        self.assertEqual(self.over(first, stolen), good)
        self.refused("t2", "sas_scope", second, stolen)
        self.refused("t1", "sas_expired", first, expiry=int(time.time()) - 1)
        self.refused("t1", "sas_signature", first, sas("localhost/devices/t1", parse_connection_string(second)["SharedAccessKey"]))
        # The time of its end is part of what is signed.
        self.refused("t1", "sas_signature", first, stolen.rpartition("&se=")[0] + f"&se={int(time.time()) + 99999}")
        for malformed in ("SharedAccessSignature ", "SharedAccessSignature sr=&sig=&se=", stolen + "&sr=x", stolen.replace("&se=", "&se=-"),
                          "SharedAccessSignature " + "x" * 4000, "Bearer " + stolen, "SharedAccessSignature sr=a&sig=b&se=" + "9" * 400):
            self.assertNotIn(True, self.over(first, malformed).values(), malformed[:60])
        self.assertNotIn(True, self.over(first, sas("other.example/devices/t1", key)).values())
        module = self.site.create_module("t3", "m")
        self.refused("t3", "sas_scope", module.replace(";ModuleId=m", ""), https.device_token(module))
        # What is deleted and made anew is another.
        self.assertEqual(https.api(self.site, "DELETE", "/devices/t1").status, 204)
        self.assertNotIn(True, self.over(first, stolen).values())
        self.recorded(DeviceId="t1", Reason="unknown")
        renewed = self.device("t1")
        self.refused("t1", "sas_signature", first, stolen)
        self.assertEqual(self.over(renewed), good)
        # Switched off, in the middle of everything.
        with mqtt.Client(self.site, renewed) as over_mqtt, amqp.Client(self.site, second) as over_amqp:
            self.assertEqual((over_mqtt.connect(), over_amqp.connect()), (0, 0))
            for name in ("t1", "t2"):
                self.site.cli("device", "update", name, "--status", "disabled")
            self.assertTrue(ends(over_mqtt.socket))
            self.assertTrue(ends(over_amqp.socket))
        self.refused("t1", "disabled", renewed)

    def test_certificates(self):
        api = Api(self.site)
        factory, stranger = Authority(self.site.folder, "factory"), Authority(self.site.folder, "stranger")
        self.assertEqual(api.call("PUT", "/certificates/factory", {"certificate": factory.certificate.read_text()})[0], 201)
        code = api.call("POST", "/certificates/factory/code")[1]["verificationCode"]
        proof = factory.issue(code)[0].read_text()
        self.assertEqual(api.call("POST", "/certificates/factory/verify", {"certificate": proof})[0], 200)
        self.device("c1", authentication={"type": "certificateAuthority"})
        self.device("c2", authentication={"type": "certificateAuthority"})
        good = factory.issue("c1")

        def over(device, pair):
            context = ssl.create_default_context(cafile=self.site.ca)
            context.load_cert_chain(*pair)
            identity = f"HostName=localhost;DeviceId={device};SharedAccessKey=AAAA"
            outcome = {}
            with tls(self.site, self.site.ports[0], context) as connection:
                connection.sendall(packet(0x10, text("MQTT") + b"\x04\x80\x00\x3c" + text(device) +
                                          text(f"localhost/{device}/?api-version=2021-04-12")))
                outcome["MQTT"] = connection.recv(4) == b"\x20\x02\x00\x00"
            with amqp.Client(self.site, identity, context=context) as client:
                outcome["AMQP"] = False
                with contextlib.suppress(*BROKEN):
                    if client.log_in("EXTERNAL", b"") == 0:
                        client.open()
                        client.attach(f"/devices/{device}/messages/events")
                        outcome["AMQP"] = client.acknowledged("x", security=False)
            connection = http.client.HTTPSConnection("localhost", self.site.ports[1], timeout=30, context=context)
            connection.request("POST", f"/devices/{device}/messages/events{https.VERSION}", "x")
            outcome["HTTPS"] = connection.getresponse().status == 204
            connection.close()
            return outcome

        self.assertEqual(over("c1", good), {"MQTT": True, "AMQP": True, "HTTPS": True})
        own = Authority(self.site.folder, "c2", constraints="CA:FALSE")
        for reason, pair in (("cert_name", good), ("cert_expired", factory.issue("c2", end="20210101000000Z")),
                             ("cert_not_yet_valid", factory.issue("c2", start="20980101000000Z")),
                             ("cert_untrusted", stranger.issue("c2")), ("cert_untrusted", (own.certificate, own.key))):
            with self.subTest(reason):
                self.assertEqual(over("c2", pair), {"MQTT": False, "AMQP": False, "HTTPS": False}, reason)
                for protocol in ("MQTT", "AMQP", "HTTPS"):
                    self.recorded(DeviceId="c2", Reason=reason, Protocol=protocol)
        # A certificate is public: who shows it and has another key does not get through the handshake.
        name = self.site.folder / "stolen.pem"
        name.write_text(good[0].read_text())
        with self.assertRaises(ssl.SSLError):
            ssl.create_default_context(cafile=self.site.ca).load_cert_chain(name, factory.issue("c1")[1])


class Injected(Hostile):
    IDS = ["' OR '1'='1", "x'; DROP TABLE device; --", '"; DELETE FROM device; --', "../../../etc/passwd", "..", ".", "a/b", "a\\b",
           "%2e%2e%2f", "\0", "a\0b", "\u202egnp.exe", "x" * 129, " ", "a\nb", "{{7*7}}", "$(id)", "`id`", "<script>", "\ud7ff\uffff",
           "x' UNION SELECT sql FROM sqlite_master --", "_", "%", "*"]
    # What an id may consist of, as Microsoft has it. The hub need not take all of it.
    LAWFUL = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.+%_#*?!(),:=@$'")

    def devices(self):
        return {each["deviceId"] for each in https.api(self.site, "GET", "/devices?limit=1000").json()["items"]}

    def files(self):
        return {str(path.relative_to(self.site.hub_dir)) for path in self.site.hub_dir.iterdir()}

    def test_ids_are_nothing_but_ids(self):
        identity = self.device("bystander")
        before, files = self.devices(), self.files()
        outside = {path.name for path in self.site.folder.iterdir()}
        token = https.device_token(identity)
        made = set()
        for wish in self.IDS:
            quoted = urllib.parse.quote(wish, safe="")
            bodies = (("PUT", "/devices/{}", {}), ("PUT", "/devices/bystander/modules/{}", {}), ("PUT", "/policies/{}", {"rights": ["DeviceConnect"]}),
                      ("PUT", "/certificates/{}", {"certificate": "x"}), ("POST", "/certificates/{}/code", None),
                      ("PUT", "/enrollments/{}", {"attestation": {"type": "symmetricKey"}}),
                      ("PUT", "/enrollment-groups/{}", {"attestation": {"type": "symmetricKey"}}),
                      ("GET", "/devices/{}/twin", None), ("PATCH", "/devices/{}/twin", {"tags": {"a": 1}}), ("GET", "/devices/{}/messages", None),
                      ("POST", "/devices/{}/methods", {"methodName": "m"}), ("GET", "/devices/bystander/uploads/{}/content", None),
                      ("DELETE", "/devices/bystander/uploads/{}", None), ("GET", "/alerts/{}", None), ("DELETE", "/tokens/{}", None),
                      ("DELETE", "/registrations/{}", None), ("GET", "/audit?before={}", None), ("GET", "/devices?after={}", None),
                      ("GET", "/devices?search={}", None))
            for method, pattern, body in bodies:
                path = pattern.format(quoted)
                answer = https.api(self.site, method, path, body)
                self.assertLess(answer.status, 500, (method, path, answer.body))
                if method == "PUT" and answer.status in (200, 201):
                    self.assertLessEqual(set(wish), self.LAWFUL, path)
                    if pattern == "/devices/{}":
                        made.add(wish)
            twin = {"tags": {"a": 1}, "etag": "*"}
            job = {"jobId": wish, "type": "scheduleUpdateTwin", "queryCondition": "deviceId = 'nobody'", "updateTwin": twin,
                   "startTime": "2026-01-01T00:00:00Z", "maxExecutionTimeInSeconds": 60}
            settings = {"id": wish, "content": {"deviceContent": {"properties.desired.a": 1}}, "targetCondition": f"tags.a = '{wish}'"}
            query = f"SELECT * FROM devices WHERE deviceId = '{wish}'"
            for method, path, body in (("PUT", f"/devices/{quoted}", {"deviceId": wish}), ("PUT", f"/configurations/{quoted}", settings),
                                       ("PUT", f"/jobs/v2/{quoted}", job), ("GET", f"/jobs/v2/{quoted}", None),
                                       ("GET", f"/configurations/{quoted}", None), ("PATCH", f"/twins/{quoted}", twin),
                                       ("POST", "/devices/query", {"query": query}), ("DELETE", f"/devices/{quoted}/commands", None),
                                       ("POST", "/devices", [{"id": wish, "importMode": "create"}])):
                answer = https.request(self.site, method, path + https.VERSION, body, token=https.service_token(self.site))
                self.assertLess(answer.status, 500, (method, path, answer.body))
                if path.startswith("/devices") and wish in self.devices() - before:
                    self.assertLessEqual(set(wish), self.LAWFUL, path)
                    made.add(wish)
            answer = https.request(self.site, "POST", f"/devices/bystander/files{https.VERSION}", {"blobName": wish}, token=token)
            self.assertLess(answer.status, 500, wish)
            for method, path in (("POST", f"/devices/{quoted}/messages/events"), ("GET", f"/devices/{quoted}/messages/devicebound"),
                                 ("DELETE", f"/devices/bystander/messages/devicebound/{quoted}"),
                                 ("PUT", f"/{quoted}/registrations/{quoted}/register"),
                                 ("PUT", f"/uploads/bystander/{quoted}?sv=2021-08-06&sr=b&sig={quoted}")):
                answer = https.request(self.site, method, path + ("" if "?" in path else https.VERSION), "{}", token=token)
                self.assertIn(answer.status, (400, 401, 403, 404, 405, 412), (method, path, answer.body))
            with contextlib.suppress(UnicodeEncodeError), mqtt.Client(self.site, identity, device=wish, password=token) as client:
                with contextlib.suppress(*BROKEN):
                    self.assertNotEqual(client.connect(), 0, wish)
        self.assertEqual(self.devices(), before | made, "no others came, none went")
        self.assertEqual(self.files(), files, "no file where none belongs")
        self.assertLessEqual({path.name for path in self.site.folder.iterdir()} - outside, set())

    def test_values_in_queries_and_twins(self):
        self.device("holder")
        for number, wish in enumerate(self.IDS):
            if "\0" in wish:
                continue
            tags = {"tags": {"note": wish}}
            self.assertEqual(https.api(self.site, "PATCH", "/devices/holder/twin", tags).status, 200, wish)
            twin = https.api(self.site, "GET", "/devices/holder/twin").json()
            self.assertEqual(twin["tags"]["note"], wish, "kept as it is")
            literal = json.dumps(wish)
            answer = https.api(self.site, "POST", "/query", {"query": f"print X = {literal}"})
            self.assertLess(answer.status, 500, literal)
            answer = https.api(self.site, "POST", "/query", {"query": f"SecurityIoTRawEvent | where DeviceId == '{wish}' | count"})
            self.assertLess(answer.status, 500, wish)
            with mqtt.Client(self.site, self.good) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message([process_create(f"value {number} {wish}")])))
        for number, wish in enumerate(self.IDS):
            if "\0" in wish:
                continue
            rows = eventually(lambda n=number: self.site.kql(
                f'SecurityIoTRawEvent | where EventDetails has "value {n} " | project C = tostring(parse_json(EventDetails).CommandLine)'),
                              what=wish)
            self.assertEqual(rows[0]["C"], f"value {number} {wish}")
        tables = https.api(self.site, "POST", "/query", {"query": "SecurityIoTRawEvent | count"})
        self.assertEqual(tables.status, 200, tables.body)


if __name__ == "__main__":
    unittest.main()
