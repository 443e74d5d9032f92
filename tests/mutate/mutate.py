"""Do the tests notice when the product is changed? Changes it one small change at a time and runs them: what
`make mutate` runs.

    mutate.py BUILD-FOLDER             (SEED=1 FROM=1 COUNT=10 JOBS=1 QUICK= in the environment)

Number N is always the same change for the same SEED and sources: a constant, a comparison, an operator, a
statement and a condition by turns. Each is made in a copy of the tree, BUILD-FOLDER/tree-JOB, which is built; then
the suites run, those of the changed file first, up to the first that fails. What came of it goes into
BUILD-FOLDER/results.tsv, so that several runs add up: what was noticed once is not tried again, what was not is.
With QUICK=1 the longest suites are left for another time.
Changes that cannot make a difference are listed, with the reason, in without-effect.txt beside this file.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import concurrent.futures
import glob
import hashlib
import os
import queue
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import changes

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = ("Makefile", "README.md", "LICENSE", "CHANGELOG.md", ".ci", "src", "include", "tests", "experiments", "data")
PROGRAMS = ("check", "invproj", "example")
LEAKS = ("LDFLAGS=-fsanitize=leak",)
# What only kernels with tables of signs reach, and those alone: no other processor can tell a change there.
AVX512 = ("src/kernels/kernels_avx512.c", "src/kernels/kernels_amx.c", "src/kernels/kernels_signs.h", "src/kernels/signs.c")
# A call that gives something back: without it the results are the same, so the leak sanitizer looks too.
RELEASE = re.compile(r"without (\w*_)?(free|close|destroy|remove|decref|free_memory|H5\w+close|H5close)\(")
RUNS_PROGRAM = re.compile(r"\b(program_run|program_run_words|program_start|victim_run)\(")
LIBRARY = re.compile(r"src/(?!cli/)")
REDRAW = 9973  # the next draw of a number whose change does not compile: far away in the order
PATIENCE, LEAST_SECONDS = 10, 10  # times the processor time a suite takes by itself, and at least that
GUESS = 5.0  # seconds, of a suite that has not been tried
FLAGS = "-O1"

Verdict = collections.namedtuple("Verdict", "word suite")
NOT_NOTICED, SAME_CODE, BROKEN = Verdict("not noticed", ""), Verdict("same code", ""), Verdict("does not compile", "")


class Failed(Exception):
    """What ends it all, in words."""


# ---- files

def read(path, errors="strict"):
    with open(path, encoding="utf-8", errors=errors) as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def files_of(top):
    """The files that are copied, by their path from the top of the tree."""
    for name in TOP:
        if os.path.isfile(os.path.join(top, name)):
            yield name
        for folder, folders, names in os.walk(os.path.join(top, name)):
            folders[:] = [f for f in folders if f not in ("mnist", "fashion-mnist", "__pycache__")]
            yield from (os.path.relpath(os.path.join(folder, n), top) for n in names)


def copy_tree(to):
    """Copies what has changed, and takes away what is no more: make then builds only that."""
    kept = set(files_of("."))
    for path in kept:
        there = os.path.join(to, path)
        os.makedirs(os.path.dirname(there), exist_ok=True)
        if not os.path.exists(there) or open(path, "rb").read() != open(there, "rb").read():
            shutil.copyfile(path, there)
            shutil.copymode(path, there)
    for path in set(files_of(to)) - kept:
        os.remove(os.path.join(to, path))


# ---- what there is to change

def active_lines(file, flags):
    """The lines of each source that the compiler sees in this file."""
    command = [*shlex.split(os.environ.get("CC", "cc")), *flags, "-E", file]
    seen, name, number = collections.defaultdict(set), "", 0
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        mark = re.match(r'# (\d+) "([^"]*)"', line)
        if mark:
            number, name = int(mark.group(1)), os.path.normpath(mark.group(2))
        else:
            if line.strip():
                seen[name].add(number)
            number += 1
    return seen


def branches(text):
    """(first, last) line of each branch of an #if."""
    found, stack = [], []
    for number, line in enumerate(text.split("\n"), 1):
        word = re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b", line)
        if not word:
            continue
        if not word.group(1).startswith("if"):
            found.append((stack.pop(), number))
        if word.group(1) != "endif":
            stack.append(number + 1)
    return found


def activity(text, seen):
    """Whether a line is outside every branch that this compiler leaves out."""
    dead = [(a, b) for a, b in branches(text) if not any(a <= line < b for line in seen)]
    return lambda line: not any(a <= line < b for a, b in dead)


def can_run_avx512():
    try:
        return "avx512vl" in read("/proc/cpuinfo")
    except OSError:
        return False


def all_changes():
    """Every change of the product, in no order."""
    flags, seen = shlex.split(os.environ.get("ALL_CFLAGS", "-Iinclude -Isrc -D_GNU_SOURCE")), collections.defaultdict(set)
    left_out = () if can_run_avx512() else AVX512
    sources = sorted(glob.glob("src/**/*.c", recursive=True))
    for source in sources:
        if source not in left_out:
            for name, lines in active_lines(source, flags).items():
                seen[name] |= lines
    if left_out:
        print(f"left out, because this processor has no AVX-512: {' '.join(left_out)}")
    found = []
    for file in sources + sorted(glob.glob("src/**/*.h", recursive=True)):
        if file not in left_out:
            text = read(file)
            found += changes.find_changes(file, text, activity(text, seen[file]))
    return found


def by_kind(found, seed):
    """The changes of each kind in the order of the draw, which other changes of the sources hardly change."""
    def rank(change):
        return hashlib.sha256("\0".join((str(seed), *change.key)).encode()).digest()
    return {kind: sorted((c for c in found if c.kind == kind), key=rank) for kind in changes.KINDS}


def draw(drawn, number, attempt):
    """The change that has this number, or has it instead of those that did not compile."""
    of_kind = drawn[changes.KINDS[(number - 1) % len(changes.KINDS)]]
    return of_kind[((number - 1) // len(changes.KINDS) + attempt * REDRAW) % len(of_kind)]


# ---- what is known of changes

def read_without_effect(found):
    """{key: reason} of the list; a line of it that fits no change is an error, so that the list stays true."""
    known, listed = {c.key for c in found}, {}
    for paragraph in re.split(r"\n\s*\n", read(os.path.join(HERE, "without-effect.txt"))):
        lines = [line for line in paragraph.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        if len(lines) < 4 or not re.fullmatch(r"\S+: [\w-]+", lines[0]):
            raise Failed(f"without-effect.txt: {lines[0]}: not FILE: FUNCTION, the line, the change and the reason")
        file, function = lines[0].split(": ")
        key = changes.Key(file, function, changes.squeeze(lines[1]), changes.squeeze(lines[2]))
        if key not in known and (can_run_avx512() or file not in AVX512):
            raise Failed(f"without-effect.txt: there is no such change: {file}: {function}: {lines[1].strip()}")
        listed[key] = " ".join(line.strip() for line in lines[3:])
    return listed


class Results:
    """What came of each change, on the disk as soon as it is known."""

    def __init__(self, path):
        self.path, self.lock, self.known = path, threading.Lock(), {}
        if os.path.exists(path):
            for line in read(path).splitlines():
                *key, word, suite = line.split("\t")
                self.known[changes.Key(*key)] = Verdict(word, suite)

    def get(self, change):
        return self.known.get(change.key)

    def put(self, change, verdict):
        with self.lock, open(self.path, "a", encoding="utf-8") as file:
            self.known[change.key] = verdict
            file.write("\t".join((*change.key, *verdict)) + "\n")


# ---- suites

class Suite(collections.namedtuple("Suite", "name folder level runs_program")):
    """One line of tests/suites.h; `level` is that of what it tests, by the Makefile's LEVELS."""


def find_suites():
    levels = re.search(r"^LEVELS := (.*)", read("Makefile"), re.M).group(1).split()
    suites = []
    for name in re.findall(r"^    X\((\w+)\)", read("tests/suites.h"), re.M):
        path, = [p for p in glob.glob("tests/**/*.c", recursive=True) if f"Suite *{name}_suite(void)\n{{" in read(p)]
        folder = os.path.basename(os.path.dirname(path))
        level = levels.index(folder) if folder in levels else len(levels)
        suites.append(Suite(name, folder, level, bool(RUNS_PROGRAM.search(read(path)))))
    return levels, suites


def suites_for(change, levels, suites, unchanged):
    """Those that the change can reach: the file's own first, its folder's, the quick ones, the long ones."""
    parts = change.key.file[: change.key.file.rindex(".")].split("/")[1:]
    level = levels.index(parts[0])

    def order(suite):
        own = any(part.startswith(suite.name) for part in parts)
        return (0 if own else 1 if suite.folder == parts[0] else 2), unchanged.seconds(suite.name)
    reached = [s for s in suites if s.runs_program or (s.level >= level and parts[0] != "cli")]
    quick = os.environ.get("QUICK") and {"survive"} | (set() if parts[0] == "cli" else {"cli_bad", "cli_disk"})
    return sorted((s for s in reached if not quick or s.name not in quick), key=order)


# ---- one job: a copy of the tree, and what is run in it

class Job:
    """A copy of the tree in a folder of its own. The programs are in three folders: build/, which changes, and as
    they are without a change, plain/ and, with the leak sanitizer linked in, leaks/."""

    def __init__(self, folder):
        self.folder, self.said = os.path.abspath(folder), ""
        self.temporary = os.path.join(self.folder, "tmp")
        copy_tree(self.folder)
        self.build_unchanged()

    def at(self, *path):
        return os.path.join(self.folder, *path)

    def make(self, programs, *more):
        """Whether it compiles and links."""
        command = ["make", "-s", f"CFLAGS={FLAGS}", *("build/" + name for name in programs), *more]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "ALL_CFLAGS"))}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode == 0

    def unlink_programs(self):
        for name in (*PROGRAMS, "libinvproj.a"):
            if os.path.exists(self.at("build", name)):
                os.remove(self.at("build", name))

    def build_unchanged(self):
        """Links all anew: make does not know with which flags it linked what is there."""
        self.unlink_programs()
        for folder, flags in (("leaks", LEAKS), ("plain", ())):
            if not self.make(PROGRAMS, "build/torture.so", *flags):
                raise Failed(self.said.strip() or "it does not build")
            os.makedirs(self.at(folder), exist_ok=True)
            for name in PROGRAMS:
                shutil.copy2(self.at("build", name), self.at(folder, name))
            self.unlink_programs()

    def environment(self, folder):
        return {**os.environ, "INVPROJ": f"{folder}/invproj", "INVPROJ_EXAMPLE": f"{folder}/example",
                "INVPROJ_TORTURE": "build/torture.so", "INVPROJ_SHORT": "1", "TMPDIR": self.temporary,
                "CK_TIMEOUT_MULTIPLIER": "20",
                "LSAN_OPTIONS": f"suppressions={HERE}/leaks.txt:print_suppressions=0"}

    def run(self, suite, most, folder="build"):
        """Whether the suite passes; a process that takes more than `most` seconds of the processor is ended, and
        so is all of it after many times that, in case it sleeps for ever."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        os.makedirs(self.temporary)
        command = ["sh", "-c", f'ulimit -t {int(most) + 1}; exec {folder}/check "$0"', suite.name]
        with open(self.at("said.txt"), "wb") as said:
            child = subprocess.Popen(command, cwd=self.folder, env=self.environment(folder), stdout=said, stderr=said,
                                     stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            return child.wait(60 + 30 * most) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

    def failed_test(self):
        """The name of the first test that failed in what ran last."""
        found = re.search(r"^\S+?:\d+:[FE]:[^:]*:(\w+):", read(self.at("said.txt"), "replace"), re.M)
        return found.group(1) if found else "it ended"


class Unchanged:
    """How the suites do where nothing is changed: they pass, in so many seconds of the processor. Tried when it is
    needed; the seconds of other sources will do, but that a suite passes has to be seen of these."""

    def __init__(self, path, tree):
        self.path, self.tree, self.lock, self.known = path, tree, threading.Lock(), {}
        for line in read(path).splitlines() if os.path.exists(path) else ():
            name, seconds, of_tree = line.split()
            self.known[name] = float(seconds), of_tree

    def seconds(self, name):
        return self.known.get(name, (GUESS, ""))[0]

    def most(self, job, suite):
        """What a process of the suite may take."""
        if suite.name not in self.known:
            self.must_pass(job, suite)
        return max(LEAST_SECONDS, PATIENCE * self.seconds(suite.name))

    def must_pass(self, job, suite):
        with self.lock:
            if self.known.get(suite.name, (0, ""))[1] == self.tree:
                return
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            if not job.run(suite, 1000, "plain"):
                raise Failed(f"the suite {suite.name} fails where nothing is changed")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.known[suite.name] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, self.tree
            write(self.path, "".join(f"{n} {s:.2f} {t}\n" for n, (s, t) in self.known.items()))

    def leaks_nothing(self, job, suite):
        """Whether the suite passes with the leak sanitizer; not all do."""
        with self.lock:
            name = suite.name + "/leaks"
            if self.known.get(name, (0, ""))[1] != self.tree:
                self.known[name] = float(job.run(suite, 1000, "leaks")), self.tree
            return self.known[name][0] == 1.0


def hash_of_tree():
    tree = hashlib.sha256()
    for file in sorted(files_of(".")):
        if not file.startswith("tests/mutate/"):
            with open(file, "rb") as opened:
                tree.update(file.encode() + opened.read())
    return tree.hexdigest()


def objects_of(job, file):
    """The object files that are made from it, by make's own notes."""
    notes = glob.glob(job.at("build/**/*.d"), recursive=True)
    return [note[:-2] + ".o" for note in notes if re.search(rf"(^|\s){re.escape(file)}(\s|$)", read(note), re.M)]


def first_to_fail(job, suites, unchanged):
    """A suite that runs programs fails only if it does so twice: others may keep the machine busy."""
    for suite in suites:
        most = unchanged.most(job, suite)
        if suite.runs_program and not job.make(PROGRAMS):
            raise Failed(job.said)
        if not job.run(suite, most) and not (suite.runs_program and job.run(suite, most)):
            by = f"{suite.name}, {job.failed_test()}"
            unchanged.must_pass(job, suite)
            return Verdict("noticed", by)
    return NOT_NOTICED


def first_to_leak(job, suites, unchanged):
    """The same with the leak sanitizer linked in, which survive's own malloc does not go with."""
    job.unlink_programs()
    if not job.make(PROGRAMS, *LEAKS):
        raise Failed(job.said)
    for suite in suites:
        if suite.name != "survive" and not job.run(suite, 2 * unchanged.most(job, suite)) and \
                unchanged.leaks_nothing(job, suite):
            return Verdict("noticed", suite.name + ", as a leak")
    return NOT_NOTICED


def judge(job, change, suites, unchanged):
    """Makes the change, builds, runs, and puts all back."""
    path, kept = job.at(change.key.file), {}
    text, state = read(path), os.stat(path)
    for name in objects_of(job, change.key.file):
        with open(name, "rb") as file:
            kept[name] = file.read(), os.stat(name)
    try:
        write(path, change.apply(text))
        if not job.make(["check"] if LIBRARY.match(change.key.file) else PROGRAMS):
            return BROKEN
        if all(open(name, "rb").read() == data for name, (data, _) in kept.items()):
            return SAME_CODE
        verdict = first_to_fail(job, suites, unchanged)
        if verdict == NOT_NOTICED and RELEASE.match(change.key.change):
            verdict = first_to_leak(job, suites, unchanged)
        return verdict
    finally:
        write(path, text)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        for name, (data, state) in kept.items():
            with open(name, "wb") as file:
                file.write(data)
            os.utime(name, ns=(state.st_atime_ns, state.st_mtime_ns))
        job.unlink_programs()


# ---- all of them

class Session:
    """What is asked for, and what all jobs share."""

    def __init__(self, folder):
        self.seed, self.first, self.count, self.jobs = (int(os.environ.get(name) or value) for name, value in
                                                        (("SEED", 1), ("FROM", 1), ("COUNT", 10), ("JOBS", 1)))
        os.makedirs(folder, exist_ok=True)
        found = all_changes()
        self.drawn, self.without_effect = by_kind(found, self.seed), read_without_effect(found)
        self.levels, self.suites = find_suites()
        self.results = Results(os.path.join(folder, "results.tsv"))
        self.unchanged = Unchanged(os.path.join(folder, "seconds.txt"), hash_of_tree())
        self.free = queue.Queue()
        print(f"{len(found)} changes can be made, of them {self.count} from number {self.first} on, seed {self.seed}",
              flush=True)
        for n in range(self.jobs):
            self.free.put(Job(os.path.join(folder, f"tree-{n}")))

    def judge(self, change):
        """By what is known, or by a job that is free."""
        known = self.results.get(change)
        if known and known != NOT_NOTICED:
            return known
        if change.key in self.without_effect:
            return Verdict("without effect", "")
        job = self.free.get()
        try:
            suites = suites_for(change, self.levels, self.suites, self.unchanged)
            verdict = judge(job, change, suites, self.unchanged)
        finally:
            self.free.put(job)
        self.results.put(change, verdict)
        return verdict

    def settle(self, number):
        """The change of this number, what came of it, and how many were drawn for nothing."""
        for attempt in range(50):
            change = draw(self.drawn, number, attempt)
            verdict = self.judge(change)
            if verdict not in (BROKEN, SAME_CODE):
                tell(number, change, verdict)
                return verdict, attempt
        raise Failed(f"number {number}: fifty changes in a row do not compile")


def tell(number, change, verdict):
    if verdict.word == "noticed":
        words = f"noticed by {verdict.suite}"
    else:
        words = verdict.word.upper() if verdict == NOT_NOTICED else verdict.word
    what = change.key.change if change.kind in ("statement", "condition") else f"{change.key.change} in `{change.key.line}`"
    print(f"{number:4} {change.key.file}:{change.number} {what}: {words}", flush=True)


def main():
    started = time.monotonic()
    session = Session(sys.argv[1])
    numbers = range(session.first, session.first + session.count)
    with concurrent.futures.ThreadPoolExecutor(session.jobs) as pool:
        settled = list(pool.map(session.settle, numbers))
    count = collections.Counter(verdict.word for verdict, _ in settled)
    tried = count["noticed"] + count["not noticed"]
    print(f"{count['noticed']} of {tried} changes are noticed; {count['without effect']} more are without effect, "
          f"{sum(redrawn for _, redrawn in settled)} that do not compile or change no code were drawn again; "
          f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"mutate: {failed}")
