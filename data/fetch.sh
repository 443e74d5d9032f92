#!/bin/sh
# Puts MNIST's four IDX files into a folder: fetch.sh FOLDER
#
# They come from the public mirrors below in turn or, with MNIST set, from that folder, file://
# address or http(s):// address; a folder may hold them with or without .gz. The SHA-256 of the
# decompressed bytes decides. All four are fetched aside and renamed once each is right, so that the
# folder never holds half a file. What is there already is hashed again rather than trusted (55 MB
# take half a second), so no stamp can go stale.
#
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C

mirrors='https://storage.googleapis.com/cvdf-datasets/mnist
https://ossci-datasets.s3.amazonaws.com/mnist'
files='train-images-idx3-ubyte ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
t10k-images-idx3-ubyte 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'
connect=4 # seconds to reach a mirror: two unreachable ones are given up within 8
stall=4   # seconds below a kilobyte a second before a transfer is given up

# Ends with one line. $*: WHAT: WHY
die() {
    printf 'data/fetch.sh: %s\n' "$*" >&2
    exit 1
}

# Waits for a command in the background, so that a signal is heeded at once and ends the command too.
run() {
    "$@" &
    child=$!
    wait "$child"
    result=$?
    child=
    return "$result"
}

# The SHA-256 of what the gzip file $1 holds; of something else where gzip finds any fault in it.
hash_of() {
    { gzip -dc "$1" 2>/dev/null || echo damaged; } | $sha256 | cut -d ' ' -f 1
}

# Is $1 there, and the file whose decompressed hash is $2?
is_right() {
    [ -f "$1" ] && [ "$(hash_of "$1")" = "$2" ]
}

# Fetches address $1 into file $2; the reason of a failure is left in $aside/why.
download() {
    if command -v curl >/dev/null 2>&1; then
        run curl -fsSL --connect-timeout "$connect" --speed-limit 1000 --speed-time "$stall" \
            -o "$2" "$1" 2>"$aside/why"
    elif command -v wget >/dev/null 2>&1; then
        # wget counts the time for each of a host's addresses; a short request first bounds them all
        run timeout "$connect" wget -nv --tries=1 --spider "$1" 2>"$aside/why" &&
            run wget -nv --tries=1 --read-timeout="$stall" -O "$2" "$1" 2>"$aside/why"
    else
        echo 'neither curl nor wget is there' >"$aside/why"
        return 1
    fi
}

# Brings file $2 (a name without .gz) from source $1 into $aside.
bring() {
    case $1 in
    http://* | https://*)
        echo "fetching $2.gz from $1"
        download "$1/$2.gz" "$aside/$2.gz"
        ;;
    *)
        if [ -f "$1/$2.gz" ]; then
            run cp "$1/$2.gz" "$aside/$2.gz" 2>"$aside/why"
        elif [ -f "$1/$2" ]; then
            run gzip -nc "$1/$2" 2>"$aside/why" >"$aside/$2.gz"
        else
            if [ -d "$1" ]; then echo "has no $2.gz"; else echo 'no such folder'; fi >"$aside/why"
            return 1
        fi
        ;;
    esac
}

# Brings all that is missing from source $1; its first failure, told in $reasons, ends it.
bring_all() {
    for name in $missing; do
        hash=$(echo "$files" | sed -n "s/^$name //p")
        is_right "$aside/$name.gz" "$hash" && continue # the mirror before this one gave it
        : >"$aside/why"
        if ! bring "$1" "$name"; then
            why=$(tail -n 1 "$aside/why" | sed 's/^curl: ([0-9]*) //')
        elif ! is_right "$aside/$name.gz" "$hash"; then
            why="$name is damaged or another file (its SHA-256 is wrong)"
        else
            continue
        fi
        reasons="$reasons${reasons:+; }$1: ${why:-cannot be reached}"
        return 1
    done
}

[ $# -eq 1 ] || die 'usage: fetch.sh FOLDER'
folder=$1
if command -v sha256sum >/dev/null 2>&1; then sha256=sha256sum; else sha256='shasum -a 256'; fi

missing=
for name in $(echo "$files" | cut -d ' ' -f 1); do
    is_right "$folder/$name.gz" "$(echo "$files" | sed -n "s/^$name //p")" ||
        missing="$missing $name"
done
[ -n "$missing" ] || exit 0

why=$(mkdir -p "$folder" 2>&1) || die "${why#mkdir: }"
for old in "$folder"/.fetch.*; do # left by a fetch that was killed
    [ -d "$old" ] && ! kill -0 "${old##*.}" 2>/dev/null && rm -rf "$old"
done
aside=$folder/.fetch.$$
child=
# Nothing stays behind, not even the folder if nothing came into it.
leave() {
    trap '' INT TERM HUP
    [ -z "$child" ] || kill "$child" 2>/dev/null
    rm -rf "$aside"
    rmdir "$folder" 2>/dev/null
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
why=$(mkdir "$aside" 2>&1) || die "${why#mkdir: }"

reasons=
if [ -n "${MNIST:-}" ]; then
    source=$(echo "$MNIST" | sed -e 's|^file://localhost/|/|' -e 's|^file://||' -e 's|%20| |g')
    bring_all "$source" && found=yes
else
    for mirror in $mirrors; do
        bring_all "$mirror" && found=yes && break
    done
fi
[ -n "${found:-}" ] || die "MNIST cannot be had: $reasons (MNIST=FOLDER takes it from there)"

for name in $missing; do
    mv -f "$aside/$name.gz" "$folder/$name.gz" || die "$folder/$name.gz: cannot be written"
done
echo "MNIST is in $folder"
