# SPDX-License-Identifier: Apache-2.0
"""The base of tests of the admin page: one browser for each class."""

import shutil

from .browser import Browser
from .case import make_directory
from .fendmail_case import FendmailCase
from .waiting import wait_until

# Each element that has text of its own, with the contrast of that text (WCAG 2.2, 1.4.3).
CONTRASTS = """
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const below = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c;
  }
  return [255, 255, 255];
};
const found = {};
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !e.checkVisibility()) continue;
  const style = getComputedStyle(e);
  const isSvg = e instanceof SVGElement;
  const [a, b] = [light(parse(isSvg ? style.fill : style.color)), light(below(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const name = e.tagName + "." + (e.getAttribute("class") ?? "") + " " + e.textContent.slice(0, 20);
  found[name] = Math.min(ratio, found[name] ?? 99);
}
return found;
"""

# What reaches beyond the right edge.
TOO_WIDE = """
if (document.documentElement.scrollWidth <= innerWidth) return [];
return [...document.querySelectorAll("body *")]
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.tagName + "." + e.getAttribute("class") + "#" + e.id);
"""


class PageCase(FendmailCase):
    """`browser` shows the page, and at the end of each test its console must have no complaint."""

    @classmethod
    def setUpClass(cls) -> None:
        directory = make_directory("browser")
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        cls.browser = cls.enterClassContext(Browser(directory))

    def open(self, url: str, token: str = "") -> None:
        """The page, of a tab that is new; with a token given, until it shows something."""
        self.browser.set_size(1280, 900)
        self.browser.go(url)
        self.browser.run("sessionStorage.clear(); localStorage.clear();")
        self.browser.console()
        self.browser.go(url)
        self.addCleanup(self.assert_quiet)
        if token:
            self.enter_token(token)
            self.browser.wait_for("#link", "Live")

    def enter_token(self, token: str) -> None:
        self.browser.wait_for("#token-dialog")
        self.browser.type("#token", token)
        self.browser.press("Enter")

    def assert_quiet(self) -> None:
        """No error of a script and no violation of the CSP. What the network does is no complaint."""
        self.assertEqual(
            [line for line in self.browser.console() if "Failed to load resource" not in line], []
        )
        self.browser.go("about:blank")

    def assert_has_contrast(self, least: float = 4.5) -> None:
        found = self.browser.run(CONTRASTS)
        self.assertGreater(len(found), 10)
        self.assertEqual({name: ratio for name, ratio in found.items() if ratio < least}, {})

    def assert_fits(self) -> None:
        self.assertEqual(self.browser.run(TOO_WIDE), [])

    def wait_for_rows(self, count: int) -> None:
        wait_until(
            lambda: len(self.browser.texts("#rows .record")) == count,
            lambda: f"{count} rows, not {self.browser.texts('#rows .record')}",
        )

    def unfold(self, text: str) -> None:
        """The first row with this in its text."""
        self.browser.run(
            "[...document.querySelectorAll('#rows .record')]"
            ".find(e => e.innerText.includes(arguments[0])).querySelector('button').click();",
            text,
        )
        self.browser.wait_for("#rows .detail")
