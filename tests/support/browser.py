"""A real browser without a driver: headless Chromium over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SECONDS = 60  # that one answer may take


class Browser:
    """One page; `errors` are the messages of its console and of its log."""

    def __init__(self, folder: Path):
        mine, its = os.pipe(), os.pipe()

        def place() -> None:  # the protocol is spoken over 3 (what the browser reads) and 4 (what it writes)
            read, write = os.dup(mine[0]), os.dup(its[1])
            os.dup2(read, 3)
            os.dup2(write, 4)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
        asked = [CHROMIUM, *options, f"--user-data-dir={folder}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(asked, preexec_fn=place, pass_fds=(3, 4), **quiet)
        os.close(mine[0])
        os.close(its[1])
        self._write, self._read, self._rest = mine[1], its[0], b""
        self._count, self._session, self.errors, self.loaded = 0, None, [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        """Return the answer to one command."""
        self._count += 1
        asked = {"id": self._count, "method": method, "params": values}
        asked |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        while (told := self._message()).get("id") != self._count:
            self._heard(told)
        assert "error" not in told, told
        return told["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], _SECONDS)
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        first, _, self._rest = self._rest.partition(b"\0")
        return json.loads(first)

    def _heard(self, told: dict[str, Any]) -> None:
        self.loaded |= told.get("method") == "Page.loadEventFired"
        if told.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.errors.append(told["params"])

    def show(self, page: Path, width: int, height: int, *, dark: bool = False, media: str = "screen") -> None:
        """Open a page in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.errors, self.loaded, end = [], False, time.monotonic() + _SECONDS
        self.call("Page.navigate", url=page.as_uri())
        while not self.loaded:
            assert time.monotonic() < end
            self._heard(self._message())

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[key]
        words = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **words)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
