"""A minimal AMQP 1.0 client over TLS, so that tests can say things no library would: SASL PLAIN, one session, links
to send on. What it does not need to understand it passes over."""
import socket
import ssl
import struct

from mqtt import parse_connection_string, sas

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
MECHANISMS, INIT, OUTCOME = 0x40, 0x41, 0x44
ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x24, 0x28)
SASL_HEADER, AMQP_HEADER = b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x01\x00\x00"
SECURITY = {"iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1"}


class Symbol(str):
    pass


class Uint(int):
    pass


class Ushort(int):
    pass


class Ubyte(int):
    pass


class Described:
    """A value with a descriptor: performatives, sections, outcomes, ends of links."""

    def __init__(self, code, value):
        self.code, self.value = code, value

    def __repr__(self):
        return f"Described({self.code:#x}, {self.value!r})"


def _sized(small, large, data, count=None):
    extra = b"" if count is None else bytes([count]) if len(data) < 254 and count < 256 else struct.pack(">I", count)
    if len(data) + len(extra) < 256 and (count is None or len(extra) == 1):
        return bytes([small, len(data) + len(extra)]) + extra + data
    if count is not None:
        extra = struct.pack(">I", count)
    return bytes([large]) + struct.pack(">I", len(data) + len(extra)) + extra + data


def encode(value):
    """Bytes of a value; a list is AMQP's list, a dictionary its map with symbols for keys."""
    match value:
        case None:
            return b"\x40"
        case bool():
            return b"\x41" if value else b"\x42"
        case Described():
            return b"\x00\x53" + bytes([value.code]) + encode(value.value)
        case Symbol():
            return _sized(0xA3, 0xB3, value.encode())
        case str():
            return _sized(0xA1, 0xB1, value.encode())
        case bytes():
            return _sized(0xA0, 0xB0, value)
        case Uint():
            return b"\x70" + struct.pack(">I", value)
        case Ushort():
            return b"\x60" + struct.pack(">H", value)
        case Ubyte():
            return b"\x50" + bytes([value])
        case int():
            return b"\x80" + struct.pack(">Q", value)
        case list():
            return _sized(0xC0, 0xD0, b"".join(map(encode, value)), len(value))
        case dict():
            return _sized(0xC1, 0xD1, b"".join(encode(Symbol(k)) + encode(v) for k, v in value.items()), 2 * len(value))
    raise TypeError(value)


FIXED = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}


def decode(data, at=0):
    """(value, where it ends). Maps and arrays come as lists."""
    kind = data[at]
    at += 1
    if kind == 0:
        code, at = decode(data, at)
        value, at = decode(data, at)
        return Described(code, value), at
    if kind in FIXED:
        return FIXED[kind], at
    width = {5: 1, 6: 2, 7: 4, 8: 8, 9: 16}.get(kind >> 4)
    if width:
        return int.from_bytes(data[at:at + width], "big"), at + width
    size_bytes = 1 if kind >> 4 in (0xA, 0xC, 0xE) else 4
    size = int.from_bytes(data[at:at + size_bytes], "big")
    at += size_bytes
    piece, end = data[at:at + size], at + size
    if kind >> 4 in (0xA, 0xB):
        return (piece.decode() if kind & 0xF in (1, 3) else piece), end
    if kind >> 4 in (0xE, 0xF):
        return piece, end
    items, inner = [], size_bytes
    for _ in range(int.from_bytes(piece[:size_bytes], "big")):
        item, inner = decode(piece, inner)
        items.append(item)
    return items, end


def frame(performative, payload=b"", sasl=False, channel=0):
    body = (encode(performative) if performative is not None else b"") + payload
    return struct.pack(">IBBH", len(body) + 8, 2, 1 if sasl else 0, channel) + body


def message(body, annotations=None, properties=None):
    data = body.encode() if isinstance(body, str) else body
    sections = [Described(0x72, annotations)] if annotations else []
    if properties:
        sections.append(Described(0x74, dict(properties)))
    return b"".join(encode(section) for section in [*sections, Described(0x75, data)])


class Refused(Exception):
    """The hub closed, or said no; carries the performative that said so."""


class Client:
    """A device's or module's connection. Use as a context manager."""

    def __init__(self, site, connection_string, **overrides):
        parts = parse_connection_string(connection_string)
        self.device, self.module = overrides.get("device", parts["DeviceId"]), parts.get("ModuleId")
        host = parts["HostName"].partition(":")[0]
        self.path = f"/devices/{self.device}" + (f"/modules/{self.module}" if self.module else "")
        self.user = self.path.removeprefix("/devices/") + f"@sas.{host}"
        self.password = overrides.get("password") or sas(host + self.path, overrides.get("key", parts["SharedAccessKey"]),
                                                         overrides.get("expiry"))
        context = overrides.get("context") or ssl.create_default_context(cafile=site.ca)
        plain = socket.create_connection(("127.0.0.1", site.amqp_port), timeout=30)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.next_delivery = 0
        self.credit = 0

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
        """(performative or None for a heartbeat, payload)."""
        size, offset, _, _ = struct.unpack(">IBBH", self.read_exactly(8))
        body = self.read_exactly(size - 8)[offset * 4 - 8:]
        if not body:
            return None, b""
        performative, end = decode(body)
        return performative, body[end:]

    def expect(self, code):
        """The next performative of that kind; what comes in between is passed over, but for a goodbye."""
        while True:
            performative, _ = self.read()
            if performative is None:
                continue
            if performative.code == FLOW and len(performative.value) > 6 and performative.value[6] is not None:
                self.credit = performative.value[6]
            if performative.code == code:
                return performative.value
            if performative.code in (CLOSE, END, DETACH):
                raise Refused(performative)

    def log_in(self, mechanism="PLAIN", response=None):
        """SASL's outcome: 0 when it is well."""
        self.send(SASL_HEADER)
        assert self.read_exactly(8) == SASL_HEADER
        self.expect(MECHANISMS)
        if response is None:
            response = f"\0{self.user}\0{self.password}".encode()
        self.send(frame(Described(INIT, [Symbol(mechanism), response, "localhost"]), sasl=True))
        return self.expect(OUTCOME)[0]

    def open(self):
        self.send(AMQP_HEADER + frame(Described(OPEN, ["test", "localhost", Uint(65536), Ushort(1)])) +
                  frame(Described(BEGIN, [None, Uint(0), Uint(2048), Uint(2048)])))
        assert self.read_exactly(8) == AMQP_HEADER
        # Longer frames the hub does not take.
        self.max_frame = self.expect(OPEN)[2]
        self.expect(BEGIN)

    def attach(self, address, handle=0):
        """A link to send on, by default settled by the hub's word."""
        self.send(frame(Described(ATTACH, [
            f"link-{handle}", Uint(handle), False, None, None, Described(0x28, [address]), Described(0x29, [address]),
            None, None, Uint(0)])))
        self.expect(ATTACH)
        self.expect(FLOW)

    def connect(self):
        """As far as the link for events; SASL's outcome when that is not well."""
        outcome = self.log_in()
        if outcome == 0:
            self.open()
            self.attach(f"{self.path}/messages/events")
        return outcome

    def publish(self, body, security=True, handle=0):
        """Sends without waiting; the number of the delivery."""
        number = self.next_delivery
        self.next_delivery += 1
        payload = message(body, SECURITY if security else None)
        piece = self.max_frame - 100  # a transfer's own fields
        for at in range(0, len(payload), piece):
            more = at + piece < len(payload)
            self.send(frame(Described(TRANSFER, [Uint(handle), Uint(number), struct.pack(">I", number), Uint(0), False, more]),
                            payload[at:at + piece]))
        return number

    def settled(self):
        """The next verdict of the hub: first and last delivery, and the outcome's code."""
        role, first, last, _, state = (self.expect(DISPOSITION) + [None] * 5)[:5]
        assert role is True, "a disposition of a receiver"
        return first, first if last is None else last, state.code if state else None

    def acknowledged(self, body, security=True):
        """Publishes and waits for the verdict on it."""
        number = self.publish(body, security)
        while True:
            first, last, outcome = self.settled()
            if first <= number <= last:
                return outcome == ACCEPTED

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
