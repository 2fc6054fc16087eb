"""What the benchmarks of the hub share: hubs as they are for many devices."""
import contextlib
import pathlib
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
from harness import Site  # noqa: E402

# Rates that nobody reaches: everything is charged to the hub and to the identity, and nothing is held back.
RATES = "".join(f"[limits.{whose}]\ntelemetry = 1e8\nconnect = 1e8\ntwin_update = 1e8\nmethod = 1e8\nregistry = 1e8\n"
                for whose in ("hub", "identity"))


def allow_open_files(wanted):
    """Of this program and those that it starts; how many may be open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        return wanted
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard


@contextlib.contextmanager
def busy_site():
    """A running hub whose limits count and do not bite."""
    with Site() as site:
        with open(site.hub_dir / "hub.toml", "a", encoding="utf-8") as config:
            config.write("\n" + RATES)
        site.start_hub()
        yield site
