// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/line_source.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <zlib.h>

namespace fendmail::io {

namespace {

constexpr std::size_t buffer_octets = 128 * 1024;

} // namespace

/// zlib's own reader: what is no gzip it gives as it is.
class line_source::unpacker {
public:
    explicit unpacker(unique_fd from)
        : file_{::gzdopen(from.get(), "rb")}
    {
        if (file_ == nullptr) throw std::runtime_error{"no memory to read a log"};
        (void)from.release(); // gzclose() closes it
        ::gzbuffer(file_, buffer_octets);
    }
    ~unpacker() { ::gzclose_r(file_); }
    unpacker(const unpacker&) = delete;
    unpacker& operator=(const unpacker&) = delete;

    /// @return how many octets there are; 0 at the end; less when it cannot be read
    int read(std::vector<char>& into) noexcept
    {
        return ::gzread(file_, into.data(), static_cast<unsigned>(into.size()));
    }
    [[nodiscard]] std::string failure() const
    {
        int number = Z_OK;
        const char* const text = ::gzerror(file_, &number);
        if (number == Z_OK) return {};
        return number == Z_ERRNO ? std::generic_category().message(errno) : text;
    }

private:
    gzFile file_;
};

line_source::line_source(unique_fd from)
    : unpacker_{std::make_unique<unpacker>(std::move(from))}
    , buffer_(buffer_octets)
{
}

line_source::~line_source() = default;
line_source::line_source(line_source&&) noexcept = default;

/// @return false at the end
bool line_source::fill()
{
    if (is_over_) return false;
    const int octets = unpacker_->read(buffer_);
    left_ = {buffer_.data(), static_cast<std::size_t>(std::max(octets, 0))};
    if (octets > 0) return true;
    is_over_ = true;
    failure_ = unpacker_->failure();
    return false;
}

std::optional<std::string_view> line_source::next()
{
    line_.clear();
    bool is_begun = false;
    for (;;) {
        if (left_.empty() && !fill()) {
            if (!is_begun) return std::nullopt;
            return line_;
        }
        is_begun = true;
        const auto end = left_.find('\n');
        const auto part = left_.substr(0, end);
        left_.remove_prefix(end == std::string_view::npos ? part.size() : end + 1);
        // Mostly it is whole, and needs no copy.
        if (end != std::string_view::npos && line_.empty()) return part.substr(0, line_octets_max);
        line_ += part.substr(0, line_octets_max - line_.size());
        if (end != std::string_view::npos) return line_;
    }
}

unique_fd open_to_read(const std::string& path) noexcept
{
    return unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
}

} // namespace fendmail::io
