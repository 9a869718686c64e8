"""MNIST with deep Boltzmann machines: the bound on the likelihood, both ways, and samples.

Of two hidden layers the first one is trained alone, as an RBM with persistent chains, and the other
begins at random weights; three begin as greedy layers. Then all layers learn together, with centred
gradients. Every epoch draws its own binary pixels from the grey values, as the published runs do;
those of the test rows are drawn once.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.data import mnist
from benchmarks.dbn import template
from benchmarks.markdown import table
from skdeepbm import DBM, RBMTransformer
from skdeepbm.inspection import dead_units


class Rounds(NamedTuple):
    """Epochs, first and last rate of each round of training."""

    #: epochs of every greedy layer, by CD-1; none for the first layer alone
    greedy: int
    #: the first layer alone, its rate falling by the same factor in every epoch
    alone: tuple[int, float, float]
    #: all layers together, likewise
    together: tuple[int, float, float]
    #: all layers together once more, the rate falling by equal steps; no epochs for none
    again: tuple[int, float, float]

    def __str__(self) -> str:
        if self.greedy:
            before = f"greedy layers: CD-1, {self.greedy} epochs each"
        else:
            before = "first layer: PCD-1, {} epochs, rate {} falling to {}".format(*self.alone)
        parts = [
            before,
            "together: {} epochs, rate {} falling to {} by the same factor in every epoch".format(
                *self.together
            ),
        ]
        if self.again[0]:
            parts.append("then {}, {} falling to {} by equal steps".format(*self.again))
        return ", ".join(parts)


TWO_LAYERS = Rounds(0, (60, 0.05, 0.001), (100, 0.02, 0.002), (120, 0.01, 0.0002))
THREE_LAYERS = Rounds(20, (0, 0, 0), (50, 0.01, 0.002), (70, 0.005, 0.0001))
QUICK = Rounds(0, (2, 0.05, 0.001), (2, 0.02, 0.0002), (1, 0.01, 0.0002))
#: standard deviation of the random weights above the first layer
SPREAD = 0.1


def drawn(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Binary pixels that are on with the probability of their grey value."""
    return (rng.random(X.shape, dtype=np.float32) < X).astype(np.float32)


def falling(n_epochs: int, first: float, last: float) -> list[float]:
    """Rates that fall by the same factor from epoch to epoch."""
    return np.geomspace(first, last, n_epochs).tolist()


def grown(rbm: RBMTransformer, sizes: tuple[int, ...]) -> DBM:
    """A machine whose first layer is the RBM's; those above say nearly nothing yet."""
    rng = np.random.default_rng(0)
    dbm = DBM(sizes, pretraining=False, random_state=0)
    shapes = zip(sizes[:-1], sizes[1:], strict=True)
    upper = [rng.normal(0, SPREAD, shape).astype(np.float32) for shape in shapes]
    dbm.coefs_ = [np.ascontiguousarray(rbm.components_.T), *upper]
    biases = [rbm.intercept_hidden_, *(np.zeros(n, np.float32) for n in sizes[1:])]
    for i, weights in enumerate(upper):
        # units above are half on: what they add on average is taken off
        biases[i] = biases[i] - 0.5 * weights.sum(axis=1)
    dbm.intercepts_ = [rbm.intercept_visible_, *biases]
    return dbm


def train(sizes: tuple[int, ...], X: np.ndarray, rounds: Rounds) -> tuple[DBM, list[float]]:
    """The fitted machine, and the seconds of both parts."""
    rng = np.random.default_rng(0)
    shared: dict[str, Any] = {
        "batch_size": 100,
        "momentum": 0.5,
        "weight_decay": 1e-4,
        "n_iter": 1,
        "warm_start": True,
        "random_state": 0,
    }
    seconds = []
    begin = time.perf_counter()
    if rounds.greedy:
        dbm = DBM(sizes, rbm=template(rounds.greedy), n_iter=0, random_state=0).fit(X)
    else:
        rbm = RBMTransformer(sizes[0], algorithm="pcd", **shared)
        rbm.set_params(learning_rate=falling(*rounds.alone))
        for _ in range(rounds.alone[0]):
            rbm.fit(drawn(X, rng))
        dbm = grown(rbm, sizes)
    seconds.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    dbm.set_params(
        **shared,
        learning_rate=[
            *falling(*rounds.together),
            *np.linspace(*rounds.again[1:], rounds.again[0]).tolist(),
        ],
        n_gibbs_steps=2,
        max_mean_field_steps=5,
    )
    for _ in range(rounds.together[0] + rounds.again[0]):
        dbm.fit(drawn(X, rng))
    seconds.append(time.perf_counter() - begin)
    return dbm, seconds


def look_of(judge: MLPClassifier, X: np.ndarray) -> dict[str, Any]:
    """How sure an independent classifier is of images, and which digits it sees."""
    p = judge.predict_proba(X)
    shares = np.bincount(p.argmax(axis=1), minlength=10) / len(X)
    return {"confidence": float(p.max(axis=1).mean()), "shares": shares.tolist()}


def run(
    quick: bool = False,
    sizes: tuple[int, ...] = (500, 1000),
    published: float = -84.62,
    rounds: Rounds = TWO_LAYERS,
) -> dict[str, Any]:
    X, y, X_test, y_test = mnist()
    test = drawn(X_test, np.random.default_rng(1))
    binary = drawn(X, np.random.default_rng(2))
    judge = MLPClassifier((256,), max_iter=20, early_stopping=True, random_state=0).fit(binary, y)
    noise = np.random.default_rng(3).permuted(test[:1000], axis=0)
    looks = {"test digits": look_of(judge, test), "pixels of their own": look_of(judge, noise)}
    if quick:
        rounds = QUICK._replace(greedy=min(rounds.greedy, 1))
    dbm, seconds = train(sizes, X[:2000] if quick else X, rounds)
    begin = time.perf_counter()
    n_temperatures = 200 if quick else 20_000
    found = dbm.log_partition(
        "ais", n_runs=100, n_temperatures=n_temperatures, reverse=test[:1000], random_state=0
    )
    ais_seconds = time.perf_counter() - begin
    free = {
        name: -float(np.mean(dbm.free_energy(images), dtype=np.float64))
        for name, images in (("test", test), ("train", binary[:10_000]))
    }
    name = "-".join(map(str, (X.shape[1], *sizes)))
    fantasies = dbm.sample(1000, n_gibbs_steps=20 if quick else 2000, random_state=0)
    looks[f"samples of {name}"] = look_of(judge, fantasies)
    row = {
        "model": name,
        "seconds": seconds,
        "ais_seconds": ais_seconds,
        "log_z": found.value,
        "log_z_lower": found.lower,
        "log_z_upper": found.upper,
        "log_z_reverse": found.reverse,
        "effective_sample_size": found.effective_sample_size,
        "test": free["test"] - found.value,
        "test_reverse": free["test"] - found.reverse,
        "train": free["train"] - found.value,
        "published": published,
        "dead": [100 * r.n_dead / r.dead.size for r in dead_units(dbm, test)],
    }
    error = 100 * float(np.mean(judge.predict(test) != y_test))
    return {"rows": [row], "looks": looks, "judge": error, "rounds": str(rounds)}


def form(found: dict[str, Any]) -> str:
    rows = [
        [
            r["model"],
            " + ".join(f"{part:.0f}" for part in r["seconds"]),
            f"{r['test']:.2f}",
            f"{r['test'] + r['log_z'] - r['log_z_upper']:.2f} to "
            f"{r['test'] + r['log_z'] - r['log_z_lower']:.2f}",
            f"{r['test_reverse']:.2f}",
            f"{r['published']:.2f}",
            f"{r['train']:.2f}",
            f"{r['log_z']:.2f} / {r['log_z_reverse']:.2f}",
            f"{r['effective_sample_size']:.0f}",
            f"{r['ais_seconds']:.0f}",
            ", ".join(f"{share:.0f}" for share in r["dead"]),
        ]
        for r in found["rows"]
    ]
    head = [
        "model",
        "seconds",
        "test bound",
        "three standard errors",
        "by reverse AIS",
        "published",
        "training rows",
        "log Z by AIS / reverse",
        "effective runs",
        "seconds of AIS",
        "dead units, %",
    ]
    looks = [
        [name, f"{look['confidence']:.3f}", ", ".join(f"{100 * p:.0f}" for p in look["shares"])]
        for name, look in found["looks"].items()
    ]
    return (
        "MNIST, pixels drawn from the grey values: anew in every epoch, once for the test rows. "
        f"Training: {found['rounds']}; 100 "
        "chains of 2 Gibbs steps, at most 5 steps of mean field. Batches of 100, momentum 0.5, one "
        "seed. The bound is the variational one, in nats per row, minus log Z by annealing (100 "
        "runs, 20,000 temperatures), forward and, from 1000 test rows after 1000 Gibbs steps, "
        "backward; the training rows are the first 10,000. Dead units, by layer, are those whose "
        "expected value has a standard deviation under .01 over the test rows. Wanted of two "
        "hidden layers: a test bound of -86 or better.\n\n"
        + table(head, rows)
        + "\n\nSamples (1000, after 2000 Gibbs steps from noise) as a multilayer perceptron sees "
        f"them, which was trained on binary digits (test error {found['judge']:.2f} %): the mean "
        "probability of the digit it decides for, and the share of every digit in percent.\n\n"
        + table(["images", "confidence", "shares of 0 to 9"], looks)
    )


if __name__ == "__main__":
    print(form(run()))
