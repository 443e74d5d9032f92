"""Writes what a reader of Python sees in a run file, as JSON: read.py LIBRARY RUN.h5

LIBRARY: h5py, pyfive, silx, tables (PyTables, on which pandas stands).
SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import sys

import numpy as np

ARRAYS = ("network/hidden1/kernel", "network/output/bias", "training/history/step", "training/history/loss",
          "training/state/order", "projections/r2rt/image", "projections/r2rt/label", "generated/r2rt/settled")
ATTRIBUTES = (("/", "format"), ("/", "format_version"), ("/", "seed"), ("/", "scale"), ("/", "experiment"),
              ("network", "accuracy"), ("network", "layers"), ("network", "sha256"))


def plain(value):
    """A text or a number, whatever it was wrapped in."""
    if isinstance(value, np.ndarray):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode()
    return value if isinstance(value, str) else float(value)


def weighed(values):
    """[sizes, the sum of value * (1 + index mod 7)]"""
    flat = np.asarray(values, dtype=float).reshape(-1)
    return [list(np.shape(values)), float((flat * (1 + np.arange(flat.size) % 7)).sum())]


def see_h5(library, path):
    """h5py and pyfive share an interface."""
    with library.File(path, "r") as file:
        arrays = {name: weighed(file[name][()]) for name in ARRAYS}
        told = {f"{at}@{name}": plain((file if at == "/" else file[at]).attrs[name]) for at, name in ATTRIBUTES}
        return arrays, told, len(file.attrs)


def see_tables(file):
    """PyTables, by an open file."""
    arrays = {name: weighed(file.get_node("/" + name)[()]) for name in ARRAYS}
    node = {"/": "/", "network": "/network"}
    told = {f"{at}@{name}": plain(file.get_node_attr(node[at], name)) for at, name in ATTRIBUTES}
    return arrays, told, len(file.root._v_attrs._v_attrnames)


def see(library, path):
    """What `library` sees."""
    if library in ("h5py", "pyfive"):
        return see_h5(__import__(library), path)
    if library == "silx":
        import silx.io
        with silx.io.open(path) as file:
            arrays = {name: weighed(file[name][()]) for name in ARRAYS}
            told = {f"{at}@{name}": plain((file if at == "/" else file[at]).attrs[name]) for at, name in ATTRIBUTES}
            return arrays, told, len(file.attrs)
    import tables
    with tables.open_file(path, "r") as file:
        return see_tables(file)


arrays_seen, told_seen, count = see(sys.argv[1], sys.argv[2])
print(json.dumps({"arrays": arrays_seen, "attributes": told_seen, "count": count}))
