"""The README's opening picture, of the page of a run, in Chromium: picture.py INVPROJ RUN.h5 OUT.png. A 3 is drawn on the pad;
what the net takes it for, what the inverse makes of it and the first hidden units are seen.

Exit code 77: there is no Chromium. SPDX-License-Identifier: GPL-3.0-or-later
"""
import base64
import math
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Chromium, installed  # noqa: E402

WIDTH, ROWS = 1000, 2  # of the page, and of sliders that are seen


def arc(y, radius, start, end):
    """Points from the one angle to the other, in degrees, clockwise from the right."""
    turns = [math.radians(start + (end - start) * i / 16) for i in range(17)]
    return [(round(radius * math.cos(a)), round(y + radius * math.sin(a))) for a in turns]


THREE = arc(-38, 38, -150, 90) + arc(44, 44, -90, 150)

# Once it is classified, the units are as the drawing has them.
FROM_PAD = """await new Promise((done) => setTimeout(done, 500));
document.querySelector('.units-part select').value = 0;
document.querySelector('.units-part select').dispatchEvent(new Event('change'));"""

# From the section's heading to the end of the second row of sliders.
CLIP = """const [rows] = arguments;
await new Promise((done) => setTimeout(done, 500));
const head = document.querySelector('#net h2').getBoundingClientRect();
const tiles = [...document.querySelectorAll('.units li')].map((one) => one.getBoundingClientRect());
const bottoms = [...new Set(tiles.map((box) => box.bottom))].sort((a, b) => a - b);
const top = Math.round(head.top + scrollY - 12);
return [top, Math.round(bottoms[rows - 1] + scrollY + 4) - top];"""


def take(page):
    with Chromium() as b:
        b.width(WIDTH)
        b.scheme("light")
        b.open(page)
        b.run("document.querySelector('.pad').scrollIntoView({block: 'center', behavior: 'instant'})")
        b.pointer(".pad", THREE)
        b.run(FROM_PAD)
        b.cdp("Emulation.setDeviceMetricsOverride", width=WIDTH, height=b.run("return document.documentElement.scrollHeight"),
              deviceScaleFactor=1, mobile=False)  # all of it, so that nothing moves when it is taken
        top, height = b.run(CLIP, ROWS)
        clip = {"x": 0, "y": top, "width": WIDTH, "height": height, "scale": 1}
        return base64.b64decode(b.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])


def main(invproj, run, out):
    if Chromium not in installed():
        print("picture: skipped: no chromium with chromedriver")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.html"
        subprocess.run([invproj, "report", run, "-o", page, "-q"], check=True)
        pathlib.Path(out).write_bytes(take(page))
    return 0


sys.exit(main(*sys.argv[1:]))
