"""Claude Code and Codex on the command line: a turn that uses a tool, through the gateway, onto a simulated provider of
OpenAI's format and one of Anthropic's.

Both come from the npm registry and are installed here if that can be reached and Node.js is new enough; otherwise the
tests are skipped and say so.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from stand import KEY, Stand

HERE = pathlib.Path(__file__).parent
PROGRAMS = pathlib.Path(os.environ.get("TOLLGATE_AGENTS", HERE.parent.parent / ".local/agents"))
CLAUDE_CODE = "@anthropic-ai/claude-code@2.0.14"
CODEX = "@openai/codex@0.169.0"


def install(package):
    """The folder with the package's programs; None where it cannot be had."""
    folder = PROGRAMS / package.strip("@").replace("/", "-").replace("@", "-")
    programs = folder / "node_modules/.bin"
    if programs.is_dir():
        return programs
    if not shutil.which("npm"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), package]
    try:
        subprocess.run(command, check=True, timeout=240, capture_output=True)
    except (subprocess.SubprocessError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return programs if programs.is_dir() else None


class Agents(unittest.TestCase):
    """Each test is one turn of an agent in an empty folder."""

    @classmethod
    def setUpClass(cls):
        cls.stand = Stand((HERE / "providers.toml").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.stand.stop()

    def run_in_empty_folder(self, command, environment):
        with tempfile.TemporaryDirectory() as folder:
            home = pathlib.Path(folder)
            (home / "work").mkdir()
            (home / "work/note.txt").write_text("the note\n")
            clean = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "CI": "1"}
            done = subprocess.run(
                command,
                cwd=home / "work",
                env=clean | environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
        return done

    def claude(self, model):
        programs = install(CLAUDE_CODE)
        if not programs:
            self.skipTest(f"{CLAUDE_CODE} cannot be installed here")
        environment = {
            "ANTHROPIC_BASE_URL": self.stand.root,
            "ANTHROPIC_AUTH_TOKEN": KEY,
            "ANTHROPIC_MODEL": model,
            "ANTHROPIC_SMALL_FAST_MODEL": model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        command = [str(programs / "claude"), "-p", "Read note.txt", "--max-turns", "3"]
        command += ["--allowedTools", "Read", "--output-format", "json"]
        return self.run_in_empty_folder(command, environment)

    def check_claude(self, model):
        done = self.claude(model)
        told = f"{done.stdout}\n{done.stderr}"
        self.assertEqual(done.returncode, 0, told)
        self.assertIn('"is_error":false', done.stdout, told)

    def test_claude_code_onto_anthropic(self):
        self.check_claude("anthropic/claude-sonnet-4-5--tool=Read")

    def test_claude_code_onto_openai(self):
        self.check_claude("openai/gpt-4o--tool=Read")

    def codex(self, model):
        programs = install(CODEX)
        if not programs:
            self.skipTest(f"{CODEX} cannot be installed here")
        provider = (
            '{name="Tollgate",base_url="%s",env_key="TOLLGATE_KEY",wire_api="responses"}'
            % self.stand.base_url
        )
        command = [str(programs / "codex"), "exec", "--skip-git-repo-check", "--json"]
        command += ["-c", f"model_providers.tollgate={provider}"]
        command += ["-c", 'model_provider="tollgate"', "-c", f'model="{model}"']
        command += ["--dangerously-bypass-approvals-and-sandbox", "Read note.txt"]
        return self.run_in_empty_folder(command, {"TOLLGATE_KEY": KEY})

    def check_codex(self, model):
        done = self.codex(model)
        told = f"{done.stdout}\n{done.stderr}"
        self.assertEqual(done.returncode, 0, told)
        self.assertIn("turn.completed", done.stdout, told)

    def test_codex_onto_openai(self):
        self.check_codex("openai/gpt-4o--tool=shell")

    def test_codex_onto_anthropic(self):
        self.check_codex("anthropic/claude-sonnet-4-5--tool=shell")


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    raise SystemExit(bool(failed))
