"""A penalty on the hidden layers of a network that are to be mostly silent."""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.units import Units
from skdeepbm.training.settings import BackpropSettings

#: kinds whose expected values are probabilities
PROBABILITIES = ("bernoulli", "softmax")
_LEAST = 1e-6


class ActivityPenalty:
    """Penalty on the expected values of one hidden layer.

    Where they are probabilities it is ``cost * sum_j KL(target || q_j)``, with the mean ``q_j`` of
    unit j over the rows (Lee, Ekanadham & Ng 2008; Nair & Hinton 2009, section 4); of other units,
    whose values have no target, ``cost`` times the mean over the rows of ``sum_j |h_j|``.

    Parameters
    ----------
    units : Units
    settings : BackpropSettings
        With ``sparsity_target``, ``sparsity_cost`` and ``sparsity_decay``.
    activity : array of shape (n_units,) or None, default=None
        Decayed mean of the values so far.
    """

    def __init__(
        self, units: Units, settings: BackpropSettings, activity: Array | None = None
    ) -> None:
        self.backend, self.is_probability = units.backend, units.kind in PROBABILITIES
        self.target, self.cost = settings.sparsity_target, settings.sparsity_cost
        self.decay, self.activity = settings.sparsity_decay, activity

    def ascent(self, mean: Array) -> Array:
        """What the values of every row should rise by: minus the derivative, times the rows.

        Parameters
        ----------
        mean : array of shape (n_rows, n_units)

        Returns
        -------
        direction : array of shape (n_units,) or (n_rows, n_units)
            At the decayed mean, which it updates, where the values are probabilities.
        """
        xp = self.backend.xp
        if not self.is_probability:
            return -self.cost * xp.sign(mean)
        q = xp.mean(mean, axis=0)
        if self.decay and self.activity is not None:
            q = self.decay * self.activity + (1.0 - self.decay) * q
        self.activity = q
        q = xp.clip(q, min=_LEAST, max=1.0 - _LEAST)
        return self.cost * (self.target - q) / (q * (1.0 - q))

    def value(self, mean: Array) -> float:
        """The penalty of these rows alone, in nats."""
        xp = self.backend.xp
        if not self.is_probability:
            return self.cost * float(xp.sum(xp.abs(mean))) / int(mean.shape[0])
        q = xp.clip(xp.mean(mean, axis=0), min=_LEAST, max=1.0 - _LEAST)
        on = self.target * xp.log(self.target / q)
        off = (1.0 - self.target) * xp.log((1.0 - self.target) / (1.0 - q))
        return self.cost * float(xp.sum(on + off))
