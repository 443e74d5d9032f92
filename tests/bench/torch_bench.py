"""The same work in PyTorch and in invproj, in turn: what `make bench-torch` runs.

    torch_bench.py BUILD-FOLDER MNIST-FOLDER FASHION-MNIST-FOLDER

PyTorch (torch_work.py) runs in one process for each setting of its threads. A short trial of each
case tells which settings are the fastest; these and invproj then take turns, REPEATS times (3), and
the fastest median is PyTorch's. CASES="cnn r2rt-whole" runs only those.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPEATS = int(os.environ.get("REPEATS", 3))
AS_FAST, MOST_SETTINGS = 1.25, 2  # what of the trial goes on: up to two, not much slower than the fastest
HOPELESS = 3.0  # so many times slower at first, and a setting is not tried longer
SPIN = "2000"  # what invproj sets GOMP_SPINCOUNT to, for itself

# `work` is a name in torch_work.py, `phase` one of `bench --time`, or "run" for the program. Each
# step makes `items` of `unit`; "s" shows the seconds themselves.
class Case(collections.namedtuple("Case", "work phase experiment data steps items unit goal")):
    def file(self):
        return f"experiments/{self.experiment}.cfg"


CASES = [
    Case("r2rt-training", "training", "r2rt", "mnist", 300, 1, "steps/s", None),
    Case("r2rt-inverse", "inverse", "r2rt", "mnist", 150, 1, "steps/s", None),
    Case("decoder", "decoder", "ladder", "mnist", 440, 250, "images/s", 2.5),
    Case("r2rt-generation", "generation", "r2rt", "mnist", 1000, 1, "s", 10.0),
    Case("r2rt-whole", "run", "r2rt", "mnist", 1000, 1, "s", 3.0),
    Case("mlp256", "training", "mlp256", "mnist", 400, 100, "images/s", 2.5),
    Case("fashion", "training", "fashion", "fashion", 1200, 32, "images/s", 2.5),
    Case("cnn", "training", "cnn", "mnist", 30, 50, "images/s", 1.5),
    Case("fashion-cnn", "training", "fashion-cnn", "fashion", 80, 64, "images/s", 1.5),
    Case("generator", "making", "generator", "mnist", 400, 100, "images/s", 2.5),
    Case("pixels-mlp", "pixels", "mlp256", "mnist", 200, 1, "s", 3.0),
    Case("pixels-cnn", "pixels", "cnn", "mnist", 50, 1, "s", 1.5),
]

Setting = collections.namedtuple("Setting", "torch blas spin")
# GOMP_SPINCOUNT: how long OpenMP's threads keep a core busy while they wait. With two of them beside
# OpenBLAS's own threads, or on a busy machine, its default is slow.
SETTINGS = [Setting(1, 1, None), Setting(1, 2, None), Setting(2, 1, None), Setting(2, 2, None),
            Setting(2, 1, SPIN), Setting(2, 2, SPIN)]


def describe(setting):
    waits = ", short waits" if setting.spin else ""
    return f"torch {setting.torch}, BLAS {setting.blas}{waits}"


class Failed(Exception):
    pass


class Torch:
    """A process of PyTorch with one setting of threads."""

    def __init__(self, setting, folders, core):
        environment = dict(os.environ, OPENBLAS_NUM_THREADS=str(setting.blas), OMP_NUM_THREADS=str(setting.torch))
        if setting.spin:
            environment["GOMP_SPINCOUNT"] = setting.spin
        if core:
            environment.setdefault("OPENBLAS_CORETYPE", core)
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "torch_work.py"), str(setting.torch), *folders],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.answer()

    def answer(self):
        line = self.process.stdout.readline().strip()
        if not line:
            raise Failed("PyTorch's process failed; what it said is above")
        return line

    def times(self, case, steps):
        """Seconds, and those of the processor."""
        self.process.stdin.write(f"{case.work} {steps}\n")
        self.process.stdin.flush()
        return tuple(map(float, self.answer().split()))

    def seconds(self, case, steps):
        return self.times(case, steps)[0]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run(words):
    environment = {"GOMP_SPINCOUNT": SPIN, **os.environ}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words)} exited with {done.returncode}")
    return done.stdout


def children_seconds():
    """Of the processor, of all processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


class Ours:
    def __init__(self, build, folders):
        self.build, self.folders, self.blas = build, folders, ""

    def times(self, case, steps):
        """Seconds, and those of the processor."""
        experiment, folder = case.file(), self.folders[case.data]
        if case.phase != "run":
            answer = json.loads(run([f"{self.build}/bench", "--time", case.phase, experiment, folder, str(steps)]))
            self.blas = answer["blas"]
            return answer["seconds"], answer["processor"]
        with tempfile.TemporaryDirectory(dir=self.build) as output:
            start, processor = time.perf_counter(), children_seconds()
            run([f"{self.build}/invproj", "run", experiment, "--data", folder, "--threads", "2", "-o", output,
                 "--force", "-q"])
            return time.perf_counter() - start, children_seconds() - processor


def fastest_settings(case, torches):
    """Those that a short trial finds as fast as the fastest, or nearly."""
    if case.phase == "run":  # with few steps no image would be sure enough for the inverse
        case = CASES[0]
    first, trial = {}, {}
    for setting, torch in torches.items():
        first[setting] = torch.seconds(case, max(1, case.steps // 50))
    for setting in torches:
        if first[setting] <= HOPELESS * min(first.values()):
            trial[setting] = torches[setting].seconds(case, max(1, case.steps // 5))
    best = min(trial.values())
    return sorted((s for s in trial if trial[s] <= AS_FAST * best), key=trial.get)[:MOST_SETTINGS]


def compare(case, torches, ours):
    settings = fastest_settings(case, torches)
    times = {setting: [] for setting in settings}
    own = []
    for _ in range(REPEATS):
        own.append(ours.times(case, case.steps))
        for setting in settings:
            times[setting].append(torches[setting].times(case, case.steps))
    best = min(settings, key=lambda s: middle(times[s]))
    return {"unit": case.unit, "goal": case.goal, "setting": describe(best),
            "torch": figures(case, times[best]), "invproj": figures(case, own),
            "ratio": middle(times[best]) / middle(own),
            "processor_ratio": middle(times[best], 1) / middle(own, 1),
            "other_settings": {describe(s): figures(case, times[s]) for s in settings if s != best}}


def middle(times, which=0):
    """The median of the seconds, or of those of the processor (1)."""
    return statistics.median(t[which] for t in times)


def figures(case, times):
    seconds = [t[0] for t in times]
    return {"value": middle(times) if case.unit == "s" else case.steps * case.items / middle(times),
            "spread": (max(seconds) - min(seconds)) / middle(times), "seconds": seconds,
            "processor_seconds": [t[1] for t in times]}


HEAD = f"{'case':16} {'unit':9} {'PyTorch':>9} {'spread':>7} {'invproj':>9} {'spread':>7} {'ratio':>6} {'CPU':>6} {'goal':>5}  PyTorch's setting"


def row(case, found):
    def number(value):
        return f"{value:9.3f}" if case.unit == "s" else f"{value:9.0f}"
    torch, own = found["torch"], found["invproj"]
    goal = f"{case.goal:5.1f}" if case.goal else "     "
    return (f"{case.work:16} {case.unit:9} {number(torch['value'])} {torch['spread']:7.0%} {number(own['value'])} "
            f"{own['spread']:7.0%} {found['ratio']:6.2f} {found['processor_ratio']:6.2f} {goal}  {found['setting']}")


def choose_cases(folders):
    """The cases that can run, and a line for each reason why others cannot."""
    wanted = os.environ.get("CASES", "").split() or [case.work for case in CASES]
    unknown = set(wanted) - {case.work for case in CASES}
    if unknown:
        raise Failed(f"CASES: no case {', '.join(sorted(unknown))}; there are {', '.join(c.work for c in CASES)}")
    missing = {"mnist": "MNIST is missing; `make data` fetches it",
               "fashion": "Fashion-MNIST is missing; Debian's package dataset-fashion-mnist has it"}
    cases, left_out = [], collections.defaultdict(list)
    for case in (case for case in CASES if case.work in wanted):
        if not folders[case.data]:
            left_out[missing[case.data]].append(case.work)
        elif not os.path.exists(case.file()):
            left_out[f"{case.file()} is not there"].append(case.work)
        else:
            cases.append(case)
    return cases, [f"{', '.join(names)}: {why}" for why, names in left_out.items()]


def main():
    build, *folders = sys.argv[1:]
    ours = Ours(build, dict(zip(("mnist", "fashion"), folders)))
    if importlib.util.find_spec("torch") is None:
        print(f"bench-torch: skipped: {sys.executable} has no PyTorch")
        return
    cases, left_out = choose_cases(ours.folders)
    for line in left_out:
        print(f"bench-torch: skipped: {line}")
    if not cases:
        return
    ours.times(cases[0]._replace(phase="training"), 1)
    # An OpenBLAS older than the processor would choose kernels several times slower: PyTorch gets ours.
    core = re.search(r"kernels for (\w+)", ours.blas)
    torches = {s: Torch(s, folders, core and core.group(1)) for s in SETTINGS}
    version = torches[SETTINGS[0]].version
    print(f"PyTorch {version} and invproj with 2 threads, in turn; {REPEATS} repeats, medians; {ours.blas}\n"
          "r2rt-whole: start, reading and writing are part of invproj's time, not of PyTorch's\n" + HEAD, flush=True)
    report = {"torch_version": version, "blas": ours.blas, "repeats": REPEATS, "skipped": left_out, "cases": {}}
    for case in cases:
        report["cases"][case.work] = compare(case, torches, ours)
        print(row(case, report["cases"][case.work]), flush=True)
    for torch in torches.values():
        torch.close()
    with open(f"{build}/bench-torch.json", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"bench-torch: {failure}")
