#!/bin/sh
# pyfive 1.3.0 reads contiguous arrays behind an HDF5 user block that many bytes early, without an error.
#
# A user block of 512 bytes is part of the HDF5 format: the superblock then stands at byte 512 and says so in its base
# address, which every address in the file counts from. pyfive finds the superblock, the groups and the sizes of arrays,
# but looks for values at an address that lacks the 512 bytes: contiguous arrays come out shifted, and chunked ones
# end in an AssertionError. h5py 3.16.0 reads both right.
# Seen: "contiguous: 512 bytes early; chunked: AssertionError". Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON3:-python3}" -m venv venv
venv/bin/pip install -q h5py==3.16.0 numpy==2.2.6 pyfive==1.3.0
said=$(venv/bin/python - <<'END'
import h5py, numpy as np, pyfive
values = np.arange(1000, dtype="<u4") + 7
with h5py.File("block.h5", "w", userblock_size=512) as file:
    file["contiguous"] = values
    file.create_dataset("chunked", data=values, chunks=(1000,))
with h5py.File("block.h5", "r") as file:
    assert all((file[name][()] == values).all() for name in ("contiguous", "chunked"))
told = []
with pyfive.File("block.h5") as file:
    for name in ("contiguous", "chunked"):
        try:
            seen = file[name][()]
        except AssertionError:
            told.append(f"{name}: AssertionError")
            continue
        early = (seen[128:] == values[:-128]).all() and not (seen == values).all()
        told.append(f"{name}: " + ("512 bytes early" if early else "right" if (seen == values).all() else "other"))
print("; ".join(told))
END
)
echo "pyfive 1.3.0: $said"
[ "$said" = 'contiguous: 512 bytes early; chunked: AssertionError' ]
