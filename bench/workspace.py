#!/usr/bin/env python3
"""The workspace under a whole fleet: appending, disk, memory, questions; beside DuckDB's own SQL and SQLite.

    bench/workspace.py [--devices N] [--folder DIR] [--budget SECONDS] [--only PART,...] [--memory MIB] [--check]

Parts: fill, floor (what DuckDB itself takes), ask, sqlite, and acks, which gives the store to a hub and measures acknowledgements while retention and
compaction run. 10,000 devices and 30 days are 51 million events; they take 3 GB in DIR, SQLite ten times as much, of
which the budget cuts off what does not fit. Queries that others published are asked where VEDETTE_SHARED, or ../shared
beside the checkout, has them. --check is a small fleet whose answers have to agree."""
import argparse
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("VEDETTE_BENCH_BIN", ROOT / "build/bench/bin"))
QUESTIONS = ROOT / "bench/workspace/questions"
# Whole numbers that are times or places, not amounts.
NO_AMOUNT = re.compile(r"(min|max)\(|(First|Last|Day|TimeGenerated|LocalPort)$")
MIB = 1 << 20
RATE = 500  # messages a second
ACKS_SECONDS = 90  # that part takes


def give_up(why):
    raise SystemExit(f"workspace: {why}")


def published():
    shared = pathlib.Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared"))
    folder = shared / "corpora/kql_queries"
    if folder.is_dir():
        return ["--published", folder]
    print(f"workspace: published queries are left out, there is no {folder}", file=sys.stderr)
    return []


def size_below(folder):
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass  # just removed
    return total


def load(command, *args):
    answer = subprocess.run([BIN / "workspace_load", command, *map(str, args)], stdout=subprocess.PIPE, text=True,
                            check=False)
    if answer.returncode != 0:
        give_up(f"workspace_load {command} ended with {answer.returncode}")
    return json.loads(answer.stdout)


class Report:
    """Figures, printed as they come, and as two tables at the end."""

    def __init__(self):
        self.rows = []
        self.questions = {}

    def __call__(self, what, figure, aim=""):
        self.rows.append((what, figure, aim))
        print(f"{what}: {figure}", file=sys.stderr, flush=True)

    def question(self, name, side, figure):
        self.questions.setdefault(name, {})[side] = figure
        print(f"{name}, {side}: {figure}", file=sys.stderr, flush=True)

    def tables(self):
        print("| | | aim |\n|---|---|---|")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")
        sides = ("KQL", "p95", "DuckDB SQL", "ratio", "SQLite")
        print("\n| question | " + " | ".join(sides) + " |\n|---|" + "---|" * len(sides))
        for name, figures in self.questions.items():
            print(f"| `{name}` | " + " | ".join(figures.get(side, "") for side in sides) + " |")


def milliseconds(value):
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


class Workspace:
    def __init__(self, options, folder, report):
        self.options = options
        self.report = report
        self.folder = folder
        self.store = folder / "store"
        self.sqlite_file = folder / "events.sqlite"
        self.shape = ["--devices", options.devices, "--days", 30]
        self.memory = ["--memory", options.memory * MIB]
        self.deadline = time.monotonic() + options.budget
        self.asked = None

    def left(self):
        return self.deadline - time.monotonic()

    def fill(self):
        found = load("fill", *self.shape, *self.memory, "--folder", self.store, "--questions", QUESTIONS, *published(),
                     "--merge")
        report = self.report
        report("events", f"{found['rows']:,}")
        report("appended while a question about one device is asked every second",
               f"**{found['rows_per_second']:,.0f} /s**", "300,000")
        report("the same, until the last row is in its piece", f"{found['rows_per_second_until_sealed']:,.0f} /s")
        report("CPU of an event: appended, sealed, asked about", f"{found['cpu_us_per_row']:.1f} us")
        report("the same, until the last row is in its piece", f"{found['cpu_us_per_row_until_sealed']:.1f} us")
        report("a batch of 10,000: p50, p99, longest", ", ".join(
            milliseconds(found[f"append_{which}_ms"]) for which in ("p50", "p99", "max")))
        report(f"the {found['questions_asked']} questions meanwhile: p50, p95", ", ".join(
            milliseconds(found[f"question_{which}_ms"]) for which in ("p50", "p95")))
        report("memory at most, generator included", f"{found['peak_resident_bytes'] / MIB:,.0f} MiB")
        report("details of an event, as JSON", f"{found['details_bytes_per_row']:.0f} bytes")
        report("an event on disk, sealed, all columns", f"{found['sealed_bytes_per_row']:.1f} bytes", "40")
        report("an event on disk, merged", f"**{found['merged_bytes_per_row']:.1f} bytes**", "40")
        report("all merged after", f"{found['merge_seconds']:,.0f} s")
        report("disk at most while appending", f"{found['disk_peak_bytes'] / MIB:,.0f} MiB")
        return found

    def floor(self):
        days = 30 if self.options.check else 1
        found = load("floor", "--devices", self.options.devices, "--days", days, *self.memory, "--folder",
                     self.folder / "floor")
        self.report("DuckDB alone, one day: into a table in memory without a log, then in order into Parquet",
                    f"{found['rows_per_second']:,.0f} /s")
        self.report("CPU of an event there: appended, written", f"{found['appending_cpu_us_per_row']:.1f} us, "
                    f"{found['writing_cpu_us_per_row']:.1f} us")

    def ask(self):
        counts = ["--devices-asked", 3, "--fleet-runs", 1] if self.options.check else []
        self.asked = load("ask", *self.shape, *self.memory, "--folder", self.store, "--questions", QUESTIONS,
                          *published(), *counts)
        report = self.report
        questions = self.asked["questions"]
        for question in questions:
            name, kql, sql = question["name"], question["kql"], question["duckdb"]
            report.question(name, "KQL", milliseconds(kql["p50_ms"]))
            report.question(name, "p95", milliseconds(kql["p95_ms"]))
            report.question(name, "DuckDB SQL", milliseconds(sql["p50_ms"]))
            report.question(name, "ratio", f"{kql['p50_ms'] / sql['p50_ms']:.2f}")
        for one_device, whose, aim in ((True, "one device", "0.3 s"), (False, "the whole fleet", "2 s")):
            some = [question for question in questions if question["one_device"] == one_device]
            worst = max(some, key=lambda question: question["kql"]["p95_ms"])
            report(f"questions about {whose}: the slowest p95 (`{worst['name']}`)",
                   f"**{milliseconds(worst['kql']['p95_ms'])}**", aim)
            report(f"questions about {whose}: KQL to SQL, all p50 together", "**{:.2f}**".format(
                sum(question["kql"]["p50_ms"] for question in some) /
                sum(question["duckdb"]["p50_ms"] for question in some)), "1.3")
        report("memory at most, asking", f"{self.asked['peak_resident_bytes'] / MIB:,.0f} MiB")
        report("compiling a query, the slowest of these",
               f"{max(question['compile_p95_ms'] for question in questions):.2f} ms", "1 ms")

    def sqlite(self):
        seconds = 0 if self.options.check else max((self.left() - ACKS_SECONDS) * 0.5, 30)
        found = load("sqlite", *self.shape, "--file", self.sqlite_file, "--seconds", f"{seconds:.0f}")
        report = self.report
        report("SQLite, three indexes: events" + ("" if found["complete"] else ", in the time there was"),
               f"{found['rows']:,}")
        report("SQLite: inserted", f"{found['rows_per_second_without_generator']:,.0f} /s")
        report("SQLite: an event on disk", f"{found['disk_bytes_per_row']:.0f} bytes")
        database = sqlite3.connect(f"file:{self.sqlite_file}?mode=ro", uri=True)
        database.execute(f"PRAGMA cache_size = -{512 * 1024}")
        for question in self.asked["questions"]:
            if self.options.check or self.left() > ACKS_SECONDS:
                self.sqlite_question(database, question, found["complete"])
        database.close()

    def sqlite_question(self, database, question, complete):
        text = (QUESTIONS / f"{question['name']}.sqlite.sql").read_text()
        devices = self.asked["devices"] if question["one_device"] else [""]
        limit = time.monotonic() + (1e9 if self.options.check else min(60, max(self.left() - ACKS_SECONDS, 20) / 4))
        database.set_progress_handler(lambda: time.monotonic() > limit, 100_000)
        taken = []
        for device, answer in zip(devices, question["kql"]["answers"]):
            sql = text.replace("{device}", device).replace("{now}", str(self.asked["end"]))
            started = time.perf_counter()
            try:
                cursor = database.execute(sql)
                rows = cursor.fetchall()
            except sqlite3.OperationalError as error:
                if "interrupted" not in str(error):
                    raise
                break
            taken.append((time.perf_counter() - started) * 1e3)
            if complete:
                self.compare(question, cursor, rows, answer)
        database.set_progress_handler(None, 0)
        figure = f"{milliseconds(statistics.median(taken))}" if taken else "more than a minute"
        self.report.question(question["name"], "SQLite", figure)

    def acks(self):
        """A hub with all these rows: acknowledgements while nothing else happens, and while half of the disk that the
        pieces take is given back and what is left is merged."""
        from hub_figures import Api, make_devices, run
        from sites import busy_site
        with busy_site() as site:
            strings = make_devices(site, 20)
            site.hub.stop()
            for old in site.hub_dir.glob("events.duckdb*"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            for mine in self.store.iterdir():
                shutil.move(mine, site.hub_dir / mine.name)
            pieces = site.hub_dir / "events.duckdb.pieces"
            before = size_below(pieces)
            with open(site.hub_dir / "hub.toml", "a", encoding="utf-8") as config:
                config.write('\n[retention]\ninterval = "24h"\n[retention.table.SecurityIoTRawEvent]\nmax_size = '
                             f'{before // 2}\n')
            hub = site.start_hub()
            arguments = ["--port", site.ports[0], "--ca", site.ca, "--pid", hub.process.pid, "--events", 12,
                         "--connection-strings", strings, "--warm-up", 200, "--rate", RATE]
            quiet = run("mqtt_load", *arguments, "--messages", 10 * RATE)
            done = []

            def keep_house():
                api = Api(site)
                for path in ("retention/apply", "store/compact"):
                    api.connection.timeout = 900
                    done.append(path)
                    api.call("POST", f"/api/v1/{path}", {})

            keeping = threading.Thread(target=keep_house, daemon=True)
            keeping.start()
            busy = run("mqtt_load", *arguments, "--messages", 40 * RATE)
            after = size_below(pieces)
            if "store/compact" not in done or after > before * 0.7:
                give_up(f"there was no house-keeping: {done}, {before} bytes before, {after} after")
            for name, load_found in (("nothing else happens", quiet), ("retention and compaction run", busy)):
                self.report(f"{RATE} messages of 12 events a second: acknowledged while {name}, p50, p99, longest",
                            "{}, **{}**, {}".format(*(milliseconds(load_found[f"ack_{which}_ms"])
                                                      for which in ("p50", "p99", "max"))), "p99 100 ms")

    @staticmethod
    def compare(question, cursor, rows, answer):
        columns = [number for number, column in enumerate(cursor.description) if not NO_AMOUNT.match(column[0])]
        total = sum(row[column] for row in rows for column in columns if isinstance(row[column], int))
        if len(rows) != answer[0] or (not question["approximate"] and total != answer[1]):
            give_up(f"{question['name']}: KQL gives {answer[0]} rows, sum {answer[1]}; "
                    f"SQLite {len(rows)} rows, sum {total}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--folder", type=pathlib.Path, default=os.environ.get("VEDETTE_BENCH_DATA"))
    parser.add_argument("--budget", type=float, default=840, help="seconds, for all of it")
    parser.add_argument("--only", default="fill,floor,ask,sqlite,acks")
    parser.add_argument("--memory", type=int, default=512, help="MiB that the store's database may use")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the data where it is")
    options = parser.parse_args()
    if options.check:
        options.devices = 40
        options.only = options.only.replace(",acks", "")
    base = pathlib.Path(options.folder or tempfile.gettempdir())
    base.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-workspace.", dir=base))
    report = Report()
    try:
        workspace = Workspace(options, folder, report)
        for part in options.only.split(","):
            getattr(workspace, part)()
    finally:
        if options.keep:
            print(f"workspace: kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    report.tables()


if __name__ == "__main__":
    main()
