#!/usr/bin/env python3
"""Makes photographs of MNIST's test digits, as a camera might take them of paper: photographs.py MNIST OUT COUNT

Each kind in a folder of OUT, as JPEG: page (uneven light, perspective, noise), thin (a thin pen), off (anywhere on the
page), shadow (half of it in shadow), small (a quarter of its height). OUT/labels are their classes. NumPy, Pillow.
SPDX-License-Identifier: GPL-3.0-or-later"""
import gzip
import os
import struct
import sys

import numpy as np
from PIL import Image, ImageFilter

SIZES = {"page": 200, "thin": 220, "off": 120, "shadow": 200, "small": 70}
FIRST = 1000  # of the test images


def read(name, offset):
    with gzip.open(name) as file:
        return np.frombuffer(file.read(), "u1", offset=offset)


def drawn(digit, kind):
    """The ink of a digit, from 0 to 1, as large as the kind has it."""
    size = SIZES[kind]
    ink = Image.fromarray(digit).resize((size, size), Image.BICUBIC)
    if kind != "thin":
        return np.asarray(ink, float) / 255
    stroke = ink.point(lambda v: 255 * (v > 127))
    thin = stroke.filter(ImageFilter.MinFilter(9))
    if not np.asarray(thin).any():
        thin = stroke.filter(ImageFilter.MinFilter(3))
    return np.asarray(thin.filter(ImageFilter.GaussianBlur(1)), float) / 255


def perspective(rng, width, height):
    """The eight numbers by which Pillow draws a page that was not quite in front of the camera."""
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    rows, right = [], []
    for x, y in corners:
        u, v = x + rng.uniform(-0.04, 0.04) * width, y + rng.uniform(-0.04, 0.04) * height
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.linalg.solve(np.array(rows, float), np.array(right))


def photograph(rng, digit, kind):
    size = SIZES[kind]
    width, height = (max(int(n), size + 10) for n in rng.integers(240, 420, 2))
    page = np.zeros((height, width))
    top, left = (height - size) // 2, (width - size) // 2
    if kind in ("off", "small"):
        top, left = rng.integers(0, height - size), rng.integers(0, width - size)
    page[top:top + size, left:left + size] = drawn(digit, kind)
    seen = Image.fromarray((255 * page).astype("u1"))
    seen = seen.transform((width, height), Image.PERSPECTIVE, perspective(rng, width, height), Image.BILINEAR)
    ink = np.asarray(seen.filter(ImageFilter.GaussianBlur(1.2)), float) / 255
    y, x = np.mgrid[0:height, 0:width]
    angle = rng.uniform(0, 2 * np.pi)
    light = 190 + 35 * (np.cos(angle) * x / width + np.sin(angle) * y / height) + rng.uniform(-15, 15)
    if kind == "shadow":
        beyond = np.cos(angle) * (x - width / 2) + np.sin(angle) * (y - height / 2) - rng.uniform(-30, 30)
        light = light * (1 - 0.38 / (1 + np.exp(-beyond / 12)))
    grey = light * (1 - rng.uniform(0.45, 0.8) * ink) + rng.normal(0, 5, ink.shape)
    return Image.fromarray(np.clip(np.stack([grey, 0.97 * grey, 0.9 * grey], -1), 0, 255).astype("u1"))


def main(source, out, count):
    images = read(f"{source}/t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read(f"{source}/t10k-labels-idx1-ubyte.gz", 8)[FIRST:FIRST + count]
    rng = np.random.default_rng(15)
    for kind in SIZES:
        os.makedirs(f"{out}/{kind}")
        for i in range(count):
            photograph(rng, images[FIRST + i], kind).save(f"{out}/{kind}/{i:03d}.jpg", quality=85)
    with open(f"{out}/labels", "wb") as file:
        file.write(struct.pack(">HBBI", 0, 8, 1, count) + labels.tobytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
