"""Mean-field inference in a deep Boltzmann machine.

Given a row of data, the posterior of the hidden layers is approximated by the factorial
distribution q that makes the bound ``E_q[-E] + H(q)`` greatest (Salakhutdinov & Hinton 2009,
section 2.2). Each unit of q has its expected value given the expected values of the layers beside
it. All odd layers are updated, then all even hidden ones: layers of a class do not see each other,
so that every update is the best one given the rest, and the bound never falls.
"""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.dbm import DBM


class MeanField:
    """Inference in buffers that are used again.

    Parameters
    ----------
    dbm : DBM
        Its arrays may change between calls.
    """

    def __init__(self, dbm: DBM) -> None:
        self.dbm = dbm
        self._n_rows = 0

    def _make_room(self, n: int) -> None:
        if n > self._n_rows:
            self._n_rows = n
            empty, dtype = self.dbm.backend.empty, self.dbm.dtype
            sizes = [units.size for units in self.dbm.layers]
            self._from_data = empty((n, sizes[1]), dtype)
            self._rooms = [empty((n, size), dtype) for size in sizes]
            # layers between two that both change get a second product
            self._seconds = [empty((n, size), dtype) for size in sizes[2:-1]]

    def run(
        self,
        v: Array,
        means: list[Array],
        tolerance: float,
        max_steps: int,
        top: Array | None = None,
    ) -> int:
        """Fill ``means`` from a pass up, then update until nothing changes.

        Parameters
        ----------
        v : array of shape (n_rows, n_visible)
        means : list of arrays of shapes (n_rows, n_l)
            Of the hidden layers, from the first one; receive their expected values.
        tolerance : float
            The updates end when no expected value of any row has changed by more than that.
        max_steps : int
            At most; a step updates every hidden layer once. With 0, the pass up remains.
        top : array of shape (n_rows, n_top) or None, default=None
            Known states of the top layer, one-hot, which are held; rows of zeros are not known.

        Returns
        -------
        n_steps : int
        """
        dbm, backend, n = self.dbm, self.dbm.backend, int(v.shape[0])
        self._make_room(n)
        held = None if top is None else (top, known_rows(dbm, top))
        from_data = dbm.from_below(1, v, out=self._from_data[:n, :])
        # the pass up needs the product that all updates need
        a = backend.store(2.0 * from_data, means[0])
        dbm.layers[1].mean(a, out=means[0])
        for i in range(2, dbm.depth + 1):
            a = dbm.up_input(i, means[i - 2], out=means[i - 1])
            dbm.layers[i].mean(a, out=means[i - 1])
        if held is not None:
            backend.store(backend.xp.where(held[1], held[0], means[-1]), means[-1])
        order = [*range(1, dbm.depth + 1, 2), *range(2, dbm.depth + 1, 2)]
        for step in range(1, max_steps + 1):
            changes = [self._update(i, from_data, means, held) for i in order]
            if float(backend.xp.max(backend.xp.stack(changes))) <= tolerance:
                return step
        return max_steps

    def _update(
        self,
        index: int,
        from_data: Array,
        means: list[Array],
        held: tuple[Array, Array] | None,
    ) -> Array:
        """Set one layer to its expected values given the others; the largest change, ()."""
        dbm, backend, n = self.dbm, self.dbm.backend, int(from_data.shape[0])
        xp, mean, room = backend.xp, means[index - 1], self._rooms[index][:n, :]
        if index == 1:
            a = dbm.from_above(1, means[1], out=room)
            a += from_data
        else:
            second = self._seconds[index - 2][:n, :] if index < dbm.depth else None
            a = dbm.input(index, [from_data, *means], out=room, room=second)
        found = dbm.layers[index].mean(a, out=room)
        if held is not None and index == dbm.depth:
            found = xp.where(held[1], held[0], found)
        mean -= found
        change = xp.maximum(xp.max(mean), -xp.min(mean))
        backend.store(found, mean)
        return change


def known_rows(dbm: DBM, top: Array) -> Array:
    """Which rows of one-hot states of the top layer are known: those not all zero; (n_rows, 1)."""
    return dbm.backend.xp.sum(top, axis=1, keepdims=True) > 0


def mean_field(
    dbm: DBM,
    v: Array,
    tolerance: float = 1e-6,
    max_steps: int = 100,
    top: Array | None = None,
) -> tuple[list[Array], int]:
    """Expected values of the hidden layers under the mean-field posterior.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_rows, n_visible)
    tolerance : float, default=1e-6
        Largest change of an expected value in the last step.
    max_steps : int, default=100
    top : array of shape (n_rows, n_top) or None, default=None
        Known states of the top layer, as of :meth:`MeanField.run`.

    Returns
    -------
    means : list of arrays of shapes (n_rows, n_l)
        From the first hidden layer.
    n_steps : int
        Steps that were made.
    """
    n = int(v.shape[0])
    means = [dbm.backend.empty((n, units.size), dbm.dtype) for units in dbm.layers[1:]]
    return means, MeanField(dbm).run(v, means, tolerance, max_steps, top)


def mean_field_inputs(dbm: DBM, v: Array, means: list[Array]) -> list[Array]:
    """Inputs of all hidden layers at expected values of the layers beside them.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_rows, n_visible)
    means : list of arrays of shapes (n_rows, n_l)

    Returns
    -------
    inputs : list of arrays of shapes (n_rows, n_l)
        ``layers[l].mean(inputs[l - 1])`` is the update of layer l.
    """
    return [dbm.input(i, [v, *means]) for i in range(1, dbm.depth + 1)]


def variational_bound(dbm: DBM, v: Array, inputs: list[Array], top: Array | None = None) -> Array:
    """``E_q[-E(v, h)] + H(q)`` of a factorial q: below ``log sum_h exp(-E(v, h))``.

    With ``m_l`` the mean of layer l under q, its entropy is ``cgf(a_l) - a_l . couple(m_l)`` plus
    the expected self-energy, which cancels against that in the energy.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_rows, n_visible)
    inputs : list of arrays of shapes (n_rows, n_l)
        ``a_l``, which q is given by: hidden layer l is what its units are at this input.
    top : array of shape (n_rows, n_top) or None, default=None
        Known states of the top layer, one-hot, in place of those of q; rows of zeros are not known.
        The sum over states is then over those of the other hidden layers.

    Returns
    -------
    bound : array of shape (n_rows,)
        In nats.
    """
    xp, total, below = dbm.backend.xp, -dbm.visible.self_energy(v), v
    for i, a in enumerate(inputs, start=1):
        units = dbm.layers[i]
        mean = units.mean(a)
        received = dbm.from_below(i, below)
        part = units.cgf(a) + xp.sum((received - a) * units.couple(mean), axis=1)
        if top is not None and i == dbm.depth:
            given = xp.sum(received * units.couple(top), axis=1) - units.self_energy(top)
            part = xp.where(known_rows(dbm, top)[:, 0], given, part)
        total = total + part
        below = mean
    return total


def settled_means(dbm: DBM, v: Array, tolerance: float = 1e-6, max_steps: int = 100) -> list[Array]:
    """What :func:`mean_field` returns, of every row as if it were alone.

    A row that has settled keeps its expected values while others go on, so that they do not depend
    on which rows they are computed with.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_rows, n_visible)
    tolerance : float, default=1e-6
        A row has settled when no expected value of it has changed by more in a step.
    max_steps : int, default=100

    Returns
    -------
    means : list of arrays of shapes (n_rows, n_l)
        From the first hidden layer.
    """
    xp, depth = dbm.backend.xp, dbm.depth
    from_data, means = dbm.from_below(1, v), [v]
    for i in range(1, depth + 1):
        a = 2.0 * from_data if i == 1 else dbm.up_input(i, means[-1])
        means.append(dbm.layers[i].mean(a))
    settled = dbm.backend.zeros((int(v.shape[0]), 1), dbm.dtype) > 0
    for _ in range(max_steps):
        before = list(means)
        for i in (*range(1, depth + 1, 2), *range(2, depth + 1, 2)):
            if i == 1:
                a = from_data + dbm.from_above(1, means[2])
            else:
                a = dbm.input(i, means)
            means[i] = xp.where(settled, before[i], dbm.layers[i].mean(a))
        pairs = zip(means[1:], before[1:], strict=True)
        changes = [xp.max(xp.abs(new - old), axis=1, keepdims=True) for new, old in pairs]
        settled = xp.logical_or(settled, xp.max(xp.stack(changes), axis=0) <= tolerance)
        if bool(xp.all(settled)):
            break
    return means[1:]
