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
for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/README.md", "docs/threat-model.md", "docs/guessing.md", "docs/asvs.md"):
    page = ROOT / name
    expect(page.exists(), f"{name} is missing")
    if not page.exists():
        continue
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text):
        expect((page.parent / target).exists(), f"{name}: {target} is not there")
expect(len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150, "ARCHITECTURE.md is over 150 lines")

# docs/asvs.md: every requirement once, with a verdict; what is met is shown by tests that exist.
ASVS = (
    "2.3.1-5 2.4.1-2 3.3.1-5 3.4.1-8 3.5.1-8 6.1.1-3 6.2.1-12 6.3.1-8 6.4.1-6 6.5.1-6 6.5.8-8 6.6.2-4 6.7.1-2 6.8.1-2 6.8.4-4"
    " 7.1.1-3 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-3 7.6.1-2 8.1.1-4 8.2.1-4 8.3.1-3 8.4.1-2 11.4.1-4 11.5.1-1 16.1.1-1 16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-4"
)


def asvs_ids():
    for span in ASVS.split():
        first, last = span.split("-")
        chapter, section, number = first.split(".")
        yield from (f"{chapter}.{section}.{n}" for n in range(int(number), int(last) + 1))


def has_test(path, name):
    file = ROOT / path
    if not file.exists():
        return False
    text = file.read_text()
    return not name or re.search(rf"\bdef {re.escape(name)}\(|\b(?:cmocka_unit_test|WORLD_TEST)\({re.escape(name)}\)", text) is not None or (
        file.suffix == ".mjs" and name in text
    )


rows = re.findall(r"^\| v5\.0\.0-([\d.]+) \| ([a-z ]+) \| (.*?) \| (.*?) \|$", (ROOT / "docs/asvs.md").read_text(), re.M)
expect(sorted(r[0] for r in rows) == sorted(asvs_ids()), f"docs/asvs.md: not each requirement once: {set(asvs_ids()) ^ {r[0] for r in rows}}")
for requirement, verdict, _, shown in rows:
    tests = re.findall(r"`([^`:]+)(?:::([^`]+))?`", shown)
    expect(verdict in ("met", "partly", "not met", "not applicable", "coming"), f"docs/asvs.md: {requirement}: {verdict}?")
    expect(verdict not in ("met", "partly") or tests, f"docs/asvs.md: {requirement} is {verdict}, but no test shows it")
    for path, name in tests:
        expect(has_test(path, name), f"docs/asvs.md: {requirement}: there is no test {path} {name}")
for path in re.findall(r"src/[a-z_]+/[a-z_]+\.[ch]", (ROOT / "ARCHITECTURE.md").read_text()):
    expect((ROOT / path).exists(), f"ARCHITECTURE.md names {path}, which is not there")
sample = subprocess.run([BUILD / "src/tocsind/tocsind", "-c", ROOT / "packaging/tocsin.conf", "--check"], capture_output=True, text=True)
expect(sample.returncode == 0, f"packaging/tocsin.conf: {sample.stderr}")
print("\n".join(failures))
print(f"{passed} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
