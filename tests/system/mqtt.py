"""A minimal MQTT 3.1.1 client over TLS, so that tests can say things no library would."""
import base64
import hashlib
import hmac
import json
import socket
import ssl
import struct
import time
import urllib.parse
import uuid


def parse_connection_string(text):
    return dict(part.split("=", 1) for part in text.strip().split(";"))


def sas(resource, key, expiry=None):
    scope = urllib.parse.quote(resource, safe="")
    expiry = str(int(time.time()) + 3600 if expiry is None else expiry)
    digest = hmac.new(base64.b64decode(key), f"{scope}\n{expiry}".encode(), hashlib.sha256).digest()
    return f"SharedAccessSignature sr={scope}&sig={urllib.parse.quote(base64.b64encode(digest), safe='')}&se={expiry}"


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, body):
    size = b""
    length = len(body)
    while True:
        length, low = divmod(length, 128)
        size += bytes([low | (0x80 if length else 0)])
        if not length:
            return bytes([kind]) + size + body


def security_message(events):
    return json.dumps({"AgentVersion": "0.0.1", "AgentId": str(uuid.uuid4()), "MessageSchemaVersion": "1.0",
                       "Events": events})


def process_create(command_line, **fields):
    event = {"Id": str(uuid.uuid4()), "TimestampLocal": "2026-01-02T03:04:05.000Z",
             "TimestampUTC": "2026-01-02T03:04:05.000Z", "Category": "Triggered", "Name": "ProcessCreate",
             "EventType": "Security", "IsEmpty": False, "PayloadSchemaVersion": "1.0",
             "Payload": [{"Executable": "/bin/sh", "ProcessId": 10, "ParentProcessId": 1, "UserId": "0",
                          "CommandLine": command_line}]}
    event.update(fields)
    return event


class Client:
    def __init__(self, site, connection_string, **overrides):
        parts = parse_connection_string(connection_string)
        self.device = overrides.get("device", parts["DeviceId"])
        self.module = parts.get("ModuleId")
        self.identity = f"{self.device}/{self.module}" if self.module else self.device
        host = parts["HostName"].partition(":")[0]
        resource = f"{host}/devices/{self.device}" + (f"/modules/{self.module}" if self.module else "")
        self.username = f"{host}/{self.identity}/?api-version=2021-04-12&DeviceClientType=test"
        self.password = overrides.get("password") or sas(resource, overrides.get("key", parts["SharedAccessKey"]),
                                                         overrides.get("expiry"))
        context = ssl.create_default_context(cafile=site.ca)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", site.ports[0]), timeout=15),
                                          server_hostname="localhost")
        self.next_id = 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError("the hub closed the connection")
            data += piece
        return data

    def read(self):
        kind = self.read_exactly(1)[0]
        length = shift = 0
        while True:
            byte = self.read_exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return kind, self.read_exactly(length)

    def closed(self):
        """True when the hub ends the connection without another word."""
        try:
            self.read()
        except (EOFError, ConnectionError, ssl.SSLError):
            return True
        return False

    def connect(self):
        """The CONNACK return code."""
        body = text("MQTT") + b"\x04\xc0" + struct.pack(">H", 60) + text(self.identity) + text(self.username) + text(
            self.password)
        self.send(packet(0x10, body))
        kind, answer = self.read()
        assert kind == 0x20, hex(kind)
        return answer[1]

    def topic(self, security=True):
        bag = "%24.ct=application%2Fjson&%24.ce=utf-8"
        if security:
            bag += "&%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1"
        middle = f"{self.device}/modules/{self.module}" if self.module else self.device
        return f"devices/{middle}/messages/events/{bag}"

    def publish(self, payload, security=True, qos=1):
        """Sends without waiting; the packet identifier."""
        number = self.next_id
        self.next_id += 1
        data = payload.encode() if isinstance(payload, str) else payload
        self.send(packet(0x30 | qos << 1, text(self.topic(security)) + (struct.pack(">H", number) if qos else b"") + data))
        return number

    def acknowledged(self, payload, security=True):
        """Publishes and waits for the PUBACK."""
        number = self.publish(payload, security)
        kind, answer = self.read()
        return kind == 0x40 and struct.unpack(">H", answer)[0] == number
