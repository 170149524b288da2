#!/usr/bin/env python3
"""Counts how often four characters stand together in source text, for the prefilter's choice of rare windows.

    benches/prefilter/fourgrams.py FOLDER… > src/detect/prefilter/fourgrams.bin

Upper-case letters count as lower-case ones. Written are the commonest of them, sorted: the four bytes, then eight times the
binary logarithm of their number in ten million characters.
"""
import collections
import math
import os
import sys

MOST = 12_000  # how many are kept
LARGEST = 200_000  # bytes of a file


def main():
    fold = bytes(b | 0x20 if 65 <= b <= 90 else b for b in range(256))
    counts = collections.Counter()
    total = 0
    for top in sys.argv[1:]:
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(f for f in folders if f != ".git")
            for name in sorted(files):
                path = os.path.join(folder, name)
                if os.path.islink(path) or os.path.getsize(path) > LARGEST:
                    continue
                with open(path, "rb") as file:
                    text = file.read().translate(fold)
                total += len(text)
                counts.update(text[i:i + 4] for i in range(len(text) - 3))
    for gram, n in sorted(counts.most_common(MOST)):
        per = n / total * 1e7
        sys.stdout.buffer.write(gram + bytes([max(1, min(255, round(8 * math.log2(max(per, 1.1)))))]))


if __name__ == "__main__":
    main()
