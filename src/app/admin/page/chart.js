// SPDX-License-Identifier: Apache-2.0
// The last hour by verdict: a stacked column for each minute, and the same as a table.

import { about, byId, count, fill, make, minute, setText } from "/dom.js";
import { REFUSED, VERDICTS, verdictText } from "/words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 190;
const MARGIN = { top: 10, right: 2, bottom: 22, left: 40 };
const GAP = 1;
const LABEL_EVERY_MINUTES = 15;
const LABEL_WIDTH = 34;
// A connection that is refused is a session as well, whose verdict is deferred: its column stands
// out of that of the deferred ones.
const SERIES = VERDICTS.flatMap(([name]) => {
  const one = { name, title: name, words: verdictText(name) };
  if (name !== "deferred") return [one];
  const words = "of the deferred: refused at connect with 421, by a limit";
  return [one, { name: REFUSED, title: "421 at connect", words }];
});

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// The smallest of 1, 2, 5, 10 … that is not below.
function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

const rounded = (value) => Math.round(value * 10) / 10;

export class Chart {
  #history = null;
  #hovered = -1;
  #band = null;
  #values = new Map();
  #container = byId("chart");

  constructor() {
    this.#makeLegend();
    new ResizeObserver(() => this.#draw()).observe(this.#container);
    this.#container.addEventListener("pointermove", (event) => this.#hover(event));
    this.#container.addEventListener("pointerleave", () => this.#hoverAt(-1));
    byId("figures").addEventListener("toggle", () => this.#fillTable());
  }

  update(history) {
    this.#history = {
      step: history.step_seconds ?? 60,
      end: new Date(history.end),
      of: Object.fromEntries(
        SERIES.map(({ name }) => [
          name,
          (name === REFUSED ? history.refused : history.verdicts?.[name]) ?? [],
        ]),
      ),
    };
    this.#draw();
    this.#fillTable();
  }

  get #length() {
    return Math.max(1, ...SERIES.map(({ name }) => this.#history.of[name].length));
  }

  #at(name, i) {
    return this.#history.of[name][i] ?? 0;
  }

  #heightAt(name, i) {
    const value = this.#at(name, i);
    return name === "deferred" ? Math.max(0, value - this.#at(REFUSED, i)) : value;
  }

  #sumOf(name) {
    return this.#history.of[name].reduce((sum, value) => sum + value, 0);
  }

  #timeAt(i) {
    const behind = (this.#length - i) * this.#history.step * 1000;
    return new Date(this.#history.end.valueOf() - behind);
  }

  #makeLegend() {
    fill(
      byId("legend"),
      SERIES.map(({ name, title, words }) => {
        const value = make("span", { class: "value" }, "–");
        this.#values.set(name, value);
        return make(
          "li",
          { title: words },
          make("span", { class: `swatch of-${name}`, "aria-hidden": "true" }),
          make("span", {}, title),
          value,
        );
      }),
    );
  }

  // ── drawing ──────────────────────────────────────────────────────────────────────────────────

  #draw() {
    const width = this.#container.clientWidth;
    if (!this.#history || width === 0) return;
    const length = this.#length;
    const totals = Array.from({ length }, (_, i) =>
      SERIES.reduce((sum, { name }) => sum + this.#heightAt(name, i), 0),
    );
    const most = niceCeiling(Math.max(...totals));
    const box = {
      width,
      column: (width - MARGIN.left - MARGIN.right) / length,
      height: HEIGHT - MARGIN.top - MARGIN.bottom,
      most,
    };
    const picture = svg("svg", {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": this.#inWords(),
    });
    this.#band = svg("rect", { class: "band", y: MARGIN.top, height: box.height, width: 0, x: 0 });
    picture.append(
      ...this.#gridLines(box),
      this.#band,
      ...this.#columns(box, length),
      ...this.#hours(box),
    );
    fill(this.#container, picture);
    this.#showValues();
  }

  #inWords() {
    const parts = SERIES.map(({ name, title }) => [title, this.#sumOf(name)])
      .filter(([, sum]) => sum > 0)
      .map(([title, sum]) => `${count(sum)} ${title}`);
    return `In the last hour: ${parts.join(", ") || "no session"}. See the table below.`;
  }

  #gridLines({ width, height, most }) {
    const steps = most === 1 ? [0, 1] : [0, 0.5, 1];
    return steps.flatMap((part) => {
      const y = Math.round(MARGIN.top + height * (1 - part)) + 0.5;
      return [
        svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
        svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, about(most * part)),
      ];
    });
  }

  // One path for each series: 60 columns of 9 series would be 540 elements.
  #columns({ column, height, most }, length) {
    const heights = new Array(length).fill(0);
    const gap = column > 4 ? GAP : 0;
    return SERIES.map(({ name }) => {
      let path = "";
      for (let i = 0; i < length; i += 1) {
        const value = this.#heightAt(name, i);
        if (value === 0) continue;
        const tall = (value / most) * height;
        const bottom = MARGIN.top + height - heights[i];
        heights[i] += tall;
        const left = MARGIN.left + i * column;
        path += `M${rounded(left)} ${rounded(bottom)}h${rounded(column - gap)}v${-rounded(tall)}`;
        path += `h${-rounded(column - gap)}z`;
      }
      return svg("path", { class: `of-${name}`, d: path });
    });
  }

  #hours({ column, width }) {
    const labels = [];
    for (let i = 0; i < this.#length; i += 1) {
      const time = this.#timeAt(i);
      if (time.getMinutes() % LABEL_EVERY_MINUTES !== 0) continue;
      const x = MARGIN.left + (i + 0.5) * column;
      if (x > width - LABEL_WIDTH / 2) continue;
      labels.push(svg("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, minute(time)));
    }
    return labels;
  }

  // ── one minute ───────────────────────────────────────────────────────────────────────────────

  #hover(event) {
    if (!this.#history) return;
    const box = this.#container.getBoundingClientRect();
    const part =
      (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    const i = Math.floor(part * this.#length);
    this.#hoverAt(i >= 0 && i < this.#length ? i : -1);
  }

  #hoverAt(i) {
    if (i === this.#hovered) return;
    this.#hovered = i;
    this.#showValues();
  }

  #showValues() {
    if (!this.#history) return;
    const i = this.#hovered;
    for (const { name } of SERIES)
      setText(this.#values.get(name), count(i < 0 ? this.#sumOf(name) : this.#at(name, i)));
    setText(byId("chart-moment"), i < 0 ? "" : `the minute of ${minute(this.#timeAt(i))}`);
    const column = (this.#container.clientWidth - MARGIN.left - MARGIN.right) / this.#length;
    this.#band?.setAttribute("x", MARGIN.left + Math.max(0, i) * column);
    this.#band?.setAttribute("width", i < 0 ? 0 : column);
  }

  // Cells stay the same elements, so that whoever reads the table keeps the place.
  #fillTable() {
    if (!this.#history || !byId("figures").open) return;
    const length = this.#length;
    const body = byId("figures-body");
    if (body.rows.length !== length) this.#makeTable(body, length);
    for (let row = 0; row < length; row += 1) {
      const i = length - 1 - row;
      const cells = body.rows[row].cells;
      setText(cells[0], minute(this.#timeAt(i)));
      SERIES.forEach(({ name }, at) => setText(cells[at + 1], count(this.#at(name, i))));
    }
  }

  #makeTable(body, length) {
    const heads = ["Minute", ...SERIES.map(({ title }) => title)];
    fill(
      byId("figures-head"),
      heads.map((text) => make("th", { scope: "col" }, text)),
    );
    const row = () =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }),
        SERIES.map(() => make("td", { class: "number" })),
      );
    fill(body, Array.from({ length }, row));
  }
}
