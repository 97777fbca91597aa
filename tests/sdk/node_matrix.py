"""Runs the clients for Node.js (node/matrix.mjs) against a gateway with simulated providers."""

import os
import pathlib
import re
import subprocess
import sys

from stand import KEY, Stand

HERE = pathlib.Path(__file__).parent


def main():
    stand = Stand((HERE / "providers.toml").read_text())
    try:
        done = subprocess.run(
            ["node", "--test", "--test-reporter=tap", str(HERE / "node/matrix.mjs")],
            env=os.environ | {"TOLLGATE_ROOT": stand.root, "TOLLGATE_KEY": KEY},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        stand.stop()
    counts = {
        word: int(number)
        for word, number in re.findall(r"^# (pass|fail) (\d+)$", done.stdout, re.MULTILINE)
    }
    passed, failed = counts.get("pass", 0), counts.get("fail", 0)
    if failed or not passed:
        print(done.stdout, done.stderr)
        failed = failed or 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
