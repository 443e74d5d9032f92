#!/bin/sh
# Puts a data set into a folder: fetch.sh FOLDER [DATASET]
#
# DATASET is mnist (where nothing is said), fashion, kmnist, qmnist, or emnist-SPLIT: byclass, bymerge,
# balanced, letters, digits or mnist. The files come from the public homes below in turn or, with FROM
# set (MNIST, for mnist), from that folder, file:// address or http(s):// address. A checksum decides:
# the SHA-256 of the decompressed bytes, or the MD5 of the .gz, as torchvision's datasets/mnist.py
# publishes it. All files are fetched aside and renamed once each is right, so that the folder never
# holds half a file. What is there already is hashed again rather than trusted (MNIST's 55 MB take half
# a second), so no stamp can go stale. EMNIST is one archive of 500 MB, of which only the split asked
# for is unpacked; its single files have no published sums, and are held to the archive's, or to gzip's.
#
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C

connect=4 # seconds to reach a mirror: two unreachable ones are given up within 8
stall=4   # seconds below a kilobyte a second before a transfer is given up
emnist_sum=58c8d27c78d21e728a6bc7b3cc06412e

# Sets $title, $mirrors, $files (a name and its sums a line; a folder may hold the file without .gz
# where there is a SHA-256) and, where they are in an archive, $archive.
describe() {
    archive=
    case $1 in
    mnist)
        title=MNIST
        mirrors='https://storage.googleapis.com/cvdf-datasets/mnist
https://ossci-datasets.s3.amazonaws.com/mnist'
        files='train-images-idx3-ubyte sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
t10k-images-idx3-ubyte sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'
        ;;
    fashion)
        title=Fashion-MNIST
        mirrors='http://fashion-mnist.s3-website.eu-central-1.amazonaws.com'
        files='train-images-idx3-ubyte md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
train-labels-idx1-ubyte md5:25c81989df183df01b3e8a0aad5dffbe sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
t10k-images-idx3-ubyte md5:bef4ecab320f06d8554ea6380940ec79 sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
t10k-labels-idx1-ubyte md5:bb300cfdad3c16e7a12a480ee83cd310 sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'
        ;;
    kmnist)
        title=Kuzushiji-MNIST
        mirrors='http://codh.rois.ac.jp/kmnist/dataset/kmnist'
        files='train-images-idx3-ubyte md5:bdb82020997e1d708af4cf47b453dcf7
train-labels-idx1-ubyte md5:e144d726b3acfaa3e44228e80efcd344
t10k-images-idx3-ubyte md5:5c965bf0a639b31b8f53240b1b52f4d7
t10k-labels-idx1-ubyte md5:7320c461ea6c1c855c0b718fb2a4b134'
        ;;
    qmnist)
        title=QMNIST
        mirrors='https://raw.githubusercontent.com/facebookresearch/qmnist/master'
        files='qmnist-train-images-idx3-ubyte md5:ed72d4157d28c017586c42bc6afe6370
qmnist-train-labels-idx2-int md5:0058f8dd561b90ffdd0f734c6a30e5e4
qmnist-test-images-idx3-ubyte md5:1394631089c404de565df7b7aeaf9412
qmnist-test-labels-idx2-int md5:5b5b05890a5e13444e108efe57b788aa'
        ;;
    emnist-byclass | emnist-bymerge | emnist-balanced | emnist-letters | emnist-digits | emnist-mnist)
        title="EMNIST ${1#emnist-}"
        mirrors='https://biometrics.nist.gov/cs_links/EMNIST
https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST'
        archive=gzip.zip
        files="$1-train-images-idx3-ubyte gzip:
$1-train-labels-idx1-ubyte gzip:
$1-test-images-idx3-ubyte gzip:
$1-test-labels-idx1-ubyte gzip:"
        ;;
    *) die "$1: no such data set; there are mnist, fashion, kmnist, qmnist, emnist-byclass," \
        "emnist-bymerge, emnist-balanced, emnist-letters, emnist-digits and emnist-mnist" ;;
    esac
}

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

# Is $1 there, with one of the sums $2...?
is_right() {
    path=$1
    [ -f "$path" ] || return 1
    shift
    for sum in "$@"; do
        case $sum in
        sha256:*) [ "$(hash_of "$path")" = "${sum#sha256:}" ] && return ;;
        md5:*) [ "$($md5 <"$path" | cut -d ' ' -f 1)" = "${sum#md5:}" ] && return ;;
        gzip:) gzip -t "$path" 2>/dev/null && return ;;
        esac
    done
    return 1
}

# The sums of the file named $1.
sums_of() {
    echo "$files" | sed -n "s/^$1 //p"
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

# Unpacks the archive $1: this split's files, and the mapping that names its classes.
unpack() {
    if ! command -v unzip >/dev/null 2>&1; then
        echo 'unzip is not there to unpack it' >"$aside/why"
        return 1
    fi
    run unzip -qjo "$1" "*/$dataset-*" -d "$aside" >/dev/null 2>"$aside/why"
}

# Brings the archive from source $1, if it has one, and unpacks what is wanted of it.
bring_archive() {
    : >"$aside/why"
    local_archive=$aside/$archive
    case $1 in
    http://* | https://*)
        echo "fetching $archive (500 MB) from $1"
        download "$1/$archive" "$local_archive" || return 1
        ;;
    *)
        [ -f "$1/$archive" ] || return 0 # its files may be there unpacked
        local_archive=$1/$archive
        ;;
    esac
    if ! is_right "$local_archive" "md5:$emnist_sum"; then
        echo "$archive is damaged or another file (its MD5 is wrong)" >"$aside/why"
        return 1
    fi
    unpack "$local_archive"
}

# The last line of what went wrong.
last_reason() {
    tail -n 1 "$aside/why" | sed 's/^curl: ([0-9]*) //'
}

# Brings all that is missing from source $1; its first failure, told in $reasons, ends it.
bring_all() {
    if [ -n "$archive" ] && ! bring_archive "$1"; then
        why=$(last_reason)
        reasons="$reasons${reasons:+; }$1: ${why:-cannot be reached}"
        return 1
    fi
    for name in $missing; do
        # shellcheck disable=SC2046 # one or two sums
        is_right "$aside/$name.gz" $(sums_of "$name") && continue # an archive or mirror gave it
        : >"$aside/why"
        if ! bring "$1" "$name"; then
            why=$(last_reason)
        else
            # shellcheck disable=SC2046
            is_right "$aside/$name.gz" $(sums_of "$name") && continue
            why="$name is damaged or another file (its checksum is wrong)"
        fi
        reasons="$reasons${reasons:+; }$1: ${why:-cannot be reached}"
        return 1
    done
}

# The classes' names, which are not missed where they cannot be had.
bring_mapping() {
    mapping=$dataset-mapping.txt
    [ -n "$archive" ] || return 0
    [ -f "$aside/$mapping" ] || [ ! -f "$1/$mapping" ] || cp "$1/$mapping" "$aside/$mapping"
    [ ! -f "$aside/$mapping" ] || mv -f "$aside/$mapping" "$folder/$mapping"
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then die 'usage: fetch.sh FOLDER [DATASET]'; fi
folder=$1
dataset=${2:-mnist}
describe "$dataset"
from=${FROM:-}
[ "$dataset" != mnist ] || from=${from:-${MNIST:-}}
option=FROM
[ "$dataset" != mnist ] || option=MNIST
if command -v sha256sum >/dev/null 2>&1; then sha256=sha256sum; else sha256='shasum -a 256'; fi
if command -v md5sum >/dev/null 2>&1; then md5=md5sum; else md5='md5 -r'; fi

missing=
for name in $(echo "$files" | cut -d ' ' -f 1); do
    # shellcheck disable=SC2046
    is_right "$folder/$name.gz" $(sums_of "$name") || missing="$missing $name"
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
if [ -n "$from" ]; then
    source=$(echo "$from" | sed -e 's|^file://localhost/|/|' -e 's|^file://||' -e 's|%20| |g')
    bring_all "$source" && found=$source
else
    for mirror in $mirrors; do
        bring_all "$mirror" && found=$mirror && break
    done
fi
[ -n "${found:-}" ] || die "$title cannot be had: $reasons ($option=FOLDER takes it from there)"

for name in $missing; do
    mv -f "$aside/$name.gz" "$folder/$name.gz" || die "$folder/$name.gz: cannot be written"
done
bring_mapping "$found"
echo "$title is in $folder"
