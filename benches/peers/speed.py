"""Speed of native Python stacks: flow CSV to annotated CSV, or one stage alone on one thread; prints JSON.

All do the same work: numbers standardised, texts one-hot, an isolation forest of 100 trees on samples of 256 rows, the
network of the ONNX file, and the file written again with both scores behind each record. End to end each may use every
core, as its users would; a stage alone has one. Time starts when the packages have been imported: a person would not count
that. Seconds are wall time, bytes the greatest resident memory of the process.
"""

import argparse
import importlib.metadata
import json
import os
import resource
import sys
import time

TREES, SAMPLES, SEED = 100, 256, 0
LABEL = "label"
BATCH = 8192


class Stages:
    """Times of stages that follow one another."""

    def __init__(self):
        self.start = self.last = time.perf_counter()
        self.start_cpu = time.process_time()
        self.seconds = {}

    def done(self, name):
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now

    def figures(self, rows):
        """What all stages together took, on all threads."""
        cpu = time.process_time() - self.start_cpu
        return {"rows": rows, "seconds": self.last - self.start, "cpu_seconds": cpu, "stages": self.seconds}


def encode(numbers, texts, n_inputs):
    """Numbers, which have been standardised, and one-hot texts, float32, with zeros up to the network's inputs.

    numbers: rows × columns; texts: for each column, the code of each row and how many codes there are.
    """
    import numpy as np

    x = np.zeros((len(numbers), n_inputs), dtype=np.float32)
    end = numbers.shape[1]
    x[:, :end] = numbers
    rows = np.arange(len(x))
    for codes, n_codes in texts:
        if end + n_codes > n_inputs:
            sys.exit(f"{end + n_codes} features or more, and the network takes {n_inputs}")
        # Codes come in the narrowest integers that hold them, which sums would leave.
        x[rows, end + codes.astype(np.int64)] = 1
        end += n_codes
    return x


def read_pandas(file):
    import pandas as pd

    return pd.read_csv(file, engine="c")


def encode_pandas(table, n_inputs):
    features = table.drop(columns=LABEL)
    numbers = features.select_dtypes("number")
    texts = [features[name].astype("category").cat for name in features.columns.difference(numbers.columns)]
    values = numbers.to_numpy()
    deviation = values.std(axis=0)
    values = (values - values.mean(axis=0)) / deviation.clip(min=1e-12)
    return encode(values, [(text.codes.to_numpy(), len(text.categories)) for text in texts], n_inputs)


def read_polars(file):
    import polars as pl

    return pl.read_csv(file, infer_schema_length=10_000)


def encode_polars(table, n_inputs):
    import polars as pl
    from polars import selectors

    features = table.drop(LABEL)
    texts = []
    for column in features.select(selectors.string()):
        names = column.unique()
        texts.append((column.cast(pl.Enum(names)).to_physical().to_numpy(), len(names)))
    number = pl.all()
    scaled = (number - number.mean()) / number.std().clip(1e-12)
    return encode(features.select(selectors.numeric()).select(scaled.cast(pl.Float32)).to_numpy(), texts, n_inputs)


def scikit_learn(threads):
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=SEED, n_jobs=threads)
    return forest.fit, lambda x: -forest.score_samples(x)


def isotree(threads):
    from isotree import IsolationForest

    forest = IsolationForest(
        ntrees=TREES, sample_size=SAMPLES, ndim=1, missing_action="fail", random_seed=SEED, nthreads=threads
    )
    return forest.fit, forest.predict


def network(model, threads):
    """Probabilities by row, in batches; 0 threads are as many as onnxruntime likes."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(x):
        parts = (session.run(None, {name: x[at : at + BATCH]})[0] for at in range(0, len(x), BATCH))
        return np.concatenate([part.ravel() for part in parts])

    return run, session.get_inputs()[0].shape[1]


def write_pandas(table, scores, out):
    table.assign(**scores).to_csv(out, index=False)


def write_polars(table, scores, out):
    import polars as pl

    table.with_columns(pl.Series(name, values) for name, values in scores.items()).write_csv(out)


TABLES = {"pandas": (read_pandas, encode_pandas, write_pandas), "polars": (read_polars, encode_polars, write_polars)}
FORESTS = {"scikit-learn": scikit_learn, "isotree": isotree}


def end_to_end(library, forest, file, model, out):
    read, encode, write = TABLES[library]
    run, n_inputs = network(model, 0)
    fit, score = FORESTS[forest](-1)
    stages = Stages()
    table = read(file)
    stages.done("read")
    x = encode(table, n_inputs)
    stages.done("encode")
    fit(x)
    stages.done("fit")
    odd = score(x)
    stages.done("forest")
    probability = run(x)
    stages.done("network")
    write(table, {"forest_score": odd, "dnn_score": probability}, out)
    stages.done("write")
    return stages.figures(len(table))


def one_stage(stage, file, model):
    """One stage of `file` on one thread; what comes before it is not timed."""
    if stage in TABLES:
        stages = Stages()
        table = TABLES[stage][0](file)
        stages.done(stage)
        return stages.figures(len(table))
    run, n_inputs = network(model, 1)
    x = encode_pandas(read_pandas(file), n_inputs)
    if stage == "onnxruntime":
        work = run
    else:
        fit, work = FORESTS[stage](1)
        fit(x)
    stages = Stages()
    work(x)
    stages.done(stage)
    return stages.figures(len(x))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", nargs="+", help="TABLE FOREST, or one of them or onnxruntime alone")
    arguments.add_argument("--file", required=True)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--out")
    given = arguments.parse_args()
    if len(given.what) == 2:
        packages = [*given.what, "onnxruntime"]
    else:
        packages = given.what
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    for package in packages:
        __import__({"scikit-learn": "sklearn.ensemble"}.get(package, package))
    if len(given.what) == 2:
        report = end_to_end(*given.what, given.file, given.model, given.out)
    else:
        report = one_stage(given.what[0], given.file, given.model)
    # Kilobytes on Linux.
    report["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    report["versions"] = {package: importlib.metadata.version(package) for package in packages}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
