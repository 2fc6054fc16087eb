"""Cloud-to-device messages and direct methods: from the command line to devices on Microsoft's SDK and on a
client of our own, through a restart, and what the hub recorded of them."""
import json
import struct
import subprocess
import threading

import mqtt
import sdk
from harness import eventually


def setUpModule():
    sdk.setup()


class Client(mqtt.Client):
    """One that subscribes, and takes what comes."""

    def resume(self):
        """Connects with clean-session 0; whether the session was there."""
        body = (mqtt.text("MQTT") + b"\x04\xc0" + struct.pack(">H", 60) + mqtt.text(self.identity) +
                mqtt.text(self.username) + mqtt.text(self.password))
        self.send(mqtt.packet(0x10, body))
        kind, answer = self.read()
        assert kind == 0x20 and answer[1] == 0, answer
        return answer[0] == 1

    def subscribe(self, *filters, qos=1):
        """The codes of the SUBACK."""
        body = struct.pack(">H", 77) + b"".join(mqtt.text(item) + bytes([qos]) for item in filters)
        self.send(mqtt.packet(0x82, body))
        kind, answer = self.read()
        assert kind == 0x90, hex(kind)
        return list(answer[2:])

    def message(self):
        """The next PUBLISH: topic, payload, packet id (0: QoS 0), DUP."""
        kind, body = self.read()
        assert kind & 0xF0 == 0x30, hex(kind)
        length = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + length].decode(), body[2 + length:]
        number = 0
        if kind & 0x06:
            number, rest = struct.unpack(">H", rest[:2])[0], rest[2:]
        return topic, rest.decode(), number, bool(kind & 0x08)

    def puback(self, number):
        self.send(mqtt.packet(0x40, struct.pack(">H", number)))

    def publish_raw(self, topic, payload=b"", flags=0):
        self.send(mqtt.packet(0x30 | flags, mqtt.text(topic) + (b"\x00\x09" if flags & 0x06 else b"") + payload))


class Messages(sdk.TestCase):
    def operations(self, device, *wanted):
        """OperationName of the C2D records of a device, oldest first, once they are `wanted`."""
        def look():
            rows = self.site.kql(f'IoTHubOperations | where DeviceId == "{device}" and Category == "C2DCommands" '
                                 "| project TimeGenerated, OperationName, Protocol, StatusCode | order by TimeGenerated asc")
            return rows if sorted(row["OperationName"] for row in rows) == sorted(wanted) else None

        return eventually(look, what=f"the records {wanted} of {device}")

    def waiting(self, device):
        return self.site.cli("device", "messages", device)["items"]

    def test_to_microsofts_sdk(self):
        identity = self.device("c2d-sdk")
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=identity)
            device.call("listen", settle="complete")
            sent = self.site.cli("device", "send", "c2d-sdk", '{"valve":"close"}', "--message-id", "m-1",
                                 "--correlation-id", "c-1", "--content-type", "application/json", "--ack", "full",
                                 "--property", "urgent=yes & no", "--property", "ö=ä")
            self.assertEqual(sent["messageId"], "m-1")
            got = device.news("message")
            self.assertEqual(got["body"], '{"valve":"close"}')
            self.assertEqual(got["messageId"], "m-1")
            self.assertEqual(got["correlationId"], "c-1")
            self.assertEqual(got["properties"]["urgent"], "yes & no")
            self.assertEqual(got["properties"]["ö"], "ä")
            records = self.operations("c2d-sdk", "send", "deliver", "complete")
            self.assertEqual({row["OperationName"]: row["Protocol"] for row in records},
                             {"send": "HTTPS", "deliver": "MQTT", "complete": "MQTT"})
            self.assertEqual(self.waiting("c2d-sdk"), [])
            device.call("close")

    def test_methods_of_microsofts_sdk(self):
        identity = self.device("method-sdk")
        call = ["device", "method", "method-sdk", "reboot", "--payload", '{"delay":5}']
        offline = self.site.cli(*call, check=False)
        self.assertNotEqual(offline.returncode, 0)
        self.assertIn("not connected", offline.stderr)
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=identity)
            device.call("answerMethod", method="reboot", status=207, payload={"ok": [1, None]})
            # The subscription is on its way: so wait for it.
            answer = self.site.cli(*call, "--connect-timeout", "30")
            self.assertEqual(answer, {"status": 207, "payload": {"ok": [1, None]}})
            self.assertEqual(device.news("method")["payload"], {"delay": 5})
            device.call("close")
        # The workspace follows a moment later.
        records = eventually(lambda: (lambda rows: rows if len(rows) >= 2 else None)(self.records(
            "method-sdk", 'where Category == "DirectMethods" | order by TimeGenerated asc')), what="both calls")
        self.assertEqual([row["StatusCode"] for row in records], [404, 200])
        self.assertEqual(records[0]["SubCode"], 404103)

    def test_inputs_of_modules(self):
        self.device("c2d-input")
        identity = self.site.cli("module", "create", "c2d-input", "m")["connectionString"]
        with Client(self.site, identity) as module:
            module.resume()
            self.assertEqual(module.subscribe("devices/c2d-input/modules/m/inputs/#"), [1])
            self.site.cli("module", "send", "c2d-input", "m", "in1", "hello", "--property", "k=v")
            topic, payload, number, _ = module.message()
            self.assertTrue(topic.startswith("devices/c2d-input/modules/m/inputs/in1/%24.mid="), topic)
            self.assertTrue(topic.endswith("&k=v"), topic)
            self.assertEqual(payload, "hello")
            module.puback(number)
            self.operations("c2d-input", "send", "deliver", "complete")

    def test_wait_through_a_restart_for_a_session_that_is_kept(self):
        identity = self.device("c2d-kept")
        with Client(self.site, identity) as device:
            self.assertFalse(device.resume())
            self.assertEqual(device.subscribe("devices/c2d-kept/messages/devicebound/#", qos=2), [1])
            self.site.cli("device", "send", "c2d-kept", "taken, not acknowledged", "--message-id", "m-1")
            self.assertIn("%24.mid=m-1", device.message()[0])
        self.site.cli("device", "send", "c2d-kept", "second", "--message-id", "m-2")
        self.site.hub.kill()
        self.site.start_hub()
        with Client(self.site, identity) as device:
            self.assertTrue(device.resume())
            for wanted in ("m-1", "m-2"):
                topic, _, number, _ = device.message()
                self.assertIn(f"%24.mid={wanted}", topic)
                device.puback(number)
            eventually(lambda: not self.waiting("c2d-kept"), what="an empty queue")

    def test_rules_of_the_protocol(self):
        identity = self.device("c2d-rules")
        with Client(self.site, identity) as device:
            device.resume()
            self.assertEqual(device.subscribe("devices/another/messages/devicebound/#", "whatever/#"), [0x80, 0x80])
            device.publish_raw("devices/c2d-rules/messages/events/a=b", b"kept by nobody", flags=0x03)
            self.assertEqual(device.read(), (0x40, b"\x00\x09"))
        for topic, flags in (("devices/another/messages/events/", 0x02), ("nonsense", 0x00),
                             ("devices/c2d-rules/messages/events/", 0x04)):
            with Client(self.site, identity) as device:
                device.resume()
                device.publish_raw(topic, b"x", flags)
                self.assertTrue(device.closed(), topic)
        with Client(self.site, identity) as device:
            device.resume()
            device.send(mqtt.packet(0x82, struct.pack(">H", 1) + b"".join(
                mqtt.text(f"unknown/{n}") + b"\x00" for n in range(6))))
            self.assertTrue(device.closed())
        reasons = {row["Reason"] for row in self.records(
            "c2d-rules", 'where OperationName == "deviceDisconnect" and Reason in '
                         '("topic_not_served", "qos_not_served", "subscriptions") | project Reason')}
        eventually(lambda: {row["Reason"] for row in self.records(
            "c2d-rules", 'where OperationName == "deviceDisconnect" | project Reason')} >=
            {"topic_not_served", "qos_not_served", "subscriptions"}, what=f"the three reasons, not only {reasons}")

    def test_limits_and_purge(self):
        self.device("c2d-full")
        url, authorization = self.site.endpoints["https"], self.authorization()
        statuses = [self.post(url, authorization, "/api/v1/devices/c2d-full/messages", {"body": str(n), "ack": "negative"})
                    for n in range(51)]
        self.assertEqual(statuses, [202] * 50 + [429])
        self.assertEqual(self.post(url, authorization, "/api/v1/devices/c2d-full/messages", {"body": "x" * 65_536}), 413)
        self.assertEqual(self.site.cli("device", "purge", "c2d-full"), {"purged": 50})
        wanted = {("send", 403), ("send", 413), ("purge", 200)}

        def unusual():
            rows = self.records("c2d-full", 'where Category == "C2DCommands" and OperationName in ("purge", "send") and '
                                'not(StatusCode == 202 or (OperationName == "send" and StatusCode == 200))')
            return {(row["OperationName"], row["StatusCode"]) for row in rows}

        eventually(lambda: unusual() >= wanted, what="the workspace")
        self.assertEqual(unusual(), wanted)

    def test_many_calls_at_once_do_not_block_the_hub(self):
        identity = self.device("method-slow")
        with Client(self.site, identity) as device:
            device.resume()
            device.subscribe("$iothub/methods/POST/#", qos=0)
            answers = []
            calls = [threading.Thread(target=lambda n=n: answers.append(
                self.site.cli("device", "method", "method-slow", f"m{n}"))) for n in range(8)]
            for call in calls:
                call.start()
            topics = [device.message()[0] for _ in calls]
            # All wait for their answers; the hub serves others meanwhile.
            self.assertEqual(self.waiting("method-slow"), [])
            for topic in topics:
                device.publish_raw("$iothub/methods/res/200/?$rid=" + topic.partition("$rid=")[2],
                                   json.dumps(topic.split("/")[3]).encode())
            for call in calls:
                call.join(60)
        self.assertEqual(sorted(answer["payload"] for answer in answers), [f"m{n}" for n in range(8)])

    def authorization(self):
        parts = mqtt.parse_connection_string(self.site.credentials["serviceConnectionString"])
        name = parts["SharedAccessKeyName"]
        return f'{mqtt.sas(parts["HostName"].partition(":")[0], parts["SharedAccessKey"])}&skn={name}'

    def post(self, url, authorization, path, body):
        answer = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", self.site.ca, "-H",
             f"Authorization: {authorization}", "-H", "Content-Type: application/json", "--data-binary", "@-",
             url + path], input=json.dumps(body), capture_output=True, text=True, timeout=30, check=True)
        return int(answer.stdout)


if __name__ == "__main__":
    import unittest
    unittest.main()
