#!/usr/bin/env python3
"""Documents tell today's truth: tocsin.conf.5 is what the binary prints, manual pages are sound, links lead somewhere, and nothing
names a machine's own paths. Usage: docs_check.py BUILD"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / sys.argv[1]
passed, failures = 0, []


def expect(is_so, what):
    global passed
    if is_so:
        passed += 1
    else:
        failures.append(what)


man = subprocess.run([BUILD / "src/tocsind/tocsind", "--man"], capture_output=True, text=True, check=True).stdout
expect((ROOT / "man/tocsin.conf.5").read_text() == man, "man/tocsin.conf.5 is not what `tocsind --man` prints")
if shutil.which("mandoc"):
    for page in sorted((ROOT / "man").glob("*.[1-8]")):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "error", page], capture_output=True, text=True)
        expect(lint.returncode == 0, f"{page.name}: {lint.stdout}")
for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/README.md", "docs/threat-model.md"):
    page = ROOT / name
    expect(page.exists(), f"{name} is missing")
    if not page.exists():
        continue
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text):
        expect((page.parent / target).exists(), f"{name}: {target} is not there")
expect(len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150, "ARCHITECTURE.md is over 150 lines")
for path in re.findall(r"src/[a-z_]+/[a-z_]+\.[ch]", (ROOT / "ARCHITECTURE.md").read_text()):
    expect((ROOT / path).exists(), f"ARCHITECTURE.md names {path}, which is not there")
sample = subprocess.run([BUILD / "src/tocsind/tocsind", "-c", ROOT / "packaging/tocsin.conf", "--check"], capture_output=True, text=True)
expect(sample.returncode == 0, f"packaging/tocsin.conf: {sample.stderr}")
print("\n".join(failures))
print(f"{passed} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
