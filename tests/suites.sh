#!/bin/sh
# Runs suites side by side and adds up what they say: suites.sh PROGRAM SUITE..., those that take long first.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
program=$1
shift

# What a suite says comes in one piece (the lock is on this folder), and after it a line for the sum.
# shellcheck disable=SC2016 # the inner shell expands them
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc 2>/dev/null || echo 2)" sh -c '
    said=$("$0" "$1" 2>&1)
    code=$?
    flock 9
    printf "%s\n=ended %s %d\n" "$said" "$1" "$code"' "$program" 9<. |
    awk '
    /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ { seen += $3; bad += $5 + $7 }
    $1 == "=ended" {
        if ($3 != 0 && bad == 0) { # it crashed, or checked nothing
            bad = 1
            seen++
        }
        if (bad > 0)
            names = names (names ? ", " : "; failed suites: ") $2
        suites++
        checks += seen
        failed += bad
        seen = bad = 0
        next
    }
    { print; fflush() }
    END {
        printf "%d suites, %d checks, %d failures%s\n", suites, checks, failed, names
        printf "%d passed, %d failed\n", checks - failed, failed
        exit failed > 0 || checks == 0
    }'
