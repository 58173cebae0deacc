// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/log_parser.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace fendmail::app {

namespace json = boost::json;

namespace {

/// Keeps the members of the outermost object. What is deeper is passed over, but for octets that
/// journald writes as numbers.
class member_reader {
public:
    // The names are those that Boost.JSON calls.
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

    member_reader(std::string& keep, std::vector<log_field>& out) noexcept
        : keep_{keep}
        , out_{out}
    {
    }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) { return enter(); }
    bool on_object_end(std::size_t, json::error_code&) { return leave(); }
    bool on_array_begin(json::error_code&)
    {
        if (depth_ == 1) begin_ = keep_.size();
        return enter();
    }
    bool on_array_end(std::size_t, json::error_code&)
    {
        if (depth_ == 2 && keep_.size() > begin_) add();
        return leave();
    }
    bool on_key_part(json::string_view text, std::size_t, json::error_code&)
    {
        return take_key(text, false);
    }
    bool on_key(json::string_view text, std::size_t, json::error_code&)
    {
        return take_key(text, true);
    }
    bool on_string_part(json::string_view text, std::size_t, json::error_code&)
    {
        return take(text, false);
    }
    bool on_string(json::string_view text, std::size_t, json::error_code&)
    {
        return take(text, true);
    }
    bool on_number_part(json::string_view text, json::error_code&) { return take(text, false); }
    bool on_int64(std::int64_t number, json::string_view text, json::error_code&)
    {
        return depth_ == 2 ? take_octet(number) : take(text, true);
    }
    bool on_uint64(std::uint64_t, json::string_view text, json::error_code&)
    {
        return take(text, true);
    }
    bool on_double(double, json::string_view text, json::error_code&) { return take(text, true); }
    bool on_bool(bool value, json::error_code&) { return take(value ? "true" : "false", true); }
    bool on_null(json::error_code&) { return true; }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

private:
    bool enter() noexcept
    {
        ++depth_;
        return true;
    }
    bool leave() noexcept
    {
        --depth_;
        return true;
    }
    bool take_key(json::string_view text, bool is_last)
    {
        if (depth_ != 1) return true;
        if (!in_progress_) begin_ = keep_.size();
        in_progress_ = !is_last;
        keep_.append(text.data(), text.size());
        if (is_last) name_ = std::string_view{keep_}.substr(begin_);
        return true;
    }
    bool take(json::string_view text, bool is_last)
    {
        if (depth_ != 1) return true;
        if (!in_progress_) begin_ = keep_.size();
        in_progress_ = !is_last;
        keep_.append(text.data(), text.size());
        if (is_last) add();
        return true;
    }
    bool take_octet(std::int64_t number)
    {
        constexpr std::int64_t octet_max = 255;
        if (number >= 0 && number <= octet_max) keep_ += static_cast<char>(number);
        return true;
    }
    void add() { out_.push_back({name_, std::string_view{keep_}.substr(begin_)}); }

    std::string& keep_;
    std::vector<log_field>& out_;
    std::string_view name_;
    std::size_t begin_ = 0; ///< of the value in keep_
    int depth_ = 0;
    bool in_progress_ = false;
};

} // namespace

bool read_json_fields(std::string_view text, std::string& keep, std::vector<log_field>& out)
{
    // What is kept is never longer than what it was read from, so views into it stay valid.
    keep.clear();
    keep.reserve(text.size());
    out.clear();
    json::basic_parser<member_reader> parser{json::parse_options{}, keep, out};
    json::error_code failure;
    const auto taken = parser.write_some(false, text.data(), text.size(), failure);
    return !failure && parser.done() && taken == text.size();
}

} // namespace fendmail::app
