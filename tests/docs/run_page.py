#!/usr/bin/env python3
"""Runs the commands of documentation pages as a reader would: run_page.py PAGE...

Several pages are read one after the other, in one shell: the earlier ones prepare what the last one needs.

In a scratch folder with the programs on PATH, and the sources' tools/, in order:
  ```sh              runs; must end with status 0
  ```sh background   runs until the page ends (the next block starts when its first output is there)
  ```sh root         runs (or, after `background`, goes on running) if the tests run as root; not at all otherwise
  ```sh no-run       shown only
  ```toml file=NAME  is written to NAME in the scratch folder (any language)
  ```kql             is asked of the hub with `vedette kql --file`, as configured by earlier blocks
One shell runs all blocks, so variables and `cd` carry over."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FENCE = re.compile(r"^( *)```(\S*) ?(.*)$")


def blocks(text):
    """(line number, language, attributes, content) of each fenced block."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        match = FENCE.match(line)
        if not match:
            continue
        indent, language, attributes = len(match.group(1)), match.group(2), match.group(3)
        content = []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            content.append(inner[indent:])
        yield number, language, attributes, "\n".join(content) + "\n"


def script_of(page, scratch):
    """The shell lines that the page is, and the number of its blocks."""
    script = []
    count = 0
    for number, language, attributes, content in blocks(page.read_text()):
        place = f"{page.name}:{number}"
        words = attributes.split()
        if language == "sh" and "root" in words:
            if os.geteuid() != 0:
                script.append(f"echo '-- {place}: left out, needs root'")
                continue
            attributes = " ".join(word for word in words if word != "root")
        if attributes.startswith("file="):
            (scratch / attributes[5:]).write_text(content)
        elif language == "sh" and attributes == "background":
            log = f"background-{number}.out"
            command = content.strip()
            script += [f"echo '-- {place} (background)'", f"{command} > {log} 2>&1 &",
                       f"for i in $(seq 1 200); do grep -q '\"ready\"' {log} && break; sleep 0.1; done",
                       f"grep -q '\"ready\"' {log} || {{ cat {log}; exit 1; }}"]
            count += 1
        elif language == "sh" and attributes == "":
            script += [f"echo '-- {place}'", content]
            count += 1
        elif language == "kql":
            name = f"query-{number}.kql"
            (scratch / name).write_text(content)
            script += [f"echo '-- {place}'", f"vedette kql --file {name}"]
            count += 1
        elif language in ("sh", "console") and attributes not in ("no-run",):
            raise SystemExit(f"{place}: unknown attribute {attributes!r}")
    return script, count


def main():
    pages = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    programs = pathlib.Path(os.environ["VEDETTE_BIN"])
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="vedette-docs."))
    try:
        (scratch / "tools").symlink_to(pathlib.Path(__file__).resolve().parents[2] / "tools")
        script = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT"]
        for page in pages:
            lines, count = script_of(page, scratch)
            if count == 0:
                raise SystemExit(f"{page.name}: no block that runs")
            script += lines
        environment = {"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(scratch), "LANG": "C.UTF-8"}
        process = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=scratch, env=environment, stdin=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            status = process.wait(240)
        finally:
            # Whatever a page left running ends with it.
            try:
                os.killpg(process.pid, signal.SIGTERM)
                time.sleep(0.5)
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if status != 0:
            for log in sorted(scratch.glob("background-*.out")):
                print(f"-- the end of {log.name}\n{log.read_text(errors='replace')[-2000:]}")
        print(f"{pages[-1].name}: {count} blocks, status {status}")
        sys.exit(status)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


main()
