"""The page of `invproj report` in real browsers, Chromium and Firefox, those that are there: check.py INVPROJ FOLDER, which
keeps what is made.

Exit code 77: there is no browser, or a package of Python is missing. SPDX-License-Identifier: GPL-3.0-or-later
"""
import base64
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import installed  # noqa: E402

AXE = "axe-core@4.10.3"
HOSTILE = """<img src=x onerror="hacked=1"></script><script>hacked=1</script><!-- '&amp;{{script}}"""
TOLERANCE = 1e-4
AT_ONCE = min(4, os.cpu_count() or 1)
invproj, work = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
root = pathlib.Path(__file__).parents[2]
bad = []
printed = threading.Lock()
told = threading.local()  # .lines: what a thread has to say, for when it is through


def skip(why):
    print(f"check-report: skipped: {why}")
    sys.exit(77)


try:
    import h5py
    import numpy as np
except ImportError as missing:
    skip(f"no Python package {missing.name}")
if not installed():
    skip("neither chromium with chromedriver nor firefox-esr")


def say(line):
    told.lines.append(line)


def check(what, good, seen=""):
    say(f"  {'ok' if good else 'WRONG'}    {what}{'' if good else f': {seen}'}")
    if not good:
        bad.append(what)


def beside(*tasks):
    """Does them, a few at a time, each a function and its arguments; the results, in their order."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return [one.result() for one in [pool.submit(*task) for task in tasks]]


def program(*arguments):
    done = subprocess.run([invproj, *map(str, arguments)], cwd=root, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"invproj {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


# ---- runs --------------------------------------------------------------------------------------------------

def write_data(folder, channels=1):
    """Pictures of five classes: a stroke or two each, somewhere near the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    def draw(label):
        image = np.zeros((28, 28))
        y, x = rng.integers(-2, 3, 2)
        if label in (0, 2):
            image[6 + y:22 + y, 12 + x:15 + x] = 230
        if label in (1, 2):
            image[12 + y:15 + y, 6 + x:22 + x] = 230
        if label == 3:
            for i in range(16):
                image[6 + i + y, 5 + i + x:8 + i + x] = 230
        if label == 4:
            image[8 + y:21 + y, 8 + x:21 + x] = 230
            image[11 + y:18 + y, 11 + x:18 + x] = 0
        return np.clip(image + rng.integers(0, 25, image.shape), 0, 255)
    for part, n in (("train", 500), ("t10k", 100)):
        labels = np.arange(n) % 5
        images = np.stack([draw(label) for label in labels])
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            with open(folder / f"{part}-{kind}-ubyte", "wb") as file:
                file.write(bytes([0, 0, 8, array.ndim]) + b"".join(int(s).to_bytes(4, "big") for s in array.shape))
                file.write(array.astype("u1").tobytes())


def make_r2rt():
    sets = ["data.validation=50", "training.steps=200", "training.batch=100", "inverse.steps=150", "inverse.batch=100",
            "inverse.confidence=0.0", "project.images=20", "generate.classes=[0,1,2,3,4]", "generate.steps=60",
            "network.layers.2.units=0", f"title={json.dumps(HOSTILE)}"]
    program("run", "experiments/r2rt.cfg", "--data", work / "data", "-o", work / "r2rt", "-q", "--force", *[w for s in sets for w in ("--set", s)])
    run = work / "r2rt" / "run.h5"
    program("exemplars", run, "--data", work / "data", "-q", "--layer", "hidden2", "--units", "0-3", "--count", "3")
    return run


def make_cnn():
    short = ["training.epochs=0", "training.steps=20", "network.layers.6.units=0"]
    cnn = work / "cnn.h5"
    program("train", "experiments/fashion-cnn.cfg", "--data", work / "data", "-o", cnn, "-q", "--force", *[w for s in short for w in ("--set", s)])
    for at in ("pool", "hidden", "norm"):
        program("invert", cnn, "-q", "--kind", "mirror", "--at", at, "--name", at, "--set", "inverse.steps=5", "--set", "inverse.batch=20")
        program("project", cnn, "-q", "--inverse", at, "--name", at, "--set", "project.images=10")
    return cnn


def make_bare():
    program("train", "experiments/r2rt.cfg", "--data", work / "data", "-o", work / "bare.h5", "-q", "--force", "--set", "training.steps=5",
            "--set", "training.batch=50", "--set", "data.validation=0", "--set", "network.layers.2.units=0")
    return work / "bare.h5"


def make_sweep():
    """Two rates by three seeds, and one rate by which nothing can be learned."""
    (work / "sweep.cfg").write_text(f"""experiment = "{root}/experiments/r2rt.cfg";
        set = [ "training.steps=20", "training.batch=50", "inverse.steps=10", "inverse.batch=50", "inverse.confidence=0.0",
                "data.validation=0", "network.layers.2.units=0", "project.images=4", "generate.classes=[0,1]", "generate.steps=5" ];
        grid = ( {{ key = "training.optimiser.rate"; values = [ 0.01, 0.003, 0.1 ]; }}, {{ key = "seed"; from = 1; to = 3; }} );""")
    shutil.rmtree(work / "sweep", ignore_errors=True)
    program("sweep", work / "sweep.cfg", "--data", work / "data", "-o", work / "sweep", "-q")
    (sorted((work / "sweep").glob("*.h5"))[0]).unlink()
    page = work / "sweep.html"
    subprocess.run([invproj, "gather", work / "sweep", "-q", "--report", page], capture_output=True, check=False)  # 1: one is missing
    return page


def make_page(*runs, name, more=()):
    page = work / f"{name}.html"
    program("report", *runs, "-o", page, "--force", "-q", *more)
    return page


# ---- what the page computes --------------------------------------------------------------------------------

FORWARD = """
const { content, Net, Play } = window.invproj;
const run = content.runs[0];
const nets = Play.open(run);
const [images, name] = arguments;
const inverse = nets.inverses.find((one) => one.name === name);
return images.map((image) => {
  const values = nets.net.forward(image);
  return [Array.from(values[nets.logits]),
          Array.from(inverse.net.forward(values[inverse.point])[inverse.layers.length])];
});
"""


def agree(b, run, projection, inverse):
    """Logits and projections of the images that the run file has projected, the page's and the program's."""
    with h5py.File(run) as file:
        group = file[f"projections/{projection}"]
        images, wanted = group["original"][()], group["image"][()]
    given = work / f"images-{inverse}.npy"
    np.save(given, images.reshape(-1, 28, 28, 1))
    lines = program("predict", "--outputs", "--at", "output.pre", run, given).splitlines()
    logits = np.array([json.loads(line)["outputs"] for line in lines])
    seen = b.run(FORWARD, [image.ravel().tolist() for image in images.astype(float)], inverse)
    off = np.abs(np.array([one[0] for one in seen]) - logits).max()
    check(f"{run.name}: logits as the program's, {off:.1e} off at most", off <= TOLERANCE, off)
    off = np.abs(np.array([one[1] for one in seen]) - wanted.reshape(len(wanted), -1)).max()
    check(f"{run.name}: projections by {inverse} as the program's, {off:.1e} off at most", off <= TOLERANCE, off)


SCRIBBLES = {"a bar": [(0, -70), (0, 0), (4, 70)], "a corner": [(-60, -60), (-60, 50), (50, 50)],
             "a small tick in a corner": [(-110, -100), (-100, -85), (-85, -110)]}


def press(b, button):
    b.run("[...document.querySelectorAll('#net button')].find((one) => one.textContent === arguments[0]).click()", button)


def draw(b, run, kind):
    for name, points in SCRIBBLES.items():
        b.run("document.querySelector('#net').scrollIntoView({behavior: 'instant'})")
        press(b, "Clear")
        b.pointer(".pad", points, kind)
        seen = b.run("""await new Promise((done) => setTimeout(done, 100));
            const s = window.invproj.Play.state;
            return { p: Array.from(s.probabilities), png: s.pad.canvas.toDataURL(), said: document.querySelector('#net .verdict').textContent }""")
        picture = work / "pad.png"
        picture.write_bytes(base64.b64decode(seen["png"].split(",")[1]))
        wanted = json.loads(program("predict", "--centre", "--json", "--top", "1", run, picture))["images"][0]["classes"][0]
        p = np.array(seen["p"])
        check(f"{name}, by {kind}, is of the class that predict gives", int(p.argmax()) == wanted["class"] and f" {wanted['class']}," in seen["said"], (seen["said"], wanted))
        check(f"{name}, by {kind}, with its confidence", abs(p.max() - wanted["probability"]) < 1e-3, (p.max(), wanted))


# ---- the page as a page ------------------------------------------------------------------------------------

def quiet(b, page):
    complaints, requests = b.complaints(), b.requests()
    check(f"{page.name}: no word on the console", not complaints, complaints[:3])
    out = [url for url in requests if not url.startswith(("file:", "data:"))]
    check(f"{page.name}: no request leaves", not out, out)


def fits(b, page):
    for pixels in (360, 1200, 2000):
        b.width(pixels)
        wide = b.run("await new Promise((done) => setTimeout(done, 100)); return document.scrollingElement.scrollWidth")
        check(f"{page.name}: at {pixels} pixels it needs no more", wide <= pixels, wide)
    b.width(1200)


def schemes(b):
    colours = []
    for name in ("dark", "light"):
        b.scheme(name)
        colours.append(b.run("return getComputedStyle(document.body).backgroundColor"))
    check("dark and light differ", colours[0] != colours[1], colours)


def on_paper(b):
    """Printed, a page is light even where the screen is dark. Firefox has no command for it."""
    if not hasattr(b, "cdp"):
        return
    soft = "return getComputedStyle(document.documentElement).getPropertyValue('--soft')"
    b.scheme("light")
    light = b.run(soft)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    b.cdp("Emulation.setEmulatedMedia", media="print", features=dark)
    check("prints are light", b.run(soft) == light, b.run(soft))
    b.cdp("Emulation.setEmulatedMedia", media="", features=dark)
    check("where the screen is dark", b.run(soft) != light, light)
    b.scheme("light")


def small_texts(b):
    b.width(360)
    height = b.run("return document.querySelector('.net .name').getBoundingClientRect().height")
    check("the drawing of the net is readable at 360 pixels", height > 12, height)
    b.width(1200)


def fetch_axe():
    """axe-core's script, by npm; "" where it cannot be had."""
    script = work / "package" / "axe.min.js"
    if not script.exists() and shutil.which("npm"):
        subprocess.run(["npm", "pack", "--silent", AXE], cwd=work, capture_output=True, timeout=60, check=False)
        archive = work / f"{AXE.replace('@', '-')}.tgz"
        if archive.exists():
            shutil.unpack_archive(archive, work, filter="data") if sys.version_info >= (3, 12) else shutil.unpack_archive(archive, work)
    return script.read_text() if script.exists() else ""


def accessible(b, page, axe):
    if not axe:
        say(f"  skipped  {AXE} cannot be had")
        return
    b.run(axe + "; window.axe = axe;")
    for name, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):  # the others see no colours
        b.scheme(name)
        found = b.run("""for (const one of document.querySelectorAll('details:not(.run)')) one.open = true;
            const found = await window.axe.run(document, arguments[0]);
            return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`)""", rules)
        check(f"{page.name}, {name}: axe-core finds nothing", not found, "\n           ".join(found))
    b.scheme("light")


def hostile(b):
    check("a hostile title is text", b.run("return document.querySelector('h1').textContent") == HOSTILE, b.run("return document.title"))
    check("and does nothing", b.run("return window.hacked === undefined"))


PIXELS = "return document.querySelector('.units-part canvas').toDataURL()"


def units(b):
    before = b.run(PIXELS)
    b.keys(".units input", "\ue014" * 30)  # arrow right
    check("a slider changes the image", b.run(PIXELS) != before)
    value = "return document.querySelector('.units input').value"
    before = b.run(value)
    b.run("document.querySelector('.units .tile').scrollIntoView({block: 'center', behavior: 'instant'})")
    b.pointer(".units .tile", [(0, 0), (-20, 0), (-60, 0)])
    check("dragging a tile moves its slider", b.run(value) != before)
    frames = "return [...document.querySelectorAll('.frames canvas')].map((one) => one.toDataURL())"
    check("a walk has different steps", len(set(b.run(frames))) > 5)


CHOOSE = """const select = document.querySelector(arguments[0]);
    select.value = [...select.options].findIndex((one) => one.text.startsWith(arguments[1]));
    select.dispatchEvent(new Event('change'));
    await new Promise((done) => setTimeout(done, 300));"""


def starts(b):
    before = b.run(PIXELS)
    press(b, "Random sample of the Gaussian")
    sample = b.run(PIXELS)
    b.run(CHOOSE, ".units-part select", "image 3")
    image = b.run(PIXELS)
    b.run(CHOOSE, ".units-part select", "the mean of class 2")
    check("sliders start from a sample, an image, a class's mean", len({before, sample, image, b.run(PIXELS)}) == 4)


def channels(b):
    """A point of 13 x 13 x 32 values: a slider for each channel, and for any of the 5,408 units that is asked for."""
    b.run(CHOOSE, "#net select", "pool")
    count = "return document.querySelectorAll('.units input').length"
    check("a point of many units has a slider a channel", b.run(count) == 32, b.run(count))
    before = b.run(PIXELS)
    b.keys(".units input", "\ue014" * 30)
    check("a channel's slider changes the image", b.run(PIXELS) != before)
    b.run("""document.querySelectorAll('.search input').forEach((one, i) => { one.value = [31, 6, 7][i]; });
        document.querySelector('.search').requestSubmit();""")
    first = b.run("return document.querySelector('.units input').getAttribute('aria-label')")
    check("a slider of any unit can be had", b.run(count) == 33 and first == "channel 31, row 6, column 7", first)
    value = "return window.invproj.Play.state.hidden[(6 * 13 + 7) * 32 + 31]"
    before = b.run(value)
    b.keys(".units input", "\ue014" * 30)
    check("and moves it", b.run(value) > before, b.run(value))
    place = "return document.querySelector('.units input').valueAsNumber"
    before = b.run(place)
    b.keys(".units input[aria-label='channel 31']", "\ue012" * 30)  # arrow left
    check("and goes with its channel's", b.run(place) < before, b.run(place))


def drop(b):
    """A picture of what was drawn, dropped, is what was drawn."""
    press(b, "Clear")
    b.pointer(".pad", SCRIBBLES["a bar"])
    seen = b.run("""const { pad } = window.invproj.Play.state;
        const wait = () => new Promise((done) => setTimeout(done, 300));
        await wait();
        const before = Array.from(window.invproj.Play.state.probabilities);
        const bytes = Uint8Array.from(atob(pad.canvas.toDataURL().split(',')[1]), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], 'drawn.png', { type: 'image/png' }));
        pad.clear();
        await wait();
        pad.canvas.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
        for (let i = 0; i < 50 && pad.isEmpty(); i++) await wait();
        await wait();
        return [before, Array.from(window.invproj.Play.state.probabilities)]""")
    check("a PNG that is dropped is classified as what it shows", np.abs(np.subtract(*seen)).max() < 1e-3, seen)


def undo(b):
    empty = "return window.invproj.Play.state.pad.isEmpty()"
    press(b, "Clear")
    b.pointer(".pad", SCRIBBLES["a bar"])
    drawn = not b.run(empty)
    press(b, "Undo")
    check("undo takes a stroke back", drawn and b.run(empty))


def dialog(b):
    b.run("document.querySelector('#projections .picture').focus()")
    b.keys("#projections .picture", "\ue007")  # enter
    seen = b.run("return document.querySelector('.viewer')?.open && document.querySelector('.viewer').textContent")
    check("a picture opens, and says where it is in the file", seen and "/projections/r2rt/original[0]" in seen, seen)
    check("and can be saved", b.run("return document.querySelector('.viewer a[download]').href.startsWith('data:image/png')"))
    b.press_key("\ue00c")  # escape
    check("escape closes it, and the focus is back", b.run("return !document.querySelector('.viewer').open && document.activeElement.className === 'picture'"))


def exemplars(b):
    b.run("document.querySelector('#features .picture').click()")
    seen = b.run("return [...document.querySelectorAll('.viewer .gallery .picture img')].map((one) => one.src)")
    row = b.run("return [...document.querySelectorAll('#exemplars .row')].find((one) => one.querySelector('h3').textContent === 'unit 0').innerHTML")
    check("a unit's picture opens with the images that excite it", len(seen) == 3 and all(one in row for one in seen), len(seen))
    b.run("document.querySelector('.viewer .gallery .picture').click()")
    title = b.run("return document.querySelector('.viewer').open && document.querySelector('.viewer').textContent")
    check("which open themselves", "/exemplars/exemplars/image[0]" in title, title)
    b.press_key("\ue00c")


def sweep_page(b):
    rates = "return [...document.querySelectorAll('#settings tbody th')].map((one) => one.textContent)"
    check("a sweep's settings are there, in their order", b.run(rates) == ["0.01", "0.003", "0.1"], b.run(rates))
    b.run("document.querySelector('#settings button.sort').click()")
    check("and can be sorted", b.run(rates) == ["0.003", "0.01", "0.1"], b.run(rates))
    b.run("document.querySelector('#settings button.sort').click()")
    check("both ways", b.run(rates) == ["0.1", "0.01", "0.003"], b.run(rates))
    check("what is missing is told", "8 of 9 runs are done" in b.run("return document.querySelector('#short').textContent"))
    bars = "return document.querySelectorAll('#dependence .bar').length"
    check("figures are drawn with their spread", b.run(bars) >= 3, b.run(bars))


def times(b, page):
    first = b.run("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    stroke = b.run("return window.invproj.Play.state.milliseconds")
    say(f"           {page.name}: {page.stat().st_size / 1e6:.2f} MB, first paint after {first or 0:.0f} ms, {stroke or 0:.0f} ms a stroke")


def play(b, page, run):
    b.open(page)
    hostile(b)
    schemes(b)
    b.scheme("light")
    for pointer in ("mouse", "touch"):
        draw(b, run, pointer)
    undo(b)
    drop(b)
    units(b)
    starts(b)
    dialog(b)
    exemplars(b)
    agree(b, run, "r2rt", "r2rt")
    times(b, page)


def read(b, page, axe):
    b.open(page)
    on_paper(b)
    small_texts(b)
    fits(b, page)
    accessible(b, page, axe)


def convolve(b, page, cnn):
    b.open(page)
    for name in ("hidden", "norm"):
        agree(b, cnn, name, name)
    channels(b)
    fits(b, page)
    times(b, page)


def compare(b, page, axe):
    b.open(page)
    check("several runs are compared", b.run("return document.querySelectorAll('#settings tbody tr').length") > 3)
    b.run("for (const one of document.querySelectorAll('details.run')) one.open = true")
    check("and each can be opened", b.run("await new Promise((done) => setTimeout(done, 200)); return document.querySelectorAll('details.run section').length") > 5)
    fits(b, page)
    accessible(b, page, axe)


def sort(b, page, axe):
    b.open(page)
    sweep_page(b)
    fits(b, page)
    accessible(b, page, axe)


def open_only(b, page):
    b.open(page)
    check(f"{page.name} is drawn", b.run("return document.querySelectorAll('section').length") > 3)


def look(kind, views):
    """At those of the views that no other browser has taken: each a function, a page and what else it wants."""
    with kind() as b:
        b.width(1200)
        while views:
            see, page, *more = views.pop(0)
            told.lines = [f"{kind.name}, {page.name}:"]
            try:
                see(b, page, *more)
                quiet(b, page)
            finally:
                with printed:
                    print(*told.lines, sep="\n", flush=True)


def main():
    work.mkdir(parents=True, exist_ok=True)
    write_data(work / "data")
    axe, run, cnn, bare, sweep = beside((fetch_axe,), (make_r2rt,), (make_cnn,), (make_bare,), (make_sweep,))
    page = make_page(run, name="r2rt")
    views = [(play, page, run), (read, page, axe), (compare, make_page(run, bare, name="several"), axe), (sort, sweep, axe),
             (convolve, make_page(cnn, name="cnn"), cnn), (open_only, make_page(bare, name="bare")),
             (open_only, make_page(bare, name="without-net", more=["--no-net"]))]
    for kind in installed():
        left = list(views)
        beside(*[(look, kind, left)] * AT_ONCE)
    print(f"check-report: {'WRONG: ' + '; '.join(bad) if bad else 'all is right'}")
    return 1 if bad else 0


sys.exit(main())
