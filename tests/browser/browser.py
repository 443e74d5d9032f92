"""Browsers, driven with nothing beyond Python's own packages: Chromium by chromedriver over HTTP, Firefox by Marionette, the
protocol beneath its driver.

    for kind in installed():
        with kind() as b:
            b.open("page.html")
            print(b.run("return document.title"))

SPDX-License-Identifier: GPL-3.0-or-later
"""
import base64
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SLOW = 300  # seconds that something may take on a busy machine


class Browser:
    """What both can do by WebDriver's commands; `command` sends one."""

    def __enter__(self):
        return self

    def open(self, page):
        """Until all of it is drawn."""
        self.command("Navigate", url=pathlib.Path(page).resolve().as_uri())
        self.run("while (!window.invproj) await new Promise((done) => setTimeout(done, 20))")

    def run(self, script, *arguments):
        """What the script returns; a promise is waited for."""
        return self.command("ExecuteScript", script=f"return (async function () {{ {script}\n }}).apply(null, arguments)", args=list(arguments))

    def element(self, selector):
        return self.command("FindElement", using="css selector", value=selector)

    def keys(self, selector, text):
        self.command("ElementSendKeys", id=next(iter(self.element(selector).values())), text=text)

    def act(self, source):
        self.command("PerformActions", actions=[source])

    def press_key(self, key):
        self.act({"type": "key", "id": "k", "actions": [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]})

    def pointer(self, selector, points, kind="mouse"):
        """Presses at the first of the points, offsets from the element's middle, and moves along them."""
        here = self.element(selector)
        move = [{"type": "pointerMove", "duration": 5, "origin": here, "x": x, "y": y} for x, y in points]
        steps = [move[0], {"type": "pointerDown", "button": 0}, *move[1:], {"type": "pointerUp", "button": 0}]
        self.act({"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": steps})


class Chromium(Browser):
    name = "Chromium"
    needs = ("chromium", "chromedriver")
    paths = {"Navigate": "/url", "ExecuteScript": "/execute/sync", "FindElement": "/element", "PerformActions": "/actions"}

    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                break
        else:
            raise RuntimeError("chromedriver does not start")
        self.base = f"http://127.0.0.1:{found[1]}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900"],
                   "binary": shutil.which("chromium")}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "timeouts": {"script": SLOW * 1000, "pageLoad": SLOW * 1000},
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = self.send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * SLOW) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def call(self, method, path, body=None):
        return self.send(method, f"/session/{self.session}{path}", body)

    def command(self, name, **parameters):
        if name == "ElementSendKeys":
            return self.call("POST", f"/element/{parameters['id']}/value", {"text": parameters["text"]})
        return self.call("POST", self.paths[name], parameters)

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def width(self, pixels):
        self.cdp("Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=pixels < 500)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, height):
        """The page as it is seen, that high, as PNG."""
        size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], height), "scale": 1}
        return base64.b64decode(self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])

    def complaints(self):
        """What has come to the console since this was last asked."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """Where requests have gone since this was last asked."""
        found = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found


class Firefox(Browser):
    name = "Firefox"
    needs = ("firefox-esr",)
    settings = {"browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False,
                "app.update.enabled": False, "browser.startup.homepage_override.mstone": "ignore"}

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="invproj-firefox-", ignore_cleanup_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {**self.settings, "marionette.port": port}
        (pathlib.Path(self.profile.name) / "user.js").write_text(
            "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()))
        self.process = subprocess.Popen(["firefox-esr", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", self.profile.name],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.count = 0
        self.socket = self.connect(port)
        self.rest = b""
        self.receive()  # who it is
        self.command("NewSession")
        self.command("SetTimeouts", script=SLOW * 1000, pageLoad=SLOW * 1000)
        self.inside("""window.seenRequests = [];
            Services.obs.addObserver({ observe(channel) {
                channel.QueryInterface(Ci.nsIHttpChannel);
                if (channel.loadInfo?.browsingContext?.top === gBrowser.selectedBrowser.browsingContext)
                    window.seenRequests.push(channel.URI.spec);
            } }, 'http-on-modify-request');""")
        self.width(1200)

    def __exit__(self, *_):
        try:
            self.send("Marionette:Quit", {"flags": ["eForceQuit"]})
        finally:
            self.socket.close()
            self.process.terminate()
            self.process.wait()
            self.profile.cleanup()

    def connect(self, port):
        end = time.monotonic() + SLOW
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=2 * SLOW)
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("Firefox does not start") from None
                time.sleep(0.2)

    def receive(self):
        """The next message: its length, a colon, JSON."""
        while b":" not in self.rest:
            self.rest += self.more()
        length, _, self.rest = self.rest.partition(b":")
        while len(self.rest) < int(length):
            self.rest += self.more()
        message, self.rest = self.rest[:int(length)], self.rest[int(length):]
        return json.loads(message)

    def more(self):
        got = self.socket.recv(1 << 16)
        if not got:
            raise RuntimeError("Firefox has ended")
        return got

    def send(self, name, parameters):
        self.count += 1
        message = json.dumps([0, self.count, name, parameters]).encode()
        self.socket.sendall(str(len(message)).encode() + b":" + message)
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(error["message"].split("\n")[0])
        return result["value"] if isinstance(result, dict) and list(result) == ["value"] else result

    def command(self, name, **parameters):
        return self.send(f"WebDriver:{name}", parameters)

    def inside(self, script):
        """Runs it in the browser itself, not in the page."""
        self.send("Marionette:SetContext", {"value": "chrome"})
        try:
            return self.command("ExecuteScript", script=script, args=[], sandbox="system", newSandbox=False)
        finally:
            self.send("Marionette:SetContext", {"value": "content"})

    def width(self, pixels):
        """Of the page: a window is not so narrow."""
        self.command("SetWindowRect", width=max(pixels, 800), height=1000)
        self.inside(f"const box = gBrowser.selectedBrowser.style; box.width = box.maxWidth = '{pixels}px'; box.flex = 'none';")
        self.run(f"for (let i = 0; i < 100 && innerWidth !== {pixels}; i++) await new Promise((done) => setTimeout(done, 20));"
                 f"if (innerWidth !== {pixels} && location.protocol === 'file:') throw new Error(`${{innerWidth}} pixels, not {pixels}`)")

    def scheme(self, name):
        self.inside(f"Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', {['dark', 'light'].index(name)})")
        self.run(f"for (let i = 0; i < 100 && !matchMedia('(prefers-color-scheme: {name})').matches; i++)"
                 "await new Promise((done) => setTimeout(done, 20))")

    def picture(self, height):
        del height  # all of it
        return base64.b64decode(self.command("TakeScreenshot", full=True))

    def complaints(self):
        return self.inside("""const found = Services.console.getMessageArray().filter((one) => one instanceof Ci.nsIScriptError)
                .filter((one) => one.sourceName.startsWith('file:') || /Content-Security-Policy/.test(one.errorMessage))
                .map((one) => one.errorMessage);
            Services.console.reset();
            return found;""")

    def requests(self):
        return self.inside("return window.seenRequests.splice(0)")


def installed():
    return [kind for kind in (Chromium, Firefox) if all(shutil.which(program) for program in kind.needs)]
