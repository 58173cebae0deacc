// SPDX-License-Identifier: Apache-2.0
// "Explain this address": what the server says of one client, first what it knows, then with the
// answers of its lists, which may take seconds.

import { byId, fill, make, setText, span, time } from "/dom.js";
import { inPath, request } from "/requests.js";
import { negative, signed, verdictText } from "/words.js";

const LISTS_TIMEOUT_MS = 30000;

export class Explainer {
  #abort = null;
  #dialog = byId("explain-dialog");
  #body = byId("explain-body");

  // actions: permit(address, comment, say), deny(…), forgetPasses(address, say), where say(text)
  // tells how it went; showOnly(address); onTrouble(error), see page.js.
  constructor(actions) {
    this.actions = actions;
    byId("explain-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#abort?.abort());
    byId("explain-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(byId("explain-address").value.trim());
    });
  }

  async show(address) {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    setText(byId("explain-client"), address);
    setText(byId("explain-notice"), "");
    fill(this.#body, make("p", { class: "hint" }, "Asking …"));
    if (!this.#dialog.open) this.#dialog.showModal();
    byId("explain-client").focus();
    this.#body.setAttribute("aria-busy", "true");
    try {
      const path = `/clients/${inPath(address)}`;
      const known = await request(`${path}?lists=0`, { signal: abort.signal });
      this.#render(known, true);
      const whole = await request(path, { signal: abort.signal, timeout: LISTS_TIMEOUT_MS });
      this.#render(whole, false);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#body.append(make("p", { class: "trouble" }, `No answer: ${error.message}.`));
      this.#body.querySelector(".hint")?.remove();
      if (error.status !== 0 && this.actions.onTrouble(error)) this.#dialog.close();
    } finally {
      if (this.#abort === abort) this.#body.setAttribute("aria-busy", "false");
    }
  }

  // Updated in place of the same buttons, or the second answer would take the focus away.
  #render(answer, isFirst) {
    const content = make(
      "div",
      {},
      make(
        "p",
        { class: "sentence" },
        make(
          "span",
          { class: `badge of-${answer.verdict}`, title: verdictText(answer.verdict) },
          answer.verdict,
        ),
        ` If it comes now, it ${answer.explanation}.`,
        isFirst && " So far without the lists.",
      ),
      make("dl", { class: "facts" }, factsOf(answer)),
      make("h3", {}, "Lists"),
      isFirst ? make("p", { class: "hint" }, "Being asked …") : listsOf(answer),
    );
    if (!isFirst && this.#body.firstElementChild?.classList.contains("answer")) {
      this.#body.firstElementChild.replaceChildren(content);
      return;
    }
    const say = (text) => setText(byId("explain-notice"), text);
    const act = (text, work) => make("button", { type: "button", click: work }, text);
    const { client } = answer;
    const actions = this.actions;
    fill(
      this.#body,
      make("div", { class: "answer" }, content),
      make(
        "p",
        { class: "buttons" },
        act("Permit for a day", () => actions.permit(client, "from the page", say)),
        act("Deny for a day", () => actions.deny(client, "from the page", say)),
        hasPasses(answer) && act("Forget its passes", () => actions.forgetPasses(client, say)),
        act("Show its decisions", () => {
          this.#dialog.close();
          actions.showOnly(client);
        }),
      ),
    );
  }
}

const hasPasses = (answer) => (answer.passes ?? []).some((one) => one.until);

function factsOf(answer) {
  const rule = answer.access_rule;
  const rows = [
    [
      "access rule",
      rule ? [make("code", {}, rule.rule), rule.place ? ` (${rule.place})` : ""] : "none matches",
    ],
    answer.timed_rule && ["rule for a time", timedRule(answer.timed_rule)],
    ["known sender", answer.known_sender || "no"],
    ["record", recordOf(answer)],
  ];
  return rows
    .filter(Boolean)
    .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function timedRule(rule) {
  if (typeof rule === "string") return rule;
  const words = [rule.decision ?? rule.kind, rule.network].filter(Boolean).join(" ");
  return [
    make("code", {}, words),
    rule.until ? [" until ", time(rule.until)] : "",
    rule.comment ? `: ${rule.comment}` : "",
  ].flat();
}

function recordOf(answer) {
  if (answer.store_error) return `not known: ${answer.store_error}`;
  const passes = (answer.passes ?? []).filter((one) => one.enabled && one.until);
  if (passes.length === 0) return "none: it is new here";
  return make(
    "ul",
    { class: "reasons" },
    passes.map((one) =>
      make(
        "li",
        {},
        make("code", {}, one.test),
        one.passed ? " passed until " : " passed, ended ",
        time(one.until),
      ),
    ),
  );
}

function listsOf(answer) {
  const lists = answer.lists ?? [];
  if (lists.length === 0) return make("p", { class: "none" }, "None was asked.");
  const head = ["List", "Meaning", "Answers", "Weight", "Time"];
  const rows = lists.map((one) =>
    make(
      "tr",
      {},
      make("th", { scope: "row", class: "name" }, one.list),
      make("td", {}, one.meaning),
      make("td", { class: "mono" }, (one.answers ?? []).join(", ")),
      make("td", { class: "number" }, one.weight ? signed(one.weight) : ""),
      make("td", { class: "number" }, span(one.seconds)),
    ),
  );
  if (answer.name_weight)
    rows.push(
      make(
        "tr",
        {},
        make("th", { scope: "row" }, answer.name_signal),
        make("td", {}, "by its name"),
        make("td", {}),
        make("td", { class: "number" }, signed(answer.name_weight)),
        make("td", {}),
      ),
    );
  const note = answer.score_complete === false ? " (not all lists have answered)" : "";
  return [
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "What its lists say" },
      make(
        "table",
        { class: "plain" },
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            head.map((text, i) => make("th", { scope: "col", class: i > 2 && "number" }, text)),
          ),
        ),
        make("tbody", {}, rows),
        make(
          "tfoot",
          {},
          make(
            "tr",
            {},
            make("th", { scope: "row", colspan: "3" }, `Score${note}`),
            make("td", { class: "number" }, negative(answer.score ?? 0)),
            make("td", {}),
          ),
        ),
      ),
    ),
  ];
}
