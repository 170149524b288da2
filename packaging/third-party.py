#!/usr/bin/env python3
"""Writes THIRD-PARTY.md: the crates that are linked into keysift, their licences and the texts these ask to be kept.

`packaging/third-party.py` writes it, `packaging/third-party.py --check` fails where it is not what it would write.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "THIRD-PARTY.md"
# Of several licences the one that asks for least; what is not here is an error for a person to look at.
PREFERRED = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0", "bzip2-1.0.6",
             "CDLA-Permissive-2.0", "0BSD", "Unlicense", "CC0-1.0", "MIT-0", "BSL-1.0"]
# How files with the text of a licence are called.
NAMES = {"MIT": r"mit", "Apache-2.0": r"apache", "BSD-2-Clause": r"bsd", "BSD-3-Clause": r"bsd", "Zlib": r"zlib",
         "Unicode-3.0": r"unicode", "ISC": r"isc"}

# C code that a crate brings along under a licence of its own: the licence, and the file with its text.
BROUGHT = {"libdeflate-sys": ("MIT", "libdeflate/COPYING")}


def linked():
    """The packages that normal dependencies reach, with all features, on every platform."""
    done = subprocess.run(["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"], cwd=ROOT,
                          check=True, capture_output=True, text=True)
    metadata = json.loads(done.stdout)
    packages = {p["id"]: p for p in metadata["packages"]}
    nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, todo = set(), [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            is_normal = any(kind["kind"] is None for kind in dep["dep_kinds"])
            # What a macro uses runs when keysift is built and is not linked.
            is_macro = any("proc-macro" in target["kind"] for target in packages[dep["pkg"]]["targets"])
            if is_normal and not is_macro and dep["pkg"] not in seen:
                seen.add(dep["pkg"])
                todo.append(dep["pkg"])
    return sorted((packages[i] for i in seen), key=lambda p: (p["name"], p["version"]))


def chosen(package):
    """The licences that apply: all of an AND, one of an OR."""
    expression = (package["license"] or "").replace("/", " OR ")
    picked = []
    for part in re.split(r"\s+AND\s+(?![^(]*\))", expression):
        options = [o.strip(" ()").split(" WITH ")[0] for o in re.split(r"\s+(?:OR|AND)\s+", part)]
        best = next((p for p in PREFERRED if p in options), None)
        if best is None:
            sys.exit(f"{package['name']}: the licence `{expression}` is not known here: look at it, then add it to {__file__}")
        picked.append(best)
    if package["name"] in BROUGHT:
        picked.append(BROUGHT[package["name"]][0])
    return sorted(set(picked))


def texts(package, licences):
    """The texts in the package, of the licences that apply, else all there are."""
    folder = Path(package["manifest_path"]).parent
    wanted = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.I)
    files = sorted(f for f in folder.iterdir() if f.is_file() and wanted.match(f.name) and f.suffix not in (".html", ".rs"))
    named = [f for f in files if any(re.search(NAMES.get(licence, "^$"), f.name, re.I) for licence in licences)]
    plain = [f for f in files if re.fullmatch(r"(licen[cs]e|copying)(\.(txt|md))?", f.name, re.I)]
    notices = [f for f in files if f.name.lower().startswith("notice") and "Apache-2.0" in licences]
    brought = [folder / BROUGHT[package["name"]][1]] if package["name"] in BROUGHT else []
    return (named or plain or files) + notices + brought


def document():
    packages = linked()
    crates_of, table, without = defaultdict(list), [], []
    for package in packages:
        licences = chosen(package)
        name = f"{package['name']} {package['version']}"
        table.append(f"| {package['name']} | {package['version']} | {' and '.join(licences)} |")
        found = texts(package, licences)
        if not found:
            without.append((name, licences, package.get("authors") or []))
        for file in found:
            lines = [line.rstrip() for line in file.read_text("utf-8", "replace").replace("\f", "").splitlines()]
            text = "\n".join(lines).strip("\n")
            if name not in crates_of[text]:
                crates_of[text].append(name)
    out = ["# Third-party software", "",
           "keysift is linked from these crates and Rust's standard library (MIT or Apache-2.0). Written by"
           " `packaging/third-party.py`; of several licences the one that applies is named.", "", "| crate | version | licence |", "|---|---|---|", *table, ""]
    if without:
        out += ["## Without a text of their own", ""]
        for name, licences, authors in without:
            who = f", by {', '.join(re.sub(r' *<[^>]*>', '', a) for a in authors)}" if authors else ""
            out.append(f"- {name}: {' and '.join(licences)}{who}")
        out.append("")
    out += ["## Texts", ""]
    for text, names in sorted(crates_of.items(), key=lambda item: item[1][0]):
        out += [", ".join(names), "", "```text", text.replace("```", "'''"), "```", ""]
    return "\n".join(out)


def main():
    text = document()
    if "--check" in sys.argv[1:]:
        if not OUT.exists() or OUT.read_text("utf-8") != text:
            sys.exit("THIRD-PARTY.md is not what packaging/third-party.py writes: run it, and commit the file")
        print(f"THIRD-PARTY.md is fresh: {len(linked())} crates")
        return
    OUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
