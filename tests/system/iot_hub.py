"""Just enough of Azure IoT Hub's MQTT side for one device: it acknowledges messages and keeps a twin.

Written against Microsoft's description of the protocol and not against Vedette's hub, so that an agent
that works with it does not lean on ours."""
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

from mqtt import packet, text

OBJECT = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"


def merge(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class IotHub:
    """Listens on a port of its own until stop(); start() again keeps the port. Use as a context manager."""

    def __init__(self, folder, answers=True):
        self.certificate = folder / "hub.pem"
        key = folder / "hub.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", self.certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.certificate, key)
        self.port = 0
        self.lock = threading.RLock()
        self.messages = []  # (when, payload bytes)
        self.topics = []
        self.desired, self.reported = {}, {}
        self.version = 1
        self.answers = answers
        self._listener = None
        self._peers = []
        self._threads = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def connection_string(self):
        return (f"HostName=localhost:{self.port};DeviceId=dev;ModuleId=azureiotsecurity;"
                "SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==")

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept, self._listener)

    def stop(self):
        """As if the network were gone."""
        with self.lock:
            listener, self._listener = self._listener, None
            peers, self._peers = self._peers, []
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for peer in peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            peer.close()
        for thread in self._threads:
            thread.join(10)
        self._threads = []

    def patch_desired(self, settings):
        """Changes settings (name: value; None takes one back), as an operator would."""
        members = {name: None if value is None else {"value": value} for name, value in settings.items()}
        self.patch_raw({OBJECT: members})

    def patch_raw(self, patch):
        with self.lock:
            self.desired = merge(self.desired, patch)
            self.version += 1
            topic = f"$iothub/twin/PATCH/properties/desired/?$version={self.version}"
            body = text(topic) + json.dumps({**patch, "$version": self.version}).encode()
            for peer in self._peers:
                self._send(peer, packet(0x30, body))

    def settings(self):
        """The reported settings by name."""
        with self.lock:
            return dict(self.reported.get(OBJECT, {}))

    def events(self, name=None):
        """(when, event) of those that arrived, each once."""
        with self.lock:
            messages = list(self.messages)
        seen, found = set(), []
        for when, payload in messages:
            for event in json.loads(payload)["Events"]:
                if event["Id"] not in seen and name in (None, event["Name"]):
                    found.append((when, event))
                seen.add(event["Id"])
        return found

    # --- One connection each ---

    def _spawn(self, what, *args):
        thread = threading.Thread(target=what, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
                plain.settimeout(10)
                peer = self._tls.wrap_socket(plain, server_side=True)
                peer.settimeout(None)
            except ssl.SSLError:
                continue
            except OSError:
                return
            with self.lock:
                if self._listener is not listener:
                    peer.close()
                    return
            self._spawn(self._serve, peer)

    def _send(self, peer, data):
        with self.lock:
            try:
                peer.sendall(data)
            except OSError:
                pass

    @staticmethod
    def _exactly(peer, count):
        data = b""
        while len(data) < count:
            piece = peer.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _serve(self, peer):
        try:
            while True:
                kind = self._exactly(peer, 1)[0]
                length = shift = 0
                while True:
                    byte = self._exactly(peer, 1)[0]
                    length |= (byte & 0x7F) << shift
                    shift += 7
                    if not byte & 0x80:
                        break
                self._take(peer, kind, self._exactly(peer, length))
        except (EOFError, OSError):
            with self.lock:
                if peer in self._peers:
                    self._peers.remove(peer)
            peer.close()

    def _take(self, peer, kind, body):
        if kind == 0x10:
            with self.lock:
                self._peers.append(peer)
            self._send(peer, packet(0x20, b"\x00\x00"))
        elif kind == 0x82:
            count, at = 0, 2
            while at < len(body):
                at += 3 + struct.unpack(">H", body[at:at + 2])[0]
                count += 1
            self._send(peer, packet(0x90, body[:2] + b"\x00" * count))
        elif kind == 0xC0:
            self._send(peer, packet(0xD0, b""))
        elif kind & 0xF0 == 0x30:
            size = struct.unpack(">H", body[:2])[0]
            topic, rest = body[2:2 + size].decode(), body[2 + size:]
            if kind & 0x06:
                number, rest = rest[:2], rest[2:]
            if topic.startswith("$iothub/twin/"):
                self._twin(peer, topic, rest)
                return
            with self.lock:
                self.messages.append((time.monotonic(), rest))
                self.topics.append(topic)
            if kind & 0x06 and self.answers:
                self._send(peer, packet(0x40, number))

    def _twin(self, peer, topic, payload):
        request = urllib.parse.parse_qs(topic.partition("?")[2])["$rid"][0]
        with self.lock:
            if topic.startswith("$iothub/twin/GET/"):
                answer = json.dumps({"desired": {**self.desired, "$version": self.version},
                                     "reported": {**self.reported, "$version": 1}}).encode()
                self._send(peer, packet(0x30, text(f"$iothub/twin/res/200/?$rid={request}") + answer))
            else:
                self.reported = merge(self.reported, json.loads(payload))
                self._send(peer, packet(0x30, text(f"$iothub/twin/res/204/?$rid={request}&$version=2")))
