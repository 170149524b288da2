#!/usr/bin/env python3
"""Fit the weights of the generic rules and print the table of src/judge/weights.rs.

usage: fit.py --set DIR --labelled REPORT --secrets REPORT --code REPORT... [--write FILE]

  --set       a labelled set: data/ and meta/*.csv as in Samsung's CredData
  --labelled  keysift's report on its data/
  --secrets   keysift's report on made-up secrets (positives.py)
  --code      keysift's reports on source trees in which next to nothing is a secret
  --write     puts the table into this file

All reports are made with `-f json --show-rejected --min-confidence low`.

The true values of the labelled set are random replacements, so the text of values is not fitted on it: signals that begin
with `value-` are fitted first, made-up secrets against what source trees assign. Then the signals of names and surroundings
are fitted on the labelled set and the trees, with what the values say as a fixed offset. Each signal has a weight for names
that speak of passwords and one for others. Figures are told for the fit itself and by five-fold cross-validation in which no
repository is in both parts. The kind of path is no signal.
"""
import argparse, collections, csv, glob, json, random
import numpy as np
from scipy.optimize import minimize

SOFT = {"UUID", "AWS Client ID", "AWS S3 Bucket", "Nonce", "Salt", "Firebase Domain", "Tencent WeChat API App ID"}
# How strongly a value's text counts beside its name: between 0 and 1, since made-up secrets are not all there are.
TEMPER = 1.0
# Ridge penalties, chosen by the cross-validated figures.
VALUE_PENALTY = 3e-5
PENALTY = 1e-4
# The log-odds that become the thresholds of low and medium (0.2 and 0.5): where precision was found to be what each promises.
LOW_AT, MEDIUM_AT = -2.7, 0.0
# The most that one signal may say.
LIMIT = 6.0


def read(report):
    doc = json.load(open(report))
    return doc["findings"] + (doc.get("rejected_findings") or [])


def places(finding):
    return {(o["path"], o["start_line"]) for o in [finding["location"], *finding.get("occurrences", [])]}


def is_generic(finding):
    return any(r["signal"].startswith("class-") for r in finding["reasons"])


def signals(finding):
    return [r["signal"] for r in finding["reasons"]]


# What is known beforehand of signals that the material is too thin to teach; the fit is drawn towards it.
PRIOR = {
    "value-code": -5.0, "value-hash": -4.0, "value-type": -5.0, "value-publishable": -5.0, "value-placeholder": -4.0, "value-stock": -2.0,
    "value-regex": -4.0, "value-foreign": -3.0, "value-escapes": -2.0, "value-sequence": -2.0, "value-lines": -2.0, "value-sentence": -2.0,
    "value-path": -2.0, "value-number": -4.0, "value-stop-word": -1.5, "value-secret-word": -1.0,
    "binary": -3.0, "lookup": -2.0, "is-key": -2.0, "in-list": -2.0, "name-id": -3.0, "name-public": -2.0, "name-other": -2.0, "in-variable": -1.0, "cut-short": -5.0,
}


class Design:
    """Columns: each signal, and each signal again for passwords alone."""

    def __init__(self, names):
        self.names = sorted(names)
        self.at = {n: i for i, n in enumerate(self.names)}

    def matrix(self, rows):
        n = len(self.names)
        x = np.zeros((len(rows), 2 * n), dtype=np.float32)
        for i, said in enumerate(rows):
            password = "class-password" in said
            for s in said:
                if s in self.at:
                    x[i, self.at[s]] = 1
                    if password:
                        x[i, n + self.at[s]] = 0.6  # less than 1: a difference between the two must be worth it
        return x

    def prior(self):
        return np.array([PRIOR.get(s, 0.0) for s in self.names] + [0.0] * len(self.names))

    def table(self, w):
        n = len(self.names)
        return {s: (w[i] + 0.6 * w[n + i], w[i]) for i, s in enumerate(self.names)}


def logistic(x, y, weight, offset, l2, prior):
    """Weights (bias last) by penalised maximum likelihood."""
    x = np.hstack([x, np.ones((len(x), 1), dtype=np.float32)])
    total = weight.sum()

    def loss(w):
        z = x @ w + offset
        p = 1 / (1 + np.exp(-np.clip(z, -30, 30)))
        value = (weight * (np.logaddexp(0, z) - y * z)).sum() / total + l2 * ((w[:-1] - prior) ** 2).sum()
        grad = x.T @ (weight * (p - y)) / total
        grad[:-1] += 2 * l2 * (w[:-1] - prior)
        return value, grad

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=[(-LIMIT, LIMIT)] * (x.shape[1] - 1) + [(None, None)], options={"maxiter": 400})
    return found.x


def distinct(findings, most=3):
    """At most `most` of those that say the same of the same value."""
    seen = collections.Counter()
    for f in findings:
        key = (f["rule_id"], f["secret_id"])
        seen[key] += 1
        if seen[key] <= most:
            yield f


def fit_values(secrets, code):
    rows = [(1, signals(f)) for f in secrets] + [(0, signals(f)) for f in code]
    known = {s for s in PRIOR if s.startswith("value-")}
    design = Design(known | {s for _, said in rows for s in said if s.startswith("value-")})
    y = np.array([r[0] for r in rows], dtype=np.float64)
    password = np.array(["class-password" in r[1] for r in rows])
    weight = np.zeros(len(y))
    for kind in (password, ~password):  # both sides count alike within each kind of name
        for side in (0, 1):
            chosen = kind & (y == side)
            weight[chosen] = 1 / max(1, chosen.sum())
    x = design.matrix([r[1] for r in rows])
    w = logistic(x, y, weight * len(y) / 4, 0.0, VALUE_PENALTY, design.prior())
    return {s: (TEMPER * a, TEMPER * b) for s, (a, b) in design.table(w).items()}, TEMPER * w[-1]


def weigh(table, bias, said):
    column = 0 if "class-password" in said else 1
    return bias + sum(table[s][column] for s in said if s in table)


def labels(folder):
    out = collections.defaultdict(list)
    for m in glob.glob(f"{folder}/meta/*.csv"):
        for r in csv.DictReader(open(m)):
            truth = r["GroundTruth"]
            if truth == "T" and set(r["Category"].split(":")) <= SOFT:
                truth = "N"
            out[r["FilePath"]].append((int(r["LineStart"]), int(r["LineEnd"]), truth))
    return out


def mark(rows, line):
    marks = {g for s, e, g in rows if s <= line <= e}
    return "T" if "T" in marks else "N" if "N" in marks else "F" if marks else "U"


def figures(best, truth, threshold):
    """best: (path, line) -> score"""
    good = bad = noise = found = total = 0
    for (path, line), score in best.items():
        if score >= threshold:
            g = mark(truth.get(path, ()), line)
            good += g == "T"
            bad += g == "F"
            noise += g == "U"
    for path, rows in truth.items():
        for s, e, g in rows:
            if g == "T":
                total += 1
                found += any(best.get((path, l), 0) >= threshold for l in range(s, min(e, s + 200) + 1))
    return f"recall {found / total:.3f} precision {good / max(1, good + bad):.3f} unlabelled {noise / max(1, good + bad + noise):.1%} (true {good} false {bad} unlabelled {noise})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", required=True)
    parser.add_argument("--labelled", required=True)
    parser.add_argument("--secrets", required=True)
    parser.add_argument("--code", nargs="+", required=True)
    parser.add_argument("--write")
    args = parser.parse_args()

    truth = labels(args.set)
    secrets = [f for f in read(args.secrets) if is_generic(f)]
    code = list(distinct(f for report in args.code for f in read(report) if is_generic(f)))
    values, value_bias = fit_values(secrets, code)

    rows, fixed = [], []  # generic: (repository, path, line, label, signals); other rules: (path, line, score)
    for f in read(args.labelled):
        for path, line in places(f):
            path = path if path.startswith("data/") else "data/" + path
            if is_generic(f):
                rows.append((path.split("/")[1], path, line, mark(truth.get(path, ()), line), signals(f)))
            else:
                fixed.append((path, line, f["score"]))
    names = {s for s in PRIOR if not s.startswith("value-")} | {s for r in rows for s in r[4] if not s.startswith("value-")}
    design = Design(names)
    offset = np.array([weigh(values, value_bias, r[4]) for r in rows])
    y = np.array([r[3] == "T" for r in rows], dtype=np.float64)
    # A line that holds a secret may hold another assignment too: what is plainly no secret there teaches nothing.
    weight = np.array([{"T": 1.0, "F": 1.0, "U": 0.5, "N": 0.0}[r[3]] for r in rows])
    weight[(y == 1) & (offset < -2.5)] = 0
    x = design.matrix([r[4] for r in rows])
    cx = design.matrix([signals(f) for f in code])
    co = np.array([weigh(values, value_bias, signals(f)) for f in code])
    cw = np.full(len(code), 0.25 * weight[y == 0].sum() / len(code))

    def fit(chosen):
        xs, ys = np.vstack([x[chosen], cx]), np.concatenate([y[chosen], np.zeros(len(code))])
        return logistic(xs, ys, np.concatenate([weight[chosen], cw]), np.concatenate([offset[chosen], co]), PENALTY, design.prior())

    def scored(logits):
        logits = (logits - MEDIUM_AT) * np.log(4) / (MEDIUM_AT - LOW_AT)
        best = collections.defaultdict(float)
        for r, z in zip(rows, logits):
            key = (r[1], r[2])
            best[key] = max(best[key], 1 / (1 + np.exp(-z)))
        for path, line, score in fixed:
            best[(path, line)] = max(best[(path, line)], score)
        return best

    with_bias = np.hstack([x, np.ones((len(x), 1), dtype=np.float32)])
    repositories = sorted({r[0] for r in rows})
    random.Random(5).shuffle(repositories)
    fold = {r: i % 5 for i, r in enumerate(repositories)}
    folds = np.array([fold[r[0]] for r in rows])
    held_out = np.zeros(len(rows))
    for k in range(5):
        w = fit(folds != k)
        held_out[folds == k] = with_bias[folds == k] @ w + offset[folds == k]
    w = fit(np.ones(len(rows), dtype=bool))
    for title, logits in [("in the set", with_bias @ w + offset), ("cross-validated", held_out)]:
        best = scored(logits)
        for level, threshold in [("low", 0.2), ("medium", 0.5), ("high", 0.8)]:
            print(f"{title:16} {level:7} {figures(best, truth, threshold)}")
        if title == "cross-validated":
            for threshold in (0.1, 0.15, 0.25, 0.3, 0.35, 0.4, 0.45, 0.55, 0.6, 0.65, 0.7):
                print(f"      at {threshold:.2f}  {figures(best, truth, threshold)}")
    # Stretched so that the two thresholds fall on their scores.
    stretch = np.log(4) / (MEDIUM_AT - LOW_AT)
    bias = stretch * (value_bias + w[-1] - MEDIUM_AT)
    table = {s: (stretch * a, stretch * b) for s, (a, b) in (design.table(w) | values).items()}
    code_logits = np.hstack([cx, np.ones((len(cx), 1), dtype=np.float32)]) @ w + co
    print(f"source trees: {len(code)} assignments, {(code_logits > 0).sum()} at medium, {(code_logits > -1.386).sum()} at low")
    counts = collections.Counter(s for r in rows for s in r[4])
    true = collections.Counter(s for r in rows if r[3] == "T" for s in r[4])
    for s in sorted(table):
        print(f"  {s:22} {table[s][0]:6.2f} {table[s][1]:6.2f}   in {counts[s]:6}, true {true[s]:5}")
    if args.write:
        write(args.write, bias, table)


def write(path, bias, table):
    text = open(path).read()
    head, _, rest = text.partition("pub const BIAS: f32 = ")
    text = f"{head}pub const BIAS: f32 = {bias:.2f};{rest.partition(';')[2]}"
    head, _, rest = text.partition("const WEIGHTS: &[(&str, f32, f32)] = &[")
    lines = "".join(f'\n    ("{s}", {a:.2f}, {b:.2f}),' for s, (a, b) in sorted(table.items()))
    text = f"{head}const WEIGHTS: &[(&str, f32, f32)] = &[{lines}\n];{rest.partition('];')[2]}"
    open(path, "w").write(text)


main()
