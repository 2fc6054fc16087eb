"""Watched files of this machine are changed, and each change is told with who did it."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import PrintingAgent, eventually


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Files(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # A pattern of the default list, and nothing that cron would run.
        self.watched = pathlib.Path("/etc/cron.vedette-test")
        shutil.rmtree(self.watched, ignore_errors=True)
        self.addCleanup(shutil.rmtree, self.watched, ignore_errors=True)

    def agent(self, *args):
        return PrintingAgent("--data-dir", self.folder / "state", *args)

    @staticmethod
    def change(agent, operation, path):
        return agent.wait_for("FileEvent", lambda i: (i["Operation"], i["Path"]) == (operation, str(path)))[1]

    def make_watched(self, agent):
        """A new folder, once it is watched itself: what is made in it before that is told, but without its process."""
        self.watched.mkdir()
        self.change(agent, "Create", self.watched)
        probe = self.watched / "probe"

        def watched():
            probe.write_text("x")
            return any((item["Operation"], item["Path"]) == ("Modify", str(probe)) for _, item in agent.events("FileEvent"))

        eventually(watched, what="a change in the new folder")

    def test_a_file_comes_changes_and_goes(self):
        with self.agent() as agent:
            self.make_watched(agent)
            job = self.watched / "job"
            writer = subprocess.Popen(["/bin/sh", "-c", f"echo x > {job}; sleep 1"])
            modified = self.change(agent, "Modify", job)
            writer.wait()
            self.assertEqual(modified["ProcessId"], writer.pid)
            self.assertEqual(modified["UserName"], "root")
            self.assertTrue(modified["Executable"].endswith("sh"), modified)
            self.assertIn(str(job), modified["CommandLine"])
            self.assertEqual(modified["ExtraDetails"]["Tier"], "Fanotify")
            subprocess.run(["chmod", "4711", job], check=True)
            changed = self.change(agent, "Attributes", job)
            self.assertEqual(changed["ExtraDetails"]["Mode"], "4711")
            self.assertEqual(json.loads(changed["ExtraDetails"].get("Size", "0")), 2)
            subprocess.run(["mv", job, self.watched / "other"], check=True)
            self.assertEqual(self.change(agent, "Rename", job)["NewPath"], str(self.watched / "other"))
            subprocess.run(["rm", self.watched / "other"], check=True)
            self.assertTrue(self.change(agent, "Delete", self.watched / "other")["Executable"].endswith("/rm"))

    def test_a_file_system_mounted_over_a_folder(self):
        self.watched.mkdir()
        with self.agent() as agent:
            subprocess.run(["mount", "-t", "tmpfs", "vedette-test", self.watched], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", self.watched], check=False)
            # The kernel says at once that something was mounted; what is made then is told or found.
            subprocess.run(["/bin/sh", "-c", f"echo x > {self.watched}/covered"], check=True)
            self.change(agent, "Create", self.watched / "covered")
            subprocess.run(["umount", self.watched], check=True)
            subprocess.run(["/bin/sh", "-c", f"sleep 0.3; echo x > {self.watched}/uncovered"], check=True)
            self.change(agent, "Create", self.watched / "uncovered")

    def test_without_the_right_to_fanotify(self):
        config = self.folder / "agent.toml"
        config.write_text("[privileges]\nfanotify = false\n")
        with self.agent("--config", config) as agent:
            self.make_watched(agent)
            subprocess.run(["/bin/sh", "-c", f"echo x > {self.watched}/job"], check=True)
            told = self.change(agent, "Modify", self.watched / "job")
            self.assertNotIn("ProcessId", told)
            self.assertEqual(told["ExtraDetails"]["Incomplete"], "Process")


if __name__ == "__main__":
    unittest.main()
