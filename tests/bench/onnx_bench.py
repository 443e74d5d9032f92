"""The classes of MNIST's 10,000 test images, in onnxruntime and in invproj, in turn: what `make bench-onnx` runs.

    onnx_bench.py BUILD-FOLDER MNIST-FOLDER

The net is that of an experiment, trained for a few steps and exported by invproj. onnxruntime is tried with
one and two threads and with several sizes of a batch; its three fastest settings then take turns with
invproj, REPEATS times (9), and the best median is onnxruntime's. Both take pixels as float32 and give probabilities.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

REPEATS = int(os.environ.get("REPEATS", 9))
BATCHES = [10000, 1000, 100, 32]
THREADS = 2
# Ratios that issues of this project ask for, or None.
CASES = {"r2rt": 1.0, "cnn": 0.6}


def read_images(folder):
    for name, opened in (("t10k-images-idx3-ubyte.gz", gzip.open), ("t10k-images-idx3-ubyte", open)):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with opened(path, "rb") as file:
                pixels = np.frombuffer(file.read(), np.uint8, offset=16)
            return pixels.reshape(-1, 784).astype(np.float32) / np.float32(255.0)
    sys.exit(f"bench-onnx: {folder}: no t10k-images-idx3-ubyte")


def export(build, experiment, folder, to):
    """The net of an experiment after ten steps, as an ONNX file."""
    run = os.path.join(to, f"{experiment}.h5")
    net = os.path.join(to, f"{experiment}.onnx")
    for words in (["train", f"experiments/{experiment}.cfg", "--data", folder, "--set", "training.steps=10", "-o", run],
                  ["export", run, "-o", net]):
        subprocess.run([f"{build}/invproj", *words, "-q"], stdout=subprocess.DEVNULL, check=True)
    return net


class Rival:
    def __init__(self, path, images, threads, batch):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        taken = self.session.get_inputs()[0]
        self.name, self.batch, self.setting = taken.name, batch, f"{threads} threads, batches of {batch}"
        self.images = images.reshape(-1, *(n for n in taken.shape[1:]))

    def seconds(self):
        start = time.perf_counter()
        for first in range(0, len(self.images), self.batch):
            self.session.run(None, {self.name: self.images[first:first + self.batch]})
        return time.perf_counter() - start


def ours(build, experiment, folder, times):
    done = subprocess.run([f"{build}/bench", "--time", "inference", f"experiments/{experiment}.cfg", folder, str(times)],
                          stdout=subprocess.PIPE, text=True, check=True, env={"GOMP_SPINCOUNT": "2000", **os.environ})
    return json.loads(done.stdout)["seconds"] / times


def fastest(path, images):
    """The settings with the best times, of three each."""
    trials = [Rival(path, images, threads, batch) for threads in range(1, THREADS + 1) for batch in BATCHES]
    return sorted(trials, key=lambda rival: min(rival.seconds() for _ in range(3)))[:3]


def compare(build, experiment, folder, images, work):
    rivals = fastest(export(build, experiment, folder, work), images)
    times = 20 if experiment == "r2rt" else 1
    own, others = [], {rival.setting: [] for rival in rivals}
    for _ in range(REPEATS):
        own.append(ours(build, experiment, folder, times))
        for rival in rivals:
            others[rival.setting].append(statistics.median(rival.seconds() for _ in range(times)))
    setting = min(others, key=lambda name: statistics.median(others[name]))
    return {"setting": setting, "goal": CASES[experiment], "onnxruntime": others[setting], "invproj": own,
            "ratio": statistics.median(others[setting]) / statistics.median(own), "other_settings": others}


def main():
    build, folder = sys.argv[1:]
    if not folder:
        print("bench-onnx: skipped: MNIST is missing; `make data` fetches it")
        return
    images = read_images(folder)
    print(f"onnxruntime {onnxruntime.__version__} and invproj with {THREADS} threads, in turn; {REPEATS} repeats, medians of "
          f"the seconds for {len(images)} images\n"
          f"{'experiment':12} {'onnxruntime':>12} {'invproj':>9} {'ratio':>6} {'goal':>5}  onnxruntime's setting")
    report = {"version": onnxruntime.__version__, "repeats": REPEATS, "cases": {}}
    with tempfile.TemporaryDirectory(dir=build) as work:
        for experiment in os.environ.get("CASES", "").split() or CASES:
            found = report["cases"][experiment] = compare(build, experiment, folder, images, work)
            print(f"{experiment:12} {statistics.median(found['onnxruntime']):12.4f} {statistics.median(found['invproj']):9.4f} "
                  f"{found['ratio']:6.2f} {found['goal']:5.1f}  {found['setting']}", flush=True)
    with open(f"{build}/bench-onnx.json", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
