"""Kinds of units; each is written once and serves every model, sampler, trainer and evaluator.

``UNITS`` has those of an RBM by name.
"""

from skdeepbm.models.units.base import Units
from skdeepbm.models.units.bernoulli import BernoulliUnits
from skdeepbm.models.units.gaussian import GaussianUnits
from skdeepbm.models.units.joint import JointUnits
from skdeepbm.models.units.multinomial import MultinomialUnits
from skdeepbm.models.units.relu import ReluUnits
from skdeepbm.models.units.softmax import SoftmaxUnits

UNITS: dict[str, type[Units]] = {
    kind.kind: kind for kind in (BernoulliUnits, GaussianUnits, ReluUnits, SoftmaxUnits)
}

__all__ = [
    "UNITS",
    "BernoulliUnits",
    "GaussianUnits",
    "JointUnits",
    "MultinomialUnits",
    "ReluUnits",
    "SoftmaxUnits",
    "Units",
]
