#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program as config/compose runs the image: process 1 of a namespace, on a root file system that
is read-only but for what Dockerfile and compose.yaml name, as a user without any rights.

The root is this system's, under a layer in memory that has what the Dockerfile puts there: a build of
the image would need a registry. What is in these two files is read from them and written here again
nowhere.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.admin import Admin
from fendmail_test.case import main
from fendmail_test.dns_server import DnsServer
from fendmail_test.fendmail import binary
from fendmail_test.fendmail_case import CLIENT, FendmailCase
from fendmail_test.private_network import enter_private_network
from fendmail_test.process import Child, require_program, run
from fendmail_test.smtp_client import SmtpClient, make_message
from fendmail_test.sink import SmtpSink
from fendmail_test.waiting import wait_until

TOP = Path(__file__).resolve().parents[2]
DOCKERFILE = (TOP / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = sorted((TOP / "config" / "compose").glob("*/compose.yaml"))
RESOLVER = "127.0.0.53"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def dockerfile(pattern: str) -> re.Match[str]:
    found = re.search(pattern, DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, f"the Dockerfile has no {pattern}"
    return found


def mount(*arguments: str | Path) -> None:
    run([require_program("mount", "mount"), *arguments])


class Container:
    """What `docker compose up` makes of a service, as far as files and rights go."""

    def __init__(self, file: Path):
        self.service: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))["services"]["fendmail"]
        self.environment: dict[str, str] = self.service["environment"]
        self.user, self.group = map(int, dockerfile(r"^USER (\d+):(\d+)$").groups())
        # All of it is in memory, and is not removed file by file: other systems are mounted there.
        self._scratch = Path(tempfile.mkdtemp(prefix="fendmail-container-"))
        self.root = self._scratch / "root"
        self._folder = file.parent
        self._entry = json.loads(dockerfile(r"^ENTRYPOINT (\[.*?\])$")[1])
        self._command = json.loads(dockerfile(r"^CMD (\[.*?\])$")[1])
        self.health_check = json.loads(dockerfile(r"^HEALTHCHECK .*?\n +CMD (\[.*?\])$")[1])
        self.child: Child | None = None
        self.pid = 0  # of its process 1, as we see it

    # ── its file systems ─────────────────────────────────────────────────────────────────────

    def build(self) -> None:
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", self._scratch)
        for name in ("upper", "work", "root"):
            (self._scratch / name).mkdir()
        layers = f"lowerdir=/,upperdir={self._scratch}/upper,workdir={self._scratch}/work"
        mount("-t", "overlay", "overlay", "-o", layers, self.root)
        self._fill()
        self._add_volumes()
        for place in self.service.get("tmpfs", []):
            target, _, options = place.partition(":")
            inside = self._inside(target)
            inside.mkdir(parents=True, exist_ok=True)
            mount("-t", "tmpfs", "-o", f"nosuid,nodev,noexec,{options}", "tmpfs", inside)
        self._add_devices()
        assert self.service["read_only"] is True
        mount("-o", "remount,ro", self.root)

    def _add_devices(self) -> None:
        place = self.root / "dev"
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", place)
        for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
            os.mknod(place / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            (place / name).chmod(0o666)
        (place / "shm").mkdir()
        mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev,noexec", "tmpfs", place / "shm")

    def _inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _fill(self) -> None:
        """As the Dockerfile does, and the names that Docker gives a container."""
        shutil.copy(binary(), self._inside(dockerfile(r"^COPY --from=builder \S+ (\S+)$")[1]))
        source, target = dockerfile(r"^COPY (config/\S+) (\S+)$").groups()
        self._inside(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / source, self._inside(target))
        mode, place = dockerfile(r"install -d -o fendmail -g fendmail -m (\d+) (\S+)$").groups()
        shutil.rmtree(self._inside(place), ignore_errors=True)
        self._own(self._inside(place), int(mode, 8))
        backend = self.environment["FENDMAIL_BACKEND_ADDRESS"].partition(":")[0]
        for name, text in (
            ("hosts", f"127.0.0.1 localhost {backend}\n"),
            ("resolv.conf", f"nameserver {RESOLVER}\n"),
        ):
            file = self.root / "etc" / name
            file.unlink(missing_ok=True)
            file.write_text(text, encoding="ascii")

    def _own(self, place: Path, mode: int) -> None:
        place.mkdir(parents=True, exist_ok=True)
        os.chown(place, self.user, self.group)
        place.chmod(mode)

    def _add_volumes(self) -> None:
        """A named one begins as what the image has there."""
        for number, volume in enumerate(self.service["volumes"]):
            source, target, *options = volume.split(":")
            inside = self._inside(target)
            if source.startswith("."):
                mount("--bind", self._folder / source, inside)
            else:
                about = inside.stat()
                fresh = self._scratch / f"volume-{number}"
                self._own(fresh, about.st_mode & 0o7777)
                mount("--bind", fresh, inside)
            if "ro" in options:
                mount("-o", "remount,bind,ro", inside)

    # ── what runs in it ──────────────────────────────────────────────────────────────────────

    def start(self, directory: Path) -> None:
        self.child = Child(
            [
                require_program("unshare", "util-linux"), "--pid", "--fork", "--mount", "--ipc",
                "--mount-proc", f"--root={self.root}", "--wd=/",
                *self._without_rights(), *self._entry, *self._command,
            ],
            directory,
            "container",
        )  # fmt: skip

    def _without_rights(self) -> list[str]:
        assert self.service["cap_drop"] == ["ALL"] and "cap_add" not in self.service
        assert "no-new-privileges:true" in self.service["security_opt"]
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return [
            "setpriv", f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs",
            "env", "-i", f"PATH={PATH}", *variables,
        ]  # fmt: skip

    def find_process_1(self) -> int:
        assert self.child
        place = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        children = place.read_text(encoding="ascii").split()
        self.pid = int(children[0]) if children else 0
        return self.pid

    def remove(self) -> None:
        """At once: with process 1 ends all that is in its namespace, and unshare with it."""
        if self.child is not None:
            if self.pid and self.child.is_running():
                os.kill(self.pid, signal.SIGKILL)
                self.child.wait(30)
            self.child.kill()
        run([require_program("umount", "mount"), "--recursive", "--lazy", self._scratch])
        self._scratch.rmdir()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Beside process 1, as `docker exec` does."""
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--ipc", "--root", "--wd=/"]
        return subprocess.run(
            [*inside, *self._without_rights(), *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, str]:
        """Of its process 1."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class ReadOnly(FendmailCase):
    @contextlib.contextmanager
    def started(self, file: Path) -> Iterator[Container]:
        container = Container(file)
        self.port = container.service["ports"][0]["target"]
        config = tomllib.loads((file.parent / "fendmail.toml").read_text(encoding="utf-8"))
        for site in config["dnsbl"]["sites"]:
            self.dns.zone(re.split("[=*]", site)[0])
        try:
            container.build()
            container.start(self.directory("logs"))
            assert container.child
            self.show_on_failure(container.child.stdout, container.child.stderr)
            wait_until(container.find_process_1, "process 1")
            container.child.stdout.wait_for('"event":"listening"', 30)
            yield container
        finally:
            container.remove()

    def deliver(self, message_id: str) -> None:
        with SmtpClient(("127.0.0.1", self.port), CLIENT, 60) as client:
            client.expect_reply(220)
            client.expect("EHLO client.example.org", 250)
            client.send_mail(make_message(message_id))
            client.expect("QUIT", 221)

    def test_mail_goes_through_and_it_is_well(self) -> None:
        self.dns = self.enterContext(DnsServer((RESOLVER, 53)))
        sink = self.enterContext(SmtpSink("proxy-v2", port=10025))
        for file in COMPOSE:
            with self.subTest(file.parent.name), self.started(file) as container:
                wait_until(
                    lambda container=container: container.run(*container.health_check).returncode == 0,
                    lambda container=container: f"{container.run(*container.health_check)}",
                    30,
                )
                self.deliver(file.parent.name)
                mail = sink.wait_for_mails(len(sink.sessions))[-1]
                self.assertIn(f"<{file.parent.name}@".encode(), mail.octets)
                self.assertEqual({s.client[0] for s in sink.sessions}, {CLIENT})
                self.see_it_has_no_rights(container)
                self.see_it_can_be_asked(container)
                self.see_what_it_keeps(container)
                self.see_it_ends_in_peace(container)

    def see_it_has_no_rights(self, container: Container) -> None:
        status = container.status()
        self.assertEqual(status["NSpid"].split()[-1], "1")
        self.assertEqual(set(status["Uid"].split()), {str(container.user)})
        self.assertEqual(set(status["Gid"].split()), {str(container.group)})
        self.assertEqual(status["Groups"].split(), [])
        self.assertEqual(status["NoNewPrivs"], "1")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        for place in ("/etc", "/tmp", "/var/tmp", "/run", "/"):
            done = container.run("sh", "-c", f": >{place}/x")
            self.assertRegex(done.stderr, "Read-only file system|Permission denied", place)
        # /tmp is for all, so only the file system says no.
        self.assertIn("Read-only", container.run("sh", "-c", ": >/tmp/x").stderr)

    def see_it_can_be_asked(self, container: Container) -> None:
        done = container.run("fendmail", "status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertTrue(told["ready"], told)
        self.assertEqual(told["totals"]["verdicts"]["pass_new"], 1)
        self.assertEqual(told["store"], {"kind": "lmdb", "up": True})
        api = Admin(container.root / "run/fendmail/admin.sock")
        # Written in batches.
        wait_until(lambda: api.get("passes")["passes"], "what is remembered")
        self.assertEqual(api.get("passes")["passes"][0]["client"], CLIENT)

    def see_what_it_keeps(self, container: Container) -> None:
        """The store is in the volume, and nothing was complained of."""
        assert container.child
        done = container.run("fendmail", "clients", "list", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(CLIENT, done.stdout)
        lines = container.child.stdout.text().splitlines()
        told = [json.loads(line) for line in lines]
        self.assertEqual([one for one in told if one["level"] != "info"], [])
        self.assertEqual(container.child.stderr.text(), "")

    def see_it_ends_in_peace(self, container: Container) -> None:
        """Process 1 gets no signal that it has not asked for."""
        assert container.child
        os.kill(container.pid, signal.Signals[dockerfile(r"^STOPSIGNAL (\w+)$")[1]])
        self.assertEqual(container.child.wait(30), 0)
        self.assertIn('"event":"stopped"', container.child.stdout.text())


if __name__ == "__main__":
    enter_private_network()
    main()
