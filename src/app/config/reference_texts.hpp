// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// What docs/configuration.md and fendmail.toml(5) both say before they come to the keys.
namespace fendmail::app {

/// Paragraphs and lists of Markdown.
inline constexpr std::string_view reference_head =
    R"(fendmail reads one TOML file, then `conf.d/*.toml` beside it in lexical order, and then the
environment. Each says only what differs from the defaults below. A key that is set again has its
last value; arrays and tables are replaced as a whole, never joined. Tables that may stand there
several times, such as `[[tls.certificate]]`, are added up over all files. A table with a name of
its own, such as `[dnsbl.list."zen.spamhaus.org"]`, is a section like others. Files in `conf.d`
whose name begins with a dot are not read.

What is unknown, misspelled or of the wrong type is an error, never ignored. `fendmail check`
reports everything at once as `FILE:LINE:COLUMN: error: TEXT`; warnings do not keep fendmail from
starting. The form of a value (its type and range) is checked wherever it stands; what it means is
checked in the value that is left when all files are read. `fendmail config` prints every key with
its value and where that comes from.

- **Durations** are strings with a unit: `"6s"`, `"10m"`, `"12h"`, `"1d"`, `"2w"`.
- **Sizes** are strings with a unit, `"64KiB"` or `"10MB"`, or a whole number of octets.
- **Actions**: `"ignore"` notes a failed test and goes on; `"enforce"` lets the client talk to our
  own dialog and refuses its recipients, so that the log shows helo, sender and recipients;
  `"drop"` refuses and closes at once.
- **Environment**: the variable of a key is `FENDMAIL_`, its section and its name in upper case,
  with `_` between them: `FENDMAIL_BACKEND_ADDRESS` is `backend.address`. Its value is one of TOML;
  of a string its quotes may be left out, and a list may be written with commas:
  `FENDMAIL_SERVER_LISTEN=0.0.0.0:25,[::]:25`. It counts more than all files. Tables with names
  and those that may stand there several times have no variables. One that is no key is a warning,
  unless a `${NAME}` asks for it, or Kubernetes has set it for a Service that is called fendmail. A
  process keeps the environment that it was started with: a reload reads the files anew.
- **`${NAME}`** in any string, names in tables included, is replaced by the environment variable
  of that name; one that is not set is an error. Messages show the text as it was written, so a
  secret does not get into a log this way.
- **Access files** hold one network a line; `#` starts a comment. A relative path starts at the
  directory of the file that holds the rule, or of the first one if the environment does.
- **Reload**: `yes` means that `SIGHUP` puts a change into effect; `no` means that it waits for a
  restart.
)";

} // namespace fendmail::app
