"""What a unit of work costs as there is more of it: what `make bench-scale` runs.

    scale_bench.py BUILD-FOLDER MNIST-FOLDER

Images, units, channels and classes grow, each by itself; the cost is the processor's seconds of one thread for a
step of training, divided by its multiply-adds, beside the cheapest of its table. The time of a step is what a command
of many steps takes longer than one of few. More images than MNIST has are its own again and again; the memory is the
program's at its largest. REPEATS (5) in turn, medians; SCALES ("images;units;channels;classes;
threads") by name. Written to BUILD-FOLDER/bench-scale.json.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile

import numpy

REPEATS = int(os.environ.get("REPEATS", 5))
SECONDS = 3.0  # that the steps of one turn are to take at RATE, about
RATE = 1e11  # multiply-adds a second

EXPERIMENT = """
data: {{ validation = 0; }};
network: {{ layers = ( {layers} {{ name = "output"; type = "dense"; activation = "softmax"; }} ); }};
training: {{ batch = {batch}; steps = 1; optimiser: {{ type = "adam"; }}; }};
"""
DENSE = '{{ name = "{}"; type = "dense"; units = {}; activation = "relu"; }},'
CONV = '{{ name = "{}"; type = "conv2d"; filters = {}; size = {}; stride = {}; padding = "same"; activation = "relu"; }},'

# One row of a table: what it is called, the experiment's layers, multiply-adds of one image forward, images of a batch,
# threads, and the data.
Row = collections.namedtuple("Row", "name layers work batch threads data")


def units(data):
    for n in (100, 256, 512, 1024, 2048, 4096):
        yield Row(n, DENSE.format("hidden1", n) + DENSE.format("hidden2", n), 784 * n + n * n + 10 * n, 500, 1, data.first(3000))


def channels(data):
    for n in (8, 16, 32, 64, 128, 256):
        layers = CONV.format("conv1", n, 5, 2) + CONV.format("conv2", n, 3, 1)
        yield Row(n, layers, 196 * (25 * n + 9 * n * n + 10 * n), 50, 1, data.first(1000))


def classes(data):
    for n in (10, 30, 100, 300, 1000):
        yield Row(n, DENSE.format("hidden1", 256), 784 * 256 + 256 * n, 500, 1, data.classes(n))


def images(data):
    for n in (1000, 3000, 10000, 30000, 60000, 600000):
        yield Row(n, DENSE.format("hidden1", 256), 784 * 256 + 256 * 10, 500, 1, data.first(n))


def threads(data):
    for name, layers, work in (
            ("dense", DENSE.format("hidden1", 256) + DENSE.format("hidden2", 256), 784 * 256 + 256 * 256 + 2560),
            ("conv2d", CONV.format("conv1", 32, 5, 2) + CONV.format("conv2", 32, 3, 1), 196 * (25 * 32 + 9 * 1024 + 320))):
        for n in (1, 2):
            yield Row(f"{name}, {n}", layers, work, 500 if name == "dense" else 100, n, data.first(3000))


SCALES = {"images": images, "units": units, "channels": channels, "classes": classes, "threads": threads}


class Data:
    """Files of MNIST's images: some of them, with other labels."""

    def __init__(self, mnist, work):
        self.mnist, self.work = os.path.abspath(mnist), work
        self.train = [self.read(name) for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")]

    def read(self, name):
        path = os.path.join(self.mnist, name)
        if not os.path.exists(path):
            with gzip.open(path + ".gz") as file:
                raw = file.read()
        else:
            with open(path, "rb") as file:
                raw = file.read()
        shape = struct.unpack(f">{raw[3]}I", raw[4:4 + 4 * raw[3]])
        return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * raw[3]).reshape(shape)

    def write(self, name, pixels, labels):
        folder = os.path.join(self.work, name)
        if not os.path.exists(folder):
            os.mkdir(folder)
            numpy.savez(os.path.join(folder, "data.npz"), x_train=pixels, y_train=labels, x_test=pixels[:1000],
                        y_test=labels[:1000])
        return os.path.join(folder, "data.npz")

    def first(self, n):
        again = -(-n // len(self.train[1]))
        pixels, labels = (numpy.concatenate([values] * again)[:n] for values in self.train)
        return self.write(f"images{n}", pixels, labels)

    def classes(self, n):
        pixels = self.train[0][:20000]
        return self.write(f"classes{n}", pixels, (numpy.arange(len(pixels)) % n).astype(numpy.int64))


# Starts the commands that come in lines of JSON, and says how each ended. The peak of a process begins with that of
# who started it, so that has to be a small one.
STARTER = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    start = time.perf_counter()
    _, code, usage = os.wait4(subprocess.Popen(json.loads(line), stdout=subprocess.DEVNULL).pid, 0)
    print(json.dumps([time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, code]), flush=True)
"""


class Bench:
    def __init__(self, program, work):
        self.program, self.work, self.warm = os.path.abspath(program), work, set()
        self.starter = subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def command(self, row, steps):
        """Seconds on the clock and of the processor, and the largest memory in kB."""
        config, out = os.path.join(self.work, "scale.cfg"), os.path.join(self.work, "scale.h5")
        with open(config, "w", encoding="utf-8") as file:
            file.write(EXPERIMENT.format(layers=row.layers, batch=row.batch))
        words = [self.program, "train", config, "-o", out, "--force", "-q", "--data", row.data, "--threads", str(row.threads),
                 "--set", f"training.steps={steps}"]
        print(json.dumps(words), file=self.starter.stdin, flush=True)
        *taken, code = json.loads(self.starter.stdout.readline())
        if code != 0:
            sys.exit(f"bench: training of {row.name} ended with {code}")
        return taken

    def measure(self, row):
        """Seconds of a step on the clock and of the processor, and the memory in kB."""
        few = 3
        many = few + max(4, round(SECONDS * RATE / (3 * row.work * row.batch)))
        if row.data not in self.warm:  # to fetch the data once costs what no step does
            self.warm.add(row.data)
            self.command(row, few)
        before, after = self.command(row, few), self.command(row, many)
        return [(b - a) / (many - few) for a, b in zip(before[:2], after[:2])] + [after[2]]


def table(name, rows, bench, report):
    taken = {row.name: [] for row in rows}
    for _ in range(REPEATS):
        for row in rows:
            taken[row.name].append(bench.measure(row))
    found = {}
    for row in rows:
        clock, processor, memory = (statistics.median(values) for values in zip(*taken[row.name]))
        found[row.name] = {"seconds": clock, "processor": processor, "kB": memory,
                           "ns": 1e9 * (clock if name == "threads" else processor) / (3 * row.work * row.batch)}
    least = min(values["ns"] for values in found.values())
    print(f"\n{name:>12} {'ms a step':>10} {'ns a 1000 multiply-adds':>24} {'x least':>8} {'MB':>6}")
    for row in rows:
        values = found[row.name]
        print(f"{row.name:>12} {1e3 * values['seconds']:10.3g} {1e3 * values['ns']:24.3g} {values['ns'] / least:8.2f} {values['kB'] / 1e3:6.0f}", flush=True)
    report[name] = found


def main():
    folder, mnist = sys.argv[1:]
    if not mnist:
        print("bench: skipped: MNIST is missing; `make data` fetches it")
        return
    report = {"repeats": REPEATS}
    chosen = os.environ.get("SCALES", ";".join(SCALES)).split(";")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        bench = Bench(f"{folder}/invproj", os.path.abspath(work))  # first, while this is small
        data = Data(mnist, os.path.abspath(work))
        for name in chosen:
            table(name, list(SCALES[name](data)), bench, report)
    with open(f"{folder}/bench-scale.json", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
