"""Makes `.venv` from the hash-pinned requirements.lock, and installs what only the system has. Python's own library only.

Does nothing when nothing has changed. Says in one line what is missing when it cannot go on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "setup-stamp"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LAUNCHER = """#!/bin/sh
exec "{venv}/bin/python" -m konstruct.cli.main "$@"
"""


def main(arguments: list[str]) -> int:
    """Set up; with `--tests`, the browser of the tests too."""
    wanted = hashlib.sha256(LOCK.read_bytes() + str(ROOT).encode() + Path(__file__).read_bytes()).hexdigest()
    if not (STAMP.exists() and STAMP.read_text() == wanted and runs()):
        make_venv()
        install_packages()
        link_project()
        STAMP.write_text(wanted)
        say("ready")
    if "--tests" in arguments:
        if not any(shutil.which(name) for name in BROWSERS):
            install_from_apt("chromium", "the browser that the tests drive")
        if not driver_runs():
            install_from_apt("libatomic1", "a library of the browser's driver")
    return 0


def driver_runs() -> bool:
    """Whether playwright's own Node starts: on a bare system it lacks a library."""
    nodes = list(VENV.glob("lib/python*/site-packages/playwright/driver/node"))
    return all(subprocess.run([node, "--version"], check=False, capture_output=True).returncode == 0 for node in nodes)


def runs() -> bool:
    """Whether `.venv` has an interpreter that works: a system update may have taken it away."""
    try:
        return subprocess.run([VENV / "bin" / "python", "-c", "import pip"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Make `.venv` unless there is one that works."""
    if runs():
        return
    if find_spec("ensurepip") is None:
        install_from_apt(f"python{PYTHON}-venv", "Python's venv")
    say(f"making .venv with Python {PYTHON}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False, capture_output=True, text=True)
    if made.returncode:
        stop(f"Python {sys.executable} cannot make a virtual environment: {last_line(made.stdout + made.stderr)}")


def install_packages() -> None:
    """Install the lock: wheels only, each checked against its hash."""
    total = sum(1 for line in LOCK.read_text().splitlines() if "==" in line)
    say(f"installing {total} packages from requirements.lock (once; about a minute)")
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--requirement", str(LOCK)]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as pip:
        assert pip.stdout
        done = 0
        for line in pip.stdout:
            said.append(line)
            if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied")):
                done += 1
                if done % 20 == 0:
                    say(f"  {done} of {total}")
            elif line.startswith("Installing collected"):
                say("  unpacking")
    if pip.returncode:
        errors = [line for line in said if line.startswith("ERROR")] or said
        stop(f"pip could not install requirements.lock: {last_line(''.join(errors))}")


def link_project() -> None:
    """Make `src` importable and `.venv/bin/konstruct` runnable; nothing is built."""
    found = subprocess.run(
        [VENV / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (Path(found.stdout.strip()) / "konstruct.pth").write_text(f"{ROOT / 'src'}\n")
    launcher = VENV / "bin" / "konstruct"
    launcher.write_text(LAUNCHER.format(venv=VENV))
    launcher.chmod(0o755)


def install_from_apt(package: str, purpose: str) -> None:
    """Install a system package, as root or with sudo; stop with one line where neither works."""
    by_hand = f"install it (apt-get install {package}), then run make again"
    if shutil.which("apt-get") is None:
        stop(f"{purpose} is missing, and there is no apt-get: install {package}, then run make again")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            stop(f"{purpose} is missing: {by_hand}")
        # Without a terminal nobody can type the password.
        prefix = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    say(f"installing {package}: {purpose} (once; about a minute)")
    install = [*prefix, "apt-get", "install", "--yes", "--no-install-recommends", package]
    if not quiet(install):
        # A fresh image has no lists, an old one has stale ones.
        quiet([*prefix, "apt-get", "update"])
        if not quiet(install):
            stop(f"{purpose} is missing and apt-get could not install {package}: {by_hand}")


def quiet(command: list[str]) -> bool:
    """Run an apt command without its chatter; return whether it worked."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, check=False, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"setup: {line}", flush=True)


def stop(line: str) -> NoReturn:
    """End with one line that says what is missing."""
    print(f"setup: {line}", file=sys.stderr, flush=True)
    sys.exit(1)


def last_line(text: str) -> str:
    """Return the last line with content."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no word"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
