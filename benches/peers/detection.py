"""Other detectors on the data that Oddflow is measured with, by the same rules; prints JSON.

    python detection.py {iforest,original,lightgbm,negative} --data DIR [--seeds 5] [--rounds 5]

Rules: exact copies (by features) go before anything else; seed i tests on the i-th of five stratified parts; encoders,
forests and networks are fitted to the other four. "held_out" has the figures on the i-th part. "left_out" are attack
types that the training part is without: all rows of a type against the held-out normal rows, means over the types with at
least ten rows. The types are left out in `--rounds` groups dealt by frequency, as `oddflow train` does; 0 leaves them out
one by one.
"""

import argparse
import json
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.pipeline import make_pipeline

PARTS = 5
LEAST_TYPE_ROWS = 10
# Of the original project: a row is odd if the network says at least this.
ORIGINAL_THRESHOLD = 0.2
FIGURES = ["roc_auc", "pr_auc", "recall_at_1", "recall_at_5"]

# The columns of NSL-KDD, whose file has no header; the last two are the class and a difficulty, which is no feature.
NSL_KDD = """
duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins logged_in
num_compromised root_shell su_attempted num_root num_file_creations num_shells num_access_files num_outbound_cmds
is_host_login is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate
diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate
dst_host_same_src_port_rate dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate
dst_host_rerror_rate dst_host_srv_rerror_rate class difficulty""".split()


@dataclass
class Data:
    x: pd.DataFrame
    # The name of the attack, or "normal".
    types: np.ndarray

    @property
    def y(self):
        return (self.types != "normal").astype(int)


def nsl_kdd(folder):
    table = pd.read_csv(folder / "nsl-kdd" / "KDDTrain+.txt", names=NSL_KDD)
    return without_copies(table.drop(columns=["class", "difficulty"]), table["class"])


def unsw_nb15(folder):
    table = pd.read_csv(folder / "unsw-nb15" / "UNSW_NB15_half.csv", encoding="utf-8-sig")
    types = table["attack_cat"].str.strip().where(table["label"] == 1, "normal")
    return without_copies(table.drop(columns=["id", "label", "attack_cat"]), types)


def without_copies(x, types):
    """Without exact copies and without rows that are not finite, as the original project cleans its table."""
    kept = ~x.duplicated() & np.isfinite(x.select_dtypes("number")).all(axis=1)
    return Data(x[kept].reset_index(drop=True), types[kept].to_numpy(str))


SETS = {"nsl-kdd": nsl_kdd, "unsw": unsw_nb15}


def parts(classes, seed):
    """The number of each row's part; each class is dealt evenly."""
    order = np.lexsort((np.random.default_rng(seed).random(len(classes)), classes))
    part = np.empty(len(classes), int)
    part[order] = np.arange(len(classes)) % PARTS
    return part


def encoder(x, numbers):
    text = x.select_dtypes(exclude="number").columns
    return make_column_transformer(
        (numbers, [column for column in x if column not in text]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
    )


def quantiles():
    """Uniform on [−1, 1]."""
    return make_pipeline(QuantileTransformer(subsample=None, random_state=0), MinMaxScaler((-1, 1)))


def oversampled(x, y, seed):
    """With copies of rows of the rarer class until both have as many."""
    counts = np.bincount(y, minlength=2)
    rarer = int(counts.argmin())
    more = np.random.default_rng(seed).choice(np.flatnonzero(y == rarer), counts.max() - counts.min())
    rows = np.concatenate([np.arange(len(y)), more])
    return x.iloc[rows], y[rows]


# A peer takes training rows with labels and a seed, and gives a function from rows to scores, higher for odder.


def plain_forest(x, _, seed):
    """As scikit-learn's example has it: all training rows, standard scaling."""
    encode = encoder(x, StandardScaler()).fit(x)
    forest = IsolationForest(random_state=seed, n_jobs=2).fit(encode.transform(x))
    return lambda rows: -forest.score_samples(encode.transform(rows))


def best_forest(x, y, seed):
    """As good as is known: quantiles, normal rows only, larger samples."""
    encode = encoder(x, quantiles()).fit(x)
    normal = encode.transform(x[y == 0])
    samples = min(4096, len(normal))
    forest = IsolationForest(max_samples=samples, random_state=seed, n_jobs=2).fit(normal)
    return lambda rows: -forest.score_samples(encode.transform(rows))


def original(x, y, seed):
    """The original project's pipeline on training rows: oversampling, standard scaling, a forest, whose score is one
    more input of a network 64-32-1."""
    x, y = oversampled(x, y, seed)
    encode = encoder(x, StandardScaler()).fit(x)
    inputs = encode.transform(x)
    forest = IsolationForest(random_state=seed, n_jobs=2).fit(inputs)
    network = MLPClassifier((64, 32), batch_size=256, max_iter=10, random_state=seed)
    network.fit(np.column_stack([inputs, forest.decision_function(inputs)]), y)

    def scores(rows):
        inputs = encode.transform(rows)
        return network.predict_proba(np.column_stack([inputs, forest.decision_function(inputs)]))[:, 1]

    return scores


def lightgbm(x, y, seed):
    """Boosted trees with their defaults."""
    encode = encoder(x, "passthrough").fit(x)
    trees = LGBMClassifier(n_jobs=2, random_state=seed, deterministic=True, verbose=-1).fit(encode.transform(x), y)
    return lambda rows: trees.booster_.predict(encode.transform(rows), num_threads=2)


def recall_at(fpr, tpr, rate):
    """The greatest recall of a threshold that flags at most this share of the normal rows; ties are one step."""
    return tpr[fpr <= rate].max()


def figures(y, scores):
    fpr, tpr, _ = roc_curve(y, scores, drop_intermediate=False)
    values = [
        roc_auc_score(y, scores),
        average_precision_score(y, scores),
        recall_at(fpr, tpr, 0.01),
        recall_at(fpr, tpr, 0.05),
    ]
    return dict(zip(FIGURES, values))


def summary(runs):
    """Mean and standard deviation over the seeds."""
    over_seeds = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: {"mean": round(float(np.mean(values)), 5), "sd": round(float(np.std(values)), 5)}
        for name, values in over_seeds.items()
    }


def rounds_of(types, n_rounds):
    """Which types are left out together."""
    counts = pd.Series(types[types != "normal"]).value_counts()
    counts = counts[counts >= LEAST_TYPE_ROWS]
    dealt = sorted(counts.index, key=lambda name: (-counts[name], name))
    n_rounds = n_rounds or len(dealt)
    return [dealt[first::n_rounds] for first in range(n_rounds)]


def evaluate(data, peer, seeds, n_rounds, needs_attacks, threshold=None):
    """A peer's figures; one that is fitted to normal rows only (`needs_attacks` false) is fitted once a seed."""
    held_out, left_out = [], []
    for seed in range(seeds):
        test = parts(data.types, seed=0) == seed % PARTS
        scores = peer(data.x[~test], data.y[~test], seed)
        on_test = scores(data.x[test])
        held_out.append(figures(data.y[test], on_test))
        if threshold is not None:
            flagged, y = on_test >= threshold, data.y[test]
            held_out[-1] |= {"f1": f1_score(y, flagged), "false_positive_rate": flagged[y == 0].mean()}
        by_type = []
        for names in rounds_of(data.types, n_rounds):
            if needs_attacks:
                train = ~test & ~np.isin(data.types, names)
                scores = peer(data.x[train], data.y[train], seed)
            normal = scores(data.x[test & (data.y == 0)])
            for name in names:
                attacks = scores(data.x[data.types == name])
                y = np.repeat([0, 1], [len(normal), len(attacks)])
                by_type.append(figures(y, np.concatenate([normal, attacks])))
        left_out.append({name: np.mean([figures[name] for figures in by_type]) for name in FIGURES})
    return {"held_out": summary(held_out), "left_out": summary(left_out)}


# Name, function, whether it learns from attacks, its threshold.
PEERS = {
    "iforest": [("iforest_plain", plain_forest, True, None), ("iforest_best", best_forest, False, None)],
    "original": [("original", original, True, ORIGINAL_THRESHOLD)],
    "lightgbm": [("lightgbm", lightgbm, True, None)],
}


def compare(command, folder, seeds, n_rounds):
    report = {"seeds": seeds, "rounds": n_rounds, "sets": {}}
    for name, read in SETS.items():
        data = read(folder)
        types = sum(rounds_of(data.types, n_rounds), [])
        report["sets"][name] = {"rows": len(data.y), "types": len(types), "peers": {}}
        for peer, fit, *how in PEERS[command]:
            start = time.monotonic()
            measured = evaluate(data, fit, seeds, n_rounds, *how)
            measured["seconds"] = round(time.monotonic() - start)
            report["sets"][name]["peers"][peer] = measured
            print(f"{name}, {peer}: {measured['seconds']} s", file=sys.stderr)
    return report


def negative(folder, seeds):
    """On noise with random labels: the original order, which oversamples before it splits, and the honest one."""
    table = pd.read_csv(folder / "seed" / "synthetic_network_traffic_10k.csv").drop_duplicates()
    x, y = table.drop(columns="IsAnomaly").reset_index(drop=True), table["IsAnomaly"].to_numpy()
    aucs = {"oversample_then_split": [], "split_then_oversample": []}
    for seed in range(seeds):
        copied = oversampled(x, y, seed)
        for order, (rows, labels) in zip(aucs, [copied, (x, y)]):
            part = parts(labels, seed)
            score = np.empty(len(labels))
            for test in (part == number for number in range(PARTS)):
                score[test] = original(rows[~test], labels[~test], seed)(rows[test])
            # The rank within each part, as networks of different parts do not share a scale.
            rank = pd.Series(score).groupby(part).rank(pct=True)
            aucs[order].append({"roc_auc": roc_auc_score(labels, rank)})
    return {"seeds": seeds, "rows": len(y), "anomalies": int(y.sum())} | {
        order: summary(values) for order, values in aucs.items()
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("command", choices=[*PEERS, "negative"])
    arguments.add_argument("--data", type=Path, default=os.environ.get("ODDFLOW_DATA"), help="default: ODDFLOW_DATA")
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=5, help="groups of attack types left out; 0: one by one")
    given = arguments.parse_args()
    if given.data is None or not given.data.is_dir():
        arguments.error(f"no folder of data: {given.data}")
    # Networks train for a fixed number of epochs; unknown categories are encoded as zeros.
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="Found unknown categories")
    if given.command == "negative":
        report = negative(given.data, given.seeds)
    else:
        report = compare(given.command, given.data, given.seeds, given.rounds)
    json.dump(report, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
