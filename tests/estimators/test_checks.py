"""scikit-learn's own checks, in every configuration."""

import itertools

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skdeepbm import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    HammingNeighbors,
    RBMTransformer,
    ReplicatedSoftmax,
    ShallowAutoencoder,
    WakeSleep,
)

# scikit-learn feeds data outside [0, 1], constant columns and pure noise
pytestmark = [
    pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning"),
    pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.BaseRateWarning"),
]

VISIBLE = ("bernoulli", "gaussian", "softmax")
HIDDEN = ("bernoulli", "gaussian", "relu", "softmax")

# few units and epochs keep the combinations fast; the default configuration comes as it is
UNITS = [
    RBMTransformer(8, n_iter=2, visible=visible, hidden=hidden, algorithm=algorithm)
    for visible, hidden in itertools.product(VISIBLE, HIDDEN)
    if visible != "softmax" or hidden in ("bernoulli", "softmax")
    for algorithm in (("cd", "pcd") if hidden == "bernoulli" else ("cd",))
]
OPTIONS = [
    RBMTransformer(),
    RBMTransformer(n_iter=2, algorithm="pcd"),
    # 256 continuous hidden units at data whose mean is a hundred standard deviations from zero
    RBMTransformer(visible="gaussian", hidden="gaussian"),
    RBMTransformer(n_iter=3, visible="gaussian", hidden="gaussian", algorithm="pcd"),
    RBMTransformer(n_iter=2, visible="gaussian", hidden="relu"),
    RBMTransformer(n_iter=2, optimizer="adam", training_dtype=None, centring=False),
    RBMTransformer(n_iter=2, optimizer="nesterov", sparsity_cost=0.1, max_norm=1.0, norm_cost=0.1),
    RBMTransformer(
        n_iter=2, training_dtype="float64", shuffle=False, n_gibbs_steps=2, l1_penalty=1e-3
    ),
]


COUNTS = [
    ReplicatedSoftmax(n_iter=10),
    ReplicatedSoftmax(8, n_iter=2, algorithm="cd", batch_size=10),
    ReplicatedSoftmax(8, n_iter=2, algorithm="pcd", optimizer="sgd", n_gibbs_steps=2),
    ReplicatedSoftmax(8, n_iter=2, optimizer="nesterov", centring=False, sparsity_cost=0.1),
    ReplicatedSoftmax(8, n_iter=2, l1_penalty=1e-3, max_norm=1.0, training_dtype="float64"),
    ReplicatedSoftmax(8, n_iter=2, n_hidden_words=10, n_mean_field_steps=[0, 2]),
]


LABELS = [
    ClassificationRBM(32, n_iter=10),
    ClassificationRBM(32, n_iter=10, objective="discriminative", optimizer="nesterov"),
    ClassificationRBM(8, n_iter=2, objective="generative", algorithm="pcd"),
    ClassificationRBM(16, n_iter=6, visible="gaussian", hidden="relu", learning_rate=0.07),
    # so few epochs of so few units classify only where the other objective weighs little
    ClassificationRBM(
        16, n_iter=10, generative_weight=0.01, optimizer="adam", centring=False, bias_shift=1e-4
    ),
]


# one check wants three standardised clusters in a plane told apart, to 83 %: Bernoulli units, which
# clip half of that, need backpropagation; Gaussian ones manage without
PLANE = RBMTransformer(visible="gaussian", n_iter=60, learning_rate=0.08, batch_size=30)
DRAWN = RBMTransformer(n_iter=50, visible_states="draw", learning_rate=0.6, batch_size=30)
DEEP = [
    DBNClassifier((8, 6)),
    DBNClassifier((8, 6), rbm=[PLANE, DRAWN], finetuning=WakeSleep(n_iter=3)),
]

SEARCH = [HammingNeighbors(), HammingNeighbors(packed=False, threshold=0.0)]

SHALLOW = [
    ShallowAutoencoder(),
    ShallowAutoencoder(8, visible="gaussian", hidden="gaussian", tied_weights=False),
    ShallowAutoencoder(8, n_iter=2, visible="gaussian", hidden="relu", corruption="gaussian"),
    ShallowAutoencoder(8, n_iter=2, hidden="relu", tied_weights=False, optimizer="sgd"),
    ShallowAutoencoder(
        8, n_iter=2, corruption="salt", optimizer="nesterov", max_norm=1.0, training_dtype=None
    ),
    ShallowAutoencoder(8, n_iter=2, contraction_cost=0.1, weight_decay=1e-3),
    ShallowAutoencoder(8, n_iter=2, visible="softmax", sparsity_cost=0.1),
    ShallowAutoencoder(
        8, n_iter=2, visible="multinomial", corruption="masking", tied_weights=False
    ),
]


QUICK = RBMTransformer(n_iter=2)
UNROLLED = [
    DeepAutoencoder((8, 3), pretrainer=QUICK, finetuning=Backprop(n_iter=5)),
    DeepAutoencoder(
        (8, 6, 3),
        pretrainer=QUICK,
        code="binary",
        sparsity="alternate",
        intermediate_finetuning=Backprop(n_iter=2),
        finetuning=Backprop(n_iter=2, optimizer="cg"),
    ),
    DeepAutoencoder(
        (8, 3),
        pretrainer=[RBMTransformer(visible="gaussian", n_iter=2), QUICK],
        code="relu",
        sparsity="all",
        finetuning=Backprop(n_iter=2, optimizer="lbfgs"),
    ),
    DeepAutoencoder((8, 3), pretraining=False, code="sigmoid", finetuning=Backprop(n_iter=2)),
    DeepAutoencoder(
        (8, 3),
        pretrainer=[ReplicatedSoftmax(n_iter=2), QUICK],
        code="binary",
        finetuning=Backprop(n_iter=2, early_stopping=True),
    ),
    DeepAutoencoder(3, pretrainer=RBMTransformer(visible="gaussian", n_iter=2), finetuning=None),
]


MACHINES = [
    DBM((8, 6), rbm=QUICK, n_iter=5),
    DBM((8, 6, 5), rbm=QUICK, n_iter=2, transform_layers="all", sparsity_cost=0.1),
    DBM((8, 6), n_iter=2, pretraining=False, max_norm=1.0, algorithm="pt"),
    DBM(
        (8, 6),
        n_iter=2,
        pretraining=False,
        optimizer="adam",
        norm_cost=0.1,
        validation_fraction=0.2,
        early_stopping="reconstruction_error",
        n_iter_no_change=1,
    ),
    DBM((8, 6), visible="gaussian", rbm=QUICK, n_iter=2, training_dtype=None),
    DBM((8, 6), visible="gaussian", n_iter=3, pretraining=False),
    DBM((8, 6), visible="softmax", rbm=QUICK, n_iter=2, n_chains=7, optimizer="nesterov"),
    DBM((8, 6), visible="multinomial", rbm=[ReplicatedSoftmax(n_iter=2), QUICK], n_iter=2),
    DBM(
        (8, 6, 5),
        visible="multinomial",
        n_iter=2,
        pretraining=False,
        algorithm="pt",
        optimizer="adam",
    ),
]


# of the three clusters Bernoulli units clip half
ADAM = Backprop(n_iter=20, optimizer="adam", learning_rate=0.05)
JOINT = [
    DBMClassifier((8, 6), rbm=QUICK, n_iter=2, finetuning=clone(ADAM).set_params(n_iter=25)),
    DBMClassifier(
        (8, 6, 5),
        visible="gaussian",
        pretraining=False,
        n_iter=2,
        transform_layers="all",
        finetuning=ADAM,
    ),
    DBMClassifier((8, 6), rbm=QUICK, n_iter=2, finetuning=None, inference="mean_field"),
]


@parametrize_with_checks(
    UNITS + OPTIONS + COUNTS + LABELS + DEEP + SEARCH + SHALLOW + UNROLLED + MACHINES + JOINT
)
def test_check_estimator(estimator, check):
    check(estimator)


def test_check_estimator_of_warm_start():
    """Only checks that fit twice and ask for the same result contradict what a warm start is."""
    repeats = {
        "check_pipeline_consistency",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
    }
    results = check_estimator(RBMTransformer(warm_start=True), on_fail=None, on_skip=None)
    failed = {r["check_name"] for r in results if r["status"] not in ("passed", "skipped")}
    assert len(results) > 40
    assert failed <= repeats
