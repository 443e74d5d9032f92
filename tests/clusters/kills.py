#!/usr/bin/env python3
"""A sweep under random signals: kills.py PROGRAM [RUNS].

Starts a sweep of RUNS=1000 tiny runs again and again while TERM, INT, USR1 and KILL hit it and its runs at
random, until all are done. Nothing may be lost: each run's file must be that of an undisturbed sweep, but for
@created, history/seconds and /environment, and so must the table of all.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import csv
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

EXPERIMENT = """
data = { folder = "data"; };
network = { layers = ( { name = "hidden"; type = "dense"; units = 5; activation = "relu"; },
                       { name = "output"; type = "dense"; activation = "softmax"; } ); };
training = { steps = 200; batch = 70; reduction = "mean"; };
inverse = { at = "hidden"; steps = 100; };
generate = { steps = 5; };
checkpoint = { steps = 20; };
"""
SWEEP = """
experiment = "tiny.cfg";
grid = ( { key = "training.optimiser.rate"; values = [ 0.02, 0.3 ]; },
         { key = "seed"; from = 1; to = %d; } );
"""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGKILL)
CHANGES = re.compile(r"history/seconds|<created ")
TIMES = re.compile(r"seconds$|^(created|finished|part)$")


def write_idx(path, shape, values):
    with open(path, "wb") as file:
        file.write(struct.pack(">HBB%dI" % len(shape), 0, 8, len(shape), *shape) + bytes(values))


def write_data(folder, draw):
    os.mkdir(folder)
    for name, count in (("train", 600), ("t10k", 100)):
        labels = [draw.randrange(5) for _ in range(count)]
        pixels = [20 * label + draw.randrange(100) for label in labels for _ in range(30)]
        write_idx(f"{folder}/{name}-images-idx3-ubyte", (count, 6, 5), pixels)
        write_idx(f"{folder}/{name}-labels-idx1-ubyte", (count,), labels)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def disturb(program, draw):
    """One start of the sweep; how many signals it and its runs got."""
    sent = 0
    sweep = subprocess.Popen([program, "sweep", "sweep.cfg", "-o", "killed", "-q", "--jobs", "2"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sweep.poll() is None:
        time.sleep(draw.uniform(0.01, 0.2))
        runs = children(sweep.pid)
        target = draw.choice(runs) if runs and draw.random() < 0.95 else sweep.pid
        try:
            os.kill(target, draw.choice(SIGNALS))
            sent += 1
        except ProcessLookupError:
            pass
    return sent


def table(program, folder):
    """The CSV without what another start may change."""
    text = subprocess.run([program, "gather", folder, "--csv", "-q"], capture_output=True, text=True, check=True)
    rows = list(csv.reader(text.stdout.splitlines()))
    kept = [i for i, name in enumerate(rows[0]) if not TIMES.search(name)]
    return [[row[i] for i in kept] for row in rows]


def differences(name):
    """What h5diff finds in a run's two files, but for what may differ."""
    said = subprocess.run(["h5diff", "--exclude-path", "/environment", f"plain/{name}", f"killed/{name}"],
                          capture_output=True, text=True, check=False)
    what, found = "", []
    for line in said.stdout.splitlines():
        if re.match(r"(dataset|attribute|group): ", line):
            what = line
        elif re.search(r"differences? found", line) and not CHANGES.search(what):
            found.append(what)
    return found + ([said.stderr] if said.returncode > 1 else [])


def files(folder, ending):
    return sorted(os.path.relpath(os.path.join(place, name), folder)
                  for place, _, names in os.walk(folder) for name in names if name.endswith(ending))


def main():
    program, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    draw, starts, sent, failed = random.Random(7), 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        write_data("data", draw)
        for name, text in (("tiny.cfg", EXPERIMENT), ("sweep.cfg", SWEEP % (runs // 2))):
            with open(name, "w", encoding="ascii") as file:
                file.write(text)
        subprocess.run([program, "sweep", "sweep.cfg", "-o", "plain", "-q"], stdout=subprocess.DEVNULL, check=True)
        check = [program, "sweep", "--check", "killed"]
        while starts == 0 or subprocess.run(check, capture_output=True, check=False).returncode != 0:
            starts += 1
            sent += disturb(program, draw)
        names = files("plain", ".h5")
        print(f"{len(names)} runs under {sent} signals, in {starts} starts")
        for ending in (".failed", ".part"):
            if files("killed", ending):
                failed = 1
                print(f"left: {files('killed', ending)}")
        if files("killed", ".h5") != names:
            failed = 1
            print("the files are others")
        for name in names:
            found = differences(name) if failed == 0 else []
            if found:
                failed = 1
                print(f"{name} differs: {found}")
        if table(program, "killed") != table(program, "plain"):
            failed = 1
            print("the tables differ")
        print("as an undisturbed sweep" if failed == 0 else "NOT as an undisturbed sweep")
        os.chdir("/")
    return failed


if __name__ == "__main__":
    sys.exit(main())
