"""Reads the run file of the shortened experiment (tests/cli/cli_short.h) as a stranger to it would, with h5py.

read_run.py RUN.h5

SPDX-License-Identifier: GPL-3.0-or-later
"""
import hashlib
import json
import os
import re
import sys

import h5py
import numpy as np

HEIGHT, WIDTH, CLASSES, HIDDEN1, HIDDEN2 = 9, 7, 5, 13, 11
PIXELS = HEIGHT * WIDTH
FLOAT = np.dtype("<f4")
# array, type, sizes
ARRAYS = (
    ("network/hidden1/kernel", FLOAT, (PIXELS, HIDDEN1)),  # Keras's order: [in, out]
    ("network/hidden1/bias", FLOAT, (HIDDEN1,)),
    ("network/hidden2/kernel", FLOAT, (HIDDEN1, HIDDEN2)),
    ("network/output/kernel", FLOAT, (HIDDEN2, CLASSES)),
    ("training/history/step", np.dtype("<u8"), (300,)),
    ("training/history/loss", FLOAT, (300,)),
    ("training/history/accuracy", FLOAT, (300,)),
    ("training/history/seconds", FLOAT, (300,)),
    ("inverse/r2rt/hidden2/kernel", FLOAT, (HIDDEN2, HIDDEN1)),
    ("inverse/r2rt/hidden1/kernel", FLOAT, (HIDDEN1, PIXELS)),
    ("inverse/r2rt/history/loss", FLOAT, (70,)),
    ("inverse/r2rt/history/kept", np.dtype("<u8"), (70,)),
    ("projections/r2rt/original", FLOAT, (20, HEIGHT, WIDTH)),
    ("projections/r2rt/image", FLOAT, (20, HEIGHT, WIDTH)),
    ("projections/r2rt/label", np.dtype("<u4"), (20,)),
    ("projections/r2rt/predicted", np.dtype("<u4"), (20,)),
    ("projections/r2rt/confidence", FLOAT, (20,)),
    ("generated/r2rt/hidden", FLOAT, (4, HIDDEN2)),
    ("generated/r2rt/image", FLOAT, (4, HEIGHT, WIDTH)),
    ("generated/r2rt/label", np.dtype("<u4"), (4,)),
    ("generated/r2rt/confidence", FLOAT, (4,)),
    ("generated/r2rt/reclassified", np.dtype("<u4"), (4,)),
    ("features/r2rt/image", FLOAT, (HIDDEN2, HEIGHT, WIDTH)),
)
IMAGES = ("projections/r2rt/original", "projections/r2rt/image", "generated/r2rt/image", "features/r2rt/image")


def sigmoid(z):
    """1 / (1 + exp(-z))"""
    return 1.0 / (1.0 + np.exp(-z))


def layer(file, name, x):
    """x kernel + bias, of the net's layer of that name"""
    return x @ file[f"network/{name}/kernel"][:].astype(float) + file[f"network/{name}/bias"][:]


def check_arrays(file):
    """That all is there, of its type and sizes."""
    for name, dtype, shape in ARRAYS:
        array = file[name]
        assert array.dtype == dtype, (name, array.dtype)
        assert array.shape == shape, (name, array.shape)
        assert np.isfinite(array[:]).all(), name
    for name in IMAGES:
        marks = {key: bytes(file[name].attrs[key]) for key in ("CLASS", "IMAGE_VERSION", "IMAGE_SUBCLASS")}
        assert marks == {"CLASS": b"IMAGE", "IMAGE_VERSION": b"1.2", "IMAGE_SUBCLASS": b"IMAGE_GRAYSCALE"}, marks
        low, high = file[name].attrs["IMAGE_MINMAXRANGE"]
        assert low == file[name][:].min() and high == file[name][:].max(), (name, low, high)
    for group in ("training", "inverse/r2rt"):
        assert file[group + "/history/loss"].maxshape == (None,), group
    assert list(file["training/history/step"][:]) == list(range(1, 301))


def check_attributes(file):
    """What the file says of itself."""
    root = file.attrs
    assert root["format"] == "invproj-run" and root["format_version"] == 2
    assert root["seed"] == 1 and root["dataset"] == "data"
    assert "adagrad" in root["experiment"] and len(root["dataset_sha256"]) == 4
    layers = json.loads(file["network"].attrs["layers"])
    assert [one["units"] for one in layers] == [HIDDEN1, HIDDEN2, CLASSES], layers
    assert file["inverse/r2rt"].attrs["at"] == "hidden2.pre"
    assert file["features/r2rt"].attrs["layer"] == "hidden2"
    assert 0.0 <= file["network"].attrs["accuracy"] <= 1.0


def check_meaning(file):
    """That the arrays are what their names say: projections and confidences, worked again in float64."""
    images = file["projections/r2rt/original"][:].reshape(20, PIXELS).astype(float)
    z1 = layer(file, "hidden1", images)
    z2 = layer(file, "hidden2", sigmoid(z1))
    z3 = layer(file, "output", sigmoid(z2))
    softmax = np.exp(z3 - z3.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    assert np.abs(softmax.max(axis=1) - file["projections/r2rt/confidence"][:]).max() < 1e-5
    assert (softmax.argmax(axis=1) == file["projections/r2rt/predicted"][:]).all()
    first = (z2 - file["network/hidden2/bias"][:]) @ file["inverse/r2rt/hidden2/kernel"][:].astype(float)
    low = first.min(axis=1, keepdims=True)
    squashed = ((first - low) / (first.max(axis=1, keepdims=True) - low) - 0.5) * 0.99 + 0.5
    logit = np.log(squashed / (1.0 - squashed))
    back = (logit - file["network/hidden1/bias"][:]) @ file["inverse/r2rt/hidden1/kernel"][:].astype(float)
    kept = file["projections/r2rt/image"][:].reshape(20, PIXELS)
    assert np.abs(back - kept).max() < 1e-4 * np.abs(back).max()


def documented_function():
    """section_sha256, as include/invproj/README.md has it."""
    document = os.path.join(os.path.dirname(__file__), "..", "include", "invproj", "README.md")
    with open(document, encoding="utf-8") as text:
        code = re.search(r"^def section_sha256.*?(?=^```)", text.read(), re.M | re.S).group()
    names = {"h5py": h5py, "hashlib": hashlib}
    exec(code, names)  # pylint: disable=exec-used
    return names["section_sha256"]


def check_sections(file):
    """The checksums of the sections, worked out as the document says."""
    section_sha256 = documented_function()
    sections = ["network"]
    for name in ("inverse", "projections", "generated", "features"):
        sections += [f"{name}/{one}" for one in file[name]]
    assert len(sections) == 5, sections
    for name in sections:
        assert section_sha256(file[name]) == file[name].attrs["sha256"].decode(), name


def check_seal(path):
    """The last line, without any HDF5."""
    with open(path, "rb") as file:
        data = file.read()
    words = data[-128:].decode("ascii").split()
    size, digest = int(words[4]), words[-1]
    assert words[:2] == ["invproj-run", "2:"] and size == len(data) - 128, words
    assert hashlib.sha256(data[:size]).hexdigest() == digest


check_seal(sys.argv[1])
with h5py.File(sys.argv[1], "r") as run:
    check_sections(run)
    check_arrays(run)
    check_attributes(run)
    check_meaning(run)
