#!/bin/sh
# Installs what invproj needs and is not there: deps.sh GROUP... (build, test, lint, fuzz, browser, roots)
#
# Quick and silent where all is there. Debian and Ubuntu get packages by apt-get, with sudo where not
# root; elsewhere the names to install are printed for dnf, pacman and brew.
#
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C

# How a thing is recognised: cmd:PROGRAM, pc:PKG-CONFIG-NAME, file:PATH, omp:COMPILER with OpenMP,
# asan:COMPILER with the sanitizers, fuzzer:COMPILER with libFuzzer.
# "must": work stops without it; "may": it goes on, with a word. Then the package's name for apt, dnf,
# pacman and brew; "-": not packaged there, and not asked for.
# The pc: names of group build are PACKAGES in the Makefile.
table='
build must cmd:cc                                      gcc                 gcc                gcc        gcc
build must cmd:make                                    make                make               make       make
build must cmd:pkg-config                              pkg-config          pkgconf-pkg-config pkgconf    pkgconf
build must file:/usr/include/stdio.h                   libc6-dev           glibc-devel        glibc      -
build must pc:openblas                                 libopenblas-dev     openblas-devel     openblas   openblas
build must pc:gsl                                      libgsl-dev          gsl-devel          gsl        gsl
build must pc:hdf5                                     libhdf5-dev         hdf5-devel         hdf5       hdf5
build must pc:libpng                                   libpng-dev          libpng-devel       libpng     libpng
build must pc:libjpeg                                  libjpeg-dev         libjpeg-turbo-devel libjpeg-turbo jpeg-turbo
build must pc:zlib                                     zlib1g-dev          zlib-devel         zlib       zlib
build must pc:libzip                                   libzip-dev          libzip-devel        libzip     libzip
build must pc:libconfig                                libconfig-dev       libconfig-devel    libconfig  libconfig
build must pc:jansson                                  libjansson-dev      jansson-devel      jansson    jansson
build must pc:nettle                                   nettle-dev          nettle-devel       nettle     nettle
build must pc:sleef                                    libsleef-dev        sleef-devel        sleef      sleef
build must pc:libprotobuf-c                            libprotobuf-c-dev   protobuf-c-devel   protobuf-c protobuf-c
build must cmd:protoc-c                                protobuf-c-compiler protobuf-c-compiler protobuf-c protobuf-c
build may  cmd:curl                                    curl                curl               curl       curl
build may  file:/etc/ssl/certs/ca-certificates.crt     ca-certificates     -                  -          -
build may  file:/usr/share/datasets/fashion-mnist      dataset-fashion-mnist -                  -          -
test  must pc:check                                    check               check-devel        check      check
test  may  cmd:h5dump                                  hdf5-tools          hdf5               -          -
test  may  file:/usr/lib/python3/dist-packages/h5py    python3-h5py        -                  -          -
test  may  file:/usr/lib/python3/dist-packages/numpy   python3-numpy       -                  -          -
test  may  file:/usr/lib/python3/dist-packages/PIL     python3-pil         -                  -          -
lint  must cmd:clang                                   clang               clang              clang      -
lint  must cmd:clang-tidy                              clang-tidy          clang-tools-extra  -          -
lint  must cmd:clang-format                            clang-format        -                  -          clang-format
lint  must cmd:cppcheck                                cppcheck            cppcheck           cppcheck   cppcheck
lint  must cmd:shellcheck                              shellcheck          ShellCheck         shellcheck shellcheck
lint  must omp:clang                                   libomp-dev          libomp-devel       openmp     libomp
lint  must asan:clang                                  libclang-rt-dev     compiler-rt        compiler-rt -
fuzz  may  cmd:clang                                   clang               clang              clang      -
fuzz  may  omp:clang                                   libomp-dev          libomp-devel       openmp     libomp
fuzz  may  fuzzer:clang                                libclang-rt-dev     compiler-rt        compiler-rt -
browser may cmd:chromium                               chromium            chromium           chromium   -
browser may cmd:chromedriver                           chromium-driver     chromedriver       -          -
browser may file:/usr/lib/python3/dist-packages/h5py   python3-h5py        -                  -          -
browser may file:/usr/lib/python3/dist-packages/numpy  python3-numpy       -                  -          -
roots must cmd:mmdebstrap                              mmdebstrap          -                  -          -
'

have() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" ;;
    pc:*) command -v pkg-config && pkg-config --exists "${1#pc:}" ;;
    file:*) [ -e "${1#file:}" ] ;;
    omp:*) echo 'int main(void) { return 0; }' | "${1#omp:}" -fopenmp -x c - -o /dev/null ;;
    asan:*) echo 'int main(void) { return 0; }' | "${1#asan:}" -fsanitize=address -x c - -o /dev/null ;;
    fuzzer:*) echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        "${1#fuzzer:}" -fsanitize=fuzzer,address -x c - -o /dev/null ;;
    esac >/dev/null 2>&1
}

# Package names of what is missing in $groups: kind $1 (must, may or both as "m"), table column $2.
missing() {
    echo "$table" | while read -r group kind what names; do
        case " $groups " in *" $group "*) ;; *) continue ;; esac
        case $kind in "$1"*) ;; *) continue ;; esac
        have "$what" || echo "$names" | awk -v column="$2" '$column != "-" { print $column }'
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

apt() {
    # shellcheck disable=SC2086 # $sudo is no word or one
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::http::Timeout=20 \
        -o DPkg::Lock::Timeout=120 "$@" </dev/null >/dev/null
}

groups=$*
wanted=$(missing m 1)
[ -n "$wanted" ] || exit 0

# Ends without installing: well if nothing that must be is missing, else with one line.
give_up() {
    [ -z "$(missing must 1)" ] && exit 0
    echo "invproj: $*" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 ||
    give_up "please install, then try again: dnf install $(missing m 2)" \
        "| pacman -S $(missing m 3) | brew install $(missing m 4)"
sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null 2>&1 || give_up "as root, please: apt-get install $wanted"
fi
echo "installing $wanted"
# The package lists may be missing, as in a fresh container, or older than what the mirrors hold. A
# source that cannot be reached need not matter.
# shellcheck disable=SC2086 # $wanted is many words
{ apt -s install --no-install-recommends $wanted 2>/dev/null &&
    apt install --no-install-recommends $wanted; } ||
    { apt update; apt install --no-install-recommends $wanted; }

may=$(missing may 1)
[ -z "$may" ] || echo "invproj: going on without $may, which could not be installed" >&2
give_up "could not be installed: $(missing must 1)"
