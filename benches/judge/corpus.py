#!/usr/bin/env python3
"""Score keysift on corpus/*.tsv.

usage: corpus.py KEYSIFT CORPUS_DIR [--misses]

Writes each row to a file of its own in a temporary folder, with the templates filled from a fixed seed, scans the folder and
tells by kind how many T rows are found (at low and above, at medium and above) and how many F rows are reported.
A row counts as found when a finding lies on the value.
"""
import collections, json, os, random, re, string, subprocess, sys, tempfile, uuid

SETS = {
    "alnum": string.ascii_letters + string.digits, "hex": "0123456789abcdef", "digits": string.digits, "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase, "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
}
TEMPLATE = re.compile(r"\{(?:(alnum|hex|digits|lower|upper|base64url|base64):(\d+)|(uuid)|\[([^\]]+)\]:(\d+))\}")


def expand_set(text):
    out, i = "", 0
    while i < len(text):
        if i + 2 < len(text) and text[i + 1] == "-":
            out += "".join(map(chr, range(ord(text[i]), ord(text[i + 2]) + 1)))
            i += 3
        else:
            out += text[i]
            i += 1
    return out


def fill(template, rng):
    def one(m):
        if m[3]:
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        chars, n = (SETS[m[1]], int(m[2])) if m[1] else (expand_set(m[4]), int(m[5]))
        return "".join(rng.choice(chars) for _ in range(n))

    return TEMPLATE.sub(one, template)


def unescape(text):
    return re.sub(r"\\([nt\\])", lambda m: {"n": "\n", "t": "\t", "\\": "\\"}[m[1]], text)


def rows(folder):
    rng = random.Random(7)
    for name in sorted(os.listdir(folder)):
        if name.endswith(".tsv"):
            for line in open(os.path.join(folder, name), encoding="utf-8"):
                line = line.rstrip("\n")
                if line.strip() and not line.startswith("#"):
                    label, kind, path, value, text = line.split("\t")
                    value = fill(value, rng)
                    yield name, label, kind, path, value, unescape(text).replace("{{value}}", value)


def main():
    keysift, corpus = sys.argv[1:3]
    cases = list(rows(corpus))
    with tempfile.TemporaryDirectory() as top:
        for i, (_, _, _, path, _, text) in enumerate(cases):
            file = os.path.join(top, f"{i:05}", path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            open(file, "w", encoding="utf-8").write(text)
        report = os.path.join(top, "report.json")
        subprocess.run([keysift, "scan", top, "-f", "json", "-o", report, "--min-confidence", "low", "--show-rejected", "-q"], check=False)
        doc = json.load(open(report))
    best = collections.defaultdict(float)
    why = collections.defaultdict(list)
    for f in doc["findings"] + (doc.get("rejected_findings") or []):
        i = int(f["location"]["path"].split("/")[0])
        best[i] = max(best[i], f["score"])
        why[i].append((f["rule_id"], round(f["score"], 2), ",".join(r["signal"] for r in f["reasons"])))
    table = collections.defaultdict(lambda: [0, 0, 0])
    for i, (name, label, kind, path, value, text) in enumerate(cases):
        for key in [(name, label, kind), (name, label, "all")]:
            table[key][0] += 1
            table[key][1] += best[i] >= 0.2
            table[key][2] += best[i] >= 0.5
        if "--misses" in sys.argv and (label == "T" and best[i] < 0.2 or label == "F" and best[i] >= 0.5):
            print(f"{label} {kind:16} {path:32} {value[:60]!r:42} {text[:150]!r} {why[i]}")
    for (name, label, kind), (n, low, medium) in sorted(table.items()):
        print(f"{name:22} {label} {kind:18} {n:4}  low {low:4} {low / n:6.1%}  medium {medium:4} {medium / n:6.1%}")


main()
