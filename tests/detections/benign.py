"""Benign command lines, as devices run them: what the scripts, maintainer scripts, services and cron tables of
Debian packages execute. Read from what is installed on this machine and from package files (.deb); nothing is run,
and nothing of it is kept in the repository."""

import glob
import io
import os
import re
import subprocess
import tarfile

MAINTAINER = ("preinst", "postinst", "prerm", "postrm", "config")
INSTALLED = ("/etc", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/share", "/usr/local/bin")
# A file that is larger is not a script that somebody wrote by hand.
MAX_SCRIPT = 256 * 1024
MAX_LINE = 4096

_SHEBANG = re.compile(rb"#!\s*(/usr)?/bin/(env\s+)?(ba|da|a|k|z)?sh\b")
_HERE = re.compile(r"(?<!<)<<(-?)\s*(['\"]?)([A-Za-z_][\w.-]*|!)\2")
# Lines that are only the shell's own grammar, and what says nothing about a command.
_GRAMMAR = re.compile(r"^(fi|done|esac|else|then|do|in|\{|\}|;;|\(|\)|:|true|false|shift|return(\s+\S+)?|exit(\s+\S+)?"
                      r"|break|continue|local\s[\w\s]+|(if|while|until|elif)\s+true;?)*[\s;|&>]*$")
# Variables that are set to what they are, without anything being run.
_ASSIGNMENT = re.compile(r"^((local|readonly|export|declare)(\s+-\w+)*\s+)?([A-Za-z_]\w*\+?=(\"[^\"`$]*\"|'[^']*'|\"?\$\{?[\w:/.%#*@-]*\}?\"?"
                         r"|[^\s\"'`$();|&]*)\s*;?\s*)+$")
_FUNCTION = re.compile(r"^(function\s+)?[\w:.-]+\s*\(\)\s*\{?\s*$|^function\s+[\w:.-]+\s*\{?\s*$")


def _open_quote(text):
    """The quote that is not closed at the end of the text: ' or ", or None."""
    quote, at = None, 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 2
            continue
        if quote is None and char in "'\"":
            quote = char
        elif char == quote:
            quote = None
        elif quote is None and char == "#" and (at == 0 or text[at - 1] in " \t;("):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        at += 1
    return quote


def _without_label(line):
    """What follows the pattern of a `case`: the text after a parenthesis that closes and was not opened."""
    quote, depth, at = None, 0, 1 if line.startswith("(") else 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = None if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return line[at + 1:].strip()
        at += 1
    return line


def _logical_lines(text):
    """Lines of a shell script, continued ones joined, without documents that follow `<<`."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        line = lines[at]
        at += 1
        while at < len(lines) and len(line) < MAX_LINE:
            if line.endswith("\\") and not line.endswith("\\\\"):
                line = line[:-1] + " " + lines[at].lstrip()
            elif _open_quote(line):
                line += "\n" + lines[at]
            else:
                break
            at += 1
        for dash, _, word in _HERE.findall(line):
            while at < len(lines):
                ended = (lines[at].lstrip("\t") if dash else lines[at]) == word
                at += 1
                if ended:
                    break
        yield line.strip()


def shell_lines(text):
    """What a shell script runs, line by line."""
    for line in _logical_lines(text):
        if not line or line.startswith("#") or _open_quote(line) or len(line) > MAX_LINE:
            continue
        if line.count(")") > line.count("("):
            line = _without_label(line)
        line = re.sub(r"\s*;;$", "", line).strip()
        if line and not any(known.match(line) for known in (_GRAMMAR, _FUNCTION, _ASSIGNMENT)):
            yield line


def unit_lines(text):
    """What a service of systemd starts."""
    for line in text.replace("\\\n", " ").split("\n"):
        found = re.match(r"Exec(Start|StartPre|StartPost|Stop|StopPost|Reload|Condition)\s*=\s*[-@:+!|]*(/.*)", line)
        if found:
            yield found.group(2).replace("%%", "%").strip()


def cron_lines(text, with_user):
    """What a cron table runs."""
    fields = 6 if with_user else 5
    for line in text.split("\n"):
        if re.match(r"\s*(@\w+|[\d*/,-]+\s)", line):
            parts = line.split(None, (2 if with_user else 1) if line.lstrip().startswith("@") else fields)
            if len(parts) > (2 if line.lstrip().startswith("@") else fields) - (0 if with_user else 1):
                yield parts[-1].replace("\\%", "%").strip()


def _of_file(name, data):
    """(kind, line) of one file: `shell` for what a shell reads, `exec` for what is started as it stands."""
    # Binaries, and what is a shell script for its first two lines only: it runs an interpreter on itself.
    if b"\0" in data[:4096] or b"'''exec'" in data[:256]:
        return
    text = data.decode("utf-8", "replace")
    if re.search(r"/systemd/(system|user)/[^/]+\.service$", name):
        yield from (("exec", line) for line in unit_lines(text))
    elif re.search(r"/cron\.d/[^/]+$|/crontab$", name):
        yield from (("shell", line) for line in cron_lines(text, True))
    elif _SHEBANG.match(data) or "/init.d/" in name and name.rsplit("/", 1)[-1] != "README":
        yield from (("shell", line) for line in shell_lines(text))


def _of_installed(roots):
    for path in glob.glob("/var/lib/dpkg/info/*"):
        if path.rsplit(".", 1)[-1] in MAINTAINER:
            yield path
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                yield os.path.join(folder, name)


def _of_deb(path):
    """(name, content) of the files of a package that may be of interest."""
    for part in ("--ctrl-tarfile", "--fsys-tarfile"):
        tar = subprocess.run(["dpkg-deb", part, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if tar.returncode != 0:
            continue
        with tarfile.open(fileobj=io.BytesIO(tar.stdout)) as files:
            for member in files:
                if member.isfile() and member.size <= MAX_SCRIPT:
                    yield member.name.lstrip("."), files.extractfile(member).read()


def collect(packages=None, roots=INSTALLED):
    """Distinct (kind, line, file it was first found in), sorted by line: of this machine, and of the .deb files in the
    folder `packages`."""
    found = {}

    def add(name, data):
        for line in _of_file(name, data):
            found.setdefault(line, name)

    for path in sorted(_of_installed(roots)):
        try:
            if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > MAX_SCRIPT:
                continue
            with open(path, "rb") as file:
                add(path, file.read())
        except OSError:
            continue
    for deb in sorted(glob.glob(os.path.join(packages, "*.deb"))) if packages else []:
        for name, data in _of_deb(deb):
            add(os.path.basename(deb) + name, data)
    return [(kind, line, name) for (kind, line), name in sorted(found.items())]
