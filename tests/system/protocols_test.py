"""Protocols that users describe: found in a capture, refused with their lines when they are wrong."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from harness import BIN
from sensor_test import Capture

CELLS = {
    "name": "cells", "title": "Cell bus", "transports": ["tcp"], "ports": [9123],
    "frame": {"read": [{"field": "magic", "type": "u8", "is": "0xa5"}, {"field": "length", "type": "u16"}],
              "size": "length + 7", "most": 1024},
    "enums": {"operations": {"1": {"name": "read cells", "access": "read"},
                             "2": {"name": "write cell", "access": "write"},
                             "15": {"name": "identity", "access": "discovery"}},
              "results": {"0": "done", "1": "no such cell"}},
    "probe": {"match": "yes"},
    "message": [
        {"field": "magic", "type": "u8", "is": "0xa5"},
        {"field": "length", "type": "u16"},
        {"field": "number", "type": "u8"},
        {"field": "code", "type": "u8", "bits": {"answers": 7, "operation_code": "0-6"}},
        {"let": "operation", "be": "operation_code", "enum": "operations"},
        {"within": "length", "do": [
            {"if": "answers", "then": [{"use": "answer"}], "else": [{"use": "question"}]}]},
        {"checksum": "crc", "algorithm": "crc16-modbus", "byte_order": "little"}],
    "blocks": {
        "question": [
            {"message": "request", "operation": "operation", "key": "number + 1", "bytes": "length"},
            {"switch": "operation", "cases": {
                "1": [{"field": "first", "type": "u16"}, {"field": "count", "type": "u16"},
                      {"object": "cell", "first": "first", "count": "count"}]}}],
        "answer": [
            {"message": "response", "operation": "operation", "key": "number + 1", "bytes": "length"},
            {"field": "result", "type": "u8", "enum": "results"},
            {"status": "result"},
            {"if": "operation == 15 && result == 0", "then": [
                {"field": "model", "type": "text_z"}, {"field": "version", "type": "u16"},
                {"tell": "model", "value": "{model}"}, {"tell": "firmware", "value": "{version}"}]}]}}


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def cell_bus(number, code, data=b""):
    message = b"\xa5" + len(data).to_bytes(2, "big") + bytes([number, code]) + data
    return message + crc(message)


class OwnProtocols(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vedette-protocols-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "own").mkdir()
        capture = Capture()
        ports = (40000, 7001)  # not the one that is described
        for client, payload in ((True, cell_bus(1, 1, b"\0\x10\0\2")), (False, cell_bus(1, 0x81, b"\1")),
                                (True, cell_bus(2, 15)), (False, cell_bus(2, 0x8F, b"\0C100\0\0\7"))):
            source, target = (1, 2) if client else (2, 1)
            capture.tcp(source, target, ports if client else ports[::-1], payload)
        self.pcap = self.folder / "cells.pcap"
        self.pcap.write_bytes(capture.pcap())

    def describe(self, description, name="cells.json"):
        text = description if isinstance(description, str) else json.dumps(description, indent=1)
        (self.folder / "own" / name).write_text(text, encoding="utf-8")

    def sensor(self, *arguments, code=0):
        done = subprocess.run([BIN / "vedette-sensor", *map(str, arguments)], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def read(self, *arguments):
        out = self.sensor("read", self.pcap, *arguments).stdout
        return [json.loads(line) for line in out.splitlines()]

    def test_own_protocol_is_read_like_any_other(self):
        self.assertEqual([one["protocol"] for one in self.read("--what", "flows")], [""])
        self.describe(CELLS)
        own = ("--protocols", self.folder / "own")
        read, identity = self.read(*own)
        self.assertEqual((read["protocol"], read["operation"]["name"], read["access"], read["status"]["name"]),
                         ("cells", "read cells", "read", "no such cell"))
        self.assertEqual(read["objects"], [{"space": "cell", "first": 16, "count": 2}])
        self.assertEqual((identity["access"], identity["outcome"]), ("discovery", "ok"))
        told = {one["fact"]: one["value"] for one in self.read(*own, "--what", "evidence")}
        self.assertEqual((told["model"], told["firmware"]), ("C100", "7"))

    def test_what_is_wrong_is_said_with_its_line(self):
        self.describe('{\n "name": "a",\n "title": "A",\n "transports": ["udp"],\n "message": [\n  {"skip": "lenght"}\n ]\n}')
        self.describe('{\n "name": "b"\n "title": "B"}', "other.json")
        said = self.sensor("read", self.pcap, "--protocols", self.folder / "own", code=1).stderr
        self.assertIn("cells.json:6: no field", said)
        self.assertIn("other.json:3: not JSON", said)
        self.describe(dict(CELLS, name="modbus"), "other.json")
        said = self.sensor("read", self.pcap, "--protocols", self.folder / "own", code=1).stderr
        self.assertIn('there is a protocol "modbus" already', said)
        self.assertIn("nowhere", self.sensor("read", self.pcap, "--protocols", self.folder / "nowhere", code=1).stderr)

    def test_check_config_reads_the_folder_beside_the_configuration(self):
        (self.folder / "sensor.toml").write_text('[capture]\ninterface = "lo"\n[protocols]\nfolder = "own"\n', encoding="utf-8")
        self.describe(CELLS)
        self.assertIn("1 of them from", self.sensor("check-config", "--config", self.folder / "sensor.toml").stdout)
        self.describe("[]")
        said = self.sensor("check-config", "--config", self.folder / "sensor.toml", code=1).stderr
        self.assertIn("cells.json:1: has to be an object", said)


if __name__ == "__main__":
    unittest.main()
