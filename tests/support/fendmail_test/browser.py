# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, worked through chromedriver's own protocol (W3C WebDriver, and its command
for the DevTools protocol)."""

import base64
import http.client
import json
from pathlib import Path
from typing import Any

from .network import LOOPBACK4
from .process import Child, require_program
from .waiting import wait_until

START_TIMEOUT = 60.0
COMMAND_TIMEOUT = 60.0
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ARGUMENTS = (
    "--headless=new",
    # Root has no sandbox, and containers have little shared memory.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    # Nothing leaves loopback.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK4}, EXCLUDE localhost",
)
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Shift": "\ue008",
    "Escape": "\ue00c",
    "Space": " ",
}


class BrowserError(AssertionError):
    """What chromedriver said."""

    def __init__(self, kind: str, message: str):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Browser:
    """One Chromium with one page. Close it with close() or as a context manager."""

    def __init__(self, directory: Path):
        driver = require_program("chromedriver", "chromium-driver")
        chromium = require_program("chromium", "chromium")
        self._driver = Child(
            [driver, "--port=0"], directory, "chromedriver", {"HOME": str(directory)}
        )
        self._session = ""
        self._hidden = ("", "")
        try:
            started = self._driver.stdout.wait_for(r"successfully on port (\d+)", START_TIMEOUT)
            self._port = int(started[1])
            profile = directory / "profile"
            answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {
                    "binary": chromium,
                    "args": [*ARGUMENTS, f"--user-data-dir={profile}"],
                },
                "goog:loggingPrefs": {"browser": "ALL"},
                "timeouts": {"script": 30000, "pageLoad": 30000},
            }}})
            self._session = answer["sessionId"]
        except BaseException:
            self._driver.kill()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends the browser, then the driver."""
        try:
            if self._session:
                self._send("DELETE", f"/session/{self._session}")
        finally:
            self._driver.stop()

    # ── protocol ─────────────────────────────────────────────────────────────────────────────

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        asking = http.client.HTTPConnection(LOOPBACK4, self._port, timeout=COMMAND_TIMEOUT)
        try:
            text = json.dumps(body) if method == "POST" else None
            asking.request(method, path, text, {"Content-Type": "application/json"})
            answer = asking.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            asking.close()
        if answer.status != 200:
            raise BrowserError(value["error"], value["message"])
        return value

    def _command(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        return self._send(method, f"/session/{self._session}{path}", body or {})

    def devtools(self, command: str, **parameters: Any) -> Any:
        """One command of the DevTools protocol."""
        return self._command("/goog/cdp/execute", {"cmd": command, "params": parameters})

    # ── use ──────────────────────────────────────────────────────────────────────────────────

    def go(self, url: str) -> None:
        self._command("/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """The body of a function, with its arguments as `arguments`; what it returns."""
        return self._command("/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        """The text of the first element, as it is shown; "" when there is none or it is hidden."""
        return self.run(
            "const e = document.querySelector(arguments[0]); return e ? e.innerText : '';", selector
        )

    def texts(self, selector: str) -> list[str]:
        """Of all elements."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText ?? e.textContent);", selector
        )

    def is_shown(self, selector: str) -> bool:
        return self.run(
            "const e = document.querySelector(arguments[0]);"
            "return e !== null && e.checkVisibility();",
            selector,
        )

    def wait_for(self, selector: str, text: str = "", timeout: float = 15.0) -> str:
        """Until the element is shown with this in its text, which is returned."""

        def is_there() -> bool:
            return self.is_shown(selector) and text in self.text(selector)

        def say() -> str:
            return f"{text!r} in {selector}, which says {self.text(selector)!r}; {self.console()}"

        wait_until(is_there, say, timeout)
        return self.text(selector)

    def wait_gone(self, selector: str, timeout: float = 15.0) -> None:
        wait_until(lambda: not self.is_shown(selector), f"the end of {selector}", timeout)

    def _find(self, selector: str) -> str:
        found = self._command("/element", {"using": "css selector", "value": selector})
        return found[ELEMENT]

    def click(self, selector: str) -> None:
        """As with a mouse: fails when something lies above it."""
        self._command(f"/element/{self._find(selector)}/click")

    def click_text(self, selector: str, text: str) -> None:
        """The first of these elements that has this text."""
        clicked = self.run(
            "const e = [...document.querySelectorAll(arguments[0])]"
            ".find(e => e.innerText.trim() === arguments[1] && e.checkVisibility());"
            "if (!e) return false; e.scrollIntoView({block: 'center'}); e.click(); return true;",
            selector,
            text,
        )
        assert clicked, f"no {selector} with the text {text!r}: {self.texts(selector)}"

    def type(self, selector: str, text: str) -> None:
        """Into an input, whose text is replaced."""
        element = self._find(selector)
        self._command(f"/element/{element}/clear")
        self._command(f"/element/{element}/value", {"text": text})

    def press(self, key: str, with_shift: bool = False) -> None:
        """One key, wherever the focus is."""
        code = KEYS[key]
        actions = [{"type": "keyDown", "value": code}, {"type": "keyUp", "value": code}]
        if with_shift:
            shift = KEYS["Shift"]
            actions = [{"type": "keyDown", "value": shift}, *actions,
                       {"type": "keyUp", "value": shift}]
        self._command("/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def focused(self) -> str:
        """What has the focus: its tag, id and name, to be read by people and compared."""
        return self.run(
            "const e = document.activeElement;"
            "return [e.tagName.toLowerCase(), e.id && '#' + e.id,"
            " e.getAttribute('aria-label') ?? e.innerText ?? ''].filter(Boolean).join(' ')"
            ".slice(0, 80);"
        )

    def hide(self) -> None:
        """Another tab comes before the page."""
        page = self._command("/window", method="GET")
        tab = self._command("/window/new", {"type": "tab"})["handle"]
        self.devtools("Target.activateTarget", targetId=tab)
        self._hidden = (page, tab)

    def show(self) -> None:
        """The reverse of hide()."""
        page, tab = self._hidden
        self._hidden = ("", "")
        if not tab:
            return
        self._command("/window", {"handle": tab})
        self._command("/window", method="DELETE")
        self._command("/window", {"handle": page})

    def console(self) -> list[str]:
        """What was written to the console since the last call: errors of scripts and violations
        of the CSP too."""
        entries = self._command("/se/log", {"type": "browser"})
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    # ── how it looks ─────────────────────────────────────────────────────────────────────────

    def set_size(self, width: int, height: int, scale: float = 1, touch: bool = False) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=touch,
        )

    def set_media(self, **features: str) -> None:
        """prefers_color_scheme="dark" and the like."""
        pairs = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=pairs)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        answer = self.devtools(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole)
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"],
                         "scale": 1}}

    def accessible(self) -> list[dict[str, Any]]:
        """The accessibility tree as a screen reader gets it: role and name of each node."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node.get("role", {}).get("value", ""),
                "name": node.get("name", {}).get("value", ""),
            }
            for node in nodes
            if not node.get("ignored")
        ]
