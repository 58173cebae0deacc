# SPDX-License-Identifier: Apache-2.0
"""postscreen and fendmail side by side: the same scripted clients, everything observable compared.

script       a client's file: what it shows, where it runs, its steps
player       plays a script's steps against a server and writes down what comes back
configs      a configuration's file, and what becomes of it on either side
servers      the two sides themselves, with all configurations at once
observation  what one side showed of one client: replies, ends, log events, memory
rules        the file of intended differences
comparison   two observations and the rules: what differs, and what of it nobody intended
"""
