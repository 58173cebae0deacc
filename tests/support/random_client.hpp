// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

/// Clients that say anything, the same with every run.
namespace fendmail::test {

class dice {
public:
    explicit dice(unsigned seed)
        : random_{seed}
    {
    }
    std::size_t below(std::size_t count) { return random_() % count; }
    bool one_in(std::size_t count) { return below(count) == 0; }
    template <class Container>
    const auto& one_of(const Container& all)
    {
        return all[below(all.size())];
    }

private:
    std::mt19937 random_;
};

/// What clients say, honest and not, in pieces that fit together in unforeseen ways.
inline std::string client_text(dice& random)
{
    using namespace std::string_literals;
    static const std::vector<std::string> words{
        "EHLO a\r\n",
        "HELO a\r\n",
        "DATA\r\n",
        "DATA\r\n",
        "DATA\r\n",
        "data\n",
        " DATA\r\n",
        "DATAX\r\n",
        "MAIL FROM:<a@b>\r\n",
        "RCPT TO:<c@d>\r\n",
        "NOOP\r\n",
        "NOOP\n",
        "RSET\r\n",
        "QUIT\r\n",
        "\r\n",
        "AUTH LOGIN\r\n",
        "AUTH LOGIN\r\n",
        "STARTTLS\r\n",
        "BDAT 5\r\n",
        "BDAT 5 LAST\r\n",
        "bdat 3 last\r\n",
        "BDAT 0 LAST\r\n",
        "BDAT 0\r\n",
        " BDAT 5\r\n",
        "BDAT 4294967299 LAST\r\n",
        "BDAT 30 LAST\r\n",
        "BDAT 5 LAST\n",
        "BDAT x\r\n",
        "text",
        "text\r\n",
        "DATA\r\ntext\r\n.\r\n",
        "DATA\r\ntext\r\n.\r\n",
        "BDAT 3 LAST\r\n\n.\n",
        ".\r\n",
        "\r\n.\r\n",
        "\r\n.\r\n",
        "\r\n.\r\n",
        "..\r\n",
        ".\n",
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\r",
        "\r",
        "\n",
        "\0"s,
        "\r\n\0.\r\n"s,
        ".\0\r\n"s,
        "a line that is longer than what the guard allows\r\n",
        ".",
        "x"};
    std::string out;
    for (std::size_t count = 1 + random.below(12); count > 0; --count)
        out += random.one_of(words);
    return out;
}

} // namespace fendmail::test
