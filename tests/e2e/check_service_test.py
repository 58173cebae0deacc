#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fendmail check --as-service`: what a start would run into, as the service's user.

A real systemd is asked in tests/interop/move_test.py.
"""

import os
import pwd
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import main
from fendmail_test.fendmail import Settings, run_command
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import refused_port, to_text
from fendmail_test.process import require_root

STRANGER = "nobody"  # owns nothing, and is in no group


class AsService(FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        require_root("check --as-service")
        pwd.getpwnam(STRANGER)
        self.backend = self.enterContext(socket.create_server(("127.0.0.1", 0)))

    def check(self, *settings: Settings, user: str = STRANGER, groups: str = "") -> tuple[int, str]:
        backend = {"kind": "proxy-v2", "address": to_text(self.backend.getsockname())}
        fendmail = self.make_fendmail(backend, {"server": {"listen": ["127.0.0.1:0"]}}, *settings)
        fendmail.write_config()
        fendmail.config_path.parent.chmod(0o755)
        more = ["--groups", groups] if groups else []
        done = run_command("check", "--user", user, *more, "-c", str(fendmail.config_path))
        return done.returncode, done.stdout + done.stderr

    def assert_finds(self, pattern: str, *settings: Settings, **who: str) -> None:
        code, said = self.check(*settings, **who)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, pattern)

    def test_nothing_to_complain_of(self) -> None:
        code, said = self.check()
        self.assertEqual(code, 0, said)
        self.assertIn(f"trying as {STRANGER}", said)
        self.assertIn("try: connect to the backend 127.0.0.1:", said)
        self.assertIn("try: listen on [127.0.0.1]:0: ok", said)
        self.assertNotIn("error", said)

    def test_a_file_that_only_root_can_read(self) -> None:
        rules = self.directory("rules") / "access.cidr"
        rules.write_text("192.0.2.1\n", encoding="ascii")
        rules.chmod(0o600)
        access: Settings = {"access": {"rules": [f"permit file:{rules}"]}}
        self.assert_finds("(?s)error: .*access.cidr.*Permission denied", access)
        code, said = self.check(access, user="root")
        self.assertEqual(code, 0, said)

    def test_a_file_that_a_group_may_read(self) -> None:
        group = os.stat("/etc/shadow").st_gid
        rules = self.directory("rules") / "access.cidr"
        rules.write_text("192.0.2.1\n", encoding="ascii")
        rules.chmod(0o640)
        os.chown(rules, 0, group)
        access: Settings = {"access": {"rules": [f"permit file:{rules}"]}}
        self.assert_finds("Permission denied", access)
        code, said = self.check(access, groups="shadow")
        self.assertEqual(code, 0, said)

    def test_no_such_user_or_group(self) -> None:
        self.assert_finds('there is no user "fendnobody"', user="fendnobody")
        self.assert_finds('there is no group "fendgroup"', groups="fendgroup")

    def test_a_user_that_only_root_can_become(self) -> None:
        """The unit of one user and `server.user` of another one: neither can start."""
        self.assert_finds('only root can become "root"', {"server": {"user": "root"}})

    def test_a_port_that_somebody_else_has(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen: Settings = {"server": {"listen": [to_text(taken.getsockname())]}}
            self.assert_finds(rf"Address already in use; .* process {os.getpid()}\)", listen)

    def test_a_port_that_fendmail_has_already(self) -> None:
        running = self.start_fendmail(self.start_sink().config)
        code, said = self.check({"server": {"listen": [to_text(running.address)]}})
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"a fendmail \(process \d+\) does already")

    def test_a_backend_that_is_not_there(self) -> None:
        address = f"127.0.0.1:{refused_port()}"
        gone: Settings = {"backend": {"kind": "proxy-v2", "address": address}}
        self.assert_finds(r"backend.address: cannot connect to .*: Connection refused", gone)

    def test_a_socket_of_postfix_that_the_user_may_not_open(self) -> None:
        place = self.directory("postfix") / "public"
        place.mkdir(mode=0o710)
        with socket.socket(socket.AF_UNIX) as service:
            service.bind(str(place / "smtpd"))
            service.listen()
            passing: Settings = {"backend": {"kind": "postfix-pass", "address": f"unix:{place}/smtpd"}}
            self.assert_finds("run as a member of the group postdrop", passing)
            code, said = self.check(passing, user="root")
            self.assertEqual(code, 0, said)

    def test_a_configuration_that_the_user_cannot_read(self) -> None:
        path = self.directory("hidden") / "fendmail.toml"
        path.write_text("[server]\nlisten = ['127.0.0.1:0']\n", encoding="ascii")
        path.chmod(0o600)
        done = run_command("check", "--user", STRANGER, "-c", str(path))
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied", done.stderr)


class AsWhoever(FendmailCase):
    def test_groups_need_a_user(self) -> None:
        self.assertEqual(run_command("check", "--groups", "mail").returncode, 2)


if __name__ == "__main__":
    main()
