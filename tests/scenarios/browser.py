"""A headless Chromium, driven over its DevTools protocol."""

import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess

from websockets.sync.client import connect

from conftest import eventually

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# What lets it run where there is no screen, and no user but root.
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-sync", "--disable-extensions",
]
# It calls nobody but the scenario.
LOOPBACK = "--host-resolver-rules=MAP * 127.0.0.1"


def program():
    """The browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with a profile of its own, until it is closed."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.log = open(directory / "log", "wb")
        command = [program(), *FLAGS, LOOPBACK, f"--user-data-dir={directory / 'profile'}", "--remote-debugging-port=0", "about:blank"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)
        self.numbers = itertools.count(1)
        port, path = eventually(lambda: self._address(directory / "profile" / "DevToolsActivePort"), within=60, what="the browser")
        self.connection = connect(f"ws://127.0.0.1:{port}{path}", max_size=None, ping_interval=None)

    def _address(self, file):
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text(errors="replace")
        lines = file.read_text().splitlines() if file.exists() else []
        return lines if len(lines) == 2 else None

    def call(self, method, session=None, **parameters):
        """A command of the protocol, for the browser or for one of its pages."""
        number = next(self.numbers)
        asked = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.connection.send(json.dumps(asked))
        while True:
            said = json.loads(self.connection.recv(timeout=60))
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                return said["result"]

    def open(self, url):
        """A new page at this address, when it is loaded."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        eventually(lambda: page.evaluate("location.href !== 'about:blank' && document.readyState") == "complete", what=url)
        return page

    def close(self):
        self.connection.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """A page of a browser."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def evaluate(self, expression):
        """The value of an expression in the page."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, (expression, said["exceptionDetails"])
        return said["result"].get("value")

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.innerText)")

    def click(self, selector):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector, text):
        """Types a text into a field, and presses Enter."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def choose(self, selector, file):
        """Chooses a file in a field for one."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=field, files=[str(file)])

    def picture(self):
        """What a person would see of it, as a PNG in base64."""
        return self.call("Page.captureScreenshot", format="png")["data"]
