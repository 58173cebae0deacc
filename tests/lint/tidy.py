#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on what our style forbids and a program can see.

    tidy.py [ROOT]          prints each offence as file:line: reason

Every rule is a function (source) -> (line, reason)..., listed in RULES. lint_test.py holds a bad
tree for each of them and fails when a rule has none.
"""
import bisect
import pathlib
import re
import sys

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
LICENCE = "SPDX-License-Identifier: Apache-2.0"
FOLDERS = ("include", "src", "tests", "bench", "scripts", "config", "docs")
SKIPPED = {"build", "__pycache__", ".git", "corpus"}
CPP = {".cpp", ".hpp"}
SCRIPTS = {".py", ".sh"}
PAGE = {".js", ".css"}
TEXTS = CPP | SCRIPTS | {
    ".cmake", ".txt", ".md", ".toml", ".json", ".yml", ".yaml", ".service", ".html", ".js",
    ".css", "",
}

# Comments, raw strings, strings and characters; a quote behind a digit separates digits.
LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<raw>[^()\\\s]{0,16})\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|"""
    r"""(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.S,
)


def blanked(found):
    """The same text with nothing in it but its quotes and line ends."""
    text = found[0]
    inside = re.sub(r"[^\n]", " ", text)
    if text[0] == "/" or len(text) < 2:
        return inside
    return text[0] + inside[1:-1] + text[-1] if text[0] in "\"'" else '"' + inside[1:-1] + '"'


class source:
    """One file: its raw text, and for C++ its code without comments and literals."""

    def __init__(self, root, file):
        self.name = file.relative_to(root).as_posix()
        self.suffix = file.suffix
        self.text = file.read_text(errors="replace")
        self.lines = self.text.splitlines()
        self.is_cpp = self.suffix in CPP
        self.code = LITERAL.sub(blanked, self.text) if self.is_cpp else self.text
        self.starts = [0] + [m.end() for m in re.finditer("\n", self.code)]

    def line_at(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def matches(self, pattern):
        """(line, match) of each place in the code, comments and literals not looked at."""
        return ((self.line_at(m.start()), m) for m in re.finditer(pattern, self.code))

    def closing(self, opening):
        """Offset of the bracket that closes the one at `opening`; the end when none does."""
        pairs = {"(": ")", "{": "}"}
        left, right = self.code[opening], pairs[self.code[opening]]
        depth = 0
        for m in re.compile(re.escape(left) + "|" + re.escape(right)).finditer(self.code, opening):
            depth += 1 if m[0] == left else -1
            if depth == 0:
                return m.start()
        return len(self.code)


def file_length(src):
    if (src.is_cpp or src.suffix in SCRIPTS | PAGE) and len(src.lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, f"{len(src.lines)} lines; a file has at most {FILE_LINES_MAX}"


def line_length(src):
    for number, line in enumerate(src.lines if src.is_cpp or src.suffix == ".js" else [], 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns; a line has at most {COLUMNS_MAX}"


# In our format a "{" alone on its line begins a function (or test), or a block or table inside
# one; what stands before a block or table ends otherwise than what stands before a body.
BODY = re.compile(r"^[ ]*\{[ ]*$", re.M)
NO_HEAD = re.compile(r"[,;{(=:]$|^\s*\}[;,]?$|^$")
TABLE_ROW = re.compile(r"^\s*\{.*\},?\s*$")


def function_length(src):
    """Rows of tables are not counted: data does not make a function hard to follow."""
    for m in BODY.finditer(src.code if src.is_cpp else ""):
        begin = m.start() + m[0].index("{")
        before = src.code[: m.start()].rstrip().rsplit("\n", 1)[-1]
        if NO_HEAD.search(before.rstrip()):
            continue
        end = src.closing(begin)
        body = src.code[begin:end].splitlines()
        length = 1 + sum(not TABLE_ROW.match(line) for line in body)
        if length > FUNCTION_LINES_MAX:
            where = src.line_at(begin)
            yield where, f"function of {length} lines; at most {FUNCTION_LINES_MAX}"


def licence(src):
    if src.is_cpp:
        if src.lines[:1] != [f"// {LICENCE}"]:
            yield 1, f"the first line must be // {LICENCE}"
    elif src.suffix in SCRIPTS:
        at = 1 if src.lines and src.lines[0].startswith("#!") else 0
        if src.lines[at : at + 1] != [f"# {LICENCE}"]:
            yield at + 1, f"the first line (behind #!) must be # {LICENCE}"
    elif src.suffix in PAGE:
        wanted = f"// {LICENCE}" if src.suffix == ".js" else f"/* {LICENCE} */"
        if src.lines[:1] != [wanted]:
            yield 1, f"the first line must be {wanted}"


def include_guard(src):
    if src.suffix == ".hpp" and not re.search(r"^#pragma once$", src.code, re.M):
        yield 1, "a header needs #pragma once"


BANNED = {
    r"strcpy|strcat|sprintf|vsprintf|gets": "writes past the end; use fmt or std::string",
    r"atoi|atol|atoll|atof": "takes anything for a number; use std::from_chars",
    r"system|popen": "runs a shell; nothing here may",
}


def banned_calls(src):
    if not src.is_cpp:
        return
    for names, reason in BANNED.items():
        for number, m in src.matches(rf"(?<![\w.>])({names})\s*\("):
            yield number, f"{m[1]}() {reason}"
    if not src.name.startswith("tests/"):
        for number, _ in src.matches(r"\bstd::w?regex\b"):
            yield number, "std::regex recurses once an octet of what a client sends; write a parser"
    else:
        for number, m in src.matches(r"\b(sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\("):
            yield number, f"{m[1]}() in a test; time is an argument, or wait for the event itself"


# Not in URLs, nor in names such as rfc5952_text.
RFC = re.compile(r"(?<![\w/])rfc[\s_-]*\d+(?![\w(])", re.I)
RFC_FORM = re.compile(r"RFC \d{2,5}\b(?: §[0-9A-Z]|(?!,? *(?:§|[Ss]ect?\b|[Ss]ection)))")


def rfc_form(src):
    """So that `grep -rn 'RFC 5321 §'` is the list of what we comply with."""
    for number, line in enumerate(src.lines if src.is_cpp else [], 1):
        for m in RFC.finditer(line):
            if not RFC_FORM.match(line, m.start()):
                yield number, f"{m[0]!r}: write RFC nnnn or RFC nnnn §x"
        if re.search(r"\bRFC\s*$", line):
            yield number, "an RFC and its number belong on one line"


# A class, but not the one of "template <class T, class U>" in front of a function.
SCOPE = re.compile(r"(?<!<)(?<!, )\b(?:namespace|class|struct|union|enum)\b")


def using_namespace(src):
    """In a header it would change what names mean for whoever includes it."""
    if src.suffix != ".hpp":
        return
    for number, m in src.matches(r"\busing\s+namespace\b"):
        # Of all blocks that are open here one must be a function: neither namespace nor class.
        opened = []
        for brace in re.finditer(r"[{}]", src.code[: m.start()]):
            if brace[0] == "{":
                head = re.split(r"[;{}]", src.code[: brace.start()])[-1]
                opened.append(SCOPE.search(head))
            elif opened:
                opened.pop()
        if all(opened):
            yield number, "using namespace in a header outside a function"


def leftovers(src):
    if src.name.startswith("tests/lint/"):
        return  # names what it looks for
    for number, line in enumerate(src.lines, 1):
        if re.search(r"\b(FIXME|XXX)\b", line):
            yield number, "leftover mark; solve it or open an issue and write TODO(#n)"
        if re.search(r"\bTODO\b(?!\(#\d+\))", line):
            yield number, "TODO without its issue; write TODO(#n)"


def machine_paths(src):
    for number, line in enumerate(src.lines, 1):
        if re.search(r"(?<![\w.~-])/" + "work/", line):
            yield number, "path of the development machine"


TEST = re.compile(r"^[ ]*(?:TEST_CASE|TEMPLATE_TEST_CASE|TEST_CASE_METHOD|SCENARIO)\s*(\()", re.M)
# A helper of a script test that checks is called check_… or expect_…
ASSERTION = re.compile(
    r"\b(?:(?:STATIC_)?(?:CHECK|REQUIRE)\w*|FAIL|FAIL_CHECK|check\w*|expect\w*)\s*\("
)


def tests_check(src):
    if not (src.is_cpp and src.name.startswith("tests/")):
        return
    for m in TEST.finditer(src.code):
        begin = src.code.find("{", src.closing(m.start(1)))
        end = src.closing(begin) if begin >= 0 else len(src.code)
        if begin < 0 or not ASSERTION.search(src.code, begin, end):
            yield src.line_at(m.start(1)), "a test that checks nothing cannot fail"


def own_texts(src):
    """What we write ourselves goes to logs, where octets beyond ASCII come out as "\\302\\247"."""
    if not src.is_cpp or not src.name.startswith(("src/", "include/")):
        return
    for m in LITERAL.finditer(src.text):
        if m[0][0] != "/" and not m[0].isascii():
            odd = next(c for c in m[0] if not c.isascii())
            yield src.line_at(m.start()), f"{odd!r} in a text of ours; write it in ASCII"


PERSONS = re.compile(r"\b(?:nobody|somebody|anybody|everybody|himself|whoever)\b", re.I)
CODE = re.compile(r"`[^`\n]*`")


def persons(src):
    """Code, servers and clients are things: "a caller without a coroutine", "no program"."""
    if not (src.is_cpp and src.name.startswith(("src/", "include/"))):
        return
    for comment in LITERAL.finditer(src.text):
        if comment[0][0] == "/":
            prose = CODE.sub(lambda code: " " * len(code[0]), comment[0])
            for m in PERSONS.finditer(prose):
                yield src.line_at(comment.start() + m.start()), f"{m[0]!r} in a comment; say what"


MARKUP = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML\w*|srcdoc"
    r"|document\.write\w*|eval|new Function)\b"
)


def markup_from_text(src):
    """What clients said gets into the page as text nodes; nothing there makes HTML or code of text."""
    if src.suffix == ".js" and src.name.startswith("src/"):
        for number, line in enumerate(src.lines, 1):
            for m in MARKUP.finditer(line):
                yield number, f"{m[0]} makes markup or code of text; use textContent or make()"


RULES = (
    file_length, line_length, function_length, licence, include_guard, banned_calls, rfc_form,
    using_namespace, leftovers, machine_paths, tests_check, own_texts,
    persons, markup_from_text,
)


def files(root):
    top = [f for f in sorted(root.iterdir()) if f.is_file() and not f.name.startswith(".")]
    below = [f for folder in FOLDERS for f in sorted((root / folder).rglob("*"))]
    for file in top + below:
        if SKIPPED.isdisjoint(file.relative_to(root).parts) and file.suffix in TEXTS:
            if file.is_file():
                yield file


def check(root, rules=RULES):
    for file in files(root):
        src = source(root, file)
        for rule in rules:
            for number, reason in rule(src):
                yield f"{src.name}:{number}: {reason}"


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    offences = list(check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    print(*offences, sep="\n", end="\n" if offences else "")
    sys.exit(bool(offences))
