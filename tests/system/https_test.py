"""Devices over HTTPS and in web sockets, and what nobody's SDK would send: what the hub answers, and that
it goes on serving everybody else."""
import os
import socket
import ssl
import time
import unittest

import https
from harness import Site, eventually
from mqtt import packet, parse_connection_string, process_create, sas, security_message, text

LIMIT = 256 * 1024
UPGRADE = ("GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


class Socket:
    """A TLS connection to the HTTPS port. Use as a context manager."""

    def __init__(self, site):
        context = ssl.create_default_context(cafile=site.ca)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", site.ports[1]), timeout=30),
                                          server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError("the hub closed the connection")
            data += piece
        return data

    def read_header(self):
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            header += self.read(1)
        return header.decode()

    def closed(self):
        """True when the hub ends the connection, whatever it says before."""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        except TimeoutError:
            return False
        return True

    def upgrade(self, protocols="mqtt"):
        self.send(UPGRADE + f"Sec-WebSocket-Protocol: {protocols}\r\n\r\n")
        return self.read_header()

    def send_frame(self, payload, opcode=2, masked=True, fin=True):
        size = len(payload)
        head = bytes([opcode | (0x80 if fin else 0)])
        mask = os.urandom(4) if masked else b""
        flag = 0x80 if masked else 0
        if size < 126:
            head += bytes([flag | size])
        elif size < 65536:
            head += bytes([flag | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([flag | 127]) + size.to_bytes(8, "big")
        if masked:
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.send(head + mask + payload)

    def read_frame(self):
        first, size = self.read(2)
        if size == 126:
            size = int.from_bytes(self.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self.read(8), "big")
        return first & 0x0F, self.read(size)


def mqtt_connect(identity):
    parts = parse_connection_string(identity)
    device = parts["DeviceId"]
    password = sas(f"localhost/devices/{device}", parts["SharedAccessKey"])
    return packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + text(device) +
                  text(f"localhost/{device}/?api-version=2021-04-12") + text(password))


def publish(device, payload, number=1):
    return packet(0x32, text(f"devices/{device}/messages/events/") + number.to_bytes(2, "big") + payload)


class Hub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = cls.enterClassContext(Site())
        (cls.site.hub_dir / "conf.d").mkdir(exist_ok=True)
        (cls.site.hub_dir / "conf.d/test.toml").write_text(
            '[mqtt]\nlogin_timeout = "2s"\n[uploads]\nmax_file = "1 MiB"\nmax_total = "3 MiB"\nmax_open = 2\n')
        cls.site.start_hub()

    def device(self, name):
        return self.site.cli("device", "create", name)["connectionString"]

    def records(self, query):
        return eventually(lambda: self.site.kql(f"IoTHubOperations | {query}"), what=f"records: {query}")

    def send(self, identity, body, headers=None, **overrides):
        device = parse_connection_string(identity)["DeviceId"]
        return https.request(self.site, "POST", f"/devices/{device}/messages/events{https.VERSION}", body, headers,
                             https.device_token(identity, **overrides))

    def tearDown(self):
        # Whatever happened, the others are still served.
        self.assertEqual(https.api(self.site, "GET", "/status").status, 200)


class Requests(Hub):
    def test_events(self):
        identity = self.device("events-1")
        security = {"iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1"}
        message = security_message([process_create("over https")])
        self.assertEqual(self.send(identity, message, security).status, 204)
        # In chunks, whose sum nobody announced.
        self.assertEqual(self.send(identity, (piece.encode() for piece in ("2", "1.", "5")),
                                   {"iothub-app-Unit": "C"}).status, 204)
        self.assertTrue(eventually(lambda: self.site.kql('SecurityIoTRawEvent | where DeviceId == "events-1"'),
                                   what="the event"))
        # With the second answer the second record is there, too.
        sent = eventually(lambda: (lambda found: len(found) == 2 and found)(
            self.site.kql('IoTHubOperations | where DeviceId == "events-1" and OperationName == "ingress"')),
            what="a record for each")
        self.assertEqual({(each["StatusCode"], each["Protocol"]) for each in sent}, {(200, "HTTPS")})

    def test_too_much(self):
        identity = self.device("large-1")
        self.assertEqual(self.send(identity, "x" * LIMIT).status, 204)
        self.assertEqual(self.send(identity, "x" * (LIMIT + 1)).status, 413)
        # The answer comes while more is on its way, and is read all the same.
        self.assertEqual(self.send(identity, (b"y" * 65536 for _ in range(40))).status, 413)
        self.assertEqual(self.send(identity, "x", {"iothub-app-a": "b" * 20_000}).status, 413)
        self.assertTrue(self.records('where Reason == "message_too_large" and DeviceId == "large-1"'))

    def test_wrong_proofs(self):
        identity, other = self.device("proof-1"), self.device("proof-2")
        key = parse_connection_string(other)["SharedAccessKey"]
        for reason, overrides in (("sas_signature", {"key": key}), ("sas_expired", {"expiry": int(time.time()) - 60}),
                                  ("sas_scope", {"device": "proof-2"})):
            answer = self.send(identity, "x", **overrides)
            self.assertEqual(answer.status, 401, reason)
            self.assertTrue(answer.json()["Message"].startswith("ErrorCode:IotHubUnauthorizedAccess;"))
            self.assertTrue(self.records(f'where Reason == "{reason}" and DeviceId == "proof-1"'))

    def test_ids_that_are_no_ids(self):
        identity = self.device("ids-1")
        token = https.device_token(identity)
        for path in ("/devices/ids-1'%20OR%20'1'='1/messages/events", "/devices/..%2Fids-1/messages/events",
                     "/devices/%00/messages/events", "/devices/ids-1/messages/devicebound/%27%3B%20DROP%20TABLE%20x",
                     "/devices//messages/events"):
            answer = https.request(self.site, "DELETE" if "devicebound" in path else "POST", path + https.VERSION, "x",
                                   token=token)
            self.assertIn(answer.status, (400, 401, 404, 412), path)

    def test_slow_and_half_open_clients(self):
        identity = self.device("slow-1")
        with Socket(self.site) as half_open, Socket(self.site) as slow:
            half_open.send("POST /devices/slow-1/messages/events" + https.VERSION + " HTTP/1.1\r\nHost: localhost\r\n"
                           f"Authorization: {https.device_token(identity)}\r\nContent-Length: 100\r\n\r\nonly a part")
            slow.send("GET /heal")
            # Nobody waits for them.
            self.assertEqual(self.send(identity, "x").status, 204)
            half_open.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(half_open.closed())


class Files(Hub):
    def link(self, identity, name="f.bin"):
        device = parse_connection_string(identity)["DeviceId"]
        answer = https.request(self.site, "POST", f"/devices/{device}/files{https.VERSION}", {"blobName": name},
                               token=https.device_token(identity))
        self.assertEqual(answer.status, 200, answer.body)
        link = answer.json()
        return link, f"/{link['containerName']}/{link['blobName']}{link['sasToken']}"

    def notify(self, identity, link, success=True):
        device = parse_connection_string(identity)["DeviceId"]
        return https.request(self.site, "POST", f"/devices/{device}/files/notifications{https.VERSION}",
                             {"correlationId": link["correlationId"], "isSuccess": success, "statusCode": 201},
                             token=https.device_token(identity)).status

    def test_a_file_and_its_limits(self):
        identity = self.device("files-1")
        link, target = self.link(identity)
        self.assertEqual(self.notify(identity, link), 412, "there is no content yet")
        self.assertEqual(https.request(self.site, "PUT", target, b"z" * (1 << 20)).status, 201)
        self.assertEqual(https.request(self.site, "PUT", target, b"z").status, 201)
        self.assertEqual(self.notify(identity, link), 204)
        stored = f"/devices/files-1/uploads/{link['correlationId']}"
        self.assertEqual(https.api(self.site, "GET", stored + "/content").body, b"z")

        _, second = self.link(identity)
        large = https.request(self.site, "PUT", second, (b"z" * 65536 for _ in range(17)))
        self.assertEqual((large.status, large.headers["x-ms-error-code"]), (413, "RequestBodyTooLarge"))
        self.link(identity)
        refused = https.request(self.site, "POST", f"/devices/files-1/files{https.VERSION}", {"blobName": "third"},
                                token=https.device_token(identity))
        self.assertEqual(refused.status, 403)
        self.assertTrue(self.records('where Category == "FileUploadOperations" and Reason == "message_too_large"'))
        # It is still there after a restart; what was never finished takes no space.
        self.site.hub.stop()
        self.site.start_hub()
        self.assertEqual(https.api(self.site, "GET", stored).json()["state"], "completed")
        self.assertEqual(https.api(self.site, "DELETE", stored).status, 204)
        self.assertEqual(https.api(self.site, "GET", stored).status, 404)

    def test_links_that_are_no_links(self):
        identity = self.device("links-1")
        link, target = self.link(identity)
        for forged in (target.replace("/links-1/", "/links-2/"), target.replace("f.bin", "g.bin"),
                       target.replace("se=2", "se=3"), target.partition("?")[0], target.replace("sig=", "sig=AA")):
            answer = https.request(self.site, "PUT", forged, b"forged")
            self.assertIn(answer.status, (400, 403), forged)
        self.assertEqual(https.request(self.site, "GET", target).status, 400)
        self.assertEqual(self.notify(identity, link, success=False), 204)
        self.assertEqual(https.request(self.site, "PUT", target, b"late").status, 404)
        for name in ("../../etc/passwd", "a/../../b", "/abs", "a//b", "\u0001"):
            answer = https.request(self.site, "POST", f"/devices/links-1/files{https.VERSION}", {"blobName": name},
                                   token=https.device_token(identity))
            self.assertEqual(answer.status, 400, name)


class WebSockets(Hub):
    def test_mqtt_in_pieces(self):
        identity = self.device("ws-1")
        with Socket(self.site) as client:
            header = client.upgrade("soap, mqtt")
            self.assertIn(" 101 ", header)
            self.assertIn("sec-websocket-protocol: mqtt\r\n", header.lower())
            # Frames need not be packets, nor packets frames.
            whole = mqtt_connect(identity) + publish("ws-1", b"in pieces")
            client.send_frame(whole[:7], fin=False)
            client.send_frame(b"are you there", opcode=9)
            client.send_frame(whole[7:60], opcode=0)
            client.send_frame(whole[60:])
            answers = b""
            pongs = 0
            while len(answers) < 8:
                opcode, payload = client.read_frame()
                pongs += opcode == 10
                answers += payload if opcode == 2 else b""
            self.assertEqual((answers, pongs), (b"\x20\x02\x00\x00\x40\x02\x00\x01", 1))
            client.send_frame(packet(0xE0, b""))
            self.assertEqual(client.read_frame()[0], 8)
        ended = self.records('where DeviceId == "ws-1" and OperationName == "deviceDisconnect"')[0]
        self.assertEqual((ended["Protocol"], ended["StatusCode"]), ("MQTT_WS", 200))

    def test_what_is_no_mqtt(self):
        with Socket(self.site) as client:
            self.assertIn(" 400 ", client.upgrade("soap"))
        for frame in ({"payload": b"text", "opcode": 1}, {"payload": b"\xff" * 64}, {"payload": b"x", "masked": False},
                      {"payload": packet(0x30, b"\x00")}, {"payload": b"\x10\xff\xff\xff\x7f"}):
            with Socket(self.site) as client:
                self.assertIn(" 101 ", client.upgrade())
                client.send_frame(**frame)
                self.assertTrue(client.closed(), frame)

    def test_who_says_nothing_or_goes_without_a_word(self):
        identity = self.device("ws-2")
        with Socket(self.site) as silent, Socket(self.site) as gone:
            silent.upgrade()
            gone.upgrade()
            gone.send_frame(mqtt_connect(identity))
            self.assertEqual(gone.read_frame()[1], b"\x20\x02\x00\x00")
            gone.socket.shutdown(socket.SHUT_RDWR)
            self.assertTrue(silent.closed(), "no CONNECT in time")
        ended = self.records('where DeviceId == "ws-2" and OperationName == "deviceDisconnect"')[0]
        self.assertEqual(ended["Reason"], "peer_closed")

    def test_a_stop_acknowledges_what_was_taken(self):
        identity = self.device("ws-3")
        with Socket(self.site) as client:
            client.upgrade()
            client.send_frame(mqtt_connect(identity))
            client.read_frame()
            for number in range(1, 101):
                client.send_frame(publish("ws-3", b"x" * 500, number))
            acknowledged = b""
            while len(acknowledged) < 4:
                acknowledged += client.read_frame()[1]
            self.site.hub.stop()
            self.assertTrue(client.closed())
        self.site.start_hub()
        stopped = self.records('where DeviceId == "ws-3" and OperationName == "deviceDisconnect"')[0]
        self.assertEqual(stopped["StatusCode"], 200)


if __name__ == "__main__":
    unittest.main()
