"""Microsoft's SDKs over AMQP 1.0: devices, modules and services; what they see, and what the hub stored and
recorded of it."""
import base64
import hashlib
import hmac
import os
import pathlib
import socket
import ssl
import subprocess
import time
import unittest
import unittest.mock
import urllib.parse

import sdk
from mqtt import process_create, security_message


def setUpModule():
    sdk.setup()


def parts(connection_string):
    return dict(part.split("=", 1) for part in connection_string.split(";"))


def token(connection_string, life, key=None):
    """A shared access signature for the identity of a connection string."""
    given = parts(connection_string)
    resource = f"{given['HostName']}/devices/{given['DeviceId']}"
    resource = urllib.parse.quote(resource, safe="")
    end = int(time.time() + life)
    secret = base64.b64decode(key or given["SharedAccessKey"])
    signature = base64.b64encode(hmac.new(secret, f"{resource}\n{end}".encode(), hashlib.sha256).digest())
    return f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(signature, safe='')}&se={end}"


class EveryCarrier:
    """What holds on the port and in a web socket."""

    @classmethod
    def setUpClass(cls):
        # Feedback is handed out in lots, by default when 15 seconds have passed.
        with unittest.mock.patch.dict(os.environ, {"VEDETTE_COMMANDS__FEEDBACK_DELAY": "1s"}):
            super().setUpClass()

    def name(self, what):
        return f"{self.transport}-{what}"

    def service(self):
        return pathlib.Path(self.site._service).read_text(encoding="utf-8").strip()

    def connect(self, device, identity, **more):
        device.call("connect", connectionString=identity, transport=self.transport, **more)

    def test_a_security_message_telemetry_and_the_twin(self):
        name = self.name("1")
        identity = self.device(name)
        with self.driver() as device:
            self.connect(device, identity)
            device.call("send", body=security_message([process_create("over-" + name)]), security=True)
            self.assertEqual(len(self.security_events(name, "over-" + name)), 1)
            device.call("send", body="temperature=20", messageId="t1", properties={"unit": "C"})
            device.call("report", patch={"colour": "green"})
            self.assertEqual(device.call("getTwin")["reported"]["colour"], "green")
            device.call("watchDesired")
            self.site.cli("device", "twin", "update", name, "--desired", '{"interval": 7}')
            self.assertEqual(device.news("desired", where=lambda n: "interval" in n["desired"])["desired"]["interval"], 7)
            device.call("close")
        connect = self.records(name, 'where OperationName == "deviceConnect"')[0]
        self.assertEqual(connect["StatusCode"], 200)
        self.assertEqual(connect["Protocol"], self.protocol)
        self.assertIn("azure-iot-device", connect["SdkVersion"])
        leave = self.records(name, 'where OperationName == "deviceDisconnect"')[0]
        self.assertEqual(leave["StatusCode"], 200)

    def test_messages_to_a_device_and_their_feedback(self):
        name = self.name("c2d")
        identity = self.device(name)
        with self.driver() as device, self.driver("messaging.js") as service:
            self.connect(device, identity)
            device.call("listen", settle=None)
            service.call("connect", connectionString=self.service(), transport=self.transport)
            service.call("watchFeedback")
            fates = {"complete": "success", "reject": "rejected"}
            for how in fates:
                service.call("send", to=name, body=f"please {how}", messageId=f"{name}-{how}", ack="full",
                             properties={"colour": "red"})
                came = device.news("message")
                self.assertEqual(came["body"], f"please {how}")
                self.assertEqual(came["messageId"], f"{name}-{how}")
                self.assertEqual(came["properties"]["colour"], "red")
                device.call("settle", messageId=came["messageId"], how=how)
            # Given back, it comes again.
            service.call("send", to=name, body="again", messageId=f"{name}-again")
            device.call("settle", messageId=device.news("message")["messageId"], how="abandon")
            again = device.news("message")
            self.assertEqual(again["body"], "again")
            device.call("settle", messageId=again["messageId"], how="complete")
            told = {}
            while len(told) < len(fates):
                for record in service.news("feedback")["records"]:
                    told[record["originalMessageId"]] = record
            for how, fate in fates.items():
                record = told[f"{name}-{how}"]
                self.assertEqual(record["deviceId"], name)
                self.assertEqual(record["statusCode"].lower(), fate)
            service.call("close")
        for operation in ("send", "deliver", "complete", "reject", "abandon"):
            found = self.records(name, f'where Category == "C2DCommands" and OperationName == "{operation}"')
            self.assertEqual(found[0]["Protocol"], self.protocol, operation)

    def test_a_wrong_key_is_refused_and_recorded(self):
        name = self.name("wrong")
        identity = self.device(name)
        wrong = base64.b64encode(b"x" * 32).decode()
        with self.driver() as device:
            with self.assertRaises(sdk.SdkError) as refused:
                device.call("connect", sharedAccessSignature=token(identity, 3600, wrong), transport=self.transport)
            self.assertEqual(refused.exception.name, "UnauthorizedError")
        record = self.records(name, 'where OperationName == "deviceConnect"')[0]
        self.assertEqual(record["StatusCode"], 401)
        self.assertEqual(record["Reason"], "sas_signature")
        self.assertEqual(record["Protocol"], self.protocol)


class Amqp(EveryCarrier, sdk.TestCase):
    transport = "amqp"
    protocol = "AMQP"

    def test_the_service_hears_why_not(self):
        with self.driver("messaging.js") as service:
            service.call("connect", connectionString=self.service(), transport=self.transport)
            with self.assertRaises(sdk.SdkError) as refused:
                service.call("send", to="nobody-at-all", body="x")
            self.assertEqual(refused.exception.name, "DeviceNotFoundError")
            name = self.name("full")
            self.device(name)
            for command in [service.start("send", to=name, body=str(number)) for number in range(50)]:
                service.finish(command)
            with self.assertRaises(sdk.SdkError) as refused:
                service.call("send", to=name, body="one more")
            self.assertEqual(refused.exception.name, "DeviceMaximumQueueDepthExceededError")

    def test_a_token_that_ends_ends_the_connection(self):
        name = self.name("expiry")
        identity = self.device(name)
        with self.driver() as device:
            device.call("connect", sharedAccessSignature=token(identity, 6), transport=self.transport)
            device.call("send", body="while it lasts")
            # The SDK tries again for most of a minute before it tells its user; the hub's record is the end.
            self.assertTrue(self.records(name, 'where OperationName == "deviceDisconnect" and StatusCode == 401 and '
                                               'Reason == "sas_expired"'))

    def test_a_newer_connection_over_mqtt_takes_over(self):
        name = self.name("takeover")
        identity = self.device(name)
        with self.driver() as old, self.driver() as new:
            self.connect(old, identity)
            old.call("send", body="first")
            new.call("connect", connectionString=identity, transport="mqtt")
            old.news("disconnect")
            new.call("send", body="second")
        record = self.records(name, 'where OperationName == "deviceDisconnect" and Reason == "taken_over"')[0]
        self.assertEqual(record["Protocol"], self.protocol)

    def test_a_certificate(self):
        name = self.name("x509")
        certificate, key = self.site.folder / f"{name}.pem", self.site.folder / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", f"/CN={name}", "-days", "2", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        thumbprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
        identity = self.site.cli("device", "create", name, "--thumbprint", thumbprint)["connectionString"]
        with self.driver() as device:
            self.connect(device, identity, certificate=str(certificate), key=str(key))
            device.call("send", body=security_message([process_create("by-" + name)]), security=True)
            self.assertEqual(len(self.security_events(name, "by-" + name)), 1)
            device.call("close")
        connect = self.records(name, 'where OperationName == "deviceConnect"')[0]
        self.assertEqual(connect["StatusCode"], 200)

    def test_a_module_sends_from_an_output(self):
        name = self.name("module")
        self.device(name)
        identity = self.site.cli("module", "create", name, "m1")["connectionString"]
        with self.driver() as module:
            self.connect(module, identity)
            module.call("send", output="out1", body=security_message([process_create("module-" + name)]), security=True)
            self.assertEqual(len(self.security_events(name, "module-" + name)), 1)
            module.call("report", patch={"colour": "blue"})
            module.call("close")
        connect = self.records(name, 'where ModuleId == "m1" and OperationName == "deviceConnect"')[0]
        self.assertEqual(connect["Protocol"], self.protocol)

    def test_a_service_hears_of_files(self):
        name = self.name("files")
        identity = self.device(name)
        with self.driver() as device, self.driver("messaging.js") as service:
            service.call("connect", connectionString=self.service(), transport=self.transport)
            service.call("watchFiles")
            self.connect(device, identity)
            device.call("upload", name="logs/today.txt", body="content")
            told = service.news("file")["notification"]
            self.assertEqual((told["deviceId"], told["blobName"], told["blobSizeInBytes"]),
                             (name, f"{name}/logs/today.txt", 7))
            # Completed, it does not come again.
            device.call("upload", name="second.txt", body="x")
            self.assertEqual(service.news("file")["notification"]["blobName"], f"{name}/second.txt")
        record = self.records(name, 'where OperationName == "completeNotification"')[0]
        self.assertEqual((record["Category"], record["Protocol"]), ("FileUploadOperations", self.protocol))


class AmqpOverWebSocket(EveryCarrier, sdk.TestCase):
    transport = "amqp-ws"
    protocol = "AMQP_WS"


class RawAmqp(sdk.TestCase):
    """What no SDK would do."""

    @classmethod
    def setUpClass(cls):
        with unittest.mock.patch.dict(os.environ, {"VEDETTE_MQTT__LOGIN_TIMEOUT": "3s"}):
            super().setUpClass()

    def open(self):
        context = ssl.create_default_context(cafile=str(self.site.ca))
        connection = socket.create_connection(("127.0.0.1", sdk.AMQP_PORT), timeout=20)
        return context.wrap_socket(connection, server_hostname="localhost")

    def ends(self, connection):
        """All that comes until the hub closes."""
        got = b""
        while True:
            try:
                more = connection.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                return got
            if not more:
                return got
            got += more

    def test_other_protocols_are_turned_away(self):
        for words in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x00" * 4096):
            with self.open() as connection:
                connection.sendall(words)
                self.ends(connection)

    def test_who_says_nothing_is_cut_off(self):
        with self.open() as connection:
            connection.settimeout(40)
            connection.sendall(b"AMQP\x03\x01\x00\x00")
            self.assertTrue(self.ends(connection).startswith(b"AMQP\x03\x01\x00\x00"))


if __name__ == "__main__":
    unittest.main()
