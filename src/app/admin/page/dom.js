// SPDX-License-Identifier: Apache-2.0
// Elements and formats. Text gets into the page as text nodes only: what clients sent is never
// parsed as HTML.

export const byId = (id) => document.getElementById(id);

// A child is a node, a text or a number; null, undefined and false are left out.
// A function among the attributes is the handler of the event that it is named after.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

function present(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

// Leaves the document alone when nothing changes, so that a screen reader is not disturbed.
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function setShown(element, shown) {
  element.hidden = !shown;
}

// A table or list whose rows stay the same elements while their items stay: focus, selection and
// what is unfolded survive an update.
// create(item) gives { element, update(item) }; an item may have several elements.
export function keyed(parent, keyOf, create) {
  let rows = new Map();
  const elementsOf = (row) => row.elements ?? [row.element];
  return (items) => {
    const focused = document.activeElement;
    const next = new Map();
    for (const item of items) {
      const key = keyOf(item);
      if (next.has(key)) continue;
      const row = rows.get(key) ?? create(item);
      row.update(item);
      next.set(key, row);
    }
    for (const [key, row] of rows)
      if (!next.has(key)) for (const element of elementsOf(row)) element.remove();
    let at = parent.firstElementChild;
    for (const row of next.values())
      for (const element of elementsOf(row)) {
        if (element === at) at = at.nextElementSibling;
        else parent.insertBefore(element, at);
      }
    rows = next;
    // An element that was moved has lost it.
    if (focused !== document.activeElement && parent.contains(focused))
      focused.focus({ preventScroll: true });
  };
}

// ── formats ────────────────────────────────────────────────────────────────────────────────────

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clockFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_SECONDS = 86400;

export const count = (value) => plain.format(value ?? 0);
export const about = (value) => (value < 10000 ? plain.format(value) : short.format(value));

export function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

// A duration for people; what is short keeps its milliseconds.
export function span(seconds) {
  const value = Number(seconds ?? 0);
  if (value === 0) return "0 s";
  if (value < 0.001) return "< 1 ms";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  return longSpan(value);
}

// In at most so many units.
export function longSpan(seconds, mostUnits = 2) {
  const value = Math.max(0, Math.round(seconds));
  const units = [
    [Math.floor(value / DAY_SECONDS), "d"],
    [Math.floor(value / 3600) % 24, "h"],
    [Math.floor(value / 60) % 60, "min"],
    [value % 60, "s"],
  ];
  const first = units.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0 s";
  return units
    .slice(first, first + mostUnits)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

export function octets(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / 1024 / 1024).toFixed(1)} MiB`;
}

export const clock = (date) => clockFormat.format(date);
export const minute = (date) => minuteFormat.format(date);

// With the day, unless it is today.
export function moment(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock(date) : `${dayFormat.format(date)} ${clock(date)}`;
}

// <time> whose title has the day and the zone.
export function time(text, format = moment) {
  const date = new Date(text);
  if (Number.isNaN(date.valueOf())) return document.createTextNode(text ?? "");
  return make("time", { datetime: text, title: date.toString() }, format(date));
}

export const secondsSince = (text) => (Date.now() - new Date(text).valueOf()) / 1000;
