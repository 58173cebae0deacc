// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fendmail::io {

/// Becomes another user for good: supplementary groups, group, user, in this order, and proves
/// that there is no way back. For after the ports are bound and before a thread is started.
/// @param groups supplementary ones besides the user's own
/// @throws std::runtime_error with what to do
void become_user(const std::string& user, const std::vector<std::string>& groups);

/// What become_user() would say, without doing it; nothing where it would work.
[[nodiscard]] std::optional<std::string> why_cannot_become(const std::string& user,
                                                           const std::vector<std::string>& groups);

/// Whether that user, with these groups besides his own, can read a file, tried as him: all that
/// decides takes part, the directories above and access control lists as well. Other threads do
/// not notice.
/// @return nothing when we are not root, which alone can try, or when there is no such user
[[nodiscard]] std::optional<bool> could_read(const std::string& user,
                                             const std::vector<std::string>& groups,
                                             const std::filesystem::path& file);

/// What `look` finds as that user, which is tried out in a child process; as ourselves when we are
/// not root, which alone can try, or when there is no such user.
/// @param user "" = the one whose `directory` is (or the nearest above it that is there): a
/// supervisor may choose the user without our knowing
/// @param look must not start threads or write anything; its text is cut at 4096 octets
[[nodiscard]] std::string ask_as(const std::string& user, const std::vector<std::string>& groups,
                                 const std::filesystem::path& directory,
                                 const std::function<std::string()>& look);

/// This host's fully qualified name, or its bare one when it has no domain.
[[nodiscard]] std::string host_name();

/// Raises the soft limit of descriptors to the hard one; where that fails the old one stays.
/// @return how many descriptors this process may have
[[nodiscard]] std::size_t raise_descriptor_limit() noexcept;

} // namespace fendmail::io
