#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds clang_tidy.py a small tree with and without a finding."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
GOOD = "int f(int a) { return a + 1; }\n"
BAD = "int f(int a) { return a == a ? 1 : 2; }\n"  # misc-redundant-expression


class clang_tidy_findings(unittest.TestCase):
    def run_over(self, files, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copy(HERE.parents[1] / ".clang-tidy", root)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            entries = [{"directory": folder, "file": f"{folder}/{name}",
                        "command": f"clang++ -std=c++20 -c {folder}/{name}"}
                       for name in files if name.endswith(".cpp")]
            (root / "compile_commands.json").write_text(json.dumps(entries))
            command = [sys.executable, HERE / "clang_tidy.py", folder, "--build", folder]
            return subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True,
                                  check=False)

    def test_what_clang_tidy_finds_is_told_with_its_place(self):
        done = self.run_over({"src/core/a.cpp": BAD, "src/core/b.cpp": GOOD})
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"src/core/a\.cpp:1:\d+: error: .*misc-redundant-expression")
        self.assertIn("2 files, 1 with findings", done.stdout)

    def test_only_what_is_asked_for_is_looked_at(self):
        files = {"src/core/a.cpp": BAD, "src/io/b.cpp": GOOD, "include/fendmail/io/b.hpp": "",
                 "tests/c.cpp": BAD}
        for paths, count, status in ((["src/io/b.cpp"], 1, 0), (["src/core"], 1, 1),
                                     (["include/fendmail/io/b.hpp"], 1, 0), (["tests/c.cpp"], 0, 0)):
            with self.subTest(paths):
                done = self.run_over(files, "--only", *paths)
                self.assertEqual(done.returncode, status)
                self.assertIn(f"{count} files, {status} with findings", done.stdout)

    def test_a_build_that_compiles_nothing_of_ours_is_not_a_success(self):
        self.assertEqual(self.run_over({"tests/a.cpp": GOOD}).returncode, 1)


if __name__ == "__main__":
    unittest.main()
