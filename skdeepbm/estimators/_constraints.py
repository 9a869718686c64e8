"""What hyper-parameters may be, one entry for each name that estimators have in common.

scikit-learn reads ``_parameter_constraints``; an estimator whose parameter takes more, or less,
overrides the entry.
"""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

from skdeepbm.training.optimizers import OPTIMIZERS

POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
#: of a whole
SHARE = Interval(Real, 0, 1, closed="both")
LESS_THAN_ALL = Interval(Real, 0, 1, closed="left")
PROBABILITY = Interval(Real, 0, 1, closed="neither")
COUNT = Interval(Integral, 1, None, closed="left")
COUNT_OR_ZERO = Interval(Integral, 0, None, closed="left")
GROUPS: list = [None, COUNT, "array-like"]
AUTO = StrOptions({"auto"})

#: of every estimator
RUNNING: dict = {
    "backend": [str],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

#: of every loop over epochs
LOOP: dict = {
    "learning_rate": [AUTO, POSITIVE, "array-like", callable],
    "momentum": [LESS_THAN_ALL, "array-like", callable],
    "weight_decay": [NOT_NEGATIVE],
    "optimizer": [StrOptions(set(OPTIMIZERS))],
    "batch_size": [COUNT],
    "n_iter": [COUNT_OR_ZERO],
    "shuffle": ["boolean"],
    "training_dtype": [StrOptions({"float32", "float64"}), None],
}

#: on weights and on hidden units
PENALTIES: dict = {
    "max_norm": [None, POSITIVE],
    "sparsity_target": [PROBABILITY],
    "sparsity_cost": [NOT_NEGATIVE],
    "sparsity_decay": [LESS_THAN_ALL],
}

#: of gradients that have a negative phase
CHAINS: dict = {
    "n_gibbs_steps": [COUNT, "array-like", callable],
    "n_chains": [None, COUNT],
    "n_temperatures": [Interval(Integral, 2, None, closed="left")],
    "centring": ["boolean"],
    "centring_rate": [SHARE],
}

VISIBLE: dict = {
    "visible": [StrOptions({"bernoulli", "gaussian", "softmax"})],
    "visible_groups": GROUPS,
}

#: early stopping has its own criteria in every estimator
HELD_OUT: dict = {"validation_fraction": [LESS_THAN_ALL], "n_iter_no_change": [COUNT]}

#: of classifiers that begin with layers
LABELS: dict = {"class_weight": [dict, StrOptions({"balanced"}), None], "unlabelled": [object]}
