"""Coding agents from the npm registry through a gateway: a turn in which the agent's own tool reads a file, onto
simulated providers of several formats. The simulator asks for the tool and quotes what it said."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from stand import KEY, Stand

HERE = pathlib.Path(__file__).parent
BIN = HERE / "agents/node_modules/.bin"
WORD = "petrichor"
TIME_LIMIT = 120

# The upstream of each route; both agents ask for the route by its name.
UPSTREAMS = {
    "openai": "openai/gpt-4o",
    "mistral": "mistral/mistral-large-latest--tells_usage",
    "anthropic": "anthropic/claude-sonnet-4-5",
}
BASH = {"command": "cat note.txt", "description": "Reads the note"}
SHELL = {"cmd": "cat note.txt"}
CALLS = {"claude": ("Bash", BASH), "codex": ("exec_command", SHELL)}


def config():
    routes = ""
    for agent, (tool, arguments) in CALLS.items():
        for name, upstream in UPSTREAMS.items():
            call = f"{tool}{json.dumps(arguments)}".replace("{", "{{").replace("}", "}}")
            routes += f"[routes.{agent}-{name}]\ntargets = [{{{{ use = '{upstream}--call={call}' }}}}]\n"
            # Codex offers its search and its sub-agents too, which only OpenAI's own format has.
            if agent == "codex" and name != "openai":
                routes += "drop_unsupported = true\n"
    return (HERE / "providers.toml").read_text() + routes


def claude(stand, model, home, folder):
    """Claude Code needs these variables and nothing else."""
    settings = {
        "ANTHROPIC_BASE_URL": stand.root,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": model,
    }
    quiet = {
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    command = [BIN / "claude", "-p", "What does note.txt say?", "--output-format", "json"]
    command += ["--allowedTools", "Bash(cat:*)"]
    return command, settings | quiet


def codex(stand, model, home, folder):
    """Codex needs a provider in its config.toml and the key in a variable."""
    (home / "config.toml").write_text(f"""
model = "{model}"
model_provider = "tollgate"

[model_providers.tollgate]
name = "Tollgate"
base_url = "{stand.base_url}"
env_key = "TOLLGATE_API_KEY"
wire_api = "responses"
""")
    command = [BIN / "codex", "exec", "--skip-git-repo-check", "--json"]
    # The folder is thrown away afterwards, and the only command is the one that the simulator asks for.
    command += ["--dangerously-bypass-approvals-and-sandbox", "What does note.txt say?"]
    return command, {"CODEX_HOME": str(home), "TOLLGATE_API_KEY": KEY}


def run(command, settings, home, folder):
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kept | {"HOME": str(home)} | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, error = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, error = process.communicate()
        error += f"\nstill running after {TIME_LIMIT} s"
    return process.returncode, out, error


def turn(stand, agent, upstream):
    """What went wrong, or nothing."""
    route = f"{agent}-{upstream}"
    with tempfile.TemporaryDirectory() as name:
        home, folder = pathlib.Path(name) / "home", pathlib.Path(name) / "work"
        home.mkdir()
        folder.mkdir()
        (folder / "note.txt").write_text(f"The word is {WORD}.\n")
        command, settings = {"claude": claude, "codex": codex}[agent](stand, route, home, folder)
        status, out, error = run(command, settings, home, folder)
    asked = stand.events(2, lambda event: event["route"] == route)
    refused = [event for event in asked if event["status"] >= 400]
    said = f"status {status}\n{out}\n{error}"
    if status != 0 or "The tool says: " not in out or WORD not in out:
        return said
    if len(asked) < 2 or refused:
        return f"{len(asked)} requests, refused: {refused}\n{said}"
    return None


def main():
    stand = Stand(config())
    passed, failed = 0, 0
    try:
        for agent in CALLS:
            for upstream in UPSTREAMS:
                wrong = turn(stand, agent, upstream)
                if wrong:
                    failed += 1
                    print(f"FAILED: {agent} onto {upstream}: {wrong}")
                else:
                    passed += 1
        if failed:
            print(stand.logs())
    finally:
        stand.stop()
    print(f"{passed} turns of agents passed, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
