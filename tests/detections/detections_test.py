"""The detections that come with the hub: every rule has cases, all of them are decided right, and the figures do not
fall below what was reached. What needs the shared test material skips without it."""

import os
import unittest

import attack
import measure
import rules

HERE = os.path.dirname(os.path.abspath(__file__))
# Sources whose rules have their cases here. Rules over the hub's own records, and what remembers more than a rule can, are
# tested beside the code that makes these.
SOURCES = ("command", "process_creation", "network_connection", "file_event", "authentication", "ListeningPorts")

# What was reached, less a little. A change that lowers a figure has to say why here.
LEAST_CASES_RIGHT = 0.99
LEAST_ATTACKS_RAISED = 0.705
MOST_BENIGN_RAISED = 0.001


def own_cases():
    return measure.read_lines(os.path.join(HERE, "cases.jsonl"))


class Rules(unittest.TestCase):
    def setUp(self):
        self.rules = rules.read()
        self.raised = [rule for rule in self.rules if not rule["part"]]

    def test_ids_and_titles_are_unique(self):
        for what in ("id", "title"):
            values = [rule[what] for rule in self.rules if what in rule]
            self.assertEqual(len(values), len(set(values)), [value for value in values if values.count(value) > 1])

    def test_each_says_why_and_what_to_do(self):
        for rule in self.raised:
            with self.subTest(rule["title"]):
                self.assertTrue(rule["vedette"].get("why"))
                self.assertTrue(rule["vedette"].get("remediation"))
                self.assertEqual((rule.get("author"), rule.get("license")), ("Vedette", "Apache-2.0"))

    def test_techniques_are_known(self):
        for rule in self.rules:
            for technique in rules.techniques(rule):
                self.assertIn(technique, attack.TECHNIQUES, rule["title"])

    def test_each_has_cases_of_both_kinds(self):
        kinds = {}
        for case in own_cases():
            kinds.setdefault(case["alert"], set()).add(case["positive"])
        for rule in self.raised:
            if (rule.get("logsource") or {}).get("category") in SOURCES:
                self.assertEqual(kinds.get(rule["title"]), {True, False}, rule["title"])


class Decisions(unittest.TestCase):
    def test_own_cases_are_decided_right(self):
        verdicts, totals = measure.cases(own_cases())
        self.assertEqual([verdict for verdict in verdicts if not verdict["right"]], [])
        self.assertEqual(totals["cases"], len(own_cases()))

    def test_catalogue_cases(self):
        path = measure.shared("corpora", "agent_alert_cases.jsonl")
        if path is None:
            self.skipTest("no corpora/agent_alert_cases.jsonl in VEDETTE_SHARED or ../shared")
        _, totals = measure.cases(measure.read_lines(path))
        self.assertGreaterEqual(totals["right"] / totals["cases"], LEAST_CASES_RIGHT, totals["wrong"])

    def test_public_attacks(self):
        path = measure.shared("corpora", "atomics_linux.tsv")
        if path is None:
            self.skipTest("no corpora/atomics_linux.tsv in VEDETTE_SHARED or ../shared")
        found = measure.attacks(path)
        share = sum(map(bool, found.values())) / len(found)
        self.assertGreaterEqual(share, LEAST_ATTACKS_RAISED, [key for key, titles in found.items() if not titles])

    def test_benign_lines_of_this_machine(self):
        lines = measure.benign_lines(roots=("/etc", "/usr/bin", "/usr/sbin", "/usr/lib/systemd"))
        if len(lines) < 2000:
            self.skipTest(f"only {len(lines)} lines of scripts are installed here")
        raised = measure.harmless(lines)
        # One line more than the share allows is no news where there are few of them.
        self.assertLessEqual(len(raised), MOST_BENIGN_RAISED * len(lines) + 1, raised)


if __name__ == "__main__":
    unittest.main()
