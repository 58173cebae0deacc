// SPDX-License-Identifier: Apache-2.0
// Who is banned, and the networks that come from files.

import { about, byId, count, longSpan, make, keyed, setShown, setText } from "/dom.js";

const FEED_STATES = { good: "good", outdated: "warn", refused: "bad" };

// remove(network) ends a ban.
export function bansPanel(remove) {
  const sync = keyed(
    byId("bans"),
    ({ network }) => network,
    (ban) => makeBan(ban, remove),
  );
  return ({ bans = [], all = 0, action, paused, offenders = 0, kernel = {} }) => {
    sync(bans);
    setShown(byId("bans-table"), bans.length > 0);
    setText(
      byId("bans-words"),
      [
        bans.length === 0 && `No client is banned; ${about(offenders)} have points.`,
        all > bans.length && `${about(all)} in all; those that end first are shown.`,
        action === "ignore" && all > 0 && "They are only told (bans.action is “ignore”).",
        paused && "Too many are new: none is made for the moment.",
        kernel.on && kernelWords(kernel),
      ]
        .filter(Boolean)
        .join(" "),
    );
  };
}

const kernelWords = ({ held = 0, dropped = 0, trouble = "" }) =>
  `The kernel keeps ${about(held)} of them off, and has dropped ${about(dropped)} attempts` +
  (trouble ? `; ${trouble}.` : ".");

function makeBan({ network }, remove) {
  const left = make("td", { role: "cell", class: "until" });
  const why = make("td", { role: "cell", class: "comment" });
  const button = make(
    "button",
    { type: "button", "aria-label": `End the ban of ${network}`, click: () => remove(network) },
    "End",
  );
  const head = make("th", { role: "rowheader", scope: "row", class: "name" }, network);
  return {
    element: make(
      "tr",
      { role: "row" },
      head,
      left,
      why,
      make("td", { role: "cell", class: "do" }, button),
    ),
    update(ban) {
      setText(left, `${longSpan(ban.left_seconds ?? 0)} left`);
      setText(why, ban.count > 1 ? `${ban.why} (ban ${count(ban.count)})` : (ban.why ?? ""));
    },
  };
}

export function feedsPanel() {
  const sync = keyed(byId("feeds"), ({ feed }) => feed, makeFeed);
  return ({ feeds = [] }) => {
    sync(feeds);
    setShown(byId("feeds-table"), feeds.length > 0);
    setShown(byId("feeds-none"), feeds.length === 0);
  };
}

function makeFeed({ feed }) {
  const use = make("span", { class: "weights" });
  const state = make("span");
  const entries = make("td", { role: "cell", class: "number", "data-label": "Entries" });
  const age = make("td", { role: "cell", class: "number", "data-label": "Age" });
  const hits = make("td", { role: "cell", class: "number", "data-label": "Hits" });
  const error = make("span", { class: "weights" });
  return {
    element: make(
      "tr",
      { role: "row" },
      make("th", { role: "rowheader", scope: "row", class: "name" }, feed, use, error),
      make("td", { role: "cell", "data-label": "State" }, state),
      entries,
      age,
      hits,
    ),
    update(item) {
      setText(use, item.use ?? "");
      state.className = `state is-${FEED_STATES[item.state] ?? "bad"}`;
      setText(state, item.state ?? "?");
      setText(error, item.error ?? "");
      setText(entries, count(item.entries));
      setText(age, item.changed ? longSpan(item.age_seconds ?? 0, 1) : "–");
      setText(hits, count(item.hits));
    },
  };
}
