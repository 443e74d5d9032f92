#!/bin/sh
# Fails where a formatter has re-wrapped a comment: an SPDX tag that shares its line with other text or
# is broken over two, and a header's example that has two statements in a line or goes on in the text.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
cd "$(dirname "$0")/.." || exit 1

find src include tests -name '*.[ch]' -exec awk '
    function bad(what) { printf "%s:%d: %s: %s\n", FILENAME, FNR, what, $0; wrong = 1 }
    { seen++ }
    /SPDX-License-Identifier/ && !/^(\/\*| \*) SPDX-License-Identifier: GPL-3.0-or-later( \*\/)?$/ { bad("SPDX tag") }
    FNR == 1 { example = 0; opening = FILENAME ~ /\.h$/ }
    /^#ifndef/ { opening = 0 }
    !opening { next }
    example && /^ \* [^ ]/ && last ~ /[,=(+&]$/ { bad("an example goes on in the text") }
    /^ \*     / && /; +[a-z]/ && !/for \(|[{"(]/ { bad("two statements in a line") }
    { example = /^ \*     /; last = $0 }
    END { if (!seen) print "comments.sh: found no file"; exit wrong || !seen }' {} + >&2
