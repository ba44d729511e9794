"""chromium - Debian's Chromium by its own driver (WebDriver over HTTP), headless, with a fresh profile and no service of
its maker's: one browser a test module."""
import base64
import hashlib
import http.client
import json
import os
import shutil
import subprocess

import ca
import gateway as program
import procs

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-proxy-server",
         "--autoplay-policy=no-user-gesture-required"]


def is_here():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def key_hash(certificate):
    """What the browser calls a certificate that it is to accept although it does not know the CA."""
    public = ca.openssl("x509", "-in", certificate, "-noout", "-pubkey")
    return base64.b64encode(hashlib.sha256(ca.openssl("pkey", "-pubin", "-outform", "der", input=public)).digest()).decode()


class Browser:
    def __init__(self, folder, certificate=None):
        self.port = program.free_port()
        env = {"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8"}
        self.driver = procs.start(["chromedriver", f"--port={self.port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=env)
        assert procs.wait_for(self.is_ready), "chromedriver is not up"
        arguments = [*FLAGS, f"--user-data-dir={folder}/profile", "--hide-scrollbars"]
        if certificate is not None:
            arguments.append(f"--ignore-certificate-errors-spki-list={key_hash(certificate)}")
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "timeouts": {"script": 120000, "pageLoad": 60000},
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments}}}})
        self.session = f"/session/{made['sessionId']}"

    def is_ready(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except OSError:
            return False

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=150)
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "stacktrace" in value:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value

    def open(self, url):
        self.ask("POST", f"{self.session}/url", {"url": url})

    def title(self):
        return self.ask("GET", f"{self.session}/title")

    def run(self, what, *arguments):
        """The page's run(what, ...), once its script is there."""
        script = """const [what, argument] = arguments
            for (let i = 0; i < 500 && !window.run; i++) await new Promise((resolve) => setTimeout(resolve, 10))
            return await window.run(what, argument)"""
        return self.ask("POST", f"{self.session}/execute/sync", {"script": f"return (async (...arguments) => {{ {script} }})(...arguments)",
                                                                 "args": [what, *arguments]})

    def script(self, text, *arguments):
        """What the body of a function returns in the page."""
        return self.ask("POST", f"{self.session}/execute/sync", {"script": text, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.ask("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look_as(self, width, height, scheme):
        """A window of that size for somebody who likes it `light` or `dark`."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        """Of the whole page."""
        image = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))

    def forget_cookies(self):
        self.ask("DELETE", f"{self.session}/cookie")

    def console(self):
        """What the page complained of since the last call."""
        return [entry["message"] for entry in self.ask("POST", f"{self.session}/se/log", {"type": "browser"})]

    def end(self):
        try:
            self.ask("DELETE", self.session)
        except (OSError, AssertionError):
            pass
        procs.end(self.driver)
