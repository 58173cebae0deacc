// SPDX-License-Identifier: Apache-2.0
// What is read again and again: health, what is now, lists, the busiest, rules for a time, tests
// and the configuration. Each function shows one answer of the API.

import {
  about,
  byId,
  count,
  fill,
  keyed,
  longSpan,
  make,
  secondsSince,
  setShown,
  setText,
  share,
  span,
  time,
} from "/dom.js";

const DESCRIPTORS_WARN = 0.8;
const MARKS = { good: "✓", warn: "!", bad: "✕" };

// Entries [name, text]; the elements stay.
function pairs(list, entries) {
  const wanted = entries.filter(Boolean);
  if (list.children.length !== wanted.length)
    fill(
      list,
      wanted.map(() => make("div", {}, make("dt"), make("dd"))),
    );
  wanted.forEach(([name, value], i) => {
    const [title, place] = list.children[i].children;
    setText(title, name);
    if (value instanceof Node) {
      if (place.textContent !== value.textContent) fill(place, value);
    } else setText(place, value);
  });
}

// ── health ─────────────────────────────────────────────────────────────────────────────────────

function healthOf(status) {
  return [
    serviceHealth(status),
    listHealth(status.lists ?? {}),
    ...(status.backends ?? []).map(backendHealth),
    storeHealth(status.store ?? {}),
    dnsHealth(status.dns ?? {}),
    reloadHealth(status.config ?? {}),
    descriptorHealth(status.now ?? {}),
  ].filter(Boolean);
}

const backendHealth = ({ name, up, reason }) => ({
  name: "Backend",
  level: up ? "good" : "bad",
  text: `${name} ${up ? "up" : "down"}`,
  more: up ? "" : reason,
});

const storeHealth = ({ kind = "?", up }) => ({
  name: "Store",
  level: up ? "good" : "bad",
  text: `${kind} ${up ? "up" : "down"}`,
  more: up ? "" : "clients are remembered in memory",
});

const dnsHealth = ({ servers = [], retries = 0 }) => ({
  name: "DNS",
  level: servers.length > 0 ? "good" : "warn",
  text: servers.join(", ") || "no server",
  more: retries > 0 ? `${count(retries)} resent` : "",
});

// Told only when they run short.
function descriptorHealth({ descriptors = 0, descriptors_max: most = 0 }) {
  if (descriptors <= DESCRIPTORS_WARN * most) return null;
  return { name: "Descriptors", level: "warn", text: `${count(descriptors)} of ${count(most)}` };
}

function serviceHealth(status) {
  const { state = "?", ready, unready_reason: why, now = {} } = status;
  if (state !== "serving") return { name: "Service", level: "warn", text: state, more: why };
  if (!ready) return { name: "Service", level: "bad", text: "not ready", more: why };
  if (now.stressed)
    return { name: "Service", level: "warn", text: "stressed", more: "limits.screening is near" };
  return { name: "Service", level: "good", text: "serving" };
}

function listHealth({ total = 0, suspended = 0, off = 0 }) {
  const parts = [suspended > 0 && `${suspended} suspended`, off > 0 && `${off} off`].filter(
    Boolean,
  );
  return {
    name: "Lists",
    level: suspended > 0 ? "warn" : "good",
    text: total === 0 ? "none" : `${total - suspended - off} of ${total} in use`,
    more: parts.join(", "),
  };
}

function reloadHealth({ loaded, last_reload_successful: worked, last_reload_error: why }) {
  if (worked === false)
    return { name: "Configuration", level: "bad", text: "last reload rejected", more: why };
  return {
    name: "Configuration",
    level: "good",
    text: `loaded ${longSpan(secondsSince(loaded), 1)} ago`,
  };
}

const syncHealth = keyed(
  byId("health"),
  ({ key }) => key,
  () => {
    const mark = make("span", { class: "mark", "aria-hidden": "true" });
    const name = make("span", { class: "what" });
    const text = make("strong");
    const more = make("span", { class: "more" });
    const element = make("li", {}, mark, name, " ", text, " ", more);
    return {
      element,
      update(entry) {
        element.className = `is-${entry.level}`;
        setText(mark, MARKS[entry.level]);
        setText(name, entry.name);
        setText(text, entry.text);
        setText(more, entry.more ?? "");
      },
    };
  },
);

// Gives how many things are not well.
export function showStatus(status) {
  setText(byId("host"), status.hostname ?? "");
  const facts = [status.version, `up ${longSpan(status.uptime_seconds ?? 0)}`, `pid ${status.pid}`];
  setText(byId("about"), facts.filter(Boolean).join(" · "));
  const health = healthOf(status);
  syncHealth(health.map((entry, i) => ({ ...entry, key: `${i} ${entry.name}` })));
  showNow(status);
  showTests(status.tests ?? []);
  showConfig(status);
  return health.filter(({ level }) => level !== "good").length;
}

function showNow({ now = {}, totals = {} }) {
  const refused = Object.values(totals.refused ?? {}).reduce((sum, value) => sum + value, 0);
  pairs(byId("now"), [
    ["waiting", count(now.waiting)],
    ["in dialog", count(now.dialog)],
    ["relayed", count(now.relayed)],
    ["in transit", count(now.in_transit)],
    ["sessions", count(now.sessions)],
    ["descriptors", count(now.descriptors)],
    ["421s in all", about(refused)],
    ["clients in all", about(totals.connections ?? 0)],
  ]);
}

// ── tests ──────────────────────────────────────────────────────────────────────────────────────

const syncTests = keyed(
  byId("tests"),
  ({ test }) => test,
  ({ test }) => {
    const cells = ["ignore", "enforce", "drop"].map((action) => [
      action,
      make("td", { class: "number" }),
    ]);
    const head = make("th", { scope: "row" }, make("code", {}, test));
    const element = make(
      "tr",
      {},
      head,
      cells.map(([, cell]) => cell),
    );
    return {
      element,
      update(item) {
        for (const [action, cell] of cells) setText(cell, count(item[action]));
        element.classList.toggle("marked", item.ignore > 0);
      },
    };
  },
);

function showTests(tests) {
  syncTests(tests);
  const ignored = tests.filter(({ ignore }) => ignore > 0);
  const words = ignored.map(({ test, ignore }) => `${test} ${count(ignore)}`).join(", ");
  setText(
    byId("tests-words"),
    words === ""
      ? "No test with the action “ignore” has failed since the start."
      : `With “enforce”, these clients would have been refused since the start: ${words}.`,
  );
}

// ── configuration ──────────────────────────────────────────────────────────────────────────────

function showConfig({ config = {}, listening = [], workers }) {
  pairs(byId("config"), [
    ["file", config.path ?? ""],
    ["loaded", time(config.loaded)],
    ["last reload", config.last_reload_successful === false ? "rejected" : "in use"],
    config.last_reload_error && ["errors", config.last_reload_error],
    ["listening on", listening.join(", ")],
    ["workers", count(workers)],
  ]);
}

export function showReload({ ok, message, waiting_for_restart: waiting = [] }) {
  const errors = ok ? [] : (message ?? "").split("; ").filter(Boolean);
  const lines = (items) =>
    make(
      "ul",
      {},
      items.map((text) => make("li", {}, make("code", {}, text))),
    );
  const result = byId("reload-result");
  result.classList.toggle("is-bad", !ok);
  fill(
    result,
    make(
      "p",
      {},
      ok ? "Reloaded: new sessions use it." : "Not reloaded; the old one stays in use:",
    ),
    errors.length > 0 && lines(errors),
    waiting.length > 0 && make("p", {}, "These changes need a restart:"),
    waiting.length > 0 && lines(waiting),
  );
}

// ── lists ──────────────────────────────────────────────────────────────────────────────────────

const STATES = { up: "good", suspended: "bad", off: "warn" };

// act(what, list) does it and gives what to say.
export function listPanel(act) {
  const sync = keyed(
    byId("lists"),
    ({ list }) => list,
    ({ list }) => makeList(list, act),
  );
  return ({ lists = [] }) => {
    sync(lists);
    setShown(byId("lists-none"), lists.length === 0);
  };
}

function makeList(list, act) {
  const cell = (label, className) =>
    make("td", { role: "cell", "data-label": label, class: className });
  const weights = make("span", { class: "weights" });
  const state = make("span");
  const cells = {
    answers: cell("Answers", "number"),
    rate: cell("Hit rate", "number"),
    passed: cell("Hits that passed", "number"),
    later: cell("Later passed", "number"),
    failed: cell("Failed", "number"),
    latency: cell("Latency p50 / p95", "number latency"),
  };
  const said = make("span", { class: "said" });
  const button = (text, what) => {
    const element = make("button", { type: "button", "aria-label": `${text} ${list}` }, text);
    element.addEventListener("click", async () => {
      if (element.getAttribute("aria-disabled") === "true") return;
      element.setAttribute("aria-disabled", "true");
      setText(said, "…");
      setText(said, await act(what(), list));
      element.removeAttribute("aria-disabled");
    });
    return element;
  };
  let isOff = false;
  const turn = button("Disable", () => (isOff ? "enable" : "disable"));
  const element = make(
    "tr",
    { role: "row" },
    make("th", { role: "rowheader", scope: "row", class: "name" }, list, weights),
    make("td", { role: "cell", "data-label": "State" }, state),
    Object.values(cells),
    make(
      "td",
      { role: "cell", class: "do" },
      button("Test", () => "test"),
      " ",
      turn,
      said,
    ),
  );
  return {
    element,
    update(item) {
      const { listed = 0, not_listed: clean = 0, error = 0, failed = 0 } = item.answers ?? {};
      const { p50 = 0, p95 = 0, count: measured = 0 } = item.seconds ?? {};
      isOff = item.state === "off";
      setText(weights, item.weights ? `weight ${item.weights}` : "");
      state.className = `state is-${STATES[item.state] ?? "warn"}`;
      setText(state, item.state ?? "?");
      setText(cells.answers, count(listed + clean));
      setText(cells.rate, share(listed, listed + clean));
      setText(cells.passed, count(item.hits_passed));
      setText(cells.later, count(item.hits_later_passed));
      setText(
        cells.failed,
        error > 0 ? `${count(failed)} + ${count(error)} refused` : count(failed),
      );
      setText(cells.latency, measured > 0 ? `${span(p50)} / ${span(p95)}` : "–");
      setText(turn, isOff ? "Enable" : "Disable");
      turn.setAttribute("aria-label", `${turn.textContent} ${list}`);
    },
  };
}

// ── the busiest ────────────────────────────────────────────────────────────────────────────────

export const TOP_KINDS = ["client", "network", "list"];
const TOP_TITLES = { client: "Clients", network: "Networks", list: "Lists, since the start" };

export function topPanel(explain) {
  const syncs = new Map();
  for (const kind of TOP_KINDS) {
    const body = make("tbody");
    const none = make("p", { class: "none" }, "None yet.");
    const id = `top-${kind}`;
    const numbers = [kind === "list" ? "Hits" : "Sessions", "Turned away"].map((text) =>
      make("th", { scope: "col", class: "number" }, text),
    );
    byId("top").append(
      make(
        "div",
        {},
        make("h3", { id }, TOP_TITLES[kind]),
        make(
          "table",
          { class: "plain", "aria-labelledby": id },
          make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Name"), numbers)),
          body,
        ),
        none,
      ),
    );
    const sync = keyed(
      body,
      ({ name }) => name,
      ({ name }) => makeTop(kind, name, explain),
    );
    syncs.set(kind, (entries) => {
      sync(entries);
      setShown(none, entries.length === 0);
    });
  }
  return (kind, { entries = [], since }) => {
    syncs.get(kind)(entries);
    // That of lists is the start.
    if (since && kind === "client") fill(byId("top-since"), "since ", time(since));
  };
}

function makeTop(kind, name, explain) {
  const text =
    kind === "client"
      ? make(
          "button",
          {
            type: "button",
            class: "link-like",
            title: "Explain this address",
            click: () => explain(name),
          },
          name,
        )
      : name;
  const sessions = make("td", { class: "number" });
  const away = make("td", { class: "number" });
  const head = make("th", { scope: "row", class: "name" }, text);
  return {
    element: make("tr", {}, head, sessions, away),
    update(item) {
      setText(sessions, count(item.sessions));
      setText(away, count(item.turned_away));
    },
  };
}

// ── rules for a time ───────────────────────────────────────────────────────────────────────────

const RULE_TITLES = { permits: "Permits", denials: "Denials" };

// remove(kind, network) takes one out.
export function rulesPanel(remove) {
  const syncs = new Map();
  for (const [kind, title] of Object.entries(RULE_TITLES)) {
    const id = `rules-${kind}`;
    const body = make("tbody", { role: "rowgroup" });
    const none = make("p", { class: "none" }, "None is in force.");
    const heads = ["Network", "Until", "Comment"].map((text) =>
      make("th", { role: "columnheader", scope: "col" }, text),
    );
    const table = make(
      "table",
      { class: "rules", role: "table", "aria-labelledby": id },
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, heads, make("td"))),
      body,
    );
    byId("rules").append(make("div", {}, make("h3", { id }, title), table, none));
    const sync = keyed(
      body,
      ({ network }) => network,
      (rule) => makeRule(kind, rule, remove),
    );
    syncs.set(kind, (rules) => {
      sync(rules);
      setShown(none, rules.length === 0);
      setShown(table, rules.length > 0);
    });
  }
  return (kind, answer) => syncs.get(kind)(answer[kind] ?? []);
}

function makeRule(kind, { network }, remove) {
  const until = make("td", { role: "cell", class: "until" });
  const comment = make("td", { role: "cell", class: "comment" });
  const button = make(
    "button",
    { type: "button", "aria-label": `Remove ${network}`, click: () => remove(kind, network) },
    "Remove",
  );
  const head = make("th", { role: "rowheader", scope: "row", class: "name" }, network);
  const last = make("td", { role: "cell", class: "do" }, button);
  return {
    element: make("tr", { role: "row" }, head, until, comment, last),
    update(rule) {
      fill(
        until,
        time(rule.until, () => `${longSpan(-secondsSince(rule.until))} left`),
      );
      setText(comment, rule.comment ?? "");
    },
  };
}
