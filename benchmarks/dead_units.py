"""Dead hidden units: plain training, centred gradients, equal norms.

Deep Boltzmann machines of two hidden layers without pretraining; joint training with a rate that
falls from its start to 0, batches of 50, five Gibbs steps. Plain: uncentred gradients; norms:
`norm_cost=0.1`; greedy layers: uncentred RBMs trained for 10 epochs first. Dead: the standard
deviation of the unit's expected value over the rows is below 0.01; redundant: it correlates to
0.95 or more with a unit of its layer that remains. Both in per cent of the first and of the second
hidden layer, beside the coefficient of variation of the layer's weight norms. Error: squared error
of the reconstruction of (at most 2000) training rows, summed over features, with the standard
error. Means over three seeds.
"""

import itertools
from typing import Any

import numpy as np

from benchmarks.data import alphadigits, digits, movie_features
from benchmarks.markdown import table
from skdeepbm import DBM, RBMTransformer
from skdeepbm.inspection import dead_units
from skdeepbm.metrics import squared_error
from skdeepbm.schedules import Linear

SEEDS, N_WATCHED = (0, 1, 2), 2000
TRAINING: dict[str, dict[str, Any]] = {
    "plain": {"centring": False},
    "centred": {"centring": True},
    "norms": {"centring": False, "norm_cost": 0.1},
    "centred, norms": {"centring": True, "norm_cost": 0.1},
}
GREEDY, GREEDY_RATE = "greedy layers, plain", 0.05


def data() -> dict[str, tuple[Any, dict[str, Any], tuple[float, ...]]]:
    """Rows, layers and epochs, and rates to start from."""
    letters, name = alphadigits()
    shown: dict[str, tuple[Any, dict[str, Any], tuple[float, ...]]] = {
        "digits": (digits()[0].astype(np.float32), {"sizes": (128, 64), "n_iter": 30}, (0.2, 0.5)),
        name: (letters, {"sizes": (200, 100), "n_iter": 30}, (0.05, 0.2)),
    }
    movies = movie_features()
    if movies is not None:
        # few of the features are ever on: a low rate would take hundreds of epochs
        shape = {"sizes": (100, 50), "n_iter": 12}
        shown["movies"] = (movies.astype(np.float32), shape, (0.3,))
    return shown


def watched(X: Any) -> Any:
    """Rows that are measured on."""
    return X[:: -(-X.shape[0] // N_WATCHED)]


def measure(X: Any, sizes: tuple[int, ...], n_iter: int, rate: float, **settings: Any) -> Any:
    dbm = DBM(sizes, n_iter=n_iter, learning_rate=Linear(rate, 0.0, n_iter), **settings).fit(X)
    rows = watched(X)
    reports = dead_units(dbm, rows)
    return {
        "dead": [100 * report.n_dead / report.dead.size for report in reports],
        "redundant": [100 * report.n_redundant / report.dead.size for report in reports],
        "variation": [r.weight_norm.std() / r.weight_norm.mean() for r in reports],
        "error": squared_error(rows, dbm.reconstruct(rows)),
    }


def run(quick: bool = False) -> list[dict[str, Any]]:
    found = []
    template = RBMTransformer(visible_states="draw", centring=False, n_iter=10, batch_size=50)
    for name, (X, shape, rates) in data().items():
        if quick:
            shape = {**shape, "n_iter": 2}
        n_rows, n_features = X.shape
        mean = np.asarray(X.mean(axis=0)).reshape(1, n_features)
        rows = watched(X)
        base = squared_error(rows, np.repeat(mean, rows.shape[0], axis=0))
        plan = [
            (training, rate, {"pretraining": False, **settings})
            for rate, (training, settings) in itertools.product(rates, TRAINING.items())
        ]
        plan.append((GREEDY, GREEDY_RATE, {"rbm": template, "centring": False}))
        for training, rate, settings in plan:
            each = [
                measure(X, rate=rate, random_state=seed, **shape, **settings)
                for seed in (SEEDS[:1] if quick else SEEDS)
            ]
            errors = [m["error"] for m in each]
            entry: dict[str, Any] = {
                "data": name,
                "shape": f"{n_rows} x {n_features}, {'-'.join(map(str, shape['sizes']))} units, "
                f"{shape['n_iter']} epochs",
                "base_rate_error": base,
                "training": training,
                "rate": rate,
                "error": float(np.mean(errors)),
                "se": float(np.std(errors, ddof=1) / len(each) ** 0.5) if len(each) > 1 else 0.0,
            }
            for key in ("dead", "redundant", "variation"):
                entry[key] = np.mean([m[key] for m in each], axis=0).tolist()
            found.append(entry)
            print(name, rate, training, entry["dead"], flush=True)
    return found


def form(found: list[dict[str, Any]]) -> str:
    head = [
        "data",
        "rate",
        "training",
        "dead, %",
        "redundant, %",
        "variation of norms",
        "error",
    ]
    rows = [
        [
            r["data"],
            f"{r['rate']:g}",
            r["training"],
            " and ".join(f"{x:.0f}" for x in r["dead"]),
            " and ".join(f"{x:.0f}" for x in r["redundant"]),
            " and ".join(f"{x:.2f}" for x in r["variation"]),
            f"{r['error']:.3f} +- {r['se']:.3f}",
        ]
        for r in found
    ]
    shapes = {r["data"]: (r["shape"], r["base_rate_error"]) for r in found}
    assert __doc__ is not None
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + "\n\n"
        + "\n".join(
            f"- {name}: {shape}; error of the mean row {base:.3f}."
            for name, (shape, base) in shapes.items()
        )
        + "\n\n"
        + table(head, rows)
        + "\n\n"
        + verdict(found)
    )


def verdict(found: list[dict[str, Any]]) -> str:
    """Live units that are not redundant, per cent of all: what each training makes of a machine."""
    lines = []
    for name, rate in dict.fromkeys((r["data"], r["rate"]) for r in found):
        group = [r for r in found if (r["data"], r["rate"]) == (name, rate)]
        useful = {
            r["training"]: " and ".join(
                f"{100 - d - s:.0f}" for d, s in zip(r["dead"], r["redundant"], strict=True)
            )
            for r in group
        }
        shares = "; ".join(f"{training} {share}" for training, share in useful.items())
        lines.append(f"- {name}, rate {rate:g}: {shares}.")
    return "Units that are neither dead nor redundant, per cent:\n\n" + "\n".join(lines)


if __name__ == "__main__":
    print(form(run()))
