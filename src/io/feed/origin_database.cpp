// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/feed/origin_database.hpp"

#include "fendmail/core/text/ascii.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <new>
#include <sys/mman.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::io {

namespace {

constexpr std::size_t type_octets = 80;

std::string system_reason(std::string_view what)
{
    return fmt::format("{}: {}", what, std::generic_category().message(errno));
}

bool write_all(int descriptor, std::string_view text) noexcept
{
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// Memory that nothing can change or shorten any more.
unique_fd sealed(std::string_view text, std::string& why)
{
    unique_fd memory{::memfd_create("fendmail-feed", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!memory) {
        why = system_reason("cannot have memory for it");
        return {};
    }
    constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (!write_all(memory.get(), text) || ::fcntl(memory.get(), F_ADD_SEALS, seals) != 0) {
        why = system_reason("cannot copy it into memory");
        return {};
    }
    return memory;
}

std::string printable(const char* text)
{
    std::string out{std::string_view{text}.substr(0, type_octets)};
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

/// A text at a path of an entry; "" when there is none.
template <class... Path>
std::string_view text_at(MMDB_entry_s& entry, Path... path) noexcept
{
    MMDB_entry_data_s data{};
    if (MMDB_get_value(&entry, &data, path..., nullptr) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return {};
    return {data.utf8_string, data.data_size};
}

/// @return whether it is one
bool take_country(std::string_view text, acl::client_origin& into) noexcept
{
    if (text.size() != into.country.size() || !std::ranges::all_of(text, is_letter)) return false;
    into.country = {to_upper(text[0]), to_upper(text[1])};
    return true;
}

/// Where publishers have it: MaxMind and DB-IP in a map, others beside the rest. The country where
/// an address is used is asked for first, then the one where it was registered.
void find_country(MMDB_entry_s& entry, acl::client_origin& into) noexcept
{
    if (take_country(text_at(entry, "country", "iso_code"), into)) return;
    if (take_country(text_at(entry, "country_code"), into)) return;
    if (take_country(text_at(entry, "country"), into)) return;
    (void)take_country(text_at(entry, "registered_country", "iso_code"), into);
}

std::uint32_t number_in(std::string_view text) noexcept
{
    if (text.starts_with("AS") || text.starts_with("as")) text.remove_prefix(2);
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size() ? number : 0;
}

std::uint32_t asn_at(MMDB_entry_s& entry, const char* name) noexcept
{
    MMDB_entry_data_s data{};
    if (MMDB_get_value(&entry, &data, name, nullptr) != MMDB_SUCCESS || !data.has_data) return 0;
    switch (data.type) {
    case MMDB_DATA_TYPE_UINT32: return data.uint32;
    case MMDB_DATA_TYPE_UINT16: return data.uint16;
    case MMDB_DATA_TYPE_UTF8_STRING: return number_in({data.utf8_string, data.data_size});
    default: return 0; // of the library's numbers, no enum of ours
    }
}

void find_asn(MMDB_entry_s& entry, acl::client_origin& into) noexcept
{
    into.asn = asn_at(entry, "autonomous_system_number");
    if (into.asn == 0) into.asn = asn_at(entry, "asn");
}

} // namespace

struct origin_database::handle {
    handle() = default;
    handle(const handle&) = delete;
    handle& operator=(const handle&) = delete;
    ~handle()
    {
        if (is_open) MMDB_close(&database);
    }

    MMDB_s database{};
    bool is_open = false;
};

origin_database::origin_database() = default;
origin_database::~origin_database() = default;

std::shared_ptr<const origin_database> origin_database::open(std::string_view file,
                                                             std::string& why)
{
    const std::shared_ptr<origin_database> made{new origin_database};
    // The mapping holds it on, once the descriptor is gone.
    const unique_fd memory = sealed(file, why);
    if (!memory) return nullptr;
    made->library_ = std::make_unique<handle>();
    const auto path = fmt::format("/proc/self/fd/{}", memory.get());
    const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &made->library_->database);
    if (status != MMDB_SUCCESS) {
        why = fmt::format("it is no database in MaxMind's format: {}", MMDB_strerror(status));
        return nullptr;
    }
    made->library_->is_open = true;
    made->type_ = printable(made->library_->database.metadata.database_type);
    return made;
}

acl::client_origin origin_database::find(const ip_address& address) const noexcept
{
    sockaddr_storage where{};
    const auto octets = address.octets();
    if (address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        std::memcpy(&v4.sin_addr, octets.data(), octets.size());
        std::memcpy(&where, &v4, sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        std::memcpy(&v6.sin6_addr, octets.data(), octets.size());
        std::memcpy(&where, &v6, sizeof v6);
    }
    int failure = MMDB_SUCCESS;
    auto found = MMDB_lookup_sockaddr(&library_->database,
                                      reinterpret_cast<const sockaddr*>(&where), &failure);
    acl::client_origin origin;
    if (failure != MMDB_SUCCESS || !found.found_entry) return origin;
    find_country(found.entry, origin);
    find_asn(found.entry, origin);
    return origin;
}

std::size_t origin_database::nodes() const noexcept
{
    return library_->database.metadata.node_count;
}

} // namespace fendmail::io
