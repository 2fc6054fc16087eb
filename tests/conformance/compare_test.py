"""How values are compared: what counts as equal, as different, as repeated and as set aside."""
import collections
import pathlib
import tempfile
import unittest

import mapping
import page
import programs
import shares

TABLE = """detail\ttshark\tkind\tnote\trepeated where
#layers tftp
#without tunnel
#aside folder/a.pcap 7-8 tshark lost its way
code\ttftp.opcode\tnumber\t
file\ttftp.file\ttext\t\ttftp.opcode=3|4;tftp.opcode!=1&tftp.ok=1
realm\ttftp.realm\tquoted\t
"""


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "tftp.tsv").write_text(TABLE, encoding="utf-8")
        self.table = mapping.read_all(self.folder)["tftp"]

    def theirs(self, packets):
        """What a tshark that says this is understood as."""
        class Fake:
            @staticmethod
            def fields(_path, _names, _options):
                return {number: {programs.LAYERS: layers, **columns} for number, (layers, columns) in packets.items()}
        found, called, repeated = programs.theirs(Fake(), "x", {"tftp": self.table}, [])
        return found["tftp"], called, repeated["tftp"]

    def compare(self, mine, packets, label="folder/b.pcap"):
        found = {number: {field.tshark: [programs.normal(field.kind, value) for value in mine[number][field.detail]]
                          for field in self.table.fields if field.detail in mine[number]} for number in mine}
        result = shares.Result()
        shares.compare(label, (found, *self.theirs(packets)), self.table, result, 3)
        return result


class CompareTest(Folder):
    def test_values_are_equal_in_any_order_and_form(self):
        result = self.compare({1: {"code": [1, 3], "realm": ["plant"]}},
                              {1: ("udp:tftp", {"tftp.opcode": f"0x0003{programs.AGGREGATOR}1", "tftp.realm": '"plant"'})})
        self.assertEqual((result.both, result.values(), result.fields_share()), (1, 3, 100.0))

    def test_what_one_has_is_different(self):
        result = self.compare({1: {"code": [1]}, 2: {"code": [1]}},
                              {1: ("udp:tftp", {"tftp.opcode": "2", "tftp.file": "a"}), 3: ("udp:tftp", {"tftp.opcode": "1"})})
        self.assertEqual((result.both, result.only_ours, result.only_tshark), (1, 1, 1))
        self.assertEqual((result.values(), result.fields_share()), (2, 0.0))

    def test_repeated_values_are_beside_the_others(self):
        for code, ok, repeated in (("3", "0", 1), ("4", "0", 1), ("1", "0", 0), ("1", "1", 0), ("2", "0", 0), ("2", "1", 1),
                                   (f"3{programs.AGGREGATOR}2", "0", 0)):
            codes = code.split(programs.AGGREGATOR)
            result = self.compare({1: {"code": codes}}, {1: ("tftp", {"tftp.opcode": code, "tftp.ok": ok, "tftp.file": "a"})})
            self.assertEqual(result.fields["tftp.file"].repeated, repeated, (code, ok))
            self.assertEqual(result.values(), len(codes) + 1 - repeated, (code, ok))

    def test_a_wrong_value_is_never_a_repeated_one(self):
        result = self.compare({1: {"code": [3], "file": ["b"]}}, {1: ("tftp", {"tftp.opcode": "3", "tftp.file": "a"})})
        self.assertEqual((result.fields["tftp.file"].repeated, result.fields["tftp.file"].differ), (0, 1))

    def test_packets_of_another_protocol_are_not_missed(self):
        result = self.compare({}, {1: ("tunnel:tftp", {"tftp.opcode": "1"}), 2: ("dns", {"tftp.opcode": "1"})})
        self.assertEqual(result.only_tshark, 0)

    def test_what_is_set_aside_is_told(self):
        packets = {number: ("tftp", {"tftp.opcode": "1"}) for number in (6, 7, 8, 9)}
        result = self.compare({8: {"code": [2]}}, packets, "folder/a.pcap")
        self.assertEqual((result.only_tshark, result.aside.total(), result.values()), (2, 2, 0))
        written = page.report({"tftp": self.table}, {"tftp": result}, "TShark 0", {"malformed": collections.Counter()})
        self.assertIn("Set aside: 2 packets of `folder/a.pcap`, from 7 to 8: tshark lost its way.", written)


class FloorsTest(Folder):
    def test_less_than_the_floor_fails(self):
        good = self.compare({1: {"code": [1]}}, {1: ("tftp", {"tftp.opcode": "1"})})
        bad = self.compare({1: {"code": [1]}}, {1: ("tftp", {"tftp.opcode": "2"})})
        floors = self.folder / "floors.tsv"
        shares.write_floors(floors, {"tftp": good}, {"tftp": good}, "TShark 4.0.17")
        self.assertEqual(shares.floors_version(floors), "TShark 4.0.17")
        self.assertEqual(shares.check_floors(floors, {"tftp": good}, "quick "), 0)
        self.assertEqual(shares.check_floors(floors, {"tftp": bad}, "quick "), 1)
        self.assertEqual(shares.check_floors(floors, {}, ""), 1)


class Versions(unittest.TestCase):
    def test_a_version_has_its_numbers(self):
        said = "TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3).\n\nCopyright 1998"
        self.assertEqual(programs.version_of(said), "TShark (Wireshark) 4.0.17")
        self.assertEqual(programs.version_of("TShark 2.6.20 (Git)"), "TShark 2.6.20")
        self.assertEqual(programs.version_of("another\nline"), "another")


class Beneath(Folder):
    def test_what_carries_a_message_that_only_tshark_finds_is_counted(self):
        result = shares.Result()
        theirs = {1: {"tftp.opcode": ["1"]}, 2: {"tftp.opcode": ["1"]}}
        layers = {1: ["eth", "ethertype", "ip", "udp", "gtp", "ip", "udp", "tftp", "data"], 2: ["ip", "tftp"]}
        shares.compare("folder/b.pcap", ({}, theirs, layers, {}), self.table, result, 3)
        self.assertEqual(dict(result.beneath), {"udp > gtp > udp": 1, "nothing": 1})

if __name__ == "__main__":
    unittest.main()
