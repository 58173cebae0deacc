// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

namespace fendmail::app {

namespace {

class store_builder : section_builder {
public:
    explicit store_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        const text_item& path = text("store", "path");
        if (!path.text.starts_with('/')) found(path, "store.path", "write an absolute path");
    }
};

} // namespace

const section_source store_section{
    {"store", "The temporary allowlist: clients that passed are remembered here."},
    [](section_rows& keys) {
        keys.add_part(&startup_config::store);
        keys.add_part(&runtime_config::store);
    },
    build_with<store_builder>,
};

} // namespace fendmail::app
