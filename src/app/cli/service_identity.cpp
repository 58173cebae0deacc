// SPDX-License-Identifier: Apache-2.0
#include "service_identity.hpp"

#include <cstdint>
#include <cstdlib>
#include <linux/capability.h>
#include <memory>
#include <optional>
#include <pwd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace fendmail::app {

namespace {

constexpr const char* unit_name = "fendmail.service";
/// Of the shipped unit.
constexpr const char* usual_user = "fendmail";
constexpr const char* systemd = "org.freedesktop.systemd1";
constexpr const char* service = "org.freedesktop.systemd1.Service";
constexpr std::uint64_t bus_patience_us = 5'000'000;

struct bus_end {
    void operator()(sd_bus* bus) const noexcept { ::sd_bus_flush_close_unref(bus); }
};
struct message_end {
    void operator()(sd_bus_message* message) const noexcept { ::sd_bus_message_unref(message); }
};
struct text_end {
    void operator()(char* text) const noexcept { std::free(text); }
};
struct list_end {
    void operator()(char** texts) const noexcept
    {
        for (char** at = texts; at != nullptr && *at != nullptr; ++at)
            std::free(*at);
        std::free(static_cast<void*>(texts));
    }
};

/// @return nothing without a systemd that answers
std::unique_ptr<sd_bus, bus_end> open_bus()
{
    sd_bus* opened = nullptr;
    if (::sd_bus_open_system(&opened) < 0) return nullptr;
    ::sd_bus_set_method_call_timeout(opened, bus_patience_us);
    return std::unique_ptr<sd_bus, bus_end>{opened};
}

/// systemd's object of the unit, which it loads for that.
std::optional<std::string> path_of_unit(sd_bus& bus)
{
    sd_bus_message* got = nullptr;
    const int called = ::sd_bus_call_method(&bus, systemd, "/org/freedesktop/systemd1",
                                            "org.freedesktop.systemd1.Manager", "LoadUnit", nullptr,
                                            &got, "s", unit_name);
    const std::unique_ptr<sd_bus_message, message_end> reply{got};
    const char* path = nullptr;
    if (called < 0 || ::sd_bus_message_read(reply.get(), "o", &path) < 0) return std::nullopt;
    return path;
}

std::string text_of(sd_bus& bus, const std::string& path, const char* interface, const char* name)
{
    char* got = nullptr;
    if (::sd_bus_get_property_string(&bus, systemd, path.c_str(), interface, name, nullptr, &got) <
        0)
        return {};
    const std::unique_ptr<char, text_end> text{got};
    return text.get();
}

std::vector<std::string> texts_of(sd_bus& bus, const std::string& path, const char* name)
{
    char** got = nullptr;
    if (::sd_bus_get_property_strv(&bus, systemd, path.c_str(), service, name, nullptr, &got) < 0)
        return {};
    const std::unique_ptr<char*, list_end> texts{got};
    std::vector<std::string> all;
    for (char** at = texts.get(); at != nullptr && *at != nullptr; ++at)
        all.emplace_back(*at);
    return all;
}

bool may_bind(sd_bus& bus, const std::string& path)
{
    std::uint64_t ambient = 0;
    if (::sd_bus_get_property_trivial(&bus, systemd, path.c_str(), service, "AmbientCapabilities",
                                      nullptr, 't', &ambient) < 0)
        return false;
    return (ambient >> CAP_NET_BIND_SERVICE & 1U) != 0;
}

/// Nothing when there is no such unit.
std::optional<service_identity> identity_of_unit()
{
    const auto bus = open_bus();
    if (!bus) return std::nullopt;
    const auto path = path_of_unit(*bus);
    if (!path || text_of(*bus, *path, "org.freedesktop.systemd1.Unit", "LoadState") != "loaded")
        return std::nullopt;
    service_identity found;
    found.user = text_of(*bus, *path, service, "User");
    found.groups = texts_of(*bus, *path, "SupplementaryGroups");
    found.binds_as_root = found.user.empty() || found.user == "root" || may_bind(*bus, *path);
    found.source = unit_name;
    return found;
}

} // namespace

service_identity find_service_identity(const std::string& user,
                                       const std::vector<std::string>& groups,
                                       const startup_config& startup)
{
    if (!user.empty() || !groups.empty()) return {user, groups, true, "the command line"};
    if (::geteuid() != 0) return {{}, {}, false, "who runs this"};
    auto unit = identity_of_unit();
    // A process that starts as root binds before it becomes another user.
    const bool starts_as_root = !unit || unit->user.empty() || unit->user == "root";
    if (starts_as_root && !startup.server.user.empty())
        return {startup.server.user, startup.server.groups, true, "server.user"};
    if (unit) return *unit;
    if (::getpwnam(usual_user) != nullptr)
        return {usual_user, {}, true, "the user of the shipped fendmail.service"};
    return {{}, {}, true, "who runs this"};
}

} // namespace fendmail::app
