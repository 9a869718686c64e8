"""How a deep estimator is fine-tuned: settings that a sweep reaches as ``finetuning__...``."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import (
    AUTO,
    CHAINS,
    COUNT,
    COUNT_OR_ZERO,
    HELD_OUT,
    LESS_THAN_ALL,
    LOOP,
    NOT_NEGATIVE,
    PENALTIES,
    PROBABILITY,
    SHARE,
)
from skdeepbm.estimators._doc_links import DocLinkMixin


class Backprop(DocLinkMixin, BaseEstimator):
    """Fine-tuning by backpropagation: the settings of a deep estimator's ``finetuning``.

    Parameters
    ----------
    n_iter : int, default=30
        Number of epochs.

    optimizer : {"sgd", "nesterov", "adam", "lbfgs", "cg"}, default="sgd"
        Rule of the descent. ``"lbfgs"`` and ``"cg"`` (conjugate gradients) are those of
        :func:`scipy.optimize.minimize`: on all rows at once with ``batch_size=None``, where an
        epoch is an iteration; else `n_line_searches` iterations on every batch.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size; gradients are averaged over rows. ``"auto"`` falls linearly to 0 over `n_iter`
        epochs: from 0.1 (0.001 with ``"adam"``); for an autoencoder, whose loss is a sum over
        features, from 10 divided by their number, at most 0.1, and a fifth of that with linear
        outputs (where the hidden layers are linear or ReLU too, from 0.1 divided by their number,
        at most 0.02; 0.003 with ``"adam"``). A sequence gives one value per epoch (the last one
        goes on), a callable is called with the epoch, counted from 0.

    momentum : float, sequence or callable, default=0.9
        Share of the last step that is kept; `beta1` of ``"adam"``.

    weight_decay : float, default=1e-5
        L2 penalty of the weights; biases are never decayed.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights that lead to one hidden unit.

    batch_size : "auto", int or None, default="auto"
        Rows in a batch. ``"auto"`` is a hundredth of the rows, from 10 to 100; with ``"lbfgs"``
        and ``"cg"`` it is None, all rows.

    n_top_iter : int, default=0
        Epochs at the start in which the output layer alone is trained [1]_.

    dropout : float, default=0.0
        Share of the hidden units that is left out, at random, in every step; the others count for
        more, so that expected inputs are as without it.

    input_dropout : float, default=0.0
        The same of the inputs.

    n_line_searches : int, default=3
        Iterations on each batch of ``"lbfgs"`` and ``"cg"``.

    averaging : float, default=0.0
        Share of the epochs, the last ones, over which the parameters are averaged.

    early_stopping : bool, default=False
        Stop when the error of held-out rows (of an autoencoder: the loss) has not fallen for
        `n_iter_no_change` epochs, and go back to the parameters of the best epoch.

    validation_fraction : float, default=0.1
        Share of the rows that is held out with ``early_stopping=True``. Of a classifier, labelled
        ones: classes have equal shares, and at least one row each, and equal rows are held out all
        or not at all.

    n_iter_no_change : int, default=10
        See `early_stopping`.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic; None means that of the data.

    References
    ----------
    .. [1] Hinton, G. E. and Salakhutdinov, R. Reducing the dimensionality of data with neural
       networks. Science 313 (2006), and its supporting material.

    Examples
    --------
    >>> from skdeepbm import Backprop, DBNClassifier
    >>> model = DBNClassifier((64, 64), finetuning=Backprop(dropout=0.2))
    >>> model.set_params(finetuning__dropout=0.5).finetuning.dropout
    0.5
    """

    _parameter_constraints: dict = {
        **LOOP,
        **HELD_OUT,
        "optimizer": [StrOptions({"sgd", "nesterov", "adam", "lbfgs", "cg"})],
        "max_norm": PENALTIES["max_norm"],
        "batch_size": [AUTO, COUNT, None],
        "n_top_iter": [COUNT_OR_ZERO],
        "dropout": [LESS_THAN_ALL],
        "input_dropout": [LESS_THAN_ALL],
        "n_line_searches": [COUNT],
        "averaging": [SHARE],
        "early_stopping": ["boolean"],
        "validation_fraction": [PROBABILITY],
    }

    def __init__(
        self,
        *,
        n_iter: int = 30,
        optimizer: str = "sgd",
        learning_rate: Any = "auto",
        momentum: Any = 0.9,
        weight_decay: float = 1e-5,
        max_norm: float | None = None,
        batch_size: Any = "auto",
        n_top_iter: int = 0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        n_line_searches: int = 3,
        averaging: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        shuffle: bool = True,
        training_dtype: str | None = "float32",
    ) -> None:
        self.n_iter = n_iter
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self.batch_size = batch_size
        self.n_top_iter = n_top_iter
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.n_line_searches = n_line_searches
        self.averaging = averaging
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.training_dtype = training_dtype


class WakeSleep(DocLinkMixin, BaseEstimator):
    """Fine-tuning by the up-down algorithm: the settings of a deep estimator's ``finetuning``.

    Parameters
    ----------
    n_iter : int, default=50
        Number of epochs.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size. ``"auto"`` falls linearly to 0 over `n_iter` epochs, from 0.003 times the number
        of rows in a batch (at most 0.3). Higher rates classify better, lower ones give a better
        likelihood.

    momentum : float, sequence or callable, default=0.0
        Share of the last step that is kept.

    n_gibbs_steps : int, sequence or callable, default=3
        Steps of the top RBM in every batch; a sequence has one value per epoch. The authors of
        [1]_ used 3, 6 and 10 for a third of the epochs each.

    recognition_rate, generative_rate, top_rate : float, default=1.0
        Factors of the learning rate for the recognition weights, the generative weights and the
        top RBM. A larger `recognition_rate` makes the better classifier, a larger
        `generative_rate` the better dreams.

    update : {"mean", "sum"}, default="mean"
        Whether gradients are averaged over the rows of a batch or summed.

    weight_decay : float, default=0.0
        L2 penalty of all weights; biases are never decayed.

    persistent : bool, default=False
        Whether the chains of the top RBM go on from batch to batch, rather than begin at the
        data. With ``n_gibbs_steps=1`` and a third of the learning rate, this gave the better
        classifier and by far the better dreams on MNIST, in 45 epochs.

    optimizer : {"sgd", "nesterov", "adam"}, default="sgd"
        Rule of the ascent.

    batch_size : "auto" or int, default="auto"
        Rows in a batch. ``"auto"`` is a hundredth of the rows, from 10 to 100.

    averaging : float, default=0.0
        Share of the epochs, the last ones, over which the parameters are averaged.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic; None means that of the data.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y.-W. A fast learning algorithm for deep belief
       nets. Neural Computation 18 (2006), appendix B.

    Examples
    --------
    >>> from skdeepbm import DBNClassifier, WakeSleep
    >>> model = DBNClassifier((64, 64), finetuning=WakeSleep(generative_rate=2.0))
    >>> model.finetuning.generative_rate
    2.0
    """

    _parameter_constraints: dict = {
        **LOOP,
        "n_gibbs_steps": CHAINS["n_gibbs_steps"],
        "recognition_rate": [NOT_NEGATIVE],
        "generative_rate": [NOT_NEGATIVE],
        "top_rate": [NOT_NEGATIVE],
        "update": [StrOptions({"mean", "sum"})],
        "persistent": ["boolean"],
        "batch_size": [AUTO, COUNT],
        "averaging": [SHARE],
    }

    def __init__(
        self,
        *,
        n_iter: int = 50,
        learning_rate: Any = "auto",
        momentum: Any = 0.0,
        n_gibbs_steps: Any = 3,
        recognition_rate: float = 1.0,
        generative_rate: float = 1.0,
        top_rate: float = 1.0,
        update: str = "mean",
        weight_decay: float = 0.0,
        persistent: bool = False,
        optimizer: str = "sgd",
        batch_size: Any = "auto",
        averaging: float = 0.0,
        shuffle: bool = True,
        training_dtype: str | None = "float32",
    ) -> None:
        self.n_iter = n_iter
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.n_gibbs_steps = n_gibbs_steps
        self.recognition_rate = recognition_rate
        self.generative_rate = generative_rate
        self.top_rate = top_rate
        self.update = update
        self.weight_decay = weight_decay
        self.persistent = persistent
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.averaging = averaging
        self.shuffle = shuffle
        self.training_dtype = training_dtype
