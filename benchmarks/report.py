"""The results table: each part's section of RESULTS.md, with what it was measured on."""

import datetime
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import joblib
import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info

import skdeepbm
from benchmarks import (
    autoencoder,
    backprop_speed,
    classification_rbm,
    dbm,
    dbm_classifier,
    dbm_speed,
    dbn,
    dead_units,
    features,
    grid,
    hamming,
    kill_resume,
    likelihood,
    mnist500,
    over_replicated,
    partition,
    semantic_hashing,
    sparse,
    sparse_layers,
    speed,
    topic_speed,
    topic_stream,
    topics,
    traps,
    word_dbm,
)
from benchmarks.markdown import table
from skdeepbm.evaluation.ais import PILOT_STAGES

FOLDER = Path(__file__).parent
RECORD = FOLDER / "results.json"
TABLE = FOLDER / "RESULTS.md"


def environment() -> dict[str, str]:
    """Versions, date and class of machine."""
    try:
        import numba

        compiled = numba.__version__
    except ImportError:
        compiled = "not installed"
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    vector = next((x for x in ("avx512f", "avx2", "avx") if f" {x} " in flags), "")
    model = next(
        (x.split(":")[1].strip() for x in flags.splitlines() if "model name" in x),
        platform.processor(),
    )
    blas = {
        f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')}, "
        f"{p['num_threads']} threads)"
        for p in threadpool_info()
        if p["user_api"] == "blas"
    }
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {model} {vector}",
        "BLAS": "; ".join(sorted(blas)),
        "versions": (
            f"skdeepbm {skdeepbm.__version__}, Python {platform.python_version()}, "
            f"numpy {np.__version__}, scipy {scipy.__version__}, "
            f"scikit-learn {sklearn.__version__}, joblib {joblib.__version__}, numba {compiled}"
        ),
    }


def speed_section() -> dict[str, Any]:
    return {"rows": speed.run(_quick), "memory": speed.peak_memory()}


def format_speed(found: dict[str, Any]) -> str:
    head = [
        "size",
        "floor, ms an epoch",
        "numba / floor (<= 1.3 at M, L)",
        "NumPy alone / floor (<= 1.45 at M, L)",
        "BernoulliRBM f32 / floor",
        "f64 / floor",
        "numba faster than BernoulliRBM, f32 (>= 2 at M, >= 4 at S)",
        "f64 (>= 3 at M)",
        "NumPy alone faster, f32 (>= 2 at M)",
    ]
    names = ("speed", "plain", "sklearn32", "sklearn64", "gain32", "gain64", "gain32_plain")
    rows = [
        [f"{r['size']}: {r['shape']}", f"{r['floor_ms']:.1f}", *(f"{r[n]:.2f}" for n in names)]
        for r in found["rows"]
    ]
    memory = found["memory"]
    return (
        "Whole `fit` with the defaults (CD-1, momentum, weight decay, centring, history), float32 "
        "unless stated. The floor is the five matrix products of a step, float32, NumPy's BLAS. "
        "Medians over rounds of the ratio within a round; all contenders take turns in every "
        "round. Wanted values are in the heading.\n\n"
        + table(head, rows)
        + f"\n\nPeak traced memory of `fit` at M: {memory['peak_mb']:.1f} MB, "
        f"{memory['ratio']:.2f} times data plus parameters (wanted: <= 1.3)."
    )


def format_likelihood(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            r["centring"],
            r["data"],
            f"{r['mean']:.2f}",
            "" if len(r["scores"]) < 2 else f"{stdev(r['scores']) / len(r['scores']) ** 0.5:.2f}",
            ", ".join(f"{score:.2f}" for score in r["scores"]),
            "" if r["published"] is None else f"{r['published']:.2f}",
            f"{r['seconds']:.0f}",
        ]
        for r in found
    ]
    return (
        "MNIST, pixels > 0.5, 16 hidden units, PCD-1, batch 100, 50 epochs, learning rate 0.01, "
        "no momentum, no weight decay unless stated; mean test log-likelihood in nats per row, "
        "exact log Z, with the standard error over seeds. Published: PyDeep's example, whose "
        "settings these are. Wanted: centred -142.5 +- 1.5, flipped within 1 of plain, no default "
        "near the base rate.\n\n"
        + table(
            ["gradient", "pixels", "mean", "s.e.", "by seed", "published", "seconds a fit"],
            rows,
        )
    )


def format_features(found: list[dict[str, Any]]) -> str:
    rows = [[r["model"], f"{r['mean']:.4f}", f"{r['se']:.4f}", str(r["seeds"])] for r in found]
    return (
        "Digits (1797 x 64, scaled to [0, 1]), mean 5-fold accuracy; standard error over seeds "
        "(of the folds and of the RBM).\n\n" + table(["model", "accuracy", "s.e.", "seeds"], rows)
    )


def format_sparse(found: list[dict[str, Any]]) -> str:
    same, wide = found
    return (
        f"{same['data']}, float64 training: largest difference between the weights after training "
        f"on CSR and on dense rows {same['difference']:.1e} (largest weight "
        f"{same['largest_weight']:.2f}); {same['seconds_csr']:.1f} s as CSR, "
        f"{same['seconds_dense']:.1f} s dense.\n\n"
        f"{wide['data']}, 32 hidden units, batch 100, one epoch in {wide['seconds']:.0f} s: peak "
        f"traced memory of `fit` {wide['peak_mb']:.0f} MB; the rows dense in float32 would take "
        f"{wide['dense_mb']:.0f} MB."
    )


def format_partition(found: dict[str, Any]) -> str:
    rows = [
        [
            r["visible"],
            f"{r['scale']:g}",
            str(r["models"]),
            f"{r['largest']:.3f}",
            f"{r['rms']:.4f}",
            f"{r['mean']:+.4f}",
            f"{100 * r['covered']:.1f} %",
        ]
        for r in found["accuracy"]
    ]
    time, stages = found["speed"], 1000
    head = ["visible", "s.d. of weights", "models", "largest error", "rms", "mean", "covered"]
    return (
        "Default settings against enumeration, in nats; 10 Bernoulli hidden units, 12 Bernoulli or "
        "6 Gaussian visible ones, a random model for each seed. Covered: exact values within the "
        "3 sigma interval. Wanted: errors up to 0.05 for 0.1 and 1, covered >= 97 %.\n\n"
        + table(head, rows)
        + "\n\n784 x 500, 100 runs x 1000 temperatures: "
        f"{time['seconds']:.1f} s, {time['ratio']:.2f} times two matrix products a stage "
        f"(wanted: <= 1.3); {time['ratio'] * stages / (stages + PILOT_STAGES):.2f} with those of "
        f"the pilot of {PILOT_STAGES} more stages."
    )


def format_mnist500(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            r["recipe"],
            f"{r['seconds'] / 60:.1f}",
            f"{r.get('n_temperatures', 10_000):,}",
            f"{r['log_z']:.2f} ({r['log_z_lower']:.2f} to {r['log_z_upper']:.2f})",
            f"{r['effective_sample_size']:.1f}" if "effective_sample_size" in r else "",
            f"{r['log_z_reverse']:.2f}",
            f"{r['test']:.2f}",
            f"{r['test_reverse']:.2f}",
            f"{r['train']:.2f}",
        ]
        for r in found
    ]
    head = [
        "recipe",
        "minutes",
        "temperatures",
        "log Z, AIS",
        "effective runs of 100",
        "reverse",
        "test",
        "test, reverse",
        "train",
    ]
    return (
        "MNIST, pixels > 0.5, 500 hidden units, batch 100, no momentum, no decay; mean "
        "log-likelihood in nats. AIS with 100 runs; reverse AIS from 100 "
        "test rows after 1000 Gibbs steps. Wanted: test of -90 or better within 10 minutes. "
        "Published: CD-25 -86.34 (Salakhutdinov & Murray 2008); centred PCD-1, 200 epochs, -84.86 "
        "by AIS and -96.6 by reverse AIS (PyDeep).\n\n" + table(head, rows)
    )


def format_traps(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            r["algorithm"],
            f"{mean(r['scores']):.2f}",
            f"{stdev(r['scores']) / len(r['scores']) ** 0.5:.2f}",
            ", ".join(f"{score:.2f}" for score in r["scores"]),
        ]
        for r in found
    ]
    return (
        "Four patterns of 30 bits, 2 % noise, 10 hidden units, learning rate 0.1, 100 epochs; "
        "exact mean test log-likelihood in nats by seed.\n\n"
        + table(["algorithm", "mean", "s.e.", "by seed"], rows)
    )


def format_grid(found: dict[str, Any]) -> str:
    names = [name for name in found["rows"][0] if name != "mean"]
    rows = [[*(f"{r[n]:g}" for n in names), f"{r['mean']:.2f}"] for r in found["rows"]]
    same = "the same numbers, bit for bit" if found["same"] else "DIFFERENT numbers"
    return (
        f"{found['data']}; GridSearchCV without `scoring`, PCD-1, 20 epochs, 3 folds; mean "
        f"held-out log-likelihood in nats (AIS). One job ({found['seconds'][0]:.0f} s) and two "
        f"({found['seconds'][1]:.0f} s) give {same}.\n\n" + table([*names, "mean"], rows)
    )


_quick = False

#: name: title, measurement, formatting
PARTS: dict[str, tuple[str, Callable[[], Any], Callable[[Any], str]]] = {
    "speed": ("Speed and memory of training", speed_section, format_speed),
    "likelihood": (
        "Exact likelihood on MNIST",
        lambda: likelihood.run(_quick),
        format_likelihood,
    ),
    "features": ("Features for a classifier", lambda: features.run(_quick), format_features),
    "sparse": ("Sparse data", lambda: sparse.run(_quick), format_sparse),
    "partition": (
        "Partition functions by annealed importance sampling",
        lambda: partition.run(_quick),
        format_partition,
    ),
    "mnist500": ("MNIST, 500 hidden units", lambda: mnist500.run(_quick), format_mnist500),
    "traps": ("Data that trap chains", lambda: traps.run(_quick), format_traps),
    "grid": ("Ranking by likelihood", lambda: grid.run(_quick), format_grid),
    "classification_rbm": (
        "MNIST by an RBM of pixels and label",
        lambda: classification_rbm.run(_quick),
        classification_rbm.form,
    ),
    "topics": ("Topics of newsgroups", lambda: topics.run(_quick), topics.form),
    "topics_nips": ("Topics of papers", lambda: topics.run_nips(_quick), topics.form),
    "over_replicated": (
        "Topics with hidden words",
        lambda: over_replicated.run(_quick),
        over_replicated.form,
    ),
    "word_dbm": ("Topics of topics", lambda: word_dbm.run(_quick), word_dbm.form),
    "topic_speed": ("Speed of the replicated softmax", topic_speed.run, topic_speed.form),
    "autoencoder": (
        "MNIST through thirty numbers",
        lambda: autoencoder.run(_quick),
        autoencoder.form,
    ),
    "backprop_speed": (
        "Speed of backpropagation",
        backprop_speed.run,
        backprop_speed.form,
    ),
    "autoencoder_speed": (
        "Speed of autoencoders",
        backprop_speed.run_autoencoder,
        backprop_speed.form,
    ),
    "semantic_hashing": (
        "Documents by short codes",
        lambda: semantic_hashing.run(_quick),
        semantic_hashing.form,
    ),
    "sparse_layers": (
        "Sparse layers and intermediate fine-tuning",
        lambda: sparse_layers.run(_quick),
        sparse_layers.form,
    ),
    "hamming": (
        "Search over packed codes",
        lambda: hamming.run(_quick),
        hamming.form,
    ),
    "topic_stream": (
        "A stream of documents",
        lambda: topic_stream.run(_quick),
        topic_stream.form,
    ),
    "dbn_backprop": (
        "Deep belief net, backpropagation",
        lambda: dbn.run_backprop(_quick),
        dbn.form_backprop,
    ),
    "dbn_up_down": (
        "Deep belief net, up-down",
        lambda: dbn.run_up_down(_quick),
        dbn.form_up_down,
    ),
    "dbm": ("MNIST by a deep Boltzmann machine", lambda: dbm.run(_quick), dbm.form),
    "dbm3": (
        "MNIST by three hidden layers",
        lambda: dbm.run(_quick, (500, 500, 1000), -85.10, dbm.THREE_LAYERS),
        dbm.form,
    ),
    "dbm_speed": (
        "Speed of deep Boltzmann machines",
        lambda: dbm_speed.run(_quick),
        dbm_speed.form,
    ),
    "dead_units": (
        "Dead units of deep Boltzmann machines",
        lambda: dead_units.run(_quick),
        dead_units.form,
    ),
    "dbm_classifier": (
        "Deep Boltzmann machine with labels",
        lambda: dbm_classifier.run(_quick),
        dbm_classifier.form,
    ),
    "dbm_few_labels": (
        "Few labels, deep Boltzmann machine",
        lambda: dbm_classifier.run_few_labels(_quick),
        dbm_classifier.form_few_labels,
    ),
    "few_labels": ("Few labels", lambda: dbn.run_few_labels(_quick), dbn.form_few_labels),
    "kill_resume": (
        "Killed fits that go on",
        lambda: kill_resume.run(_quick),
        kill_resume.form,
    ),
}


def main(parts: list[str], quick: bool) -> None:
    global _quick
    _quick = quick
    for part in parts:
        print(f"== {part}", flush=True)
        result = {"environment": environment(), "found": PARTS[part][1]()}
        print(PARTS[part][2](result["found"]), flush=True)
        if not quick:
            # read only now: another part may have been written meanwhile
            record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
            record[part] = result
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            write(record)


def write(record: dict[str, Any]) -> None:
    """Write RESULTS.md from all recorded parts."""
    text = [
        "# Results",
        "",
        "Written by `python -m benchmarks`; do not edit. Data: `SKDEEPBM_DATA` or scikit-learn's",
        "cache, see `benchmarks/data.py`.",
    ]
    for part, (title, _, form) in PARTS.items():
        if part in record:
            where = record[part]["environment"]
            text += ["", f"## {title}", "", f"`python -m benchmarks {part}`", ""]
            text += [form(record[part]["found"]), ""]
            if "remark" in record[part]:
                # until the part is measured again
                text += [record[part]["remark"], ""]
            text += [f"{where['date']}; {where['machine']}; {where['BLAS']}; {where['versions']}."]
    TABLE.write_text("\n".join(text) + "\n")
