"""Runs experiments/r2rt.cfg on MNIST and holds its figures to what they must be.

figures.py PROGRAM MNIST-FOLDER WORK-FOLDER SEED...

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import subprocess
import sys
import time

import h5py

PICTURES = ("originals.png", "projections.png", "generated.png", "features.png")
# figure, least, most
BOUNDS = (
    ("test accuracy", 0.948, 0.960),
    ("L1 per pixel", 0.0, 0.106),
    ("relative L2", 0.0, 0.69),
    # one seed varies by a standard deviation of 0.008 around 0.963, here and in independent
    # implementations: so 0.96 is asked of the mean of the seeds, see main
    ("same class", 0.94, 1.0),
    ("least confidence", 0.994, 1.0),
    ("classes generated", 9, 9),
    ("peak memory, MB", 0.0, 250.0),
    ("wall time, s", 0.0, float("inf")),  # told, not held: machines have slow days
)


def run(program, mnist, folder, seed):
    """One run; its wall time and peak memory."""
    start = time.monotonic()
    command = [program, "run", "experiments/r2rt.cfg", "--data", mnist, "--seed", str(seed), "-o", folder]
    with open(folder + ".log", "w+", encoding="utf-8") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            log.seek(0)
            sys.exit(f"seed {seed}: exit {child.returncode}\n{log.read()}")
    return {"wall time, s": time.monotonic() - start, "peak memory, MB": usage.ru_maxrss * 1024 / 1e6}


def figures(path):
    """What the run file says."""
    with h5py.File(path, "r") as file:
        inverse = file["inverse/r2rt"].attrs
        confidence = file["generated/r2rt/confidence"][:]
        return {
            "test accuracy": float(file["network"].attrs["accuracy"]),
            "L1 per pixel": float(inverse["l1_per_pixel"]),
            "relative L2": float(inverse["relative_l2"]),
            "same class": float(inverse["same_class"]),
            "least confidence": float(confidence.min()),
            "classes generated": len(confidence),
        }


def main():
    program, mnist, work, seeds = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    rows, bad = [], 0
    for seed in seeds:
        folder = os.path.join(work, "seed" + seed)
        row = run(program, mnist, folder, seed)
        row.update(figures(os.path.join(folder, "run.h5")))
        rows.append(row)
        bad += sum(os.path.getsize(os.path.join(folder, name)) == 0 for name in PICTURES)
        info = subprocess.run(
            [program, "info", os.path.join(folder, "run.h5"), "--json"], check=True, capture_output=True
        )
        json.loads(info.stdout)
    print(f"{'figure':20}{'least':>9}{'most':>9}" + "".join(f"{'seed ' + seed:>10}" for seed in seeds))
    for name, least, most in BOUNDS:
        # negated, so that a NaN is bad
        wrong = sum(not least <= row[name] <= most for row in rows)
        values = "".join(f"{row[name]:10.4f}" for row in rows)
        print(f"{name:20}{least:9g}{most:9g}{values}{'  <- out of bounds' if wrong else ''}")
        bad += wrong
    mean = sum(row["same class"] for row in rows) / len(rows)
    print(f"{'mean of same class':20}{0.96:9g}{1:9g}{mean:10.4f}")
    return bad != 0 or not mean >= 0.96


sys.exit(main())
