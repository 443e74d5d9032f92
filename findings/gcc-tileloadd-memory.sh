#!/bin/sh
# gcc 12.2's _tile_loadd does not say that it reads memory: what was stored there only for it is never stored.
#
# The intrinsic is an asm statement that has the address as an operand, but neither the memory nor "memory" among
# what it touches (amxtileintrin.h); _tile_stored has the latter. So the loop that fills an array for a tile is left
# out, without a word, or moved behind it. An empty asm statement with "memory" before the loads keeps it, as in
# src/kernels/kernels_amx.c.
# Seen: no instruction writes the array without that statement, some do with it. Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=12.2.0-14+deb12u1
apt-get download -q "cpp-12=$version" "libgcc-12-dev=$version" >log 2>&1 || { cat log; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" .; done
cat >fill.c <<'END'
#include <immintrin.h>
void fill(void)
{
    unsigned numbers[256];
    for (unsigned i = 0; i < 256; i++)
        numbers[i] = i;
#ifdef BARRIER
    __asm__ volatile("" ::: "memory");
#endif
    _tile_loadd(0, numbers, 64);
}
END
gcc=usr/lib/gcc/x86_64-linux-gnu/12
stores() { # of the code that is made, with these options
    $gcc/cc1 -quiet -O2 -mamx-tile -isystem $gcc/include -isystem /usr/include/x86_64-linux-gnu "$@" fill.c -o fill.s
    grep -c 'mov[a-z]*	%[exy][a-z0-9]*, .*(' fill.s || :
}
without=$(stores) with=$(stores -DBARRIER)
echo "gcc $version: instructions that write the array: $without, with a barrier $with"
[ "$without" = 0 ] && [ "$with" != 0 ]
