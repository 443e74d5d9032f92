#!/bin/sh
# Fails on an include that points up: levels.sh LEVEL..., the lowest first, as the Makefile lists them.
# A file's level is its folder in src/; a public header's is that of the sources of its name.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
cd "$(dirname "$0")/.." || exit 1

{ find src -name '*.c'; grep -rn '^#include "' src include; } | awk -v levels="$*" '
    function level_of(file, part, name) {
        if (file ~ /^(include\/)?invproj\//) {
            gsub(/.*\/|\.h$/, "", file)
            if (file in source)
                return source[file]
            for (name in source) # stream.h is of stream_run.c
                if (index(name, file "_") == 1)
                    return source[name]
            return 1 # a header without any is of the lowest level
        }
        sub(/^src\//, "", file)
        split(file, part, "/")
        return rank[part[1]]
    }
    BEGIN { count = split(levels, names, " "); for (i = 1; i <= count; i++) rank[names[i]] = i }
    !/:/ { name = $0; gsub(/.*\/|\.c$/, "", name); if ($0 !~ /^src\/cli\//) source[name] = level_of($0); next }
    {
        split($0, place, ":"); split($0, quoted, "\"")
        target = quoted[2] ~ /\// ? quoted[2] : place[1] # a name without a folder: beside the file
        from = level_of(place[1]); to = level_of(target); seen++
        if (!from || !to || to > from) {
            printf "%s:%s: %s points up, from %s to %s\n", place[1], place[2], quoted[2], names[from], names[to]
            bad = 1
        }
    }
    END { if (!seen) print "levels.sh: found no include at all"; exit bad || !seen }' >&2
