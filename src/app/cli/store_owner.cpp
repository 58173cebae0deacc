// SPDX-License-Identifier: Apache-2.0
#include "store_owner.hpp"

#include "fendmail/io/os/privilege.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace fendmail::app {

void become_store_owner(const startup_config& config)
{
    if (::geteuid() != 0) return;
    if (!config.server.user.empty()) return io::become_user(config.server.user, {});
    std::filesystem::path at = config.store.path;
    struct stat found{};
    while (::stat(at.c_str(), &found) != 0) {
        if (at == at.parent_path()) return;
        at = at.parent_path();
    }
    // What root makes here no other user could open: not where fendmail is run by another user,
    // which systemd or a container does without our knowing.
    if (at != config.store.path && at != config.store.path.parent_path())
        throw std::runtime_error(
            fmt::format("{} is not there yet: make it for the user that runs fendmail, or run this "
                        "as that user",
                        config.store.path.parent_path().string()));
    const passwd* owner = found.st_uid == 0 ? nullptr : ::getpwuid(found.st_uid);
    if (owner != nullptr) io::become_user(std::string(owner->pw_name), {});
}

} // namespace fendmail::app
