// SPDX-License-Identifier: Apache-2.0
// One session that ended, unfolded: what was found, which lists said what, how long it took.

import { make, octets, span, time } from "/dom.js";
import { endText, negative, parseLists, reasonText, signed, verdictText } from "/words.js";

export const badge = (verdict) => make("span", { class: `badge of-${verdict}` }, verdict);

// actions: see decisions.js; showOnly() leaves only this client in the list.
export function describe(record, actions, showOnly) {
  const comment = `from the page: session ${record.session} was ${record.verdict}`;
  const act = (text, action) => make("button", { type: "button", click: action }, text);
  return make(
    "div",
    { class: "detail" },
    make(
      "p",
      { class: "sentence" },
      make("strong", {}, record.verdict),
      ` – ${verdictText(record.verdict)}. It ended ${endText(record.phase, record.ended_by)}.`,
    ),
    make(
      "div",
      { class: "parts" },
      part("Tests", testsOf(record)),
      part("Lists", listsOf(record)),
      part("Times", timesOf(record)),
      part("Session", factsOf(record)),
    ),
    make(
      "p",
      { class: "buttons" },
      act("Explain this address", () => actions.explain(record.client)),
      act("Permit for a day", () => actions.permit(record.client, comment)),
      act("Only this client", () => showOnly()),
    ),
  );
}

const part = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);

const facts = (rows) =>
  make(
    "dl",
    { class: "facts" },
    rows
      .filter((row) => row)
      .map(([name, ...value]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value))),
  );

function testsOf(record) {
  const reasons = (record.reasons ?? "").split(",").filter(Boolean);
  if (reasons.length === 0) return make("p", { class: "none" }, "Nothing was found against it.");
  return make(
    "ul",
    { class: "reasons" },
    reasons.map((reason) => {
      const words = reasonText(reason);
      return make("li", {}, make("code", {}, reason), words ? `: ${words}` : "");
    }),
  );
}

function listsOf(record) {
  const { lists, more } = parseLists(record.dnsbl_lists);
  const notes = [
    record.dnsbl_skipped ? `Not asked: ${record.dnsbl_skipped}.` : "",
    record.dnsbl_complete === false ? "Not all lists answered in time." : "",
    more > 0 ? `${more} more lists are not named.` : "",
    lists.length === 0 && !record.dnsbl_skipped ? "No list made a score." : "",
  ].filter(Boolean);
  const note = notes.length > 0 ? make("p", { class: "none" }, notes.join(" ")) : null;
  if (lists.length === 0) return [note];
  const table = make(
    "table",
    { class: "plain" },
    make("caption", { class: "unseen" }, "Lists that made the score"),
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col" }, "List"),
        make("th", { scope: "col" }, "Answer"),
        make("th", { scope: "col", class: "number" }, "Weight"),
      ),
    ),
    make(
      "tbody",
      {},
      lists.map(({ list, answer, weight }) =>
        make(
          "tr",
          {},
          make("th", { scope: "row", class: "name" }, list),
          make("td", { class: "mono" }, answer),
          make("td", { class: "number" }, weight === null ? "" : signed(weight)),
        ),
      ),
    ),
    make(
      "tfoot",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "row", colspan: "2" }, "Score"),
        make("td", { class: "number" }, negative(record.dnsbl_score ?? 0)),
      ),
    ),
  );
  return [table, note];
}

function timesOf(record) {
  const late = record.late_wait_seconds ?? 0;
  return facts([
    ["ended", time(record.time)],
    [
      "screening",
      span(record.screening_seconds),
      late > 0 ? `, ${span(late)} of it for late lists` : "",
    ],
    record.hand_off_seconds > 0 && ["hand-off", span(record.hand_off_seconds)],
    ["total", span(record.total_seconds)],
    record.dnsbl_retries > 0 && ["questions sent again", String(record.dnsbl_retries)],
  ]);
}

const place = (host, port) =>
  String(host).includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
const quoted = (text) => make("code", {}, text);

function factsOf(record) {
  const relayed = (record.octets_in ?? 0) + (record.octets_out ?? 0) > 0;
  return facts([
    ["number", String(record.session)],
    ["from", quoted(place(record.client, record.client_port))],
    ["to", quoted(place(record.local, record.local_port))],
    record.helo && ["HELO", quoted(record.helo)],
    record.reply && ["reply", quoted(record.reply)],
    record.backend && ["backend", quoted(record.backend)],
    relayed && ["relayed", `${octets(record.octets_in)} in, ${octets(record.octets_out)} out`],
  ]);
}
