"""What invproj makes of nets that PyTorch, its exporters and others wrote, beside what those programs give:
zoo.py INVPROJ MODELS WORK

MODELS: the folder of ../shared/models. One line each, by tabs: "as", a file, the largest difference over the largest output,
and what is allowed; or "refused", a file, the exit code, how many lines it said, and the first of them.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import csv
import json
import os
import re
import subprocess
import sys

import numpy as np

invproj, models, work = sys.argv[1:]


def table(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def numbers(text):
    return [float(value) for value in text.split(",")]


def architecture(path):
    """The option that names it, where a file beside the parameters says it."""
    arch = re.sub(r"\.\w+$", ".arch.txt", path)
    return ["--arch", arch] if os.path.exists(arch) else []


def outputs(path, arrays):
    """What `predict --outputs` prints, [images, outputs]."""
    given = os.path.join(work, "input.npy")
    np.save(given, np.asarray(arrays, "float32"))
    done = subprocess.run([invproj, "predict", path, given, "--outputs", *architecture(path)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    return np.array([json.loads(line)["outputs"] for line in done.stdout.splitlines()])


def tell(path, arrays, wanted, allowed):
    wanted, got = np.asarray(wanted), outputs(path, arrays)
    if isinstance(got, str) or got.size != wanted.size:
        difference = f"inf\t{got}"
    else:
        difference = np.abs(got.reshape(wanted.shape) - wanted).max() / np.abs(wanted).max()
    print("as", os.path.relpath(path, models), difference, allowed, sep="\t", flush=True)


def prepared(row, arrays):
    """The array that a row of zoo-torch-onnx feeds."""
    x = arrays[row["inputs_key"]].astype("float64")
    x = {"x/255": x / 255, "(x/255-0.1307)/0.3081": (x / 255 - 0.1307) / 0.3081, "x/127.5-1": x / 127.5 - 1,
         "1-x/255": 1 - x / 255}[row["prep"]]
    if row["input"].startswith("flat"):
        return x.reshape(len(x), -1)
    x = x if x.ndim == 4 else x[..., None]
    return x.transpose(0, 3, 1, 2) if row["input"].startswith("NCHW") else x


def torch_zoo(folder):
    arrays = np.load(f"{folder}/zoo_inputs.npz")
    for row in table(f"{folder}/zoo.tsv"):
        tell(f"{folder}/{row['file']}", prepared(row, arrays), [numbers(image) for image in row["outputs"].split(";")], 2e-5)


def refused(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith((".tsv", ".md", ".txt", ".json", ".py")):
            continue
        done = subprocess.run([invproj, "info", f"{folder}/{name}", *architecture(f"{folder}/{name}")],
                              capture_output=True, text=True, check=False)
        said = done.stderr.splitlines()
        print("refused", os.path.relpath(f"{folder}/{name}", models), done.returncode, len(said), said[0] if said else "",
              sep="\t", flush=True)


torch_zoo(f"{models}/zoo-torch-onnx")
refused(f"{models}/zoo-torch-onnx/refuse")
