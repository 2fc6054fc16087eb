"""A controller that speaks EtherNet/IP (ODVA: EtherNet/IP adaptation of CIP), since neither Debian nor npm has a server:
`cip.py ADDRESS`. Sessions, identities by UDP and TCP, explicit messages with and without connection, the identity object,
reading and writing of tags.
"""
import socket
import socketserver
import struct
import sys
import threading

PORT = 44818
VENDOR, KIND, PRODUCT, REVISION, SERIAL, NAME = 1, 14, 107, (32, 11), 0x60B4F11C, b"1769-L33ER/A LOGIX5333ER"
RUNNING = 0x3060
REAL, DINT, BOOL = 0xCA, 0xC4, 0xC1
TAGS = {"LineSpeed": [REAL, struct.pack("<f", 41.5)], "Count": [DINT, struct.pack("<i", 1207)], "Start": [BOOL, b"\1"]}
SOME_SESSION, SOME_CONNECTION = 0x21C40001, 0x5B2A0001


def identity():
    return struct.pack("<HHHBBHI", VENDOR, KIND, PRODUCT, *REVISION, RUNNING, SERIAL) + bytes([len(NAME)]) + NAME


def frame(command, session, data=b"", status=0, context=bytes(8)):
    return struct.pack("<HHII8sI", command, len(data), session, status, context, 0) + data


def list_identity(address, context):
    item = struct.pack("<H", 1) + struct.pack(">HHI", 2, PORT, int.from_bytes(socket.inet_aton(address), "big")) + bytes(8)
    item += identity() + b"\3"
    return frame(0x63, 0, struct.pack("<HHH", 1, 0x0C, len(item)) + item, 0, context)


def path_of(path):
    """({"class": .., "instance": .., "attribute": ..}, name of a tag) of an EPATH."""
    where, name, at = {}, "", 0
    while at < len(path):
        kind = path[at]
        if kind == 0x91:
            size = path[at + 1]
            name = path[at + 2:at + 2 + size].decode("latin-1")
            at += 2 + size + size % 2
        else:
            part = {0: "class", 4: "instance", 16: "attribute"}.get(kind & 0x1C, "other")
            wide = kind & 3
            where[part] = path[at + 1] if not wide else struct.unpack_from("<H", path, at + 2)[0]
            at += 4 if wide else 2
    return where, name


def reply(service, status, data=b""):
    return bytes([service | 0x80, 0, status, 0]) + data


def serve_request(message):
    """The answer to a request of the message router."""
    service, words = message[0], message[1]
    where, tag = path_of(message[2:2 + 2 * words])
    data = message[2 + 2 * words:]
    if where.get("class") == 6:
        return manage_connection(service, data)
    if where.get("class") == 1 and service == 0x01:
        return reply(service, 0, identity())
    if tag:
        return serve_tag(service, tag, data)
    return reply(service, 0x08)  # service not supported


def manage_connection(service, data):
    if service == 0x52:
        size = struct.unpack_from("<H", data, 2)[0]
        return serve_request(data[4:4 + size])
    if service == 0x54:
        target, serial, vendor, origin, interval = struct.unpack_from("<IHHI4xI", data, 6)
        return reply(service, 0, struct.pack("<IIHHIIIBB", SOME_CONNECTION, target, serial, vendor, origin, interval, interval,
                                             0, 0))
    if service == 0x4E:
        return reply(service, 0, data[2:10] + b"\0\0")
    return reply(service, 0x08)


def serve_tag(service, tag, data):
    if tag not in TAGS:
        return reply(service, 0x05, b"")  # path unknown
    if service == 0x4C:
        return reply(service, 0, struct.pack("<H", TAGS[tag][0]) + TAGS[tag][1])
    if service == 0x4D:
        TAGS[tag][1] = data[4:]
        return reply(service, 0)
    return reply(service, 0x08)


def items_of(data):
    count, at = struct.unpack_from("<H", data, 6)[0], 8
    for _ in range(count):
        kind, size = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4:at + 4 + size]
        at += 4 + size


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(24)) == 24:
            command, size, session, _, context, _ = struct.unpack("<HHII8sI", head)
            data = self.rfile.read(size)
            if command == 0x66:
                return
            answer = self.answer(command, session, context, data)
            if answer:
                self.wfile.write(answer)

    def answer(self, command, session, context, data):
        if command == 0x65:
            return frame(command, SOME_SESSION, data, 0, context)
        if command == 0x63:
            return list_identity(self.request.getsockname()[0], context)
        if command not in (0x6F, 0x70):
            return frame(command, session, b"", 1, context)
        items = dict(items_of(data))
        if command == 0x6F:
            said = serve_request(items[0xB2])
            body = struct.pack("<IHHHHHH", 0, 0, 2, 0, 0, 0xB2, len(said)) + said
        else:
            said = items[0xB1][:2] + serve_request(items[0xB1][2:])
            body = struct.pack("<IHHHHIHH", 0, 0, 2, 0xA1, 4, SOME_CONNECTION, 0xB1, len(said)) + said
        return frame(command, session, body, 0, context)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def answer_datagrams(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("", PORT))
        while True:
            data, sender = heard.recvfrom(1500)
            if len(data) >= 24 and data[:2] == b"\x63\0":
                heard.sendto(list_identity(address, data[12:20]), sender)


if __name__ == "__main__":
    threading.Thread(target=answer_datagrams, args=(sys.argv[1],), daemon=True).start()
    with Server((sys.argv[1], PORT), Session) as server:
        print("ready", flush=True)
        server.serve_forever()
