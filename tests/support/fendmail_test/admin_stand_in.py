# SPDX-License-Identifier: Apache-2.0
"""Serves the admin page and answers as the API does, for what the real one cannot be made to do on
command: to be away, slow or broken, to lose events, to have a thousand a second."""

import contextlib
import datetime
import http.server
import json
import queue
import select
import threading
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .network import LOOPBACK4

PAGE = Path(__file__).resolve().parents[3] / "src" / "app" / "admin" / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
VERDICTS = (
    "allowlisted", "pass_old", "pass_new", "passed", "rejected", "dropped", "deferred", "left",
)
READ_TOKEN = "reads"
ADMIN_TOKEN = "changes"
STREAM_QUEUE = 100_000
STREAM_LOOKS = 0.1


def now_text(seconds_ago: float = 0) -> str:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session(number: int, **fields: Any) -> dict[str, Any]:
    """A session that ended, as /sessions and the event session_ended tell of it."""
    return {
        "time": now_text(),
        "session": number,
        "client": f"192.0.2.{number % 250 + 1}",
        "client_port": 1024 + number % 60000,
        "local": "198.51.100.25",
        "local_port": 25,
        "verdict": "rejected",
        "ended_by": "client",
        "phase": "dialog",
        "reasons": "dnsbl",
        "dnsbl_score": 3,
        "dnsbl_complete": True,
        "dnsbl_lists": "zen.example:127.0.0.2*3",
        "dnsbl_skipped": "",
        "reply": "550 5.7.1 Service unavailable",
        "helo": "bot.example",
        "screening_seconds": 6.01,
        "dnsbl_retries": 0,
        "late_wait_seconds": 0.0,
        "hand_off_seconds": 0.0,
        "total_seconds": 7.1,
        "octets_in": 0,
        "octets_out": 0,
        "backend": "",
        **fields,
    }


def status() -> dict[str, Any]:
    return {
        "version": "0.1.0", "pid": 4711, "started": now_text(7260), "uptime_seconds": 7260,
        "hostname": "mx.example.net", "state": "serving", "ready": True, "unready_reason": "",
        "listening": ["0.0.0.0:25", "[::]:25"], "workers": 2,
        "config": {"path": "/etc/fendmail/fendmail.toml", "loaded": now_text(7200),
                   "last_reload_successful": True, "last_reload_error": ""},
        "now": {"waiting": 3, "dialog": 1, "relayed": 7, "in_transit": 0, "sessions": 11,
                "stressed": False, "descriptors": 30, "descriptors_max": 8000},
        "totals": {"connections": 100, "verdicts": dict.fromkeys(VERDICTS, 5),
                   "refused": {"too_many_connections": 2, "all_screening_ports_busy": 0}},
        "tests": [{"test": "pregreet", "ignore": 0, "enforce": 4, "drop": 0},
                  {"test": "bare_newline", "ignore": 7, "enforce": 0, "drop": 0}],
        "backends": [{"name": "mta1", "up": True, "reason": ""}],
        "lists": {"total": 2, "suspended": 0, "off": 0},
        "store": {"kind": "lmdb", "up": True},
        "dns": {"servers": ["127.0.0.53:53"], "retries": 0},
    }


class AdminStandIn:
    """A server on a port of 127.0.0.1. What it answers is in `answers`, by path, without the query;
    `failures` has (status, text or object) for paths that fail, and is looked at first."""

    def __init__(self) -> None:
        self.sessions: list[dict[str, Any]] = []  # newest first
        self.failures: dict[str, tuple[int, str | dict[str, Any]]] = {}
        self.answers: dict[str, Any] = {
            "/status": status(),
            "/history": {
                "step_seconds": 60, "end": now_text(),
                "verdicts": {verdict: [0] * 60 for verdict in VERDICTS}, "refused": [0] * 60,
            },
            "/lists": {"lists": []},
            "/permits": {"permits": []},
            "/denials": {"denials": []},
            "/bans": {"action": "ignore", "all": 0, "offenders": 0, "paused": False,
                      "kernel": {"on": False}, "bans": []},
            "/feeds": {"feeds": []},
            "/top": {"by": "", "since": now_text(1800), "entries": []},
        }
        self.requests: list[str] = []  # "GET /status", newest last
        self._streams: list[queue.Queue[bytes | None]] = []
        self._lock = threading.Lock()
        self._port = 0
        self._server: http.server.ThreadingHTTPServer | None = None
        self.start()

    def __enter__(self) -> "AdminStandIn":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK4}:{self._port}/"

    def start(self) -> None:
        """Listens, again on the same port after a stop()."""
        stand_in = self

        class Handler(_Handler):
            of = stand_in

        self._server = _Server((LOOPBACK4, self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """No longer there: streams end, connections are refused."""
        if self._server is None:
            return
        self.break_streams()
        self._server.shutdown()
        self._server.close_all()
        self._server = None

    # ── events ───────────────────────────────────────────────────────────────────────────────

    def emit(self, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """To all streams, in one piece."""
        text = b"".join(
            f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events
        )
        with self._lock:
            for stream in self._streams:
                stream.put(text)

    def end_sessions(self, *ended: dict[str, Any]) -> None:
        """Sessions that end now; the last is the newest."""
        self.sessions = [*reversed(ended), *self.sessions][:500]
        self.emit([("session_ended", {"event": "session_ended", **one}) for one in ended])

    def stream_count(self) -> int:
        with self._lock:
            return len(self._streams)

    def break_streams(self) -> None:
        with self._lock:
            for stream in self._streams:
                stream.put(None)

    @contextlib.contextmanager
    def stream(self):
        """A new stream's pieces; None ends it."""
        pieces: queue.Queue[bytes | None] = queue.Queue(STREAM_QUEUE)
        with self._lock:
            self._streams.append(pieces)
        try:
            yield pieces
        finally:
            with self._lock:
                self._streams.remove(pieces)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._connections: set[Any] = set()

    def process_request(self, request, client_address) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """A browser closes when it likes."""

    def close_all(self) -> None:
        self.server_close()
        for request in list(self._connections):
            self.shutdown_request(request)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: AdminStandIn

    def log_message(self, *_) -> None:
        """Tests say what they want to know."""

    def _answer(self, status_code: int, body: bytes, kind: str) -> None:
        self.send_response(status_code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _answer_json(self, value: Any, status_code: int = 200) -> None:
        self._answer(status_code, json.dumps(value).encode(), "application/json")

    def _refuse(self, status_code: int, why: str | dict[str, Any]) -> None:
        self._answer_json({"error": why} if isinstance(why, str) else why, status_code)

    def _may(self, tokens: tuple[str, ...]) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given in tokens:
            return True
        if given == READ_TOKEN:
            self._refuse(403, "this token may only read")
        else:
            self._refuse(401, "this needs a token")
        return False

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        name = "index.html" if parts.path == "/" else parts.path[1:]
        if (PAGE / name).is_file() and "/" not in name:
            return self._answer(200, (PAGE / name).read_bytes(), TYPES[Path(name).suffix])
        if not parts.path.startswith("/api/v1/"):
            return self._refuse(404, "there is no such thing")
        if not self._may((READ_TOKEN, ADMIN_TOKEN)):
            return None
        path = parts.path.removeprefix("/api/v1")
        self.of.requests.append(f"GET {path}")
        if path in self.of.failures:
            return self._refuse(*self.of.failures[path])
        query = dict(urllib.parse.parse_qsl(parts.query))
        if path == "/events":
            return self._stream()
        if path == "/sessions":
            found = [one for one in self.of.sessions
                     if query.get("verdict", one["verdict"]) == one["verdict"]
                     and query.get("client", one["client"]) == one["client"]]
            return self._answer_json({"sessions": found[: int(query.get("limit", 100))]})
        if path in self.of.answers:
            return self._answer_json(self.of.answers[path])
        return self._refuse(404, "there is no such thing")

    def _change(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._may((ADMIN_TOKEN,)):
            return
        path = urllib.parse.unquote(self.path.removeprefix("/api/v1"))
        self.of.requests.append(f"{self.command} {path} {body.decode()}")
        if path in self.of.failures:
            self._refuse(*self.of.failures[path])
        elif self.headers.get("Content-Type") != "application/json":
            self._refuse(415, "changes need Content-Type: application/json")
        else:
            self._answer_json(self.of.answers.get(f"{self.command} {path}", {}))

    do_POST = do_PUT = do_DELETE = _change

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with self.of.stream() as pieces, contextlib.suppress(OSError):
            while not self._is_closed():
                try:
                    piece = pieces.get(timeout=STREAM_LOOKS)
                except queue.Empty:
                    piece = b": alive\n\n"
                if piece is None:
                    return
                self.wfile.write(piece)
                self.wfile.flush()

    def _is_closed(self) -> bool:
        """Whether the browser has left the stream; it sends nothing more on it."""
        return bool(select.select([self.connection], [], [], 0)[0])
