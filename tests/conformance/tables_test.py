"""The tables of the conformance check: well-formed, and for protocols that the sensor really has."""
import pathlib
import re
import unittest

import mapping

HERE = pathlib.Path(__file__).resolve().parent
DISSECT = HERE.parents[1] / "src/dissect"


def offered():
    """{namespace::constant: its name in records}, of all modules"""
    found = {}
    for header in DISSECT.glob("*/*.h"):
        for constant in re.findall(r"^extern (?:constinit )?const Protocol (\w+);", header.read_text(encoding="utf-8"), re.M):
            code = "".join(source.read_text(encoding="utf-8") for source in sorted(header.parent.glob("*.cc")))
            name = re.search(r"const Protocol " + constant + r"\b[^\"]*\"([^\"]+)\"", code)
            found[f"{header.parent.name}::{constant}"] = name and name[1]
    return found


class TablesTest(unittest.TestCase):
    def test_every_protocol_is_in_the_list(self):
        listed = (DISSECT / "all/list.cc").read_text(encoding="utf-8")
        self.assertGreater(len(offered()), 30)
        self.assertEqual([one for one in offered() if f"&{one}," not in listed], [])

    def test_every_table_is_of_a_protocol(self):
        names = set(offered().values())
        tables = mapping.read_all(HERE)
        self.assertEqual([name for name in tables if name not in names], [])
        for table in tables.values():
            self.assertTrue(table.fields, table.path)
            details = [(field.detail, field.tshark) for field in table.fields]
            self.assertEqual(sorted(set(details)), sorted(details), table.path)


if __name__ == "__main__":
    unittest.main()
