"""Up-down training of a deep belief net (Hinton, Osindero & Teh 2006, appendix B).

For every batch: up by draws with the recognition weights; Gibbs steps of the top RBM with the label
units, from the states of that wake phase; down by draws with the generative weights, from where the
chains ended. Then

- the generative layers learn to predict each wake state from the one above,
- the top RBM learns by contrastive divergence,
- the recognition layers learn to predict each sleep state from the one below,

all from predictions and statistics of the parameters before the step. As in the paper, states
are drawn, except for the label units in the chains and the visible units of the sleep phase, which
have their expected values. Unlike there, the hidden units of the top enter the statistics with
their expected values given what was drawn, which have the same mean and less variance.

Steps of Gaussian units are those of the gradient times the variance, as for an RBM.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.labels import label_log_posterior
from skdeepbm.models.network import Layer
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import JointUnits
from skdeepbm.sampling import gibbs_chain
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.belief_monitor import measure_belief
from skdeepbm.training.contrast import Contrast, View
from skdeepbm.training.monitor import monitored_rows
from skdeepbm.training.settings import TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.wake_sleep_phase import ExpectedLabels, Phase
from skdeepbm.training.wake_sleep_settings import WakeSleepSettings


class WakeSleepTrainer(Trainer):
    """Trains a deep belief net in place.

    Parameters
    ----------
    net : BeliefNet
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : WakeSleepSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    labels : array of shape (n_rows, n_classes) or None, default=None
        One-hot, with the indices of the rows; of a row without a label all zero. For
        :meth:`update`, those of the batch. None says that no row has a label.
    """

    def __init__(
        self,
        net: BeliefNet,
        settings: WakeSleepSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
        labels: Any = None,
    ) -> None:
        if net.counts:
            raise TypeError("Up-down training of counts of words is not defined here.")
        if labels is not None and not net.n_classes:
            raise TypeError("Labels were given, but the top RBM has no label units.")
        backend, top = net.backend, net.top
        super().__init__(backend, settings.of_the_loop, state, seed)
        self.net, self.options = net, settings
        self.labels = None if labels is None else np.asarray(backend.to_host(labels))
        self._given: np.ndarray | None = None
        dtype = top.weights.dtype
        sizes = [net.visible.size, *(layer.units.size for layer in net.recognition)]
        self.wake = Phase(backend, sizes, slice(0, -1), dtype)
        self.sleep = Phase(backend, sizes, slice(1, None), dtype)
        self.contrast = Contrast(backend, top.visible.size, top.hidden.size, 0, dtype, True)
        # both biases in one vector, so that one operation serves both
        self.biases = backend.xp.concat([top.visible.bias, top.hidden.bias])
        top.visible.bias, top.hidden.bias = self.contrast.split(self.biases)
        self._steps = {
            name: backend.empty(tuple(array.shape), dtype)
            for name, array in self.parameters().items()
            if "generative" in name or "recognition" in name
        }
        self._chain_rbm, self.chains = self._begin_chains(state)

    def _begin_chains(self, state: TrainingState) -> tuple[RBM, Array | None]:
        """The RBM that chains are run of, and their hidden states where they are persistent."""
        backend, top, visible = self.backend, self.net.top, self.net.top.visible
        dtype = top.weights.dtype
        if not self.options.persistent:
            if not isinstance(visible, JointUnits):
                return top, None
            labels = ExpectedLabels(backend, visible.parts[1].bias)
            joint = JointUnits([visible.parts[0], labels], visible.bias)
            return RBM(joint, top.hidden, top.weights), None
        if state.chains is not None:
            return top, backend.asarray(np.array(state.chains), dtype)
        # what hidden units do at the mean of independent visible units
        silent = backend.zeros((self.options.batch_size, visible.size), dtype)
        a = top.hidden_input(visible.mean(silent))
        return top, top.hidden.sample(a, self.stream)

    # -- what the loop asks for ----------------------------------------------------------

    @property
    def n_visible(self) -> int:
        """Number of units of the data."""
        return self.net.visible.size

    def parameters(self) -> dict[str, Array]:
        found = {}
        for name in ("recognition", "generative"):
            for i, layer in enumerate(getattr(self.net, name)):
                found[f"{name} {i}"] = layer.weights
                found[f"{name} bias {i}"] = layer.units.bias
        top = self.net.top
        found["weights"] = top.weights
        found["visible_bias"] = top.visible.bias
        found["hidden_bias"] = top.hidden.bias
        return found

    def save_state(self) -> TrainingState:
        state = super().save_state()
        state.chains = None if self.chains is None else np.array(self.backend.to_host(self.chains))
        return state

    def carried(self) -> Any:
        return None if self.chains is None else self.copy(self.chains)

    def put_back(self, carried: Any) -> None:
        self.chains = carried

    def watch(self, rows: Rows, index: np.ndarray) -> Any:
        index = index[monitored_rows(index.size, self.n_visible)]
        return rows.dense(index), self._labels_of(index)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        if not isinstance(watched, tuple):
            # rows of the batch of `update`
            given = self._given
            if given is not None:
                given = given[monitored_rows(given.shape[0], self.n_visible)]
            watched = watched, given
        entry = measure_belief(self.net, watched, before["weights"], held_out)
        for phase, name in ((self.wake, "wake_error"), (self.sleep, "sleep_error")):
            entry[name] = phase.mean_errors()
            phase.forget()
        return entry

    def data_rows(self, n: int) -> Array:
        return self.wake.rows(n)[0][0]

    def epoch(self, rows: Rows, order: np.ndarray) -> None:
        size = self.options.batch_size
        for start in range(0, order.size, size):
            index = order[start : start + size]
            out = None if rows.keep_sparse else self.data_rows(index.size)
            self._step(rows.batch(index, out), self._labels_of(index))

    def step(self, batch: Batch) -> None:
        self._step(batch, self._labels_of(np.arange(batch.n_rows)))

    def _labels_of(self, index: np.ndarray) -> np.ndarray | None:
        """One-hot labels of rows, on the host; None without label units."""
        n_classes = self.net.n_classes
        if not n_classes:
            return None
        if self.labels is None:
            return np.zeros((index.size, n_classes))
        return self.labels[index]

    # -- a step ---------------------------------------------------------------------------

    def _step(self, batch: Batch, labels: np.ndarray | None) -> None:
        rate, momentum, n_steps = self.scheduled()
        n, net, top = batch.n_rows, self.net, self.net.top
        m = n if self.chains is None else int(self.chains.shape[0])
        view = self.contrast.view(n, m)
        self._given = labels
        states, missed = self._wake_up(batch)
        self._join(states[-1], labels, view.v0)
        a = top.hidden_input(view.v0, out=view.h0)
        if self.chains is None:
            top.hidden.sample(a, self.stream, mean=view.h0, out=view.drawn)
            gibbs_chain(self._chain_rbm, view.drawn, n_steps, self.stream, view.v1, view.h1)
        else:
            top.hidden.mean(a, out=view.h0)
            chain, stream = self._chain_rbm, self.stream
            gibbs_chain(chain, self.chains, n_steps, stream, view.v1, view.h1, draw_last=True)
        dreamt, surprises = self._fall_asleep(view.v1)
        # all predictions are made before anything moves
        for i, (up, down) in enumerate(zip(net.recognition, net.generative, strict=True)):
            self._predict(self.wake, i, down, states[i + 1], states[i], missed[i])
            self._predict(self.sleep, i, up, dreamt[i], dreamt[i + 1], surprises[i])
        self.wake.n_rows += n
        self.sleep.n_rows += m

        options, factor = self.options, n if self.options.update == "sum" else 1.0
        for i, layer in enumerate(net.generative):
            own = options.generative_rate * rate
            name = ("generative", i)
            self._learn(name, layer, states[i + 1], missed[i], own, momentum, factor)
        self._learn_top(view, options.top_rate * rate, momentum, factor)
        for i, layer in enumerate(net.recognition):
            own = options.recognition_rate * rate
            name = ("recognition", i)
            self._learn(name, layer, dreamt[i], surprises[i], own, momentum, factor)
        self.count()

    def _wake_up(self, batch: Batch) -> tuple[list[Array], list[Array]]:
        """Draws of all layers by recognition, and room for errors."""
        states, errors = self.wake.rows(batch.n_rows)
        if batch.dense is None:
            self.backend.store(self.backend.asarray(batch.csr.toarray()), states[0])
        else:
            states[0] = batch.dense
        for i, layer in enumerate(self.net.recognition):
            a = layer.input(states[i], out=states[i + 1])
            layer.units.sample(a, self.stream, out=states[i + 1])
        return states, errors

    def _join(self, penultimate: Array, labels: np.ndarray | None, out: Array) -> None:
        """Visible states of the top RBM; labels that are not known are drawn exactly."""
        backend, width = self.backend, self.net.penultimate.size
        out[:, :width] = penultimate
        if labels is None:
            return
        unknown = np.flatnonzero(~labels.any(axis=1))
        if unknown.size:
            rows = backend.take_rows(penultimate, unknown)
            p = backend.xp.exp(label_log_posterior(self.net.top, rows))
            labels = np.array(labels, dtype=np.float64)
            labels[unknown] = backend.to_host(backend.categorical(p, self.stream))
        out[:, width:] = backend.asarray(labels, out.dtype)

    def _fall_asleep(self, x: Array) -> tuple[list[Array], list[Array]]:
        """States of all layers by generation from the ends of the chains, and room for errors."""
        states, errors = self.sleep.rows(int(x.shape[0]))
        self.backend.store(x[:, : self.net.penultimate.size], states[-1])
        for i in reversed(range(len(self.net.generative))):
            layer = self.net.generative[i]
            a = layer.input(states[i + 1], out=states[i])
            if i or self._draws_visible():
                layer.units.sample(a, self.stream, out=states[i])
            else:
                layer.units.mean(a, out=states[i])
        return states, errors

    def _draws_visible(self) -> bool:
        wanted = self.options.visible_states
        return self.net.visible.has_variance if wanted == "auto" else wanted == "draw"

    def _predict(
        self, phase: Phase, i: int, layer: Layer, x: Array, target: Array, error: Array
    ) -> None:
        """Expected values of a layer minus what it is, and the sum of their squares."""
        layer.mean(x, out=error)
        error -= target
        xp = self.backend.xp
        phase.total[i] = phase.total[i] + xp.sum(xp.vecdot(error, error))

    def _learn(
        self,
        name: tuple[str, int],
        layer: Layer,
        x: Array,
        error: Array,
        rate: float,
        momentum: float,
        factor: float,
    ) -> None:
        """The delta rule, averaged over rows and times ``factor``; the error is used up."""
        kind, number = name
        if getattr(self.options, f"{kind}_rate") == 0:
            return
        backend, n = self.backend, int(error.shape[0])
        error *= -factor * self.optimizer.gain(rate) / n
        step = backend.matmul(x.T, error, out=self._steps[f"{kind} {number}"])
        ones = backend.zeros((n,), error.dtype) + 1.0
        bias_step = backend.matmul(ones, error, out=self._steps[f"{kind} bias {number}"])
        decay, update = self.options.weight_decay, self.optimizer.update
        update(f"{kind} {number}", layer.weights, step, rate, momentum, decay)
        update(f"{kind} bias {number}", layer.units.bias, bias_step, rate, momentum)

    def _learn_top(self, view: View, rate: float, momentum: float, factor: float) -> None:
        """Contrastive divergence: wake states minus the ends of the chains."""
        if self.options.top_rate == 0:
            return
        contrast, top = self.contrast, self.net.top
        gain = factor * self.optimizer.gain(rate)
        self.backend.phase_statistics(
            view.v0, view.h0, view.v1, view.h1, gain, contrast.data_mean, contrast.difference
        )
        gradient = contrast.weights_gradient(Batch(view.v0), view)
        steps, update = gain * contrast.differences, self.optimizer.update
        update("weights", top.weights, gradient, rate, momentum, self.options.weight_decay)
        update("biases", self.biases, steps, rate, momentum)
