// SPDX-License-Identifier: Apache-2.0
// The admin page: what is asked when, what buttons do, and what is said when something fails.

import { bansPanel, feedsPanel } from "/abuse.js";
import { Chart } from "/chart.js";
import { Decisions } from "/decisions.js";
import { byId, clock, setShown, setText } from "/dom.js";
import { Explainer } from "/explain.js";
import { TOP_KINDS, listPanel, rulesPanel, showReload, showStatus, topPanel } from "/panels.js";
import { Repeater, hasToken, inPath, keepToken, request } from "/requests.js";

const EVERY_MS = {
  status: 2000,
  history: 5000,
  lists: 10000,
  abuse: 10000,
  top: 30000,
  rules: 30000,
};
const BANS_LIMIT = 50;
const TOP_LIMIT = 10;
const TEST_TIMEOUT_MS = 30000;
const RELOAD_TIMEOUT_MS = 60000;
const NOTICE_MS = 10000;

// ── what the page says of itself ───────────────────────────────────────────────────────────────

let lastAnswer = null;
let problems = 0;
let bannerAction = () => {};

function showLink(state, text) {
  byId("link").dataset.state = state;
  setText(byId("link-text"), text);
}

function showBanner(text, buttonText = "", action = () => {}) {
  setText(byId("banner-text"), text);
  setShown(byId("banner"), text !== "");
  setText(byId("banner-button"), buttonText);
  setShown(byId("banner-button"), buttonText !== "");
  bannerAction = action;
}

function showTitle() {
  const host = byId("host").textContent;
  document.title = `${problems > 0 ? "(!) " : ""}${host ? `${host} – ` : ""}fendmail`;
}

let noticeTimer = 0;
function notice(text) {
  clearTimeout(noticeTimer);
  setText(byId("notice"), text);
  noticeTimer = setTimeout(() => setText(byId("notice"), ""), NOTICE_MS);
}

// ── failures ───────────────────────────────────────────────────────────────────────────────────

// Shown already, or by itself: true. Something of one panel alone: false.
function onTrouble(error) {
  if (error.status === 401) {
    stopAll();
    showLink("refused", "No token");
    showBanner("Nothing can be read without a token.", "Enter it", () => askToRead(""));
    if (!byId("token-dialog").open) askToRead(hasToken() ? error.message : "");
    return true;
  }
  if (error.status === 403) {
    stopAll();
    showLink("refused", "Refused");
    showBanner(`fendmail refuses: ${error.message}.`, "Enter a token", () => askToRead(""));
    return true;
  }
  if (error.status === 429) {
    stopAll();
    showLink("refused", "Refused");
    showBanner(`fendmail refuses: ${error.message}.`, "Try again", startAll);
    return true;
  }
  return error.status === 0;
}

function onUnreachable(error) {
  const since = lastAnswer ? ` All that is shown is of ${clock(lastAnswer)}.` : "";
  showLink("away", "Not reachable");
  showBanner(`fendmail cannot be reached: ${error.message}.${since}`, "Try now", startAll);
  problems = 1;
  showTitle();
}

// Reads and shows; what fails for other reasons than the way there is told beside the panel.
async function refresh(path, show, trouble) {
  try {
    show(await request(path));
    if (trouble) setShown(byId(trouble), false);
    return true;
  } catch (error) {
    if (!onTrouble(error) && trouble) {
      setText(byId(trouble), `This cannot be had: ${error.message}.`);
      setShown(byId(trouble), true);
    }
    return false;
  }
}

// ── token ──────────────────────────────────────────────────────────────────────────────────────

let tokenGiven = null;

// Resolves to the token that was typed, or to "" when it was not.
function askToken(why) {
  const dialog = byId("token-dialog");
  setText(byId("token-why"), why);
  setShown(byId("token-wrong"), false);
  byId("token").value = "";
  if (!dialog.open) dialog.showModal();
  byId("token").focus();
  return new Promise((resolve) => {
    tokenGiven?.("");
    tokenGiven = resolve;
  });
}

function closeToken() {
  byId("token").value = "";
  byId("token-dialog").close();
}

function sayWrong(error) {
  setText(byId("token-wrong"), `${error.message}.`);
  setShown(byId("token-wrong"), true);
}

async function askToRead(wrong) {
  let given = askToken(
    "What fendmail does is shown to those who have the token of admin.token_file.",
  );
  if (wrong) sayWrong({ message: wrong });
  for (;;) {
    const typed = await given;
    if (!typed) return;
    try {
      await request("/status", { withToken: typed });
      keepToken(typed);
      closeToken();
      startAll();
      return;
    } catch (error) {
      given = new Promise((resolve) => (tokenGiven = resolve));
      sayWrong(error);
    }
  }
}

// A change; asks for the admin's token when this one may not. Gives the answer, or throws.
async function change(method, path, body = {}, timeout = undefined) {
  try {
    return await request(path, { method, body, timeout });
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    let given = askToken(
      `To change something needs the token of admin.admin_token_file: ${error.message}.`,
    );
    for (;;) {
      const typed = await given;
      if (!typed) throw error;
      try {
        const answer = await request(path, { method, body, timeout, withToken: typed });
        keepToken(typed);
        closeToken();
        return answer;
      } catch (again) {
        if (again.status !== 401 && again.status !== 403 && again.status !== 429) {
          closeToken();
          throw again;
        }
        given = new Promise((resolve) => (tokenGiven = resolve));
        sayWrong(again);
      }
    }
  }
}

// ── changes ────────────────────────────────────────────────────────────────────────────────────

async function changeRule(kind, network, time, comment, say = notice) {
  const word = kind === "permits" ? "permitted" : "denied";
  try {
    await change("PUT", `/${kind}/${inPath(network)}`, { for: time, comment });
    say(`${network} is ${word} for ${TIMES[time] ?? time}.`);
    await readRules();
    return true;
  } catch (error) {
    say(`${network} is not ${word}: ${error.message}.`);
    return false;
  }
}

async function removeRule(kind, network) {
  try {
    await change("DELETE", `/${kind}/${inPath(network)}`);
    notice(`The rule of ${network} is removed.`);
    byId("rules-title").focus();
    await readRules();
  } catch (error) {
    notice(`The rule of ${network} stays: ${error.message}.`);
  }
}

async function endBan(network) {
  try {
    await change("DELETE", `/bans/${inPath(network)}`);
    notice(`${network} is no longer banned.`);
    byId("bans-title").focus();
    await readAbuse();
  } catch (error) {
    notice(`The ban of ${network} stays: ${error.message}.`);
  }
}

async function forgetPasses(address, say) {
  try {
    await change("DELETE", `/passes/${inPath(address)}`);
    say(`What ${address} has passed is forgotten.`);
  } catch (error) {
    say(`Nothing is forgotten: ${error.message}.`);
  }
}

async function actOnList(what, list) {
  try {
    const answer = await change("POST", `/lists/${inPath(list)}/${what}`, {}, TEST_TIMEOUT_MS);
    const words = { disable: "Off until the next restart.", enable: "In use again." };
    const text =
      what === "test" ? `${answer.ok ? "Well" : "Not well"}: ${answer.text}.` : words[what];
    notice(`${list}: ${text}`);
    readers.lists.start();
    return text;
  } catch (error) {
    notice(`${list}: ${error.message}.`);
    return `Failed: ${error.message}.`;
  }
}

async function reload() {
  const button = byId("reload");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  setText(byId("reload-result"), "Reloading …");
  try {
    showReload(await change("POST", "/reload", {}, RELOAD_TIMEOUT_MS));
  } catch (error) {
    if (error.status === 409) showReload({ message: error.message, ...error.answer, ok: false });
    else setText(byId("reload-result"), `Not reloaded: ${error.message}.`);
  } finally {
    button.removeAttribute("aria-disabled");
    readers.status.start();
  }
}

const TIMES = { "1h": "an hour", "1d": "a day", "7d": "a week", "30d": "30 days" };

// ── what is read ───────────────────────────────────────────────────────────────────────────────

const chart = new Chart();
const explainer = new Explainer({
  permit: (address, comment, say) => changeRule("permits", address, "1d", comment, say),
  deny: (address, comment, say) => changeRule("denials", address, "1d", comment, say),
  forgetPasses,
  showOnly: (address) => decisions.showOnly(address),
  onTrouble,
});
const decisions = new Decisions({
  explain: (address) => explainer.show(address),
  permit: (address, comment) => changeRule("permits", address, "1d", comment),
  onTrouble,
});
const showLists = listPanel(actOnList);
const showTop = topPanel((address) => explainer.show(address));
const showRules = rulesPanel(removeRule);
const showBans = bansPanel(endBan);
const showFeeds = feedsPanel();

let process = "";
let othersRun = false;

// The others begin when it has been answered: with a wrong token each request counts as a failure.
async function readStatus() {
  try {
    const status = await request("/status");
    lastAnswer = new Date();
    problems = showStatus(status);
    showTitle();
    showLink("live", "Live");
    showBanner("");
    setShown(byId("main"), true);
    setShown(byId("explain-form"), true);
    setShown(byId("forget-token"), hasToken());
    const now = `${status.pid} ${status.started}`;
    if (process !== "" && process !== now) decisions.startAgain();
    process = now;
    startOthers();
    return true;
  } catch (error) {
    stopOthers();
    if (error.status === 0 || !onTrouble(error)) onUnreachable(error);
    return false;
  }
}

async function readTop() {
  const read = (kind) =>
    refresh(`/top?by=${kind}&limit=${TOP_LIMIT}`, (answer) => showTop(kind, answer), "top-trouble");
  return (await Promise.all(TOP_KINDS.map(read))).every(Boolean);
}

async function readRules() {
  const read = (kind) => refresh(`/${kind}`, (answer) => showRules(kind, answer), "rules-trouble");
  return (await Promise.all(["permits", "denials"].map(read))).every(Boolean);
}

async function readAbuse() {
  const reads = [
    refresh(`/bans?limit=${BANS_LIMIT}`, showBans, "bans-trouble"),
    refresh("/feeds", showFeeds, "feeds-trouble"),
  ];
  return (await Promise.all(reads)).every(Boolean);
}

const readers = {
  status: new Repeater(EVERY_MS.status, readStatus),
  history: new Repeater(EVERY_MS.history, () => refresh("/history", (it) => chart.update(it))),
  lists: new Repeater(EVERY_MS.lists, () => refresh("/lists", showLists, "lists-trouble")),
  top: new Repeater(EVERY_MS.top, readTop),
  rules: new Repeater(EVERY_MS.rules, readRules),
  abuse: new Repeater(EVERY_MS.abuse, readAbuse),
};
const others = [
  readers.history,
  readers.lists,
  readers.top,
  readers.rules,
  readers.abuse,
  decisions,
];

function startOthers() {
  if (othersRun) return;
  othersRun = true;
  for (const other of others) other.start();
}

function stopOthers() {
  if (!othersRun) return;
  othersRun = false;
  for (const other of others) other.stop();
}

function startAll() {
  if (!document.hidden) readers.status.start();
}

function stopAll() {
  readers.status.stop();
  stopOthers();
}

// ── wiring ─────────────────────────────────────────────────────────────────────────────────────

byId("banner-button").addEventListener("click", () => bannerAction());
byId("reload").addEventListener("click", reload);
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tokenGiven?.(byId("token").value.trim());
});
byId("token-cancel").addEventListener("click", () => byId("token-dialog").close());
byId("token-dialog").addEventListener("close", () => tokenGiven?.(""));
byId("forget-token").addEventListener("click", () => {
  keepToken("");
  stopAll();
  location.reload();
});
byId("rule-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const kind = event.submitter?.value === "denials" ? "denials" : "permits";
  const network = byId("rule-network").value.trim();
  const comment = byId("rule-comment").value.trim();
  if (await changeRule(kind, network, byId("rule-time").value, comment)) {
    byId("rule-network").value = "";
    byId("rule-comment").value = "";
  }
});
// A tab that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stopAll();
  else if (!byId("token-dialog").open) startAll();
});

startAll();
