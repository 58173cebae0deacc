// SPDX-License-Identifier: Apache-2.0
// Requests to the API, the token, repeated requests and the stream of events.

const BASE = "/api/v1";
const TOKEN_KEY = "fendmail-token";
const TIMEOUT_MS = 10000;
const FIRST_RETRY_MS = 1000;
const RETRY_MAX_MS = 30000;
// The server sends a comment every 10 s.
const SILENCE_MAX_MS = 25000;
const EVENT_MAX_CHARS = 256 * 1024;

// status 0: there was no answer.
export class RequestError extends Error {
  constructor(status, message, answer = {}) {
    super(message);
    this.status = status;
    this.answer = answer;
  }
}

// ── token ──────────────────────────────────────────────────────────────────────────────────────

// A browser may forbid storage; then a reload of the page asks again.
let token = "";
try {
  token = sessionStorage.getItem(TOKEN_KEY) ?? "";
} catch {
  token = "";
}

export const hasToken = () => token !== "";

export function keepToken(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(TOKEN_KEY, value);
    else sessionStorage.removeItem(TOKEN_KEY);
  } catch {
    // It stays in memory.
  }
}

const authorization = (value) => (value ? { Authorization: `Bearer ${value}` } : {});

// ── one request ────────────────────────────────────────────────────────────────────────────────

// IPv6 addresses read better with their colons, which a path may have.
export const inPath = (text) => encodeURIComponent(text).replaceAll("%3A", ":");

export async function request(path, options = {}) {
  const { method = "GET", body, withToken = token, timeout = TIMEOUT_MS, signal } = options;
  const headers = { Accept: "application/json", ...authorization(withToken) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const signals = [AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
  let answer;
  let text;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(signals),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const late = error.name === "TimeoutError";
    throw new RequestError(0, late ? `no answer within ${timeout / 1000} s` : "no connection");
  }
  return parsed(answer, text);
}

function parsed(answer, text) {
  let value;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new RequestError(answer.status, `HTTP ${answer.status}, and not JSON`);
  }
  if (answer.ok) return value;
  const why = value.error ?? value.message ?? `HTTP ${answer.status}`;
  throw new RequestError(answer.status, why, value);
}

// ── again and again ────────────────────────────────────────────────────────────────────────────

// Half of it is by chance, so that many pages do not come back in the same moment.
const backoff = (failures, least, most) =>
  Math.min(most, least * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);

// work() every everyMs after it has ended, less often while it fails. It reports failures itself
// and gives false then.
export class Repeater {
  #timer = 0;
  #generation = 0;
  #failures = 0;

  constructor(everyMs, work) {
    this.everyMs = everyMs;
    this.work = work;
  }

  start() {
    this.stop();
    this.#run(this.#generation);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#generation += 1;
  }

  async #run(generation) {
    const worked = (await this.work()) !== false;
    if (generation !== this.#generation) return;
    this.#failures = worked ? 0 : this.#failures + 1;
    const wait = worked
      ? this.everyMs
      : Math.max(this.everyMs, backoff(this.#failures, this.everyMs, RETRY_MAX_MS));
    this.#timer = setTimeout(() => this.#run(generation), wait);
  }
}

// ── events ─────────────────────────────────────────────────────────────────────────────────────

// Server-Sent Events out of text in pieces of any size. EventSource cannot send a token.
export class EventParser {
  #rest = "";
  #name = "";
  #data = [];

  constructor(onEvent) {
    this.onEvent = onEvent;
  }

  feed(text) {
    this.#rest += text;
    if (this.#rest.length > EVENT_MAX_CHARS && !this.#rest.includes("\n"))
      throw new Error("an event without an end");
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop();
    for (const line of lines) this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  #take(line) {
    if (line === "") {
      if (this.#data.length > 0) this.onEvent(this.#name || "message", this.#data.join("\n"));
      this.#name = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#name = value;
    else if (field === "data") this.#data.push(value);
  }
}

// Keeps a stream of events open. Handlers: onOpen() at each new connection, before its events;
// onEvent(name, object); onClosed(error), after which it is tried again unless the error is a
// refusal of the token.
export class EventStream {
  #abort = null;
  #timer = 0;
  #failures = 0;

  constructor(handlers) {
    this.handlers = handlers;
    this.query = "";
  }

  start(query) {
    this.stop();
    this.query = query;
    this.#failures = 0;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #open() {
    const abort = new AbortController();
    this.#abort = abort;
    let error;
    try {
      await this.#read(abort);
      error = new RequestError(0, "the stream of events ended");
    } catch (failure) {
      error = failure instanceof RequestError ? failure : new RequestError(0, "no connection");
    }
    // Or stop() or start() was called meanwhile.
    if (this.#abort !== abort) return;
    abort.abort();
    this.#abort = null;
    this.#failures += 1;
    this.handlers.onClosed(error);
    if (error.status === 401 || error.status === 403) return;
    const wait = backoff(this.#failures - 1, FIRST_RETRY_MS, RETRY_MAX_MS);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  async #read(abort) {
    let silence;
    const expectMore = () => {
      clearTimeout(silence);
      const why = new RequestError(0, "the stream of events fell silent");
      silence = setTimeout(() => abort.abort(why), SILENCE_MAX_MS);
    };
    try {
      expectMore();
      const answer = await fetch(`${BASE}/events?${this.query}`, {
        headers: { Accept: "text/event-stream", ...authorization(token) },
        signal: abort.signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
      if (!answer.ok) parsed(answer, await answer.text());
      this.handlers.onOpen();
      const parser = new EventParser((name, data) => this.#tell(abort, name, data));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        expectMore();
        this.#failures = 0;
        parser.feed(value);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #tell(abort, name, data) {
    if (this.#abort !== abort) return;
    let object;
    try {
      object = JSON.parse(data);
    } catch {
      return;
    }
    if (object !== null && typeof object === "object") this.handlers.onEvent(name, object);
  }
}
