#!/usr/bin/env python3
"""Write made-up secrets as people choose and machines make them: what the value signals of the judge are fitted on.

usage: positives.py OUT_FOLDER WORDS_FOLDER...

Words are taken from the source trees in WORDS_FOLDER. Everything is drawn from a fixed seed. The folder gets two files,
passwords.env and tokens.env, of one assignment a line; nothing in them was ever in use.
"""
import base64, collections, os, random, re, string, sys, uuid

rng = random.Random(11)
ALNUM = string.ascii_letters + string.digits
LEET = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7", "l": "1", "b": "8"}


def harvest(folders):
    counts = collections.Counter()
    for top in folders:
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                if name.endswith((".md", ".txt", ".rst", ".py", ".rs")) and len(counts) < 60_000:
                    text = open(os.path.join(folder, name), errors="replace").read(50_000)
                    counts.update(re.findall(r"\b[a-z]{4,9}\b", text))
    return [w for w, n in counts.items() if n >= 4]


WORDS = harvest(sys.argv[2:])


def syllables():
    return "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") + rng.choice(["", "", "n", "r", "s", "l"]) for _ in range(rng.randint(2, 4)))


def word():
    w = rng.choice(WORDS) if rng.random() < 0.65 else syllables()
    return w.capitalize() if rng.random() < 0.5 else w


def digits(most=4):
    return rng.choice([str(rng.randint(1950, 2030)), "".join(rng.choice(string.digits) for _ in range(rng.randint(1, most)))])


def leet(w):
    places = [i for i, c in enumerate(w) if c.lower() in LEET]
    for i in rng.sample(places, min(len(places), rng.randint(1, 2))):
        w = w[:i] + LEET[w[i].lower()] + w[i + 1:]
    return w


def chars(alphabet, low, high):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


def password():
    return rng.choices([
        lambda: word() + digits(),
        lambda: leet(word() + rng.choice(["", word()])) + rng.choice(["", digits()]),
        lambda: rng.choice("_-.").join(word() for _ in range(rng.randint(2, 3))) + rng.choice(["", digits()]),
        lambda: word() + word().capitalize() + rng.choice(["", "", digits()]),
        lambda: word() + rng.choice("!@#$%&*?+") + rng.choice(["", digits(), word()]),
        lambda: rng.choice("_-.").join([leet(word()), word()]),
        word,
        lambda: chars(ALNUM + "!@#$%^&*_-+=", 8, 20),
        lambda: chars(ALNUM, 8, 16),
        lambda: chars(string.ascii_lowercase + string.digits, 6, 12),
        lambda: chars(string.ascii_lowercase, 6, 12),
        lambda: chars(string.digits, 6, 12),
    ], [20, 14, 10, 8, 14, 6, 5, 10, 10, 4, 3, 2])[0]()


def token():
    return rng.choices([
        lambda: chars("0123456789abcdef", 1, 1) + rng.randbytes(rng.choice([16, 16, 20, 32])).hex()[1:],
        lambda: chars(ALNUM, 16, 64),
        lambda: base64.b64encode(rng.randbytes(rng.choice([16, 20, 24, 32, 48]))).decode(),
        lambda: base64.urlsafe_b64encode(rng.randbytes(rng.choice([18, 24, 32, 33]))).decode().rstrip("="),
        lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        lambda: chars(string.ascii_lowercase + string.digits, 16, 40),
        lambda: chars(string.ascii_uppercase + string.digits, 16, 32),
        lambda: rng.choice([word(), "sk", "tk", "key", "prod"]).lower() + rng.choice("_-") + chars(ALNUM, 16, 40),
        lambda: chars(ALNUM + "!@#$%^&*_-+=()", 20, 60),
        lambda: chars(ALNUM, 10, 16),
        lambda: chars(string.digits, 12, 24),
        password,
    ], [22, 24, 12, 8, 6, 6, 4, 5, 4, 5, 1, 6])[0]()


def phrase():
    return rng.choice("  -_.").join(word().lower() for _ in range(rng.randint(3, 6)))


os.makedirs(sys.argv[1], exist_ok=True)
for file, name, make in [("passwords.env", "DB_PASSWORD", password), ("tokens.env", "SERVICE_API_TOKEN", token)]:
    with open(os.path.join(sys.argv[1], file), "w") as out:
        for _ in range(6000):
            value = make()
            if len(value) >= 5:
                out.write(f'{name}="{value}"\n')
        if make is password:
            for _ in range(300):
                out.write(f'BACKUP_PASSPHRASE="{phrase()}"\n')
