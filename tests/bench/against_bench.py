"""The program as it is and as it was at an earlier commit, in turn: what `make bench AGAINST=COMMIT` runs.

    against_bench.py BUILD-FOLDER COMMIT MNIST-FOLDER FASHION-MNIST-FOLDER

The commit is built by its own Makefile in BUILD-FOLDER/against/COMMIT, and its experiment files serve both, so that
both do the same work. Only commands are timed, as their user would: the time of a step is what a command of many steps
takes longer than one of few. REPEATS (7) times in turn, CASES (all) by name, THREADS (2). Written to
BUILD-FOLDER/bench-against.json, with the processor's seconds beside those on the clock.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPEATS = int(os.environ.get("REPEATS", 7))
THREADS = os.environ.get("THREADS", "2")

# A command that makes steps from `few` to `many`, or all of one where there are no steps to count. `net` is what a
# command starts from: an experiment's net after some steps. The goal is a ratio that an issue of this project asks
# for with loops for AVX-512.
Case = collections.namedtuple("Case", "name experiment net words few many goal")
CASES = [
    Case("r2rt, whole", "r2rt", None, ["run"], None, None, 1.3),
    Case("r2rt, training", "r2rt", None, ["train", "--set", "training.steps=%d"], 100, 2100, 1.2),
    Case("r2rt, inverse", "r2rt", 300, ["invert", "--set", "inverse.steps=%d"], 50, 1050, None),
    Case("mlp256", "mlp256", None, ["train", "--set", "training.epochs=%d"], 1, 4, 1.2),
    Case("fashion", "fashion", None, ["train", "--set", "training.epochs=%d"], 1, 4, 1.2),
    Case("cnn", "cnn", None, ["train", "--set", "training.steps=%d"], 20, 170, 1.6),
    Case("fashion-cnn", "fashion-cnn", None, ["train", "--set", "training.epochs=%d"], 1, 2, 1.6),
    Case("features conv2", "cnn", 20, ["features", "--layer", "conv2"], None, None, 4.0),
    Case("pixels-cnn", "cnn", 20, ["generate", "--steps", "%d"], 20, 220, 1.5),
]


def build(commit, folder):
    """The commit's tree with its program built in it. Earlier ones leave HDF5's newer names to a flag."""
    tree = os.path.join(folder, "against", commit)
    if not os.path.exists(f"{tree}/build/invproj"):
        shutil.rmtree(tree, ignore_errors=True)
        os.makedirs(tree)
        packed = subprocess.run(["git", "archive", commit], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "x", "-C", tree], input=packed.stdout, check=True)
        clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        make = ["make", "-C", tree, f"-j{os.cpu_count()}", "build/invproj"]
        if any(subprocess.run([*make, *flags], stdout=subprocess.DEVNULL, env=clean).returncode == 0
               for flags in ([], ["CPPFLAGS=-DH5_USE_110_API"])):
            return tree
        sys.exit(f"bench: {commit} does not build in {tree}")
    return tree


class Program:
    def __init__(self, path, experiments, data, work):
        self.path, self.experiments, self.data, self.work = os.path.abspath(path), experiments, data, work
        self.nets, self.written = {}, 0

    def time(self, words):
        """Seconds on the clock and of the processor."""
        before, start = os.times(), time.perf_counter()
        done = subprocess.run([self.path, *words, "-q", "--threads", THREADS], stdout=subprocess.DEVNULL, cwd=self.work)
        if done.returncode != 0:
            sys.exit(f"bench: {self.path} {' '.join(words)}: exit code {done.returncode}")
        after = os.times()
        return (time.perf_counter() - start,
                after.children_user + after.children_system - before.children_user - before.children_system)

    def folder(self, experiment):
        return self.data["fashion" if experiment.startswith("fashion") else "mnist"]

    def net(self, experiment, steps):
        """A run file whose net has made so many steps: one for each experiment."""
        path = os.path.join(self.work, f"{experiment}.h5")
        if experiment not in self.nets:
            self.time(["train", f"{self.experiments}/{experiment}.cfg", "--data", self.folder(experiment), "-o", path,
                       "--set", f"training.steps={steps}"])
            self.nets[experiment] = path
        return path

    def once(self, case, steps):
        """One command, on files of its own."""
        self.written += 1
        words = [word.replace("%d", str(steps)) for word in case.words]
        if case.net:
            path = os.path.join(self.work, "copy.h5")
            shutil.copy(self.net(case.experiment, case.net), path)
            return self.time([words[0], path, *words[1:], "--data", self.folder(case.experiment)])
        out = os.path.join(self.work, f"out{self.written}" + ("" if words[0] == "run" else ".h5"))
        seconds = self.time([words[0], f"{self.experiments}/{case.experiment}.cfg", "-o", out, *words[1:],
                             "--data", self.folder(case.experiment)])
        shutil.rmtree(out) if os.path.isdir(out) else os.remove(out)
        return seconds

    def seconds(self, case):
        if case.few is None:
            return self.once(case, 0)
        few, many = self.once(case, case.few), self.once(case, case.many)
        return tuple((b - a) / (case.many - case.few) for a, b in zip(few, many))


def spread(values):
    return (max(values) - min(values)) / statistics.median(values)


def compare(case, then, now):
    taken = {"then": [], "now": []}
    for _ in range(REPEATS):
        taken["then"].append(then.seconds(case))
        taken["now"].append(now.seconds(case))
    found = {"goal": case.goal}
    for which, name in ((0, "seconds"), (1, "processor")):
        found[name] = {side: [pair[which] for pair in pairs] for side, pairs in taken.items()}
        found[f"{name}_ratio"] = (statistics.median(found[name]["then"]) / statistics.median(found[name]["now"]))
    return found


def version(program):
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]


def main():
    folder, commit, mnist, fashion = sys.argv[1:]
    if not mnist:
        print("bench: skipped: MNIST is missing; `make data` fetches it")
        return
    found = subprocess.run(["git", "rev-parse", "--short=7", f"{commit}^{{commit}}"], stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        sys.exit(f"bench: {commit} is no commit here")
    commit = found.stdout.strip()
    tree = build(commit, folder)
    chosen = [case for case in CASES if not os.environ.get("CASES") or case.name in os.environ["CASES"].split(";")]
    print(f"{version(f'{folder}/invproj')}, and {commit}, in turn; {THREADS} threads, {REPEATS} repeats, medians\n"
          f"{'case':16} {'then, s':>10} {'now, s':>10} {'spread':>7} {'ratio':>6} {'of processor':>13} {'goal':>5}")
    report = {"commit": commit, "repeats": REPEATS, "threads": int(THREADS), "cases": {}}
    with tempfile.TemporaryDirectory(dir=folder) as work:
        data = {"mnist": os.path.abspath(mnist), "fashion": os.path.abspath(fashion) if fashion else None}
        sides = []
        for name, path in (("then", f"{tree}/build/invproj"), ("now", f"{folder}/invproj")):
            os.mkdir(f"{work}/{name}")
            sides.append(Program(path, os.path.abspath(f"{tree}/experiments"), data, os.path.abspath(f"{work}/{name}")))
        for case in chosen:
            if case.experiment.startswith("fashion") and not fashion:
                print(f"{case.name:16} skipped: Fashion-MNIST is missing")
                continue
            row = report["cases"][case.name] = compare(case, *sides)
            print(f"{case.name:16} {statistics.median(row['seconds']['then']):10.4g} "
                  f"{statistics.median(row['seconds']['now']):10.4g} {spread(row['seconds']['now']):7.0%} "
                  f"{row['seconds_ratio']:6.2f} {row['processor_ratio']:13.2f} {case.goal or '':>5}", flush=True)
    with open(f"{folder}/bench-against.json", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
