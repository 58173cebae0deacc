// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"

int main(int argc, char** argv)
{
    return fendmail::app::run_cli(argc, argv);
}
