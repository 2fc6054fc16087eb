"""Which detail of ours is which field of tshark's: tests/conformance/PROTOCOL.tsv.

A line is our detail, tshark's field, kind (number, text, bytes, real) and a note that says why some values differ; several
fields of tshark with commas between them are taken together, and "-" is none: the detail is listed, not compared.
Lines that begin with "#" say more:

  #! OPTIONS           further options for tshark
  #layers NAME...      only packets in which tshark finds one of these are of the protocol (its frame.protocols); for fields
                       that protocols share
  #when FIELD=BEGIN    only packets in which a value of tshark's field begins with that, for the same reason
  #only-tshark TEXT    why there are messages that only tshark finds
  #only-ours TEXT      why there are messages that only we find
"""
import collections
import shlex
import sys

KINDS = ("number", "text", "bytes", "real")


class Field:
    """A line of a mapping."""

    def __init__(self, detail, tshark, kind, note):
        self.detail, self.tshark, self.kind, self.note = detail, tshark, kind, note


class Mapping:
    """What one protocol's table says."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.fields, self.options, self.layers = [], [], set()
        self.only_tshark = self.only_ours = ""
        self.when = None  # (field, what it begins with)
        with open(path, encoding="utf-8", newline="") as lines:
            for number, line in enumerate(lines, 1):
                line = line.rstrip("\r\n")
                if line.startswith("#"):
                    self._remark(line)
                elif line and number != 1:
                    self._field(line, number)
        self.by_detail = collections.defaultdict(list)
        for field in self.fields:
            self.by_detail[field.detail].append(field)
        self.by_column = collections.defaultdict(list)
        for field in self.fields:
            if all(field.tshark != other.tshark for other in self.fields[:self.fields.index(field)]):
                for column in field.tshark.split(","):
                    self.by_column[column].append(field)

    def _remark(self, line):
        word, _, rest = line.partition(" ")
        if word == "#!":
            self.options += shlex.split(rest)
        elif word == "#layers":
            self.layers |= set(rest.split())
        elif word == "#when":
            name, _, begin = rest.partition("=")
            self.when = (name, begin)
        elif word == "#only-tshark":
            self.only_tshark = rest
        elif word == "#only-ours":
            self.only_ours = rest

    def _field(self, line, number):
        parts = (line.split("\t") + [""])[:4]
        if len(parts) < 3 or parts[2] not in KINDS:
            sys.exit(f"{self.path}:{number}: needs detail, tshark field, kind ({', '.join(KINDS)}), note")
        if parts[1] and parts[1] != "-":
            self.fields.append(Field(*(parts + [""])[:4]))

    def prefixes(self):
        """What the manifest calls a capture in which the protocol may be."""
        return self.layers or {name.split(".")[0] for name in self.by_column}

    def columns(self):
        return [*self.by_column, *([self.when[0]] if self.when else [])]

    def has(self, layers, columns):
        """Whether a packet is of the protocol, by its layers and tshark's fields."""
        if self.when is not None and not columns.get(self.when[0], "").startswith(self.when[1]):
            return False
        return not self.layers or not self.layers.isdisjoint(layers)


def read_all(folder):
    """{name: Mapping}"""
    return {path.stem: Mapping(path) for path in sorted(folder.glob("*.tsv")) if path.stem != "floors"}
