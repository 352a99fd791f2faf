#!/usr/bin/env python3
"""Makes a C file that holds the pages and what they need. Usage: embed_web.py WEB_FOLDER OUT.c DEPFILE

assets/** are served as they are; pages/NAME.html is a body that layout.html is put around. A page begins with lines
`title: …` and, where it has one, `script: /js/….js` and `nav: PLACE`, ended by an empty line.
"""
import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".html": "text/html; charset=utf-8",
}

PLACES = (("home", "Home"), ("security", "Security"), ("backups", "Backups"), ("alerts", "Alarms"), ("checkup", "Checkup"))


def compose(layout, text):
    head, body = text.split("\n\n", 1)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    script = f'<script type="module" src="{fields["script"]}"></script>' if "script" in fields else ""
    page = layout.replace("{{title}}", fields["title"]).replace("{{script}}", script).replace("{{nav}}", nav(fields.get("nav")))
    return page.replace("{{body}}", body.strip())


def nav(current):
    """The pages of those who are signed in, with the one that is shown marked."""
    if not current:
        return ""
    links = (f'<a href="/{p}"{" aria-current=" + chr(34) + "page" + chr(34) if p == current else ""}>{w}</a>' for p, w in PLACES)
    return f'<nav class="nav" aria-label="Your account">{"".join(links)}</nav>'


def array(name, data):
    rows = ",\n    ".join(", ".join(f"(char)0x{b:02x}" for b in data[i : i + 24]) for i in range(0, len(data), 24))
    return f"static const char {name}[] = {{\n    {rows},\n    0,\n}};\n"


def main():
    folder, out, depfile = (pathlib.Path(a) for a in sys.argv[1:4])
    layout = (folder / "layout.html").read_text()
    files = [folder / "layout.html", folder / "pages", folder / "assets"]
    entries = []
    for f in sorted((folder / "assets").rglob("*")):
        files.append(f)  # folders too: they change when a file comes or goes
        if f.is_file():
            entries.append(("/" + f.relative_to(folder / "assets").as_posix(), TYPES[f.suffix], f.read_bytes()))
    for f in sorted((folder / "pages").glob("*.html")):
        files.append(f)
        entries.append(("page:" + f.stem, TYPES[".html"], compose(layout, f.read_text()).encode()))
    shell = layout.replace("{{script}}", "").replace("{{nav}}", "").replace("{{title}}", "\0").replace("{{body}}", "\0").encode().split(b"\0")
    assert len(shell) == 3, "layout.html has one title and one body, in this order"
    text = '/* Made by scripts/embed_web.py. */\n#include "web/assets.h"\n\n'
    rows = ""
    for n, (path, kind, data) in enumerate(entries):
        text += array(f"bytes_{n}", data)
        tag = hashlib.sha256(data).hexdigest()[:32]
        rows += f'    {{ "{path}", "{kind}", "{tag}", bytes_{n}, {len(data)} }},\n'
    for n, part in enumerate(shell):
        text += array(f"shell_{n}", part)
    text += f"const struct web_asset web_assets[] = {{\n{rows}    {{ NULL, NULL, NULL, NULL, 0 }},\n}};\n"
    text += "const char *const web_shell[3] = { shell_0, shell_1, shell_2 };\n"
    out.write_text(text)
    depfile.write_text(f"{out}: " + " ".join(str(f) for f in files) + "\n")


main()
