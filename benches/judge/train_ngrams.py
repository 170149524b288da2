#!/usr/bin/env python3
"""Train the character bigram model of `src/judge/shape.rs`.

usage: train_ngrams.py FOLDER... > src/judge/bigrams.in

Reads the identifiers and the words of string literals in source trees (not credentials): what ordinary text between quotes
is made of. Letters are folded to lower case, digits to one class, everything else to another; the table holds
-16 * log2 P(next | previous), one byte an entry, so that random text costs more bits a character than words do.
"""
import collections, math, os, re, sys

CLASSES = "abcdefghijklmnopqrstuvwxyz0."
ENDINGS = (".rs", ".py", ".c", ".h", ".js", ".ts", ".java", ".go", ".md", ".txt", ".toml", ".rb", ".php", ".cs")


def fold(word):
    return ["0" if c.isdigit() else c if c in CLASSES[:26] else "." for c in word.lower()]


counts = collections.Counter()
seen = set()
for top in sys.argv[1:]:
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(ENDINGS):
                continue
            text = open(os.path.join(folder, name), errors="replace").read(200_000)
            for word in re.findall(r"[A-Za-z][A-Za-z0-9_.\-]{3,40}", text):
                if word in seen:
                    continue
                seen.add(word)
                chars = ["."] + fold(word)
                for a, b in zip(chars, chars[1:]):
                    counts[a, b] += 1
print("[")
for a in CLASSES:
    total = sum(counts[a, b] for b in CLASSES) + len(CLASSES)
    row = [min(255, round(-16 * math.log2((counts[a, b] + 1) / total))) for b in CLASSES]
    print("    [" + ", ".join(map(str, row)) + "],")
print("]")
