#!/bin/sh
# Nets to and from other programs: run.sh INVPROJ FOLDER, which keeps what is fetched. See check.py.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
invproj=$(realpath "$1")
mkdir -p "$2" && cd "$2"
if [ ! -e venv/whole ] || ! cmp -s venv/whole "$here/requirements.txt"; then
  if ! { "${PYTHON3:-python3}" -m venv venv && venv/bin/pip install -q -r "$here/requirements.txt"; }; then
    echo 'check-interop: the packages of tests/interop/requirements.txt cannot be fetched' >&2
    exit 1
  fi
  cp "$here/requirements.txt" venv/whole
fi
KERAS_BACKEND=torch exec venv/bin/python -B "$here/check.py" "$invproj" files
