// SPDX-License-Identifier: Apache-2.0
// The last decisions: loaded, then kept up by events. At most RECORDS_MAX are held, whatever comes.

import { byId, clock, count, keyed, make, setShown, setText, span, time } from "/dom.js";
import { EventStream, request } from "/requests.js";
import { badge, describe } from "/session.js";
import { VERDICTS, negative } from "/words.js";

const RECORDS_MAX = 500;
const ROWS_FIRST = 25;
const RENDER_MS = 400;
// Of the time, at most a tenth goes into showing what comes.
const RENDER_SHARE = 10;
const SEARCH_DELAY_MS = 250;

const keyOf = (record) => `${record.session}/${record.client}:${record.client_port}`;
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*)$/i;
const SEARCHED = [
  "client",
  "helo",
  "reasons",
  "reply",
  "dnsbl_lists",
  "backend",
  "verdict",
  "session",
  "phase",
];

export class Decisions {
  #records = []; // newest first
  #pending = []; // oldest first; what came and is not shown yet
  #newer = 0; // how many came while the list was held
  #lost = 0;
  #shown = ROWS_FIRST;
  #paused = false;
  #open = new Set(); // keys of unfolded rows
  #timer = 0;
  #wait = RENDER_MS;
  #searchTimer = 0;
  #loading = null;
  #isRunning = false;
  #isLive = false;
  #whyNotLive = "";
  #hasLoaded = false;
  #words = "";
  #syncRows;
  #stream;

  // actions: explain(address), permit(address, comment); onTrouble(error) says whether the page
  // tells it itself.
  constructor(actions) {
    this.actions = actions;
    this.#syncRows = keyed(byId("rows"), keyOf, (record) => this.#makeRow(record));
    this.#stream = new EventStream({
      onOpen: () => this.#onOpen(),
      onEvent: (name, data) => this.#onEvent(name, data),
      onClosed: (error) => this.#onClosed(error),
    });
    const verdict = byId("verdict");
    for (const [name] of VERDICTS) verdict.append(make("option", { value: name }, name));
    verdict.addEventListener("change", () => this.startAgain());
    byId("search").addEventListener("input", () => {
      clearTimeout(this.#searchTimer);
      this.#searchTimer = setTimeout(() => this.#onSearch(), SEARCH_DELAY_MS);
    });
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#onSearch();
    });
    byId("pause").addEventListener("click", () => this.#setPaused(!this.#paused));
    byId("newer-button").addEventListener("click", () => this.#showNewer());
    byId("lost-button").addEventListener("click", () => this.#loadAgain());
    byId("more").addEventListener("click", () => {
      this.#shown = RECORDS_MAX;
      this.#render();
    });
    // Whoever looks at a row or is on the way to it with the keyboard must find it in its place.
    byId("rows").addEventListener("focusout", () => this.#schedule());
    byId("rows").addEventListener("pointerleave", () => this.#schedule());
  }

  // ── life ─────────────────────────────────────────────────────────────────────────────────────

  start() {
    this.#isRunning = true;
    this.#stream.start(this.#query({ event: "session_ended" }));
    this.#showState();
  }

  stop() {
    this.#isRunning = false;
    this.#isLive = false;
    this.#stream.stop();
    this.#loading?.abort();
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#showState();
  }

  // Also for another process: its sessions count from 1 again.
  startAgain() {
    this.#forget();
    this.#setLost(0);
    if (this.#isRunning) this.start();
  }

  #forget() {
    this.#records = [];
    this.#pending = [];
    this.#newer = 0;
    this.#open.clear();
    this.#hasLoaded = false;
    this.#render();
  }

  showOnly(client) {
    byId("search").value = client;
    this.#onSearch();
    byId("decisions").focus();
  }

  #onSearch() {
    clearTimeout(this.#searchTimer);
    const words = byId("search").value.trim().toLowerCase();
    if (words === this.#words) return;
    // Of one address the server may know more than is among the last of all.
    const changesClient = this.#clientOf(words) !== this.#clientOf(this.#words);
    this.#words = words;
    this.#shown = ROWS_FIRST;
    if (changesClient) this.startAgain();
    else this.#render();
  }

  // For the server, with what it can filter by.
  #query(parameters) {
    const query = new URLSearchParams(parameters);
    const verdict = byId("verdict").value;
    const client = this.#clientOf(this.#words);
    if (verdict) query.set("verdict", verdict);
    if (client) query.set("client", client);
    return query;
  }

  #clientOf(words) {
    return ADDRESS.test(words) ? words : "";
  }

  // ── what comes ───────────────────────────────────────────────────────────────────────────────

  #onOpen() {
    this.#isLive = true;
    this.#showState();
    this.#load();
  }

  // The stream is open before: what ends meanwhile comes by it, and is told twice at most.
  async #load() {
    this.#loading?.abort();
    const abort = new AbortController();
    this.#loading = abort;
    const query = this.#query({ limit: String(RECORDS_MAX) });
    try {
      const { sessions = [] } = await request(`/sessions?${query}`, { signal: abort.signal });
      this.#records = merged(this.#records, sessions);
      this.#hasLoaded = true;
      setShown(byId("decisions-trouble"), false);
      this.#render();
    } catch (error) {
      if (abort.signal.aborted || this.actions.onTrouble(error)) return;
      setText(byId("decisions-trouble"), `The decisions cannot be had: ${error.message}.`);
      setShown(byId("decisions-trouble"), true);
    }
  }

  #loadAgain() {
    this.#setLost(0);
    this.#setPaused(false);
    this.#load();
    byId("decisions").focus();
  }

  #onEvent(name, data) {
    if (name === "lost") {
      this.#setLost(this.#lost + (Number(data.lost) || 0));
      return;
    }
    if (name !== "session_ended") return;
    this.#pending.push(data);
    // Twice the limit, so that not each event moves all others.
    if (this.#pending.length >= 2 * RECORDS_MAX) this.#pending = this.#pending.slice(-RECORDS_MAX);
    this.#newer += 1;
    this.#schedule();
  }

  // With too many streams there is none for this page, but the last decisions are.
  #onClosed(error) {
    this.#isLive = false;
    this.#whyNotLive = error.status === 0 ? "" : `: ${error.message}`;
    this.#showState();
    if (!this.actions.onTrouble(error)) this.#load();
  }

  #setLost(lost) {
    this.#lost = lost;
    setText(
      byId("lost-text"),
      lost === 0
        ? ""
        : `${count(lost)} events were lost: this page was too slow for them. ` +
            "Counts and the chart are complete, this list is not.",
    );
    setShown(byId("lost"), lost > 0);
  }

  // ── showing ──────────────────────────────────────────────────────────────────────────────────

  #isHeld() {
    const rows = byId("rows");
    if (this.#paused || this.#open.size > 0 || rows.contains(document.activeElement)) return true;
    return matchMedia("(hover: hover)").matches && rows.matches(":hover");
  }

  #setPaused(paused) {
    this.#paused = paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
    this.#schedule();
    this.#showState();
  }

  #showNewer() {
    this.#open.clear();
    this.#setPaused(false);
    this.#take();
    this.#render();
    byId("decisions").focus();
  }

  #schedule() {
    if (this.#timer !== 0 || !this.#isRunning) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#isHeld()) {
        this.#showState();
        return;
      }
      const begun = performance.now();
      this.#take();
      this.#render();
      this.#wait = Math.max(RENDER_MS, RENDER_SHARE * (performance.now() - begun));
    }, this.#wait);
  }

  #take() {
    if (this.#pending.length > 0) this.#records = merged(this.#pending, this.#records);
    this.#pending = [];
    this.#newer = 0;
  }

  #showState() {
    let text = "";
    if (this.#paused) text = "paused";
    else if (this.#newer > 0 && this.#isHeld()) text = "held";
    else if (this.#isRunning) text = this.#isLive ? "live" : `not live${this.#whyNotLive}`;
    setText(byId("decisions-state"), text);
    setText(byId("newer-button"), `Show ${count(this.#newer)} newer`);
    setShown(byId("newer-button"), this.#newer > 0 && this.#isHeld());
  }

  #matching() {
    const words = this.#words.split(/\s+/).filter(Boolean);
    if (words.length === 0) return this.#records;
    return this.#records.filter((record) => {
      const text = SEARCHED.map((name) => record[name] ?? "")
        .join(" ")
        .toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  #render() {
    const matching = this.#matching();
    const visible = matching.slice(0, this.#shown);
    const keys = new Set(visible.map(keyOf));
    for (const key of this.#open) if (!keys.has(key)) this.#open.delete(key);
    this.#syncRows(visible);
    this.#showState();
    const more = byId("more");
    setText(more, `Show all ${count(matching.length)}`);
    setShown(more, matching.length > visible.length);
    const none = byId("rows-none");
    setText(none, this.#hasLoaded ? "No session matches." : "Nothing has been loaded yet.");
    setShown(none, visible.length === 0);
  }

  // ── a row ────────────────────────────────────────────────────────────────────────────────────

  #makeRow(record) {
    const key = keyOf(record);
    const id = `row-${record.session}-${record.client_port}`;
    const button = make(
      "button",
      {
        type: "button",
        class: "unfold",
        "aria-expanded": "false",
        "aria-controls": id,
        "aria-label": `${clock(new Date(record.time))} ${record.client}: reasons and times`,
      },
      make("span", { class: "arrow", "aria-hidden": "true" }),
      time(record.time, clock),
    );
    const cell = (attributes, ...children) =>
      make("td", { role: "cell", ...attributes }, ...children);
    const row = make(
      "tr",
      { role: "row", class: "record" },
      cell({ class: "when" }, button),
      make("th", { role: "rowheader", scope: "row", class: "client" }, record.client),
      cell({ class: "what" }, badge(record.verdict)),
      cell({ class: "why" }, (record.reasons ?? "").replaceAll(",", ", ")),
      cell({ class: "score number" }, record.dnsbl_score ? negative(record.dnsbl_score) : ""),
      cell({ class: "helo", title: record.helo }, record.helo),
      cell({ class: "lasted number" }, span(record.total_seconds)),
    );
    const inside = make("td", { role: "cell", colspan: "7" });
    const details = make("tr", { role: "row", class: "details", id, hidden: true }, inside);
    row.addEventListener("click", (event) => {
      const selected = !document.getSelection().isCollapsed;
      if (!selected || button.contains(event.target)) this.#toggle(key);
    });
    const show = () => {
      const isOpen = this.#open.has(key);
      if (details.hidden !== isOpen) return;
      if (isOpen)
        inside.replaceChildren(describe(record, this.actions, () => this.showOnly(record.client)));
      else inside.replaceChildren();
      details.hidden = !isOpen;
      button.setAttribute("aria-expanded", String(isOpen));
      row.classList.toggle("open", isOpen);
    };
    return { elements: [row, details], update: show };
  }

  #toggle(key) {
    if (!this.#open.delete(key)) this.#open.add(key);
    this.#render();
    this.#schedule();
  }
}

// Newest first, each once, at most RECORDS_MAX. Times are UTC texts of one form.
function merged(some, others) {
  const all = new Map();
  for (const record of [...some, ...others]) all.set(keyOf(record), record);
  const order = (a, b) => {
    if (a.time === b.time) return b.session - a.session;
    return a.time < b.time ? 1 : -1;
  };
  return [...all.values()].sort(order).slice(0, RECORDS_MAX);
}
