#!/bin/sh
# Runs fuzzers for some seconds each: run.sh FOLDER SECONDS NAME...
# FOLDER has the programs fuzz_NAME; what they learn is kept in FOLDER/corpus/NAME for the next time, and what
# they find is put into FOLDER/found, to be tried again with: FOLDER/fuzz_NAME FOLDER/found/FILE
# run.sh --can: whether fuzzers can be built here, and a word where not.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ "$1" = --can ]; then
    echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -fopenmp -x c - -o /dev/null 2>/dev/null && exit 0
    echo 'fuzz: skipped: there is no clang with libFuzzer, its sanitizers and OpenMP'
    exit 1
fi
folder=$1 seconds=$2
shift 2
export LSAN_OPTIONS="suppressions='$PWD/tests/fuzz/leaks.txt':print_suppressions=0"
mkdir -p "$folder/found"

# One fuzzer to its end: a line of how it went.
fuzz() {
    seeds=tests/fuzz/corpus/$1 bad=0
    [ -d "$seeds" ] || seeds=
    mkdir -p "$folder/corpus/$1"
    # shellcheck disable=SC2086 # no seeds are no word
    if "$folder/fuzz_$1" "-max_total_time=$seconds" -timeout=120 -rss_limit_mb=4096 -max_len=16384 \
        -print_final_stats=1 "-artifact_prefix=$folder/found/$1-" "$folder/corpus/$1" \
        $seeds >"$folder/$1.log" 2>&1 </dev/null; then
        how='no fault found'
    else
        how="FAULT: see $folder/$1.log and $folder/found" bad=1
    fi
    printf 'fuzz: %-10s %9s inputs, %s\n' "$1" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$1.log")" "$how"
    return $bad
}

if [ $# -eq 1 ]; then
    fuzz "$1"
else # as many at a time as there are processors
    printf '%s\n' "$@" | xargs -n 1 -P "$(nproc 2>/dev/null || echo 2)" sh tests/fuzz/run.sh "$folder" "$seconds"
fi
