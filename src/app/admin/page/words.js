// SPDX-License-Identifier: Apache-2.0
// What the words of the API and of the log mean. A word that is not here is shown as it is.

// In the order in which the chart stacks them.
export const VERDICTS = [
  ["allowlisted", "let through: an access rule or a known sender permits it"],
  ["pass_old", "let through: it had passed its tests before"],
  ["pass_new", "let through: it passed its tests in this session"],
  ["passed", "let through, although a test failed whose action is ignore"],
  ["left", "it went away before there was a verdict"],
  ["deferred", "told to come again: a limit, or trouble of ours"],
  ["rejected", "refused with a reply"],
  ["dropped", "refused at once, by a test whose action is drop"],
];
export const REFUSED = "refused";

const verdictWords = new Map(VERDICTS);
export const verdictText = (verdict) => verdictWords.get(verdict) ?? "";

const REASONS = new Map([
  ["access_list", "an access rule rejects it"],
  ["all_screening_ports_busy", "limits.screening was reached"],
  ["all_server_ports_busy", "limits.sessions was reached"],
  ["backend_refused", "the mail server refused its sender or its name"],
  ["backend_unavailable", "the mail server could not be reached, or took no clients"],
  ["bare_newline", "it ended a line with a bare newline"],
  ["dnsbl", "its score reached the threshold"],
  ["false_end", "its mail held what some servers take for the end of data; it was made text"],
  ["idle", "nothing came for too long while it was relayed"],
  ["network_asked_too_much", "its network made too many lookups"],
  ["non_smtp_command", "it sent what is no SMTP command"],
  ["pipelining", "it sent commands without waiting for replies"],
  ["pregreet", "it spoke before its turn"],
  ["stopping", "fendmail was being stopped"],
  ["tls", "TLS failed"],
  ["too_many_connections", "it had too many connections at once"],
  ["veto", "at this address of ours no new client earns a pass"],
]);
export const reasonText = (reason) => REASONS.get(reason) ?? "";

const PHASES = new Map([
  ["connect", "at connect"],
  ["early", "before the greeting"],
  ["dialog", "in our dialog"],
  ["hand_off", "while it was handed off"],
  ["relay", "while it was relayed"],
]);
const ENDS = new Map([
  ["client", "by the client"],
  ["fendmail", "by fendmail"],
  ["backend", "by the mail server"],
  ["handed_over", "with the socket given to the mail server"],
]);
export const endText = (phase, endedBy) =>
  [PHASES.get(phase) ?? phase, ENDS.get(endedBy) ?? endedBy].filter(Boolean).join(", ");

// "zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2+4" as rows, and how many more there are.
export function parseLists(text) {
  const more = /\+(\d+)$/.exec(text ?? "");
  const whole = more ? text.slice(0, more.index) : (text ?? "");
  const lists = whole
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const found = /^(.+):([^:*]*)\*(-?\d+)$/.exec(part);
      if (!found) return { list: part, answer: "", weight: null };
      return { list: found[1], answer: found[2], weight: Number(found[3]) };
    });
  return { lists, more: more ? Number(more[1]) : 0 };
}

export const negative = (value) => String(value).replace("-", "−");
export const signed = (value) => (value > 0 ? `+${value}` : negative(value));
