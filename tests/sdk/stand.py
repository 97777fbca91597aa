"""A provider simulator and a gateway in front of it, for the tests of this folder."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

KEY = "tgk_0123456789abcdef"
# The service account that the simulator knows the public key of.
ACCOUNT = pathlib.Path(__file__).parent.parent / "src/simulator/vertex/service_account.json"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def with_limited(config):
    """Each provider once more, for calls that exhaust its rate limit."""
    head, *blocks = re.split(r"(?m)^(?=\[)", config)
    providers = [block for block in blocks if block.startswith("[providers.")]
    copies = [block.replace("[providers.", "[providers.limited-", 1) for block in providers]
    return head + "".join(blocks) + "\n" + "".join(copies)


class Stand:
    """Both processes; `config` is the gateway's document with {listen}, {admin}, {simulator}, {usage}, {account} (the
    file of a Google service account that gets its tokens from the provider `vertex`) and {key} to fill in."""

    def __init__(self, config, **values):
        self.directory = tempfile.TemporaryDirectory()
        self.processes = []
        try:
            self.start(config, values)
        except BaseException:
            self.stop()
            raise

    def start(self, text, values):
        home = pathlib.Path(self.directory.name)
        self.usage = home / "usage.jsonl"
        simulator, listen, admin = (free_port() for _ in range(3))
        self.simulator = f"http://127.0.0.1:{simulator}"
        self.root = f"http://127.0.0.1:{listen}"
        self.base_url = f"{self.root}/v1"
        account = home / "account.json"
        account.write_text(json.dumps(self.account()))
        config = home / "tollgate.toml"
        filled = dict(
            values,
            listen=listen,
            admin=admin,
            simulator=self.simulator,
            usage=self.usage,
            account=account,
            key=KEY,
        )
        config.write_text(text.format(**filled))
        self.launch("provider-simulator", "--listen", f"127.0.0.1:{simulator}")
        self.launch("tollgate-gateway", "--config", str(config))
        self.wait_for(f"{self.simulator}/simulator/health")
        self.wait_for(f"http://127.0.0.1:{admin}/readyz")

    def account(self):
        account = json.loads(ACCOUNT.read_text())
        return account | {"token_uri": f"{self.simulator}/vertex/token"}

    def launch(self, program, *arguments):
        path = pathlib.Path(os.environ["TOLLGATE_BIN_DIR"]) / program
        log = open(pathlib.Path(self.directory.name) / f"{program}.log", "w+")
        process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        self.processes.append((process, log))

    def wait_for(self, url):
        deadline = time.monotonic() + 15
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except OSError as error:
                ended = any(process.poll() is not None for process, _ in self.processes)
                if ended or deadline < time.monotonic():
                    raise RuntimeError(f"{url}: {error}\n{self.logs()}") from error
            time.sleep(0.05)

    def events(self, at_least=0, of=lambda event: True):
        """The usage events that `of` lets pass; they are written a moment after the answer."""
        deadline = time.monotonic() + 10
        while True:
            text = self.usage.read_text() if self.usage.exists() else ""
            # The last line may not be whole yet.
            lines = text[: text.rfind("\n") + 1].splitlines()
            found = [event for event in map(json.loads, lines) if of(event)]
            if at_least <= len(found) or deadline < time.monotonic():
                return found
            time.sleep(0.05)

    def logs(self):
        texts = []
        for process, log in self.processes:
            log.seek(0)
            texts.append(f"--- {process.args[0]}\n{log.read()}")
        return "\n".join(texts)

    def stop(self):
        while self.processes:
            process, log = self.processes.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            log.close()
        self.directory.cleanup()
