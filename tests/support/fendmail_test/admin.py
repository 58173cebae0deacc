# SPDX-License-Identifier: Apache-2.0
"""The admin API of a fendmail under test, over its UNIX socket or over TCP."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

TIMEOUT = 30.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


class Admin:
    """@param where the path of a UNIX socket, or a port on 127.0.0.1"""

    def __init__(self, where: Path | int, token: str = ""):
        self.where = where
        self.token = token

    def connection(self) -> http.client.HTTPConnection:
        if isinstance(self.where, int):
            return http.client.HTTPConnection("127.0.0.1", self.where, timeout=TIMEOUT)
        return _UnixConnection(self.where)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status, and the body as JSON if it is that."""
        fields = {}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        data = None
        if method != "GET":
            fields["Content-Type"] = "application/json"
            data = "" if body is None else json.dumps(body)
        asking = self.connection()
        try:
            asking.request(method, path, body=data, headers={**fields, **(headers or {})})
            answer = asking.getresponse()
            text = answer.read().decode()
        finally:
            asking.close()
        if answer.getheader("Content-Type") == "application/json":
            return answer.status, json.loads(text)
        return answer.status, text

    def get(self, path: str) -> Any:
        status, body = self.ask("GET", f"/api/v1/{path}")
        assert status == 200, (path, status, body)
        return body

    def change(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.ask(method, f"/api/v1/{path}", body)
        assert status == 200, (method, path, status, answer)
        return answer
