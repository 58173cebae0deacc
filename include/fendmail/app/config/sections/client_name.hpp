// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/time.hpp"

/// Section [client_name]: what the name of a client adds to the score; the weights are in
/// screen::policy.
namespace fendmail::app {

struct client_name_options {
    milliseconds timeout{5000};

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("timeout", &client_name_options::timeout,
                 {.doc = "For all answers about the client's name; without them it has no weight.",
                  .min = 100,
                  .max = 60'000});
    }
};

} // namespace fendmail::app
