"""ClassificationRBM: a restricted Boltzmann machine of features and a label."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import LABELS, NOT_NEGATIVE
from skdeepbm.estimators._early_stopping import LABEL_CRITERIA
from skdeepbm.estimators._label_generation import LabelGenerationMixin
from skdeepbm.estimators._label_training import LabelTrainingMixin
from skdeepbm.estimators._labels import classes_of_partial_fit
from skdeepbm.estimators._likelihood import PartitionMixin
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.models.labels import hidden_mean_given_features

_CONSTRAINTS = {
    name: constraint
    for name, constraint in RBMTransformer._parameter_constraints.items()
    if name != "variance_rate"
}


class ClassificationRBM(ClassifierMixin, LabelGenerationMixin, PartitionMixin, LabelTrainingMixin):
    """Restricted Boltzmann machine of features and a label: a classifier and a transformer.

    The label is a group of softmax units beside the visible ones. With the class as a one-hot
    vector `y`, the energy is ``E(x, y, h) = -b.x - d.y - c.h - h.W x - h.U y`` (Bernoulli units).
    Because a label has few values, ``p(y | x)`` is exact: there is no sampling in `predict`.

    Parameters
    ----------
    n_components : int, default=256
        Number of hidden units.

    objective : {"hybrid", "discriminative", "generative"}, default="hybrid"
        What is ascended [1]_: ``log p(y | x)``, whose gradient is exact; ``log p(x, y)``, with
        the negative phase of `algorithm`; or the first plus `generative_weight` times the second,
        which keeps the classifier from overfitting. Each is averaged over the rows of a batch.

    generative_weight : float, default=0.3
        Weight of ``log p(x, y)`` in the hybrid objective; [1]_ uses 0.01. More where labels are
        few.

    bias_shift : float, default=0.0
        Constant that is taken from every hidden bias after each update, which makes hidden units
        sparse ([1]_ uses 1e-4).

    unlabelled : object, default=-1
        Value of `y` that marks rows without a label. They take part in the generative term, with
        labels drawn from ``p(y | x)`` in every step; with ``objective="discriminative"`` they teach
        nothing. Where `y` holds nothing but this value and one other, both are classes, since -1
        and 1 are the usual names of two. None makes every value a class.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; as `sample_weight`, they are honoured by repeating rows.

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
        decayed average activity [3]_. 0 switches it off.

    sparsity_decay : float, default=0.9
        Decay of the average activity, per batch.

    batch_size : int, default=10
        Rows per mini-batch.

    n_iter : int, default=20
        Epochs: passes over the data. With 0, `fit` only sets the starting parameters.

    algorithm : {"cd", "pcd", "fpcd", "pt"}, default="cd"
        Estimator of the negative phase of the generative term: contrastive divergence,
        persistent contrastive divergence, the same with fast weights, or parallel tempering; see
        :class:`RBMTransformer`.

    visible_states : {"auto", "draw", "mean"}, default="auto"
        Whether the negative phase draws visible states or, with CD only, reconstructs with their
        expected values ([3]_, section 3.2). Expected values learn better features of data that are
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
        Fraction of the rows of each class that `fit` keeps from training, to measure on them.

    early_stopping : {"cross_entropy", "error"} or None, default=None
        Stop `fit` when the cross-entropy or the share of wrong labels of the held-out rows falls no
        more, and go back to the parameters of the best epoch.

    n_iter_no_change : int, default=5
        Epochs without a better one after which early stopping ends training.

    visible : {"bernoulli", "gaussian", "softmax"}, default="bernoulli"
        Kind of visible units. Bernoulli units take values in [0, 1] (values in between are
        probabilities). Gaussian units take real values; the variance of each stays that of the
        data. Standardise the data. Softmax units take one-hot groups of columns.

    hidden : {"bernoulli", "gaussian", "relu", "softmax"}, default="bernoulli"
        Kind of hidden units. Gaussian ones have unit variance, ReLU ones are noisy rectified
        linear units, softmax ones choose one unit in each group.

    visible_groups : int, sequence of int or None, default=None
        Sizes of the groups of softmax visible units, or one size for all; None makes one group.

    hidden_groups : int, sequence of int or None, default=None
        The same for softmax hidden units.

    centring : bool, default=True
        Whether to use centred gradients, which make learning faster and independent of
        whether a feature is coded as `x` or `1 - x`.

    centring_rate : float, default=0.01
        Rate at which the offsets follow the means of the batches.

    optimizer : {"sgd", "nesterov", "adam"}, default="sgd"
        Rule of the ascent: with classical or Nesterov's momentum, or Adam. With `centring`, Adam
        has the centred parameters: biases compensate for every step of the weights, that of weight
        decay included.

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
        Print a line per epoch if not 0: cross-entropy and share of wrong labels, of held-out rows
        where there are some.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers: starting weights, order of rows, Gibbs sampling. An int
        gives the same result in every call, None another one; NumPy's global random state is
        neither used nor changed.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights of the features. This, the label's weights and the biases are the model: to set
        them is to change it.

    label_components_ : ndarray of shape (n_components, n_classes)
        Weights of the label.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the features.

    intercept_label_ : ndarray of shape (n_classes,)
        Biases of the label.

    log_variance_visible_ : ndarray of shape (n_features,)
        Logarithm of the variance of each feature, held at that of the data. Only with
        ``visible="gaussian"``.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains. Not with ``algorithm="cd"``. With ``"pt"`` those
        at the inverse temperature 1 come first, and there are `n_temperatures` times as many.

    n_iter_ : int
        Number of epochs run (of calls, by `partial_fit`).

    history_ : dict of str to ndarray
        One entry per epoch, measured on 1 % of the training rows, but on at least 100
        and at most 1000: ``"cross_entropy"`` (mean ``-log p(y | x)`` of rows with a label, nats)
        and ``"error"`` (share of wrong labels); ``"validation_cross_entropy"`` and
        ``"validation_error"``, of all held-out rows (NaN where there are none); and what
        :class:`RBMTransformer` records, with the label summed out of free energies.

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

    See Also
    --------
    RBMTransformer : The same without a label, for features and densities.

    Notes
    -----
    Weights of rows are honoured by repeating rows in proportion; whole weights repeat rows exactly,
    until they stand for more than 131,072 rows and for more than four of each different one. Equal
    rows count as one with the sum of their weights, and with ``shuffle=True`` a fit does not depend
    on the order of the rows.

    With ``visible="gaussian"``, gradients of the features' weights are multiplied by the variance,
    so that training is equivariant to the scale of a feature.

    References
    ----------
    .. [1] Larochelle, H. and Bengio, Y. Classification using discriminative restricted Boltzmann
       machines. ICML 2008.
    .. [2] Larochelle, H., Mandel, M., Pascanu, R. and Bengio, Y. Learning algorithms for the
       classification restricted Boltzmann machine. JMLR 13 (2012).
    .. [3] Hinton, G. E. A practical guide to training restricted Boltzmann machines (2010).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeepbm import ClassificationRBM
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> rbm = ClassificationRBM(100, random_state=0).fit(X_train, y_train)
    >>> bool(rbm.score(X_test, y_test) > 0.96)
    True
    >>> rbm.sample(labels=[3, 7], n_gibbs_steps=100).shape
    (2, 64)
    """

    _fitted_names = (
        "components_",
        "label_components_",
        "intercept_hidden_",
        "intercept_visible_",
        "intercept_label_",
        "classes_",
    )

    _parameter_constraints: dict = {
        **_CONSTRAINTS,
        **LABELS,
        "objective": [StrOptions({"hybrid", "discriminative", "generative"})],
        "generative_weight": [NOT_NEGATIVE],
        "bias_shift": [NOT_NEGATIVE],
        "unlabelled": [Integral, Real, str, None],
        "early_stopping": [StrOptions(set(LABEL_CRITERIA)), None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        objective: str = "hybrid",
        generative_weight: float = 0.3,
        bias_shift: float = 0.0,
        unlabelled: Any = -1,
        class_weight: Any = None,
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
        shuffle: bool = True,
        training_dtype: str | None = "float32",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.objective = objective
        self.generative_weight = generative_weight
        self.bias_shift = bias_shift
        self.unlabelled = unlabelled
        self.class_weight = class_weight
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
        self.shuffle = shuffle
        self.training_dtype = training_dtype
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model to rows and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse; at most a batch is made dense at a time.
        y : array-like of shape (n_samples,)
            Classes; the value `unlabelled` marks rows without one.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, honoured by repeating them; see Notes.

        Returns
        -------
        self : ClassificationRBM
            The fitted estimator.
        """
        self._fit(X, y, sample_weight=sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Update the model with one mini-batch: one step of the mathematics of `fit`.

        The first call starts from the moments of its own batch.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The batch, of any size.
        y : array-like of shape (n_samples,)
            Its classes; the value `unlabelled` marks rows without one.
        classes : array-like of shape (n_classes,) or None, default=None
            All classes there will be. Needed in the first call.

        Returns
        -------
        self : ClassificationRBM
            The estimator.
        """
        classes = classes_of_partial_fit(self, classes, hasattr(self, "components_"))
        self._partial_fit(X, y, classes=classes, in_order=True)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit_codes(self, X: Any, codes: np.ndarray, n_classes: int) -> Self:
        """`fit` as the top of a deep model: labels are 0 to ``n_classes - 1``, or -1 for none.

        Rows stay in the order they have: one that depends on their last bits would make another
        model of sparse rows than of dense ones.
        """
        self._fit(X, codes, classes=np.arange(n_classes), in_order=True)
        return self

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the model and return the expected values of the hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            What `transform` returns for the same rows.
        """
        # `fit` has warned of what there is to warn of
        fitted = self.fit(X, y, sample_weight)
        return fitted._rowwise(X, hidden_mean_given_features, warn=False)

    # -- scikit-learn --------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # a density of everything is no promise of a classifier
        tags.classifier_tags.poor_score = self.objective == "generative"
        return tags
