"""RBMTransformer: the restricted Boltzmann machine as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import (
    AUTO,
    CHAINS,
    COUNT,
    GROUPS,
    HELD_OUT,
    LOOP,
    NOT_NEGATIVE,
    PENALTIES,
    RUNNING,
    SHARE,
    VISIBLE,
)
from skdeepbm.estimators._early_stopping import CRITERIA
from skdeepbm.estimators._generative import GenerativeMixin
from skdeepbm.estimators._likelihood import LikelihoodMixin
from skdeepbm.estimators._rbm_training import RBMTrainingMixin
from skdeepbm.models.units import UNITS
from skdeepbm.training.negative_phases import NEGATIVE_PHASES


class RBMTransformer(LikelihoodMixin, GenerativeMixin, RBMTrainingMixin):
    """Restricted Boltzmann machine for feature learning and density modelling.

    A drop-in for :class:`sklearn.neural_network.BernoulliRBM` with further kinds of units,
    centred gradients, momentum, sparsity, exact likelihoods of small models, and NumPy or CuPy
    underneath. The energy of a visible state `v` and a hidden state `h` is (Bernoulli units)
    ``E(v, h) = -b.v - c.h - v.W h``.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size of the ascent; gradients are averaged over rows. ``"auto"`` is 0.1 for
        Bernoulli and softmax units, 0.01 where the visible or the hidden units are Gaussian and
        0.005 for ReLU units; a fifth of that with persistent chains, which have to keep up with
        the model, and a tenth with ``optimizer="adam"``. A sequence gives one
        value per epoch (the last one goes on), a callable is called with the epoch, counted from
        0; see :mod:`skdeepbm.schedules`.

    momentum : "auto", float, sequence or callable, default="auto"
        Share of the last step that is kept: ``d <- momentum * d + learning_rate * gradient``.
        ``"auto"`` is 0.9 with ``algorithm="cd"`` or ``optimizer="adam"``, else 0. With
        ``optimizer="adam"`` it is `beta1`.

    weight_decay : float, default=1e-4
        L2 penalty: its gradient ``-weight_decay * W`` is added to that of the weights. Biases are
        never decayed.

    l1_penalty : float, default=0.0
        L1 penalty of the weights.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights of one hidden unit.

    norm_cost : float, default=0.0
        Factor of a penalty on unequal norms, ``1/2 sum_j (|w_j| - m)^2`` over the hidden
        units' weights, with m the mean norm: weight decay towards m in place of 0.

    sparsity_target : float, default=0.1
        Mean activity that the sparsity penalty wants of every (Bernoulli) hidden unit. Without
        `sparsity_cost` it changes nothing.

    sparsity_cost : float, default=0.0
        Factor of the sparsity penalty, the Kullback-Leibler divergence between the target and the
        decayed average activity [5]_. 0 switches it off.

    sparsity_decay : float, default=0.9
        Decay of the average activity, per batch.

    batch_size : int, default=10
        Rows per mini-batch.

    n_iter : int, default=20
        Epochs: passes over the data. With 0, `fit` only sets the starting parameters.

    algorithm : {"cd", "pcd", "fpcd", "pt"}, default="cd"
        Estimator of the negative phase: contrastive divergence [1]_, best for features;
        persistent contrastive divergence [2]_, best for likelihoods; the same with fast weights
        [7]_, for larger learning rates; or parallel tempering [8]_, for data with modes far
        apart, at `n_temperatures` times the cost of a negative phase.

    visible_states : {"auto", "draw", "mean"}, default="auto"
        Whether the negative phase draws visible states or, with CD only, reconstructs with their
        expected values ([5]_, section 3.2). Expected values learn better features of data that are
        probabilities themselves, such as grey values; draws learn better densities of binary
        data. ``"auto"`` is ``"mean"`` for CD on Bernoulli and softmax units, else ``"draw"``.

    n_gibbs_steps : int, sequence or callable, default=1
        Gibbs steps per update, the `k` of CD-k and PCD-k.

    n_chains : int or None, default=None
        Persistent chains; None means `batch_size`. With ``algorithm="pt"`` their number at each
        temperature.

    n_temperatures : int, default=10
        Inverse temperatures of ``algorithm="pt"``, evenly spaced from 1 to 0.

    fast_learning_rate : float or None, default=None
        Learning rate of the fast weights of ``algorithm="fpcd"``; None means `learning_rate` in
        the first epoch.

    fast_decay : float, default=0.95
        Factor by which fast weights are multiplied in every step.

    validation_fraction : float, default=0.0
        Fraction of the rows that `fit` keeps from training, to measure on them.

    early_stopping : {"pseudo_likelihood", "free_energy_gap"} or None, default=None
        Stop `fit` by what is measured on the held-out rows, and go back to the parameters of the
        best epoch. ``"pseudo_likelihood"`` wants their pseudo-likelihood to rise;
        ``"free_energy_gap"`` wants the gap of `history_` to stay under three standard errors.

    n_iter_no_change : int, default=5
        Epochs without a better one after which early stopping ends training.

    visible : {"bernoulli", "gaussian", "softmax"}, default="bernoulli"
        Kind of visible units. Bernoulli units take values in [0, 1] (values in between are
        probabilities). Gaussian units take real values and learn a variance for each feature
        [4]_; standardise the data. Softmax units take one-hot groups of columns.

    hidden : {"bernoulli", "gaussian", "relu", "softmax"}, default="bernoulli"
        Kind of hidden units. Gaussian ones have unit variance, ReLU ones are noisy rectified
        linear units [6]_, softmax ones choose one unit in each group.

    visible_groups : int, sequence of int or None, default=None
        Sizes of the groups of softmax visible units, or one size for all; None makes one group.

    hidden_groups : int, sequence of int or None, default=None
        The same for softmax hidden units.

    centring : bool, default=True
        Whether to use centred gradients [3]_, which make learning faster and independent of
        whether a feature is coded as `x` or `1 - x`.

    centring_rate : float, default=0.01
        Rate at which the offsets follow the means of the batches.

    optimizer : {"sgd", "nesterov", "adam"}, default="sgd"
        Rule of the ascent: with classical or Nesterov's momentum, or Adam. With `centring`, Adam
        has the centred parameters: biases compensate for every step of the weights, that of weight
        decay included.

    variance_rate : float, default=0.1
        Learning rate of the variances of Gaussian visible units, as a fraction of
        `learning_rate`.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch.

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
        Print a line per epoch if not 0: the exact pseudo-likelihood (nats per row, of the rows
        that `history_` is measured on), or the reconstruction error with Gaussian visible units.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers: starting weights, order of rows, Gibbs sampling. An int
        gives the same result in every call, None another one; NumPy's global random state is
        neither used nor changed.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights. This and the biases are the model: to set them is to change it.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.

    log_variance_visible_ : ndarray of shape (n_features,)
        Logarithm of the variance of each visible unit given the hidden units. Only with
        ``visible="gaussian"``.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains. Not with ``algorithm="cd"``. With ``"pt"`` those
        at the inverse temperature 1 come first, and there are `n_temperatures` times as many.

    n_iter_ : int
        Number of epochs run (of calls, by `partial_fit`).

    history_ : dict of str to ndarray
        One entry per epoch, measured on 1 % of the training rows, but on at least 100
        and at most 1000: ``"reconstruction_error"`` (squared error of one deterministic pass up
        and down, averaged over rows and features), ``"free_energy"`` (nats, averaged over rows),
        ``"validation_free_energy"`` (the same of held-out rows), ``"free_energy_gap"`` (that minus
        ``"free_energy"``: it grows with overfitting), ``"free_energy_gap_error"`` (its standard
        error; all three are NaN where nothing is held out),
        ``"mean_hidden_activity"``, ``"weight_norm"`` (of shape (n_epochs, n_components)),
        ``"weights_moved"`` (fraction of weights that moved by more than 1e-3 in the epoch) and
        ``"epoch_time"`` (seconds).

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
        For values that the visible units cannot take (clipped), constant Gaussian columns and
        softmax groups that are not one-hot.
    BaseRateWarning
        When the fitted model reconstructs the data no better than their means do.

    See Also
    --------
    sklearn.neural_network.BernoulliRBM : Bernoulli units, PCD without options.

    Notes
    -----
    With Gaussian visible units (variance s^2), the gradients of the weights and of the visible
    bias are multiplied by s^2, so that training is equivariant to the scale of a feature.

    References
    ----------
    .. [1] Hinton, G. E. Training products of experts by minimizing contrastive divergence.
       Neural Computation 14 (2002).
    .. [2] Tieleman, T. Training restricted Boltzmann machines using approximations to the
       likelihood gradient. ICML 2008.
    .. [3] Melchior, J., Fischer, A. and Wiskott, L. How to center deep Boltzmann machines.
       JMLR 17 (2016).
    .. [4] Cho, K., Ilin, A. and Raiko, T. Improved learning of Gaussian-Bernoulli restricted
       Boltzmann machines. ICANN 2011.
    .. [5] Hinton, G. E. A practical guide to training restricted Boltzmann machines (2010),
       section 11.
    .. [6] Nair, V. and Hinton, G. E. Rectified linear units improve restricted Boltzmann
       machines. ICML 2010.
    .. [7] Tieleman, T. and Hinton, G. E. Using fast weights to improve persistent contrastive
       divergence. ICML 2009.
    .. [8] Desjardins, G., Courville, A., Bengio, Y., Vincent, P. and Delalleau, O. Parallel
       tempering for training of restricted Boltzmann machines. AISTATS 2010.

    Examples
    --------
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.datasets import make_bars_and_stripes
    >>> X = make_bars_and_stripes(3)
    >>> rbm = RBMTransformer(n_components=8, n_iter=200, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (14, 8)
    >>> bool(rbm.score(X) > -6.24)  # exact, nats per row; independent pixels give -6.24
    True
    """

    _fitted_names = ("components_", "intercept_hidden_", "intercept_visible_")

    _parameter_constraints: dict = {
        **LOOP,
        **PENALTIES,
        **CHAINS,
        **VISIBLE,
        **HELD_OUT,
        **RUNNING,
        "n_components": [COUNT],
        "momentum": [AUTO, *LOOP["momentum"]],
        "l1_penalty": [NOT_NEGATIVE],
        "norm_cost": [NOT_NEGATIVE],
        "algorithm": [StrOptions(set(NEGATIVE_PHASES))],
        "visible_states": [StrOptions({"auto", "draw", "mean"})],
        "fast_learning_rate": [None, NOT_NEGATIVE],
        "fast_decay": [SHARE],
        "early_stopping": [StrOptions(set(CRITERIA)), None],
        "hidden": [StrOptions(set(UNITS))],
        "hidden_groups": GROUPS,
        "variance_rate": [NOT_NEGATIVE],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: Any = "auto",
        momentum: Any = "auto",
        weight_decay: float = 1e-4,
        l1_penalty: float = 0.0,
        max_norm: float | None = None,
        norm_cost: float = 0.0,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        sparsity_decay: float = 0.9,
        batch_size: int = 10,
        n_iter: int = 20,
        algorithm: str = "cd",
        visible_states: str = "auto",
        n_gibbs_steps: Any = 1,
        n_chains: int | None = None,
        n_temperatures: int = 10,
        fast_learning_rate: float | None = None,
        fast_decay: float = 0.95,
        validation_fraction: float = 0.0,
        early_stopping: str | None = None,
        n_iter_no_change: int = 5,
        visible: str = "bernoulli",
        hidden: str = "bernoulli",
        visible_groups: Any = None,
        hidden_groups: Any = None,
        centring: bool = True,
        centring_rate: float = 0.01,
        optimizer: str = "sgd",
        variance_rate: float = 0.1,
        shuffle: bool = True,
        training_dtype: str | None = "float32",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1_penalty = l1_penalty
        self.max_norm = max_norm
        self.norm_cost = norm_cost
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.sparsity_decay = sparsity_decay
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.algorithm = algorithm
        self.visible_states = visible_states
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.fast_learning_rate = fast_learning_rate
        self.fast_decay = fast_decay
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.visible = visible
        self.hidden = hidden
        self.visible_groups = visible_groups
        self.hidden_groups = hidden_groups
        self.centring = centring
        self.centring_rate = centring_rate
        self.optimizer = optimizer
        self.variance_rate = variance_rate
        self.shuffle = shuffle
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
        self : RBMTransformer
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
        self : RBMTransformer
            The estimator.
        """
        self._partial_fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the model to the data and return the expected values of the hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            What `transform` returns for the same rows.
        """
        # `fit` has warned of what there is to warn of
        return self.fit(X, y)._hidden_means(X, warn=False)
