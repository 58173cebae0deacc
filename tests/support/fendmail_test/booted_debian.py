# SPDX-License-Identifier: Apache-2.0
"""A whole Debian with its own systemd, as an admin has it, and what is typed there as a transcript.

The system is that of scripts/in-debian, with packages installed over it once (boot-debian); each
test boots it anew and changes only memory. Its network is loopback, with 192.0.2.1 as its own
address, and 192.0.2.66 and 192.0.2.77 for clients who are in nobody's mynetworks.
"""

import os
import platform
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from .case import Case
from .fendmail import binary
from .process import require_root, run
from .waiting import wait_until

SOURCES = Path(__file__).resolve().parents[3]
BOOT = SOURCES / "tests/support/boot-debian"
OWN = "192.0.2.1"
STRANGER = "192.0.2.77"
BOT = "192.0.2.66"
COMMON = ("systemd", "systemd-sysv", "dbus", "ssl-cert", "swaks", "netcat-openbsd", "procps", "iproute2")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MINUTE = 60.0
_LONG = 600.0  # debootstrap and apt, once


class BootedDebian:
    """Runs until the `with` ends."""

    def __init__(self, case: Case, packages: Sequence[str], title: str):
        require_root("a Debian with its own systemd")
        self._case = case
        self._title = title
        version = _version_here()
        system = SOURCES / f"build/debian-{version}"
        self._root = system / "root"
        self._layer = system / "layers" / "-".join(packages)
        self._packages = (*COMMON, *packages)
        self._version = version
        self._init = 0
        self.transcript: list[str] = []

    def __enter__(self) -> Self:
        run([SOURCES / "scripts/in-debian", self._version, "true"], timeout=_LONG)
        run([BOOT, "layer", self._root, self._layer, *self._packages], timeout=_LONG)
        shared = self._case.directory("shared")
        self._stage(shared)
        console = (shared / "console").open("wb")
        with console:
            self._process = subprocess.Popen(
                [BOOT, "start", self._root, self._layer, shared],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        try:
            self._init = wait_until(self._first_process, "process 1 of the Debian", timeout=_MINUTE)
            wait_until(self._has_booted, "systemd to be up", timeout=_MINUTE)
        except AssertionError:
            print((shared / "console").read_text(encoding="utf-8"), file=sys.stderr)
            self._end()
            raise
        self._take_stage()
        self.transcript.append(f"# {self._title}\n")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            print("\n".join(self.transcript), file=sys.stderr)
            if self._init:
                print(self._call("journalctl --no-pager -n 80 2>&1").stdout, file=sys.stderr)
        self._end()
        self._save()

    def _end(self) -> None:
        self._process.kill()  # and with it all that runs there
        self._process.wait(timeout=_MINUTE)

    # ── what is typed ─────────────────────────────────────────────────────────────────────────

    def say(self, text: str) -> None:
        """A remark of the transcript."""
        self.transcript.append(f"\n# {text}")

    def run(self, command: str, status: int = 0) -> str:
        """Types it, as root; it must end with `status`."""
        done = self._call(command)
        shown = command.strip().replace("\n", "\n> ")
        self.transcript.append(f"mx# {shown}\n{done.stdout.rstrip()}".rstrip())
        if done.returncode != status:
            self.transcript.append(f"[ended with {done.returncode}, not {status}]")
            self._case.fail(f"{command}: ended with {done.returncode}, not {status}")
        return done.stdout

    def type(self, block: str) -> str:
        """Types several commands, whatever each of them ends with."""
        return self.run(f"set +e\n{block.strip()}\ntrue")

    def quiet(self, command: str) -> str:
        """What the test does, and no admin."""
        done = self._call(command)
        self._case.assertEqual(done.returncode, 0, f"{command}:\n{done.stdout}")
        return done.stdout

    def put(self, path: str, text: str) -> None:
        """Writes a file, as an admin does with his editor."""
        self.run(f"cat > {path} <<'END'\n{text.rstrip()}\nEND")

    def wait(self, command: str, pattern: str) -> str:
        """Until what the command prints matches."""
        found = wait_until(
            lambda: self._matching(command, pattern), f"{pattern} from {command}", timeout=_MINUTE
        )
        self.transcript.append(f"mx# {command}\n{found.rstrip()}")
        return found

    # ── how ───────────────────────────────────────────────────────────────────────────────────

    def _matching(self, command: str, pattern: str) -> str | None:
        printed = self._call(command).stdout
        return printed if re.search(pattern, printed, re.MULTILINE) else None

    def _call(self, command: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "--target", str(self._init), "--all", "--wdns=/root", "env", "-i"]
        surroundings = [f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "SYSTEMD_PAGER="]
        return subprocess.run(
            [*inside, *surroundings, "bash", "-euc", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            timeout=3 * _MINUTE,
            check=False,
        )

    def _first_process(self) -> int | None:
        self._case.assertIsNone(self._process.poll(), "the Debian did not boot")
        here = Path(f"/proc/{self._process.pid}")
        if (here / "comm").read_text(encoding="ascii").strip() != "unshare":
            return None  # it is a shell still, with children of its own
        path = here / f"task/{self._process.pid}/children"
        children = path.read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def _has_booted(self) -> bool:
        # Before systemd is process 1, the tools are those of this machine.
        name = Path(f"/proc/{self._init}/comm").read_text(encoding="ascii").strip()
        if name != "systemd":
            return False
        state = self._call("systemctl is-system-running").stdout.strip()
        return state in ("running", "degraded")

    def _stage(self, shared: Path) -> None:
        """Puts what is installed there into a directory of the host, which is /mnt there."""
        stage = shared / "stage"
        environment = {"PATH": os.environ["PATH"], "DESTDIR": str(stage)}
        command = ["cmake", "--install", binary().parent, "--prefix", "/usr/local"]
        run(command, timeout=_MINUTE, env=environment)

    def _take_stage(self) -> None:
        """As the package would be: unit, program, documents. Nothing in /etc."""
        self.quiet("cp -a /mnt/stage/. / && systemctl daemon-reload")

    def _save(self) -> None:
        folder = binary().parent / "transcripts"
        folder.mkdir(exist_ok=True)
        name = re.sub(r"\W+", "-", self._title.lower()).strip("-")
        text = "\n".join(self.transcript) + "\n"
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def _version_here() -> str:
    """The program is of this system, and needs its libraries."""
    version = platform.freedesktop_os_release().get("VERSION_ID", "")
    assert version in ("12", "13"), "these tests boot Debian 12 or 13, whichever they run on"
    return version


def blocks_of(page: str, heading: str) -> list[str]:
    """The fenced blocks of a page below a heading, up to the next one of the same depth."""
    text = (SOURCES / page).read_text(encoding="utf-8")
    level = heading.split(" ", 1)[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    # A title has one "#", and so have comments within blocks.
    end = re.search(rf"^#{{2,{len(level)}}} ", text[start:], re.MULTILINE)
    section = text[start : start + end.start()] if end else text[start:]
    fences = re.finditer(r"^( *)```\w*\n(.*?)^\1```$", section, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(found.group(2)) for found in fences]


class HostCase(Case):
    """Tests of what README.md says, on one host."""

    def install(self, mx: BootedDebian) -> None:
        """README's block, but for the lines that build: the program is there already."""
        block = blocks_of("README.md", "## Put it in front of Postfix")[0]
        mx.say("README: build and install (the program was built before)")
        mx.run(block[block.index("useradd") :])
        mx.quiet("useradd --create-home alice")

    def send(self, mx: BootedDebian, subject: str) -> str:
        """A mail of a stranger arrives, once, with his address in it; @return the mailbox."""
        mx.run(
            f"swaks --server {OWN} --local-interface {STRANGER} --helo client.example.net"
            f" --from bob@example.net --to alice@mx.example.org --h-Subject '{subject}' | tail -n 5"
        )
        box = mx.wait("cat /var/mail/alice", f"^Subject: {subject}$")
        mails = re.split(r"^From (?=bob@example.net )", box, flags=re.MULTILINE)
        (mail,) = [one for one in mails if f"\nSubject: {subject}\n" in one]
        self.assertRegex(mail, rf"Received: from (\S+ )?\(?.*\[{re.escape(STRANGER)}\]")
        return mail

    def talk_early(self, mx: BootedDebian) -> str:
        """Somebody who talks before his turn; @return what he is told."""
        commands = r"EHLO bot\r\nMAIL FROM:<x@example.net>\r\nRCPT TO:<alice@mx.example.org>\r\nQUIT\r\n"
        return mx.run(f"printf '{commands}' | nc -w 20 -s {BOT} {OWN} 25")
