#!/bin/sh
# jsfive 0.4.2 sees no attribute of a group that has more than eight, in the layouts that HDF5 1.8 introduced.
#
# With libver "v108" or later, HDF5 keeps more than eight attributes of an object in a fractal heap ("dense" storage)
# rather than in the object's header. jsfive reads the header alone: with eight attributes it lists eight, with nine
# none, without an error. In the earliest layout, h5py's default, it lists all nine.
# Seen: "earliest 8: 8, 9: 9; v108 8: 8, 9: 0". Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON3:-python3}" -m venv venv
venv/bin/pip install -q h5py==3.16.0 numpy==2.2.6
venv/bin/python - <<'END'
import h5py
for layout in ("earliest", "v108"):
    for count in (8, 9):
        with h5py.File(f"{layout}-{count}.h5", "w", libver=(layout, "latest" if layout == "earliest" else layout)) as file:
            for i in range(count):
                file.attrs[f"a{i}"] = float(i)
        with h5py.File(f"{layout}-{count}.h5", "r") as file:
            assert len(file.attrs) == count
END
echo '{"type": "module", "private": true}' >package.json
npm install --silent --no-audit --no-fund jsfive@0.4.2
cat >see.mjs <<'END'
import fs from "fs";
import { File } from "jsfive";
const seen = (name) => {
  const bytes = fs.readFileSync(name);
  return Object.keys(new File(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).attrs).length;
};
console.log(["earliest", "v108"].map((layout) => `${layout} 8: ${seen(layout + "-8.h5")}, 9: ${seen(layout + "-9.h5")}`)
  .join("; "));
END
said=$(node see.mjs)
echo "jsfive 0.4.2: $said"
[ "$said" = 'earliest 8: 8, 9: 9; v108 8: 8, 9: 0' ]
