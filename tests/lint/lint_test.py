#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds small bad trees to the lints: a check that cannot fail is worth nothing."""
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import unittest

import doc_paths
import hardening
import headers
import layering
import log_events
import one_definition
import tidy

HERE = pathlib.Path(__file__).resolve().parent
CPP = "// " + tidy.LICENCE + "\n"
HPP = CPP + "#pragma once\n"
RAW = 'R"('


def tree(files):
    """A temporary folder with these files; keep it as long as the folder is needed."""
    folder = tempfile.TemporaryDirectory()
    for name, text in files.items():
        file = pathlib.Path(folder.name) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def places(offences):
    """ "src/a.cpp:3: reason" -> "src/a.cpp:3" """
    return [":".join(offence.split(":")[:2]) for offence in offences]


def function(lines, head="int f()", row="    g();"):
    """A function whose braces and body are `lines` long together."""
    return f"{head}\n{{\n" + f"{row}\n" * (lines - 2) + "}\n"


def test_case(body):
    return f'{CPP}TEST_CASE("x: y")\n{{\n{body}}}\n'


# rule -> [(file, text, lines with an offence)]; bad ones and near misses that are right.
CASES = {
    tidy.file_length: [
        ("src/core/a.cpp", CPP + "\n" * 600, [601]),
        ("src/core/a.cpp", CPP + "\n" * 599, []),
        ("tests/e2e/a.py", "\n" * 601, [601]),
        ("docs/a.md", "\n" * 900, []),
    ],
    tidy.line_length: [
        ("include/fendmail/core/a.hpp", HPP + "x" * 101 + "\n", [3]),
        ("src/core/a.cpp", CPP + "x" * 101 + "\n" + "x" * 100 + "\n", [2]),
        ("src/core/a.cpp", CPP + "§" * 100 + "\n", []),
        ("tests/unit/a_test.cpp", CPP + "\n" + "x" * 101, [3]),
        ("docs/a.md", "x" * 200, []),
        ("src/app/admin/page/a.js", "x" * 101 + "\n" + "─" * 100, [1]),
    ],
    tidy.markup_from_text: [
        ("src/app/a.js", "e.innerHTML = x;\ne.textContent = x;\n", [1]),
        ("src/app/a.js", "a;\neval(x); new Function(x);\n", [2, 2]),
        ("src/app/a.js", "e.insertAdjacentHTML('a', x); document.write(x);\n", [1, 1]),
        ("src/app/a.js", "const evaluate = innerHeight; function f() {}\n", []),
        ("tests/a.js", "e.innerHTML = x;\n", []),
    ],
    tidy.function_length: [
        ("src/core/a.cpp", CPP + function(71), [3]),
        ("src/core/a.cpp", CPP + function(70), []),
        ("src/core/a.cpp", CPP + function(71, "a::a() noexcept\n    : b_{1}\n    , c_{2}"), [5]),
        ("src/core/a.cpp", CPP + function(71, "auto f() -> std::vector<int>"), [3]),
        ("src/core/a.cpp", CPP + function(71, "int f() // {"), [3]),
        ("src/core/a.cpp", CPP + function(71, row='    g("}"); // }'), [3]),
        ("src/core/a.cpp", CPP + function(71, row="    h('}', 1'000);"), [3]),
        ("src/core/a.cpp", CPP + function(71, row="    if (x) {\n    }"), [3]),
        ("include/fendmail/core/a.hpp",
         HPP + "class a {\n    int f() const\n    {\n" + "        g();\n" * 70 + "    }\n};\n",
         [5]),
        ("tests/unit/a_test.cpp", CPP + function(71, 'TEST_CASE("x: y", "[x]")'), [3]),
        ("tests/unit/a_test.cpp",
         CPP + function(90, 'TEST_CASE("x: y", "[x]")', '        {"a", "}"},'), []),
        ("src/core/a.cpp", CPP + "namespace a {\n" + "int b;\n" * 90 + "}\n", []),
        ("src/core/a.cpp", CPP + "int a[] =\n{\n" + "    1,\n" * 90 + "};\n", []),
    ],
    tidy.licence: [
        ("src/core/a.cpp", "int a;\n", [1]),
        ("src/core/a.cpp", "", [1]),
        ("src/core/a.cpp", "\n" + CPP, [1]),
        ("include/fendmail/core/a.hpp", "// SPDX-License-Identifier: MIT\n", [1]),
        ("scripts/a.sh", "#!/bin/sh\necho\n", [2]),
        ("scripts/a.sh", "#!/bin/sh\n# " + tidy.LICENCE + "\n", []),
        ("tests/e2e/a.py", "# " + tidy.LICENCE + "\n", []),
        ("bench/a.cpp", CPP, []),
        ("src/app/a.js", "# " + tidy.LICENCE + "\n", [1]),
        ("src/app/a.css", "/* " + tidy.LICENCE + " */\n", []),
    ],
    tidy.include_guard: [
        ("include/fendmail/core/a.hpp", CPP + "int a;\n", [1]),
        ("include/fendmail/core/a.hpp", CPP + "// #pragma once\n", [1]),
        ("include/fendmail/core/a.hpp", HPP, []),
        ("src/core/a.cpp", CPP, []),
    ],
    tidy.banned_calls: [
        ("src/core/a.cpp", CPP + "strcpy(a, b);\nstd::strcat(a, b);\nsprintf(a, b);\n", [2, 3, 4]),
        ("src/core/a.cpp", CPP + "gets(a);\natoi(a);\nstd::atol (a);\n", [2, 3, 4]),
        ("src/app/a.cpp", CPP + "system(a);\nstd::system(a);\npopen(a, b);\n", [2, 3, 4]),
        ("src/core/a.cpp", CPP + "std::regex r{a};\n", [2]),
        ("tests/io/a.cpp", CPP + "std::regex r{a};\n", []),
        ("tests/io/a.cpp", CPP + "std::this_thread::sleep_for(a);\nusleep(5);\nsleep(1);\n",
         [2, 3, 4]),
        ("src/io/a.cpp", CPP + "std::this_thread::sleep_for(a);\n", []),
        ("src/core/a.cpp", CPP + 'snprintf(a);\n// system(a)\nlog("gets(a)");\nb.system(c);\n', []),
        ("src/core/a.cpp", CPP + RAW + 'atoi(")"\n";\nboost::system::result<int> a;\n', []),
        ("src/core/a.cpp", CPP + "fgets(a);\nbudgets(a);\np->popen(a);\nsystem_clock(a);\n", []),
        ("scripts/a.py", "system('ls')\n", []),
    ],
    tidy.rfc_form: [
        ("src/core/a.cpp", CPP + "// RFC5321\n// rfc 5321\n// RFC-5321\n// RFC 5321 section 4\n",
         [2, 3, 4, 5]),
        ("src/core/a.cpp", CPP + "// RFC 5321, §4\n// RFC 5321 § 4\n// RFC 5321§4\n// Rfc 1\n",
         [2, 3, 4, 5]),
        ("src/core/a.cpp", CPP + "// RFC 5321 sec. 4\n// RFC  5321\n// see RFC\n// 5321\n",
         [2, 3, 4]),
        ("src/core/a.cpp", CPP + 'f("RFC5321");\n', [2]),
        ("src/core/a.cpp", CPP + "// RFC 5321\n// (RFC 5321 §4.5.3.1.4), RFC 2920.\n", []),
        ("src/core/a.cpp", CPP + "// RFC 5321 §2.3.8 and §4.5; RFC 5321 §A, §B\n", []),
        ("src/core/a.cpp", CPP + "rfc5952_text(a);\n// https://example.com/rfc/rfc5321\n", []),
    ],
    tidy.using_namespace: [
        ("include/fendmail/core/a.hpp", HPP + "using namespace std;\n", [3]),
        ("include/fendmail/core/a.hpp", HPP + "namespace a {\nusing namespace std;\n}\n", [4]),
        ("include/fendmail/core/a.hpp", HPP + "void f()\n{\n}\nusing namespace std;\n", [6]),
        ("include/fendmail/core/a.hpp",
         HPP + "namespace a {\nvoid f()\n{\n    using namespace std;\n}\n}\n", []),
        ("include/fendmail/core/a.hpp",
         HPP + "template <class T, class U>\nvoid f()\n{\n    using namespace std;\n}\n", []),
        ("include/fendmail/core/a.hpp", HPP + "// using namespace std;\nusing a = b;\n", []),
        ("src/core/a.cpp", CPP + "using namespace std;\n", []),
    ],
    tidy.leftovers: [
        ("src/core/a.cpp", CPP + "// FIXME: a\n// XXX a\n// TODO a\n// TODO(b): c\n", [2, 3, 4, 5]),
        ("docs/a.md", "TODO: write\n", [1]),
        ("CMakeLists.txt", "# TODO write\n", [1]),
        ("src/core/a.cpp", CPP + '// TODO(#12): a\nmkstemp("/tmp/aXXXXXX");\nint todo;\n', []),
    ],
    tidy.machine_paths: [
        ("src/core/a.cpp", CPP + '// see "/' + 'work/main"\n', [2]),
        ("docs/a.md", "cd /" + "work/main\n", [1]),
        ("Dockerfile", "COPY /" + "work/main /\n", [1]),
        ("tests/lint/a.py", "open('/" + "work/a')\n", [1]),
        ("docs/a.md", "a/" + "work/b ~/" + "work/c /worker/ ./" + "work/\n", []),
    ],
    tidy.own_texts: [
        ("src/io/a.cpp", CPP + 'f("RFC 5782 §5");\nf("a");\n', [2]),
        ("include/fendmail/core/a.hpp", HPP + 'auto a = "–";\n', [3]),
        ("src/io/a.cpp", CPP + RAW + 'a\n…)";\n', [2]),
        ("src/io/a.cpp", CPP + '// §5 "§"\nf("a \\xc2\\xa7");\n', []),
        ("tests/io/a.cpp", CPP + 'f("§");\n', []),
    ],
    tidy.persons: [
        ("src/io/a.cpp", CPP + "int a; // Nobody asks\n/// for whoever\n", [2, 3]),
        ("include/fendmail/core/a.hpp", HPP + "/* one\n   somebody */\n", [4]),
        ("src/io/a.cpp", CPP + '// `nobody`, an admin who\nf("nobody");\nint nobody;\n', []),
        ("src/app/a.cpp", CPP + "// nobody\n", [2]),
        ("tests/io/a.cpp", CPP + "// nobody\n", []),
    ],
    tidy.tests_check: [
        ("tests/unit/a_test.cpp", test_case("    f();\n"), [2]),
        ("tests/unit/a_test.cpp", CPP + 'TEST_CASE("x: y") {}\n', [2]),
        ("tests/unit/a_test.cpp", test_case("    // CHECK(a)\n"), [2]),
        ("tests/unit/a_test.cpp", test_case('    log("CHECK(a)");\n'), [2]),
        ("tests/unit/a_test.cpp", test_case("    SUCCEED(1);\n"), [2]),
        ("tests/unit/a_test.cpp",
         test_case("    f();\n") + 'TEST_CASE("b: c")\n{\n    CHECK(d);\n}\n', [2]),
        ("tests/unit/a_test.cpp", test_case("    CHECK_FALSE(a);\n"), []),
        ("tests/unit/a_test.cpp", test_case("    REQUIRE(a);\n"), []),
        ("tests/unit/a_test.cpp", test_case("    if (a) FAIL(b);\n"), []),
        ("tests/unit/a_test.cpp", test_case("    check_script(a);\n"), []),
        ("tests/unit/a_test.cpp", test_case("    a.expect(b);\n"), []),
    ],
}


class tidy_rules(unittest.TestCase):
    def test_every_rule_has_a_tree_that_breaks_it_and_one_that_does_not(self):
        for rule in tidy.RULES:
            with self.subTest(rule.__name__):
                self.assertTrue(any(lines for _, _, lines in CASES[rule]))
                self.assertTrue(any(not lines for _, _, lines in CASES[rule]))

    def test_offences_are_found_at_their_lines_and_nowhere_else(self):
        for rule, cases in CASES.items():
            for name, text, lines in cases:
                with self.subTest(f"{rule.__name__}: {name}", text=text[:300]):
                    with tree({name: text}) as root:
                        got = places(tidy.check(pathlib.Path(root), [rule]))
                    self.assertEqual(got, [f"{name}:{line}" for line in lines])

    def test_a_tidy_tree_breaks_no_rule(self):
        good = {
            "include/fendmail/core/a.hpp": HPP + "int f();\n",
            "src/core/a.cpp": CPP + function(10),
            "tests/unit/core/a_test.cpp": test_case("    CHECK(f() == 1);\n"),
        }
        with tree(good) as root:
            self.assertEqual(list(tidy.check(pathlib.Path(root))), [])

    def test_the_program_runs_all_rules_and_says_so_by_its_exit_code(self):
        with tree({"src/core/a.cpp": "// FIXME\nusing namespace std;\n" + "x" * 101}) as root:
            done = run("tidy.py", root)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(places(done.stdout.splitlines()),
                         ["src/core/a.cpp:3", "src/core/a.cpp:1", "src/core/a.cpp:1"])
        with tree({"src/core/a.cpp": CPP}) as root:
            done = run("tidy.py", root)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


# file, text, lines with an offence
LAYERING = [
    ("include/fendmail/core/a.hpp", '#include "fendmail/io/b.hpp"\n', [1]),
    ("include/fendmail/core/a.hpp", '\n#include "fendmail/app/b.hpp"\n', [2]),
    ("src/io/a.cpp", '#include "fendmail/app/b.hpp"\n', [1]),
    ("src/io/net/a.cpp", '#include "fendmail/app/config/b.hpp"\n', [1]),
    ("src/io/sub/a.cpp", "\n", [1]),
    ("src/io/os/a.cpp", '#include "fendmail/io/net/b.hpp"\n', [1]),
    ("src/io/net/a.cpp", '#include "fendmail/io/backend/b.hpp"\n', [1]),
    ("src/io/dns/a.cpp", '#include "fendmail/io/dnsbl/b.hpp"\n', [1]),
    ("src/io/a.cpp", '#include "fendmail/io/net/b.hpp"\n', [1]),
    ("src/app/config/a.cpp", '#include "fendmail/app/session/b.hpp"\n', [1]),
    ("src/app/shared/a.cpp", '#include "fendmail/app/server/b.hpp"\n', [1]),
    ("src/app/migrate/a.cpp", '#include "fendmail/app/cli/b.hpp"\n', [1]),
    ("include/fendmail/app/session/a.hpp", '#include "fendmail/app/names/b.hpp"\n', [1]),
    ("src/core/smtp/a.cpp", '#include "fendmail/core/dnsbl/b.hpp"\n', [1]),
    ("src/core/acl/a.cpp", '#include "fendmail/core/screen/b.hpp"\n', [1]),
    ("src/core/proxy/a.cpp", '#include "fendmail/core/acl/b.hpp"\n', [1]),
    ("src/core/screen/a.cpp", '#include "fendmail/core/event/b.hpp"\n', [1]),
    ("src/core/screen/a.cpp", '#include "fendmail/core/proxy/b.hpp"\n', [1]),
    ("src/core/event/a.cpp", '#include "fendmail/core/proxy/b.hpp"\n', [1]),
    ("src/core/a.cpp", '#include "fendmail/core/smtp/b.hpp"\n', [1]),
    ("src/core/a.cpp", '#include "../io/b.hpp"\n', [1]),
    ("src/core/a.cpp", '#include "fendmail/b.hpp"\n', [1]),
    ("src/core/a.cpp", "#include <boost/asio.hpp>\n#  include <openssl/ssl.h>\n", [1, 2]),
    ("src/core/a.cpp", "#include <sys/socket.h>\n#include <arpa/inet.h>\n", [1, 2]),
    ("src/core/a.cpp", "#include <unistd.h>\n#include <ares.h>\n#include <spdlog/spdlog.h>\n",
     [1, 2, 3]),
    ("src/core/a.cpp", "#include <thread>\n#include <mutex>\n#include <fstream>\n", [1, 2, 3]),
    ("src/core/a.cpp", "#include <random>\n#include <atomic>\n#include <filesystem>\n", [1, 2, 3]),
    ("src/core/a.cpp", "auto a = std::chrono::steady_clock::now();\n", [1]),
    ("src/core/a.cpp", "time(nullptr);\nstd::getenv(a);\n", [1, 2]),
    ("src/net/a.cpp", "\n", [1]),
    ("src/core/net/a.cpp", "\n", [1]),
    ("src/core/a.cpp",
     "#include <string>\n#include <string_view>\n#include <fmt/format.h>\n"
     "#include <boost/system/result.hpp>\n#include <chrono>\n", []),
    ("src/core/event/a.cpp",
     "".join(f'#include "fendmail/core/{m}/b.hpp"\n' for m in ("screen", "smtp", "dnsbl", "acl"))
     + '#include "fendmail/core/b.hpp"\n#include "fendmail/core/event/b.hpp"\n', []),
    ("src/core/screen/a.cpp",
     "".join(f'#include "fendmail/core/{m}/b.hpp"\n' for m in ("smtp", "dnsbl", "acl")), []),
    ("src/io/a.cpp", '#include "fendmail/core/smtp/b.hpp"\n#include <boost/asio.hpp>\n', []),
    ("src/io/dnsbl/a.cpp",
     "".join(f'#include "fendmail/io/{m}/b.hpp"\n' for m in ("os", "net", "dns", "dnsbl"))
     + '#include "fendmail/io/b.hpp"\n', []),
    ("src/app/server/a.cpp",
     "".join(f'#include "fendmail/app/{m}/b.hpp"\n' for m in ("session", "names", "config")), []),
    ("src/app/main.cpp", '#include "fendmail/app/cli/b.hpp"\n', []),
    ("src/app/main.cpp", '#include "fendmail/io/b.hpp"\n#include "fendmail/core/b.hpp"\n', []),
]


class layers(unittest.TestCase):
    def test_includes_that_point_up_or_out_are_found_at_their_lines(self):
        for name, text, lines in LAYERING:
            with self.subTest(name, text=text), tree({name: text}) as root:
                got = places(layering.check(pathlib.Path(root)))
                self.assertEqual(got, [f"{name}:{line}" for line in lines])

    def test_a_private_header_may_lie_beside_its_source(self):
        text = '#include "table.hpp"\n'
        with tree({"src/core/a.cpp": text, "src/core/table.hpp": ""}) as root:
            self.assertEqual(list(layering.check(pathlib.Path(root))), [])
        with tree({"src/core/a.cpp": text}) as root:
            self.assertEqual(len(list(layering.check(pathlib.Path(root)))), 1)

    def test_the_program_says_by_its_exit_code_what_it_found(self):
        with tree({"src/core/a.cpp": "#include <thread>\n"}) as root:
            self.assertEqual(run("layering.py", root).returncode, 1)
        with tree({"src/core/a.cpp": "#include <string>\n"}) as root:
            self.assertEqual(run("layering.py", root).returncode, 0)


class one_definitions(unittest.TestCase):
    def test_two_types_of_one_name_are_found_wherever_they_are(self):
        one = "namespace fendmail::app {\nstruct section {\n};\n} // namespace fendmail::app\n"
        apart = "namespace fendmail::app {\nnamespace {\nstruct section {\n};\n} // namespace\n"
        within = "namespace fendmail::app {\nstruct section;\nstruct other::section {\n};\n"
        elsewhere = "namespace fendmail::io {\nclass section final : public base {\n};\n"
        with tree({"src/app/a.hpp": one, "src/app/b/c.hpp": one}) as root:
            self.assertEqual(places(one_definition.check(pathlib.Path(root))),
                             ["src/app/b/c.hpp:2"])
            self.assertEqual(run("one_definition.py", root).returncode, 1)
        for other in (apart, within, elsewhere):
            with self.subTest(other), tree({"src/app/a.hpp": one, "src/b.cpp": other}) as root:
                self.assertEqual(list(one_definition.check(pathlib.Path(root))), [])


EVENTS = """struct of_client {
    endpoint client;
    void fields(auto& out) const { out.where("client", "client_port", client); }
};
struct size {
    int octets = 0;
    void fields(auto& out) const { out.number("octets", octets); }
};
struct grown : of_client {
    static constexpr description about{"grown", level::warning};
    size now;
    void fields(auto& out) const
    {
        of_client::fields(out);
        now.fields(out);
        out.own_text("why", why);
    }
};
using size_events =
    family<grown>;
"""
EVENT_ROW = "| `grown` | `GROWN [A]:P` | `client` `client_port` `octets` `why` | | |\n"


class documented_events(unittest.TestCase):
    def check(self, events, docs):
        files = {"include/fendmail/core/event/size_events.hpp": events, "docs/log-events.md": docs}
        with tree(files) as root:
            return list(log_events.check(pathlib.Path(root)))

    def test_fields_of_a_base_and_of_a_member_are_fields_of_the_event(self):
        self.assertEqual(self.check(EVENTS, EVENT_ROW), [])

    def test_what_only_one_of_code_and_documentation_has_is_found(self):
        for events, docs in (
            (EVENTS, ""),
            (EVENTS, EVENT_ROW + EVENT_ROW.replace("grown", "shrunk")),
            (EVENTS, EVENT_ROW.replace(" `octets`", "")),
            (EVENTS, EVENT_ROW.replace("`octets` `why`", "`why` `octets`")),
            (EVENTS.replace('"octets"', '"bytes"'), EVENT_ROW),
            (EVENTS.replace('about{"grown"', 'about{"gone"'), EVENT_ROW),
            (EVENTS.replace("family<grown>", "family<other>"), EVENT_ROW),
        ):
            with self.subTest(events=events, docs=docs):
                self.assertEqual(len(self.check(events, docs)), 1)

    def test_a_tree_without_events_is_not_a_success(self):
        self.assertEqual(len(self.check("", "")), 1)


# What stands in a file -> the paths in it that are not in the tree below.
DOC_PATHS = {
    "README.md": {
        "`src/core/a.cpp` and `tests/`": [],
        "`src/core/b.cpp`": ["src/core/b.cpp"],
        "run `scripts/gone --all`": ["scripts/gone"],
        "input/output and core/b, without backticks": [],
    },
    "CHANGELOG.md": {"`src/core/b.cpp` is gone": []},
    "docs/decisions/0001-a.md": {
        "`core/a`, `core/smtp`, `core`": [],
        "`core/smtp/`": [],
        "`core/b` and `io/net`": ["core/b", "io/net"],
        "`tests/*.md` `src/core/NAME.cpp`": [],
        "`tests/*.cpp`": ["tests/*.cpp"],
        "`/etc/config/b`, `build/tests/b`, `fendmail_core/b`": [],
    },
    "include/fendmail/core/a.hpp": {
        "int a; // see core/a (core/smtp)": [],
        "/// see core/b": ["core/b"],
        '#include "fendmail/core/b.hpp"': [],
    },
    "tests/interop/differential/differences.toml": {
        'shown_by = ["tests/a.md", "tests/b.md"]': ["tests/b.md"],
    },
}


class documented_paths(unittest.TestCase):
    def test_a_path_to_nothing_is_found_at_its_line_and_nothing_else(self):
        there = {n: "" for n in ("src/core/a.cpp", "include/fendmail/core/smtp/c.hpp", "tests/a.md",
                                 "scripts/run")}
        for name, rows in DOC_PATHS.items():
            for text, paths in rows.items():
                with self.subTest(name, text=text), tree({**there, name: f"\n{text}\n"}) as root:
                    self.assertEqual(list(doc_paths.check(pathlib.Path(root))),
                                     [f"{name}:2: {path} is not in the tree" for path in paths])

    def test_the_program_says_by_its_exit_code_what_it_found(self):
        for text, code in (("`docs/a.md`", 0), ("`docs/b.md`", 1)):
            with tree({"docs/a.md": text}) as root:
                self.assertEqual(run("doc_paths.py", root).returncode, code)


class headers_alone(unittest.TestCase):
    def test_a_header_that_needs_another_or_a_guard_is_found(self):
        files = {
            "needs_string": HPP + "std::string f();\n",
            "no_guard": CPP + "struct a {};\n",
            "warns": HPP + "inline int f(int a) { return 0; }\n",
            "good": HPP + "#include <cstddef>\nstd::size_t f();\n",
        }
        with tree({f"include/fendmail/core/{n}.hpp": t for n, t in files.items()}) as root:
            count, offences = headers.check(pathlib.Path(root))
            done = run("headers.py", root)
        self.assertEqual(count, 4)
        self.assertEqual(sorted(re.findall(r"core/(\w+)\.hpp:1:", "\n".join(offences))),
                         ["needs_string", "no_guard", "warns"])
        self.assertEqual(done.returncode, 1)

    def test_a_tree_without_headers_is_not_a_success(self):
        with tree({"include/fendmail/core/a.hpp": HPP}) as root:
            self.assertEqual(run("headers.py", root).returncode, 0)
            self.assertEqual(run("headers.py", root, "--only", "io/").returncode, 1)


class shell_scripts(unittest.TestCase):
    def test_what_shellcheck_says_is_found_in_scripts_of_any_name(self):
        bad, good = "#!/usr/bin/env bash\necho $1\n", '#!/bin/sh\necho "$1"\n'
        with tree({"scripts/a": bad, "scripts/b.py": "#!/usr/bin/python3\necho $1\n"}) as root:
            done = run("shell.py", root)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(re.findall(r"scripts/a:2:", done.stdout)), 1)
        with tree({"scripts/a": good}) as root:
            self.assertEqual(run("shell.py", root).returncode, 0)

    def test_a_tree_without_scripts_is_not_a_success(self):
        with tree({"scripts/a.py": "#!/usr/bin/python3\n"}) as root:
            self.assertEqual(run("shell.py", root).returncode, 1)


# What a hardened build leaves its traces in: a large frame, a copy, an index.
HARDENABLE = """
#include <cstdio>
#include <cstring>
#include <vector>

int main(int count, char** words)
{
    char large[70000];
    std::vector<int> counts(count);
    std::strcpy(large, words[0]);
    return std::puts(large) + counts[words[0][0]];
}
"""
HARDENED = ["-fPIE", "-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack",
            "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-D_GLIBCXX_ASSERTIONS"]
HARDENED_X86 = ["-fcf-protection=full", "-fstack-clash-protection"]
# What to build with instead, and what is then said.
SOFTENED = {
    "-pie": ("-no-pie", "fixed address"),
    "-Wl,-z,relro": ("-Wl,-z,norelro", "relocations writable"),
    "-Wl,-z,now": ("-Wl,-z,lazy", "when they are called"),
    "-Wl,-z,noexecstack": ("-Wl,-z,execstack", "executable stack"),
    "-fstack-protector-strong": ("-fno-stack-protector", "no stack protector"),
    "-D_FORTIFY_SOURCE=2": ("-U_FORTIFY_SOURCE", "no checked function"),
    "-D_GLIBCXX_ASSERTIONS": ("-U_GLIBCXX_ASSERTIONS", "checks no index"),
    "-fcf-protection=full": ("-fcf-protection=none", "jumps to anywhere"),
    "-fstack-clash-protection": ("-fno-stack-clash-protection", "guard page"),
}


class hardened_programs(unittest.TestCase):
    def built_with(self, folder, flags):
        program = f"{folder}/program"
        subprocess.run(["g++", "-O2", *flags, "-o", program, f"{folder}/main.cpp"], check=True)
        return list(hardening.check(program))

    def test_each_flag_that_is_missing_is_found_and_nothing_else(self):
        flags = HARDENED + (HARDENED_X86 if platform.machine() == "x86_64" else [])
        with tree({"main.cpp": HARDENABLE}) as folder:
            self.assertEqual(self.built_with(folder, flags), [])
            for flag in flags[1:]:
                without, said = SOFTENED[flag]
                with self.subTest(flag):
                    offences = self.built_with(folder, [without if f == flag else f for f in flags])
                    self.assertEqual(len(offences), 1, offences)
                    self.assertIn(said, offences[0])


def run(program, *arguments):
    return subprocess.run([sys.executable, HERE / program, *arguments], capture_output=True,
                          text=True, check=False)


if __name__ == "__main__":
    unittest.main()
