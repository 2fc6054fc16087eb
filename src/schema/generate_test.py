"""The generator refuses definitions that are wrong, and says where and why."""
import json
import pathlib
import tempfile
import unittest

import generate

TYPES = {"types": {"Colour": {"kind": "enum", "values": ["Red"], "summary": "A colour."}}}
GOOD = {"name": "DoorOpen", "number": 0, "category": "Triggered", "type": "Security", "classic": False,
        "summary": "A door.", "fields": [{"name": "Door", "type": "text", "summary": "Which.", "required": True}]}
FIELD = GOOD["fields"][0]


def load(*events, name=None):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "events").mkdir()
        (root / "types.json").write_text(json.dumps(TYPES))
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            file = name or generate.member_name(event["name"]) + ".json"
            (root / "events" / file).write_text(text)
        return generate.load(root)


class Definitions(unittest.TestCase):
    def refuses(self, expected, *events, name=None):
        with self.assertRaises(generate.BadDefinition) as raised:
            load(*events, name=name)
        self.assertIn(expected, str(raised.exception))

    def test_good_ones_are_taken(self):
        _, events = load(GOOD, {**GOOD, "name": "DoorShut", "number": 1, "fields": [{**FIELD, "type": "Colour"}]})
        self.assertEqual([event.name for event in events], ["DoorOpen", "DoorShut"])
        self.assertEqual(events[1].fields[0].values, ["Red"])

    def test_bad_ones_are_refused(self):
        self.refuses("door_open.json:1:2: Expecting", "{,}", name="door_open.json")
        self.refuses("door_open.json: unknown key 'colour'", {**GOOD, "colour": 1})
        self.refuses("door_open.json: 'summary' is missing", {k: v for k, v in GOOD.items() if k != "summary"})
        self.refuses("the file is door_open.json", GOOD, name="door.json")
        self.refuses("category is one of Periodic, Triggered", {**GOOD, "category": "Sometimes"})
        self.refuses("numbers must run from 0 without a gap", {**GOOD, "number": 1})
        self.refuses("numbers must run from 0 without a gap", GOOD, {**GOOD, "name": "DoorShut"})
        self.refuses("any_of names 'Window', which is no field", {**GOOD, "any_of": [["Window"]]})
        self.refuses("a field is named twice", {**GOOD, "fields": [FIELD, FIELD]})
        self.refuses("ExtraDetails", {**GOOD, "fields": [{**FIELD, "name": "ExtraDetails"}]})
        self.refuses("more than 31 fields", {**GOOD, "fields": [{**FIELD, "name": f"Door{i}"} for i in range(32)]})
        self.refuses("field 'Door' has type 'word'", {**GOOD, "fields": [{**FIELD, "type": "word"}]})
        self.refuses("field 'Door' has type 'enum'", {**GOOD, "fields": [{**FIELD, "type": "enum"}]})
        self.refuses("field 'Door': unknown key 'colour'", {**GOOD, "fields": [{**FIELD, "colour": 1}]})

    def test_members_are_named_after_fields(self):
        for name, member in {"CommandLine": "command_line", "OSName": "os_name", "TotalMemoryInKB": "total_memory_in_kb",
                             "Id": "id", "CceId": "cce_id"}.items():
            self.assertEqual(generate.member_name(name), member)

    def test_what_is_generated_names_everything(self):
        types, events = load(GOOD)
        for text in (generate.cpp_header(types, events), generate.markdown(events, []), generate.typescript(types, events),
                     json.dumps(generate.json_schema(types, events))):
            self.assertIn("DoorOpen", text)
            self.assertIn("oor", text.replace("DoorOpen", ""))


if __name__ == "__main__":
    unittest.main()
