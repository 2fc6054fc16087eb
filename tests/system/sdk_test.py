"""Microsoft's device SDK, unmodified, over each of its transports: what the device sees, and what the
hub stored and recorded of it."""
import base64
import hashlib
import unittest

import https
import sdk
from mqtt import process_create, security_message


def setUpModule():
    sdk.setup()


class Sessions(sdk.TestCase):
    """What holds whatever carries MQTT."""

    def session(self, transport, name, protocol):
        identity = self.device(name)
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=identity, transport=transport)
            device.call("send", body=security_message([process_create(f"over {name}")]), security=True)
            self.assertEqual(len(self.security_events(name, f"over {name}")), 1)
            device.call("report", patch={"colour": "green"})
            self.assertEqual(device.call("getTwin")["reported"]["colour"], "green")
            device.call("watchDesired")
            self.site.cli("device", "twin", "update", name, "--desired", '{"interval": 5}')
            device.news("desired", where=lambda news: news["desired"].get("interval") == 5)
            # More than a web socket's message, and than any buffer on the way.
            device.call("send", body="x" * 200_000)

            # The newer of two connections wins.
            with sdk.Driver(self.site) as newer:
                newer.call("connect", connectionString=identity, transport=transport)
                device.news("disconnect")
                newer.call("send", body="after the takeover")
                newer.call("close")
        connect = self.records(name, 'where OperationName == "deviceConnect"')
        self.assertEqual({(each["StatusCode"], each["Protocol"]) for each in connect}, {(200, protocol)})
        self.assertIn("azure-iot-device", connect[0]["SdkVersion"])
        self.assertTrue(self.records(name, "where SubCode == 400027"))

    def test_mqtt(self):
        self.session("mqtt", "mqtt-1", "MQTT")

    def test_mqtt_in_a_web_socket(self):
        self.session("mqtt-ws", "mqtt-ws-1", "MQTT_WS")

    def test_a_wrong_key(self):
        for transport, protocol in (("mqtt", "MQTT"), ("mqtt-ws", "MQTT_WS")):
            name = f"{transport}-wrong-key"
            identity = self.device(name)
            other = self.device(f"{name}-other")
            key = other.rpartition("SharedAccessKey=")[2]
            wrong = identity.rpartition("SharedAccessKey=")[0] + "SharedAccessKey=" + key
            with sdk.Driver(self.site) as device, self.assertRaises(sdk.SdkError) as refused:
                device.call("connect", connectionString=wrong, transport=transport)
            self.assertEqual(refused.exception.name, "UnauthorizedError")
            record = self.records(name, 'where Reason == "sas_signature"')[0]
            self.assertEqual((record["StatusCode"], record["Protocol"]), (401, protocol))


class Https(sdk.TestCase):
    def test_messages(self):
        identity = self.device("http-1")
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=identity, transport="http")
            device.call("send", body=security_message([process_create("over http-1")]), security=True)
            device.call("send", body="21.5", properties={"Unit": "C"}, messageId="m-1")
            device.call("sendBatch", messages=[{"body": f"{n}", "properties": {"n": str(n)}} for n in range(10)])
            with self.assertRaises(sdk.SdkError) as refused:
                device.call("send", body="x" * (256 * 1024 + 1))
            self.assertEqual(refused.exception.name, "MessageTooLargeError")
            device.call("close")
        self.assertEqual(len(self.security_events("http-1", "over http-1")), 1)
        sent = self.records("http-1", 'where OperationName == "ingress" and StatusCode == 413')[0]
        self.assertEqual((sent["Protocol"], sent["Reason"]), ("HTTPS", "message_too_large"))
        self.assertEqual(len(self.records("http-1", 'where OperationName == "ingress" and StatusCode < 300')), 3)

    def test_messages_to_a_device(self):
        name = "http-c2d"
        identity = self.device(name)
        with self.driver() as device:
            device.call("connect", connectionString=identity, transport="http",
                        options={"http": {"receivePolicy": {"interval": 1}}})
            device.call("listen", settle=None)
            for how in ("complete", "reject"):
                self.site.cli("device", "send", name, f"please {how}", "--message-id", how,
                              "--property", "colour=red", "--ack", "full")
                came = device.news("message")
                self.assertEqual((came["body"], came["messageId"]), (f"please {how}", how))
                # As the headers carry it.
                self.assertIn("red", came["properties"].values())
                device.call("settle", messageId=how, how=how)
                self.records(name, f'where OperationName == "{how}" and Protocol == "HTTPS"')
            self.site.cli("device", "send", name, "again", "--message-id", "again")
            device.call("settle", messageId=device.news("message")["messageId"], how="abandon")
            self.assertEqual(device.news("message")["body"], "again")
            device.call("settle", messageId="again", how="complete")
        self.assertEqual(self.site.cli("device", "messages", name)["items"], [])
        delivered = self.records(name, 'where OperationName == "deliver" and StatusCode == 200')
        self.assertEqual({(each["Protocol"], each["Category"]) for each in delivered}, {("HTTPS", "C2DCommands")})

    def test_a_wrong_key(self):
        identity = self.device("http-wrong")
        wrong = identity.rpartition("SharedAccessKey=")[0] + "SharedAccessKey=" + base64.b64encode(b"wrong" * 8).decode()
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=wrong, transport="http")
            with self.assertRaises(sdk.SdkError) as refused:
                device.call("send", body="x")
        self.assertEqual(refused.exception.name, "UnauthorizedError")
        self.assertEqual(self.records("http-wrong", 'where Reason == "sas_signature"')[0]["StatusCode"], 401)

    def test_a_file(self):
        identity = self.device("uploads-1")
        # Several blocks of the storage client's 4 MiB.
        body = "0123456789abcdef" * (9 * 65536)
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=identity)
            device.call("upload", name="logs/today's log.txt", body=body)
            device.call("close")
        files = https.api(self.site, "GET", "/devices/uploads-1/uploads").json()["items"]
        self.assertEqual([(each["name"], each["state"], each["bytes"]) for each in files],
                         [("logs/today's log.txt", "completed", len(body))])
        self.assertEqual(files[0]["sha256"], hashlib.sha256(body.encode()).hexdigest())
        for step in ("getBlobSas", "putBlob", "uploadNotification"):
            record = self.records("uploads-1", f'where OperationName == "{step}"')[0]
            self.assertEqual((record["Category"], record["StatusCode"]), ("FileUploadOperations", 200))


if __name__ == "__main__":
    unittest.main()
