"""Both ends of S7comm (RFC 1006, ISO 8073 class 0) as far as the plant needs them: neither Debian nor npm has a server.

`s7.py serve ADDRESS` is a controller of the S7-300 kind: setup, reading and writing variables, system status lists, stop and
restart. `s7.py engineer ADDRESS` is an engineering station: asks what the controller is, stops and restarts it.
"""
import socket
import socketserver
import struct
import sys
import time

PORT = 102
ORDER, VERSION = "6ES7 315-2EH14-0AB0", b"V\x03\x02\x08"
NAMES = {1: "PRESS-LINE-2", 2: "PLC_Press", 3: "Hall B", 4: "Original Siemens Equipment", 5: "S C-X4U421302009",
         7: "CPU 315-2 PN/DP"}
RUN, STOP = 0x08, 0x04
MEMORY = bytearray(4096)


def take(connection, size):
    got = b""
    while len(got) < size:
        part = connection.recv(size - len(got))
        if not part:
            raise EOFError
        got += part
    return got


def receive(connection):
    """The COTP packet of one TPKT."""
    size = struct.unpack(">BBH", take(connection, 4))[2]
    return take(connection, size - 4)


def send(connection, cotp):
    connection.sendall(struct.pack(">BBH", 3, 0, len(cotp) + 4) + cotp)


def send_s7(connection, kind, reference, parameter, data=b"", error=None):
    head = struct.pack(">BBHHHH", 0x32, kind, 0, reference, len(parameter), len(data))
    send(connection, b"\x02\xf0\x80" + head + (b"" if error is None else struct.pack(">H", error)) + parameter + data)


def status_list(number, state):
    """(length of a record, records) of the lists that are asked for."""
    if number == 0x0011:
        order = ORDER.ljust(20).encode()
        return 28, [struct.pack(">H20sHH", 1, order, 0xC0, 4) + b"\x00\x01", struct.pack(">H20sH", 7, order, 0xC0) + VERSION]
    if number == 0x001C:
        return 34, [struct.pack(">H32s", index, text.encode()) for index, text in NAMES.items()]
    if number == 0x0424:
        return 20, [struct.pack(">BBBB16x", 0x02, 0x51, 0xFF, state)]
    return 0, []


class Controller(socketserver.BaseRequestHandler):
    state = RUN

    def handle(self):
        try:
            request = receive(self.request)
            if request[1] >> 4 != 14:
                return
            # What was asked for is granted: the references change sides, the parameters stay.
            send(self.request, bytes([request[0], 0xD0]) + request[4:6] + b"\x00\x2c" + request[6:])
            while True:
                self.answer(receive(self.request)[3:])
        except (EOFError, ConnectionError):
            pass

    def answer(self, pdu):
        kind, _, reference, parameters, _ = struct.unpack(">BHHHH", pdu[1:10])
        parameter, data = pdu[10:10 + parameters], pdu[10 + parameters:]
        if kind == 7:
            return self.answer_user(reference, parameter, data)
        function = parameter[0]
        if function == 0xF0:
            return send_s7(self.request, 3, reference, parameter[:6] + struct.pack(">H", 240), b"", 0)
        if function == 0x04:
            return send_s7(self.request, 3, reference, parameter[:2], self.read(parameter), 0)
        if function == 0x05:
            return send_s7(self.request, 3, reference, parameter[:2], self.write(parameter, data), 0)
        if function in (0x28, 0x29):
            Controller.state = RUN if function == 0x28 else STOP
            return send_s7(self.request, 3, reference, parameter[:1], b"", 0)
        return send_s7(self.request, 2, reference, b"", b"", 0x8104)  # not implemented

    @staticmethod
    def items(parameter):
        for at in range(2, len(parameter), 12):
            size, count, _, _ = struct.unpack(">BHHB", parameter[at + 3:at + 9])
            first = int.from_bytes(parameter[at + 9:at + 12], "big")
            yield size, count, first

    def read(self, parameter):
        data = b""
        for size, count, first in self.items(parameter):
            if size == 1:
                value, head = bytes([MEMORY[first // 8] >> first % 8 & 1]), struct.pack(">BBH", 0xFF, 3, 1)
            else:
                count *= {4: 2, 5: 2, 6: 4, 7: 4, 8: 4}.get(size, 1)
                value = bytes(MEMORY[first // 8:first // 8 + count]).ljust(count, b"\0")
                head = struct.pack(">BBH", 0xFF, 4, 8 * count)
            data += b"\0" * (len(data) % 2) + head + value
        return data

    def write(self, parameter, data):
        at, codes = 0, b""
        for _, _, first in self.items(parameter):
            size, length = struct.unpack(">BH", data[at + 1:at + 4])
            length = (length + 7) // 8 if size in (3, 4, 5) else length
            if first // 8 + length <= len(MEMORY):
                MEMORY[first // 8:first // 8 + length] = data[at + 4:at + 4 + length]
            at += 4 + length + length % 2
            codes += b"\xff"
        return codes

    def answer_user(self, reference, parameter, data):
        group, function, sequence = parameter[5] & 15, parameter[6], parameter[7]
        number, index = struct.unpack(">HH", data[4:8]) if (group, function) == (4, 1) and len(data) >= 8 else (0, 0)
        size, records = status_list(number, self.state)
        said = struct.pack(">HHHH", number, index, size, len(records)) + b"".join(records)
        head = struct.pack(">BBBBBBBBBBH", 0, 1, 0x12, 8, 0x12, 0x80 | group, function, sequence, 0, 0,
                           0 if records else 0xD401)
        body = struct.pack(">BBH", 0xFF, 9, len(said)) + said if records else b"\x0a\x00\x00\x00"
        send_s7(self.request, 7, reference, head, body)


class Engineer:
    def __init__(self, address):
        self.connection = socket.create_connection((address, PORT), 5)
        self.reference = 0
        send(self.connection, bytes.fromhex("11e00000002c00c1020100c2020102c0010a"))
        receive(self.connection)
        self.ask(1, bytes.fromhex("f0000001000101e0"))

    def ask(self, kind, parameter, data=b""):
        self.reference += 1
        send_s7(self.connection, kind, self.reference, parameter, data)
        return receive(self.connection)

    def status_list(self, number, index=0):
        return self.ask(7, bytes.fromhex("0001120411440100"), struct.pack(">BBHHH", 0xFF, 9, 4, number, index))

    def work(self):
        for number in (0x0011, 0x001C, 0x0424):
            self.status_list(number)
            time.sleep(0.3)
        program = b"P_PROGRAM"
        self.ask(1, bytes([0x29, 0, 0, 0, 0, 0, len(program)]) + program)
        time.sleep(1)
        self.status_list(0x0424)
        self.ask(1, bytes.fromhex("28000000000000fd0000") + bytes([len(program)]) + program)
        time.sleep(0.5)
        self.status_list(0x0424)
        self.connection.close()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        with Server((sys.argv[2], PORT), Controller) as server:
            print("ready", flush=True)
            server.serve_forever()
    else:
        Engineer(sys.argv[2]).work()
