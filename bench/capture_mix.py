#!/usr/bin/env python3
"""One capture of many: those of an industrial network, or those of an office, as if heard at one mirror port.

    python3 bench/capture_mix.py ot|it OUT [--packets N] [--most N]

The captures are those of pcaps/ in the folder VEDETTE_SHARED (or ../shared beside the repository), of which none is
part of the repository. `ot` takes the folders of industrial protocols, `it` those of offices and of attacks; of each
capture at most --most packets (20,000), so that none outweighs all others. All that begin with Ethernet start a tenth
of a second after each other and are merged by time, pauses cut to a second. That is repeated, each time with other
hardware and network addresses, so that no packet is taken for the repetition of another, until there are at least
--packets (500,000). The same captures give the same bytes; their SHA-256 is printed with what went in."""
import argparse
import csv
import hashlib
import heapq
import json
import os
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared"))
FOLDERS = {
    "ot": ("ads", "bacnet", "bsap", "c1222", "cotp-tpkt", "dnp3", "enip", "genisys", "goose", "hart-ip", "iec104", "melsec",
           "mms", "modbus", "niagara-fox", "omron-fins", "opcua", "profinet", "roc-plus", "s7comm", "s7comm-plus", "sv",
           "synchrophasor"),
    "it": ("it", "attack"),
}
START = 1_700_000_000_000_000_000
APART = 100_000_000   # between the beginnings of two captures, in nanoseconds
PAUSE = 1_000_000_000  # at most, between two packets of one
ETHERNET = 1
VLANS = (0x8100, 0x88A8, 0x9100)


class Unreadable(Exception):
    """A capture that is none, or of another link type."""


def classic(data):
    """(time in nanoseconds, bytes, size on the wire) of a pcap file; ends where the file does."""
    order = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
             b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}.get(data[:4])
    if order is None or len(data) < 24:
        raise Unreadable("no capture")
    sign, unit = order
    if struct.unpack_from(sign + "I", data, 20)[0] & 0xFFFF != ETHERNET:
        raise Unreadable("not Ethernet")
    header = struct.Struct(sign + "IIII")
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, size = header.unpack_from(data, at)
        if at + 16 + captured > len(data):
            return
        yield seconds * 1_000_000_000 + fraction * unit, data[at + 16:at + 16 + captured], size
        at += 16 + captured


def interface(sign, body):
    """(link type, ticks in a second) of a description block's body."""
    link, ticks, at = struct.unpack_from(sign + "H", body)[0], 1_000_000, 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(sign + "HH", body, at)
        if code == 9 and size == 1:
            exponent = body[at + 4]
            ticks = 2 ** (exponent & 0x7F) if exponent & 0x80 else 10 ** exponent
        if code == 0:
            break
        at += 4 + (size + 3) // 4 * 4
    return link, ticks


def blocks(data):
    """The same of a pcapng file."""
    at, sign, interfaces = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            sign = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, length = struct.unpack_from(sign + "II", data, at)
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8:at + length - 4]
        at += length
        if kind == 1:
            interfaces.append(interface(sign, body))
        elif kind == 6 and len(body) >= 20:
            which, high, low, captured, size = struct.unpack_from(sign + "IIIII", body)
            if which < len(interfaces) and interfaces[which][0] == ETHERNET:
                yield (high << 32 | low) * 1_000_000_000 // interfaces[which][1], body[20:20 + captured], size


def packets_of(path, most):
    """At most that many packets of a file, from time 0 on."""
    data = path.read_bytes()
    told = blocks(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else classic(data)
    found, now, last = [], 0, None
    for time, frame, size in told:
        if len(found) == most:
            break
        if last is not None:
            now += min(max(time - last, 1), PAUSE)
        last = time
        if len(frame) >= 14:
            found.append((now, frame, size))
    if not found:
        raise Unreadable("no packets on Ethernet")
    return found


def elsewhere(frame, times):
    """The same with other addresses, but for those that are everybody's. Checksums are left as they are."""
    if times == 0:
        return frame
    frame = bytearray(frame)
    for at in (0, 6):
        if frame[at] & 1 == 0:
            frame[at + 3] ^= times
    at = 12
    kind = frame[at] << 8 | frame[at + 1]
    while kind in VLANS and len(frame) >= at + 6:
        at += 4
        kind = frame[at] << 8 | frame[at + 1]
    at += 2
    if kind == 0x0800 and len(frame) >= at + 20:
        for address in (at + 12, at + 16):
            if 0 < frame[address] < 224:
                frame[address + 1] ^= times
    elif kind == 0x86DD and len(frame) >= at + 40:
        for address in (at + 8, at + 24):
            if frame[address] != 0xFF and any(frame[address:address + 8]):
                frame[address + 7] ^= times
    return bytes(frame)


def mix(kind, out, least=500_000, most=20_000, shared=SHARED):
    """Writes the capture; what went in, as a dictionary."""
    manifest = shared / "pcaps/MANIFEST.tsv"
    with open(manifest, encoding="utf-8", newline="") as lines:
        names = sorted(row["file"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
                       if row["file"].split("/")[0] in FOLDERS[kind])
    captures = []
    for name in names:
        try:
            captures.append(packets_of(shared / "pcaps" / name, most))
        except (Unreadable, FileNotFoundError):
            continue
    if not captures:
        raise SystemExit(f"capture_mix: no captures for {kind} in {shared / 'pcaps'}")
    merged = list(heapq.merge(*[[(START + number * APART + time, number, index) for index, (time, _, _) in enumerate(one)]
                                for number, one in enumerate(captures)]))
    length = merged[-1][0] - START + APART
    digest, count, size, times = hashlib.sha256(), 0, 0, 0
    with open(out, "wb") as file:
        def write(data):
            file.write(data)
            digest.update(data)

        write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 0x40000, ETHERNET))
        while count < least:
            for time, number, index in merged:
                _, frame, wire = captures[number][index]
                frame = elsewhere(frame, times)
                seconds, rest = divmod(time + times * length, 1_000_000_000)
                write(struct.pack("<IIII", seconds, rest, len(frame), max(wire, len(frame))) + frame)
                size += wire
            count += len(merged)
            times += 1
    return {"kind": kind, "captures": len(captures), "times": times, "packets": count, "bytes": size,
            "sha256": digest.hexdigest()}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("kind", choices=sorted(FOLDERS))
    options.add_argument("out", type=pathlib.Path)
    options.add_argument("--packets", type=int, default=500_000)
    options.add_argument("--most", type=int, default=20_000)
    given = options.parse_args()
    if not (SHARED / "pcaps/MANIFEST.tsv").is_file():
        sys.exit(f"capture_mix: no captures in {SHARED / 'pcaps'} (VEDETTE_SHARED says where they are)")
    print(json.dumps(mix(given.kind, given.out, given.packets, given.most)))


if __name__ == "__main__":
    main()
