// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

namespace fendmail::event {

namespace {

std::string delay(int count)
{
    fmt::memory_buffer out;
    append_delay(out, milliseconds{count});
    return fmt::to_string(out);
}

} // namespace

TEST_CASE("render: delays have two significant digits and no zeros at their end", "[event]")
{
    struct row {
        int count;
        const char* want;
    };
    // What Postfix's own formatter answers, with 2 significant digits and 2 decimals.
    const auto r = GENERATE(values<row>(
        {{-5, "0"},      {0, "0"},        {4, "0"},        {5, "0.01"},      {14, "0.01"},
         {15, "0.02"},   {30, "0.03"},    {99, "0.1"},     {104, "0.1"},     {105, "0.11"},
         {230, "0.23"},  {300, "0.3"},    {994, "0.99"},   {995, "1"},       {999, "1"},
         {1000, "1"},    {1049, "1"},     {1050, "1.1"},   {5849, "5.8"},    {5850, "5.9"},
         {5921, "5.9"},  {6010, "6"},     {9949, "9.9"},   {9950, "10"},     {9999, "10"},
         {10000, "10"},  {10499, "10"},   {10500, "11"},   {12400, "12"},    {99499, "99"},
         {99500, "100"}, {123456, "123"}, {300000, "300"}, {3600499, "3600"}}));
    CAPTURE(r.count);
    CHECK(delay(r.count) == r.want);
}

} // namespace fendmail::event
