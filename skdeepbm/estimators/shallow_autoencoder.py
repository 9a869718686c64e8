"""ShallowAutoencoder: an autoencoder with one hidden layer as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import (
    COUNT,
    GROUPS,
    HELD_OUT,
    LOOP,
    NOT_NEGATIVE,
    PENALTIES,
    RUNNING,
)
from skdeepbm.estimators._shallow_coding import ShallowCodingMixin
from skdeepbm.estimators._shallow_training import ShallowTrainingMixin
from skdeepbm.training.corruption import CORRUPTIONS


class ShallowAutoencoder(ShallowCodingMixin, ShallowTrainingMixin):
    """Autoencoder with one hidden layer: plain, denoising, contractive or sparse.

    The code of a row `x` is ``h = f(W x + c)`` and its reconstruction ``g(V' h + b)``, where `f`
    and `g` are the expected values of the hidden and the visible units and `V` is `W` unless
    ``tied_weights=False``. Training makes the row likely under the visible units given its code.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    visible : {"bernoulli", "gaussian", "softmax", "multinomial"}, default="bernoulli"
        Kind of visible units, and with it the loss. Bernoulli: sigmoid outputs and cross-entropy,
        for values in [0, 1]. Gaussian: linear outputs and half the squared error (unit variance);
        standardise the data. Softmax: one-hot groups of columns. Multinomial: counts of words,
        where the hidden bias counts once for every word and the target of the softmax output is
        the counts divided by their number.

    hidden : {"bernoulli", "gaussian", "relu"}, default="bernoulli"
        Kind of hidden units, whose expected values are the code: the sigmoid, the identity, or,
        for the noisy rectified linear units of the package, the softplus ``log(1 + exp(a))``.

    visible_groups : int, sequence of int or None, default=None
        Sizes of the groups of softmax visible units, or one size for all; None makes one group.

    tied_weights : bool, default=True
        Whether the decoder has the transposed weights of the encoder.

    corruption : {"masking", "salt", "gaussian"} or None, default=None
        What befalls the inputs of a training step, which has to find the clean row [1]_:
        ``"masking"`` sets some to 0, ``"salt"`` sets some to 0 or 1 with equal chances,
        ``"gaussian"`` adds noise to all. With ``"masking"``, the only kind for counts, sparse rows
        lose stored elements only and stay sparse. `transform` never corrupts.

    corruption_level : float, default=0.25
        Share of the inputs that are hit, or the standard deviation of the Gaussian noise.

    contraction_cost : float, default=0.0
        Factor of the contractive penalty [2]_: the squared Frobenius norm of the derivatives of
        the code by the row, averaged over rows. Not for counts.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size; gradients are averaged over rows. ``"auto"`` is 0.003 with ``optimizer="adam"``;
        otherwise 0.05, or 0.005 with Gaussian and 0.0025 with ReLU units. A sequence gives one
        value per epoch (the last one goes on), a callable is called with the epoch, counted from
        0; see :mod:`skdeepbm.schedules`.

    momentum : float, sequence or callable, default=0.9
        Share of the last step that is kept; with ``optimizer="adam"`` it is `beta1`.

    optimizer : {"sgd", "nesterov", "adam"}, default="adam"
        Rule of the descent: with classical or Nesterov's momentum, or Adam.

    weight_decay : float, default=0.0
        L2 penalty: half of it times the sum of squared weights is added to the loss. Biases are
        never decayed.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights of one hidden unit, in the encoder and, where that
        has its own, in the decoder.

    sparsity_target : float, default=0.1
        Mean activity that the sparsity penalty wants of every Bernoulli hidden unit. Without
        `sparsity_cost` it changes nothing.

    sparsity_cost : float, default=0.0
        Factor of the sparsity penalty [3]_: the Kullback-Leibler divergence between the target and
        the decayed average activity. For other hidden units it is that of the sum of their
        absolute values, averaged over rows.

    sparsity_decay : float, default=0.9
        Decay of the average activity, per batch.

    batch_size : int, default=20
        Rows per mini-batch.

    n_iter : int, default=20
        Epochs: passes over the data. With 0, `fit` only sets the starting parameters.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch.

    validation_fraction : float, default=0.0
        Fraction of the rows that `fit` keeps from training, to measure on them.

    early_stopping : {"loss", "squared_error"} or None, default=None
        Stop `fit` when this does not fall any more on the held-out rows, and go back to the
        parameters of the best epoch.

    n_iter_no_change : int, default=5
        Epochs without a better one after which early stopping ends training.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic inside `fit`; None means that of the data. Fitted arrays and
        results have the precision of the data whatever is chosen here.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute. ``"auto"`` follows :func:`skdeepbm.config_context`, then the data: CuPy
        arrays are computed with, and turned into, CuPy arrays, everything else NumPy's. A fitted
        model that is loaded where its backend is missing is evaluated by NumPy.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters.

    verbose : int, default=0
        Print a line per epoch if not 0: the loss and the squared error.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers: starting weights, order of rows, corruption. An int gives the
        same result in every call, None another one; NumPy's global random state is neither used
        nor changed.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights of the encoder. These arrays are the model: to set them is to change it.

    decoder_components_ : ndarray of shape (n_components, n_features)
        Weights of the decoder; with ``tied_weights=True`` another name of `components_`.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    n_iter_ : int
        Number of epochs run (of calls, by `partial_fit`).

    history_ : dict of str to ndarray
        One entry per epoch, measured on 1 % of the training rows, but on at least 100 and at most
        1000, without corruption and penalties: ``"loss"`` (minus the log-density of a row given its
        code, in nats, averaged over rows; of counts, per word), ``"squared_error"`` (summed over
        features, averaged over rows), ``"validation_loss"`` and ``"validation_squared_error"``
        (the same of held-out rows, NaN where nothing is held out), ``"mean_hidden_activity"``,
        ``"weight_norm"`` (of the encoder, of shape (n_epochs, n_components)), ``"weights_moved"``
        (fraction of weights that moved by more than 1e-3 in the epoch) and ``"epoch_time"``
        (seconds).

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had names that are all strings.

    Raises
    ------
    DivergenceError
        From `fit` and `partial_fit`, when parameters are no longer finite. The estimator then
        holds those of the last epoch (or call) that ended with finite ones.

    Warns
    -----
    DataRangeWarning
        For values that the visible units cannot take (clipped), softmax groups that are not
        one-hot and counts that are fractions.
    BaseRateWarning
        When the fitted model reconstructs the data no better than their means do.

    See Also
    --------
    RBMTransformer : Features from a model with a likelihood.

    References
    ----------
    .. [1] Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. Stacked denoising
       autoencoders. JMLR 11 (2010).
    .. [2] Rifai, S., Vincent, P., Muller, X., Glorot, X. and Bengio, Y. Contractive auto-encoders:
       explicit invariance during feature extraction. ICML 2011.
    .. [3] Lee, H., Ekanadham, C. and Ng, A. Y. Sparse deep belief net model for visual area V2.
       NIPS 20 (2008).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm import ShallowAutoencoder
    >>> X = load_digits(return_X_y=True)[0] / 16
    >>> model = ShallowAutoencoder(n_components=32, corruption="masking", random_state=0).fit(X)
    >>> model.transform(X).shape
    (1797, 32)
    >>> bool(((X - model.reconstruct(X)) ** 2).sum(axis=1).mean() < 1.5)  # 4.7 for the mean image
    True
    """

    _fitted_names = ("components_", "intercept_hidden_", "intercept_visible_")

    _parameter_constraints: dict = {
        **LOOP,
        **PENALTIES,
        **HELD_OUT,
        **RUNNING,
        "n_components": [COUNT],
        "visible": [StrOptions({"bernoulli", "gaussian", "softmax", "multinomial"})],
        "hidden": [StrOptions({"bernoulli", "gaussian", "relu"})],
        "visible_groups": GROUPS,
        "tied_weights": ["boolean"],
        "corruption": [None, StrOptions(set(CORRUPTIONS))],
        "corruption_level": [NOT_NEGATIVE],
        "contraction_cost": [NOT_NEGATIVE],
        "early_stopping": [StrOptions({"loss", "squared_error"}), None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str = "bernoulli",
        hidden: str = "bernoulli",
        visible_groups: Any = None,
        tied_weights: bool = True,
        corruption: str | None = None,
        corruption_level: float = 0.25,
        contraction_cost: float = 0.0,
        learning_rate: Any = "auto",
        momentum: Any = 0.9,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        max_norm: float | None = None,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        sparsity_decay: float = 0.9,
        batch_size: int = 20,
        n_iter: int = 20,
        shuffle: bool = True,
        validation_fraction: float = 0.0,
        early_stopping: str | None = None,
        n_iter_no_change: int = 5,
        training_dtype: str | None = "float32",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.visible_groups = visible_groups
        self.tied_weights = tied_weights
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.contraction_cost = contraction_cost
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.sparsity_decay = sparsity_decay
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.training_dtype = training_dtype
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to the data.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse; at most a batch is made dense at a time.
        y : None
            Ignored.

        Returns
        -------
        self : ShallowAutoencoder
            The fitted estimator.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Update the model with one mini-batch: one step of the mathematics of `fit`.

        The first call starts from the moments of its own batch; ``fit(X)`` with ``n_iter=0``
        starts from those of all the data, and the same batches in the same order then give the
        same parameters as `fit` with more epochs and ``shuffle=False``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The batch, of any size.
        y : None
            Ignored.

        Returns
        -------
        self : ShallowAutoencoder
            The estimator.
        """
        self._partial_fit(X)
        return self
