"""Which detail of ours is which field of tshark's: tests/conformance/PROTOCOL.tsv.

A line is our detail, tshark's field, kind (number, text, quoted, bytes, real) and a note that says why some values differ;
several fields of tshark with commas between them are taken together, and "-" is none: the detail is listed, not compared.
A fifth column says in which packets tshark shows what their bytes do not hold, because it remembers it of another packet or
decrypts it: COLUMN=VALUE|VALUE or COLUMN!=VALUE, where all of the packet's values of that column must fit (and there must be
one); several of them with "&" must all hold, and of several such rules with ";" one. What only tshark has there is counted
as repeated. Lines that begin with "#" say more:

  #! OPTIONS           further options for tshark
  #layers NAME...      only packets in which tshark finds one of these are of the protocol (its frame.protocols); for fields
                       that protocols share
  #without NAME...     not packets in which tshark finds one of these: they are compared with another protocol
  #when FIELD=BEGIN    only packets in which a value of tshark's field begins with that, for the same reason
  #aside CAPTURE FIRST-LAST TEXT
                       packets in which tshark is wrong about the whole connection, and why: they are in no number but one
                       of their own. Without LAST: up to the end
  #only-tshark TEXT    why there are messages that only tshark finds
  #only-ours TEXT      why there are messages that only we find
"""
import collections
import shlex
import sys

KINDS = ("number", "text", "quoted", "bytes", "real")


class Field:
    """A line of a mapping."""

    def __init__(self, detail, tshark, kind, note, repeats):
        self.detail, self.tshark, self.kind, self.note = detail, tshark, kind, note
        self.repeats = [[_condition(part) for part in rule.split("&")] for rule in repeats.split(";") if rule]

    def is_repeated(self, values):
        """Whether tshark's is not of the packet, which has these values: {column: [numbers as texts]}"""
        return any(all(_holds(condition, values) for condition in rule) for rule in self.repeats)


def _condition(text):
    """(column, whether equal, values)"""
    column, equal, wanted = text.partition("!=") if "!=" in text else text.partition("=")
    if not (column and wanted):
        raise ValueError(f"no condition: {text}")
    return column, equal == "=", set(wanted.split("|"))


def _holds(condition, values):
    column, equal, wanted = condition
    return bool(values.get(column)) and all((value in wanted) == equal for value in values[column])


class Aside:
    """Packets of a capture that are not compared."""

    def __init__(self, text):
        self.capture, packets, self.why = text.split(" ", 2)
        first, _, last = packets.partition("-")
        self.first, self.last = int(first), int(last) if last else None

    def has(self, packet):
        return packet >= self.first and (self.last is None or packet <= self.last)


class Mapping:
    """What one protocol's table says."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.fields, self.options, self.layers, self.without = [], [], set(), set()
        self.asides = []
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
        elif word == "#without":
            self.without |= set(rest.split())
        elif word == "#aside":
            self.asides.append(Aside(rest))
        elif word == "#when":
            name, _, begin = rest.partition("=")
            self.when = (name, begin)
        elif word == "#only-tshark":
            self.only_tshark = rest
        elif word == "#only-ours":
            self.only_ours = rest

    def _field(self, line, number):
        parts = line.split("\t")
        if len(parts) < 3 or len(parts) > 5 or parts[2] not in KINDS:
            sys.exit(f"{self.path}:{number}: needs detail, tshark field, kind ({', '.join(KINDS)}), note, where repeated")
        if parts[1] and parts[1] != "-":
            self.fields.append(Field(*(parts + ["", ""])[:5]))

    def prefixes(self):
        """What the manifest calls a capture in which the protocol may be."""
        return self.layers or {name.split(".")[0] for name in self.by_column}

    def conditions(self):
        """tshark's fields that say where it repeats."""
        return {condition[0] for field in self.fields for rule in field.repeats for condition in rule}

    def columns(self):
        return [*self.by_column, *([self.when[0]] if self.when else []), *sorted(self.conditions() - set(self.by_column))]

    def aside(self, capture):
        return [aside for aside in self.asides if aside.capture == capture]

    def has(self, layers, columns):
        """Whether a packet is of the protocol, by its layers and tshark's fields."""
        if self.when is not None and not columns.get(self.when[0], "").startswith(self.when[1]):
            return False
        if not self.without.isdisjoint(layers):
            return False
        return not self.layers or not self.layers.isdisjoint(layers)


def read_all(folder):
    """{name: Mapping}"""
    return {path.stem: Mapping(path) for path in sorted(folder.glob("*.tsv")) if path.stem != "floors"}
