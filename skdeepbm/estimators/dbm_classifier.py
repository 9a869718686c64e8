"""DBMClassifier: the deep Boltzmann machine with a label, and the network it is the start of."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import LABELS, VISIBLE
from skdeepbm.estimators._dbm_label_generative import DBMLabelGenerativeMixin
from skdeepbm.estimators._dbm_label_inference import DBMLabelInferenceMixin
from skdeepbm.estimators._dbm_label_training import DBMLabelTrainingMixin
from skdeepbm.estimators.dbm import DBM
from skdeepbm.estimators.finetuning import Backprop


class DBMClassifier(
    ClassifierMixin, DBMLabelInferenceMixin, DBMLabelGenerativeMixin, DBMLabelTrainingMixin
):
    """Deep Boltzmann machine with label units, and backpropagation of what it has learned.

    A :class:`DBM` with a softmax group of label units on top of its last hidden layer: a model of
    rows and labels together, trained as one. Labels that are known are clamped in the positive
    phase, others are inferred. It classifies and generates as it is; fine-tuning makes a
    feed-forward network of it that classifies better [1]_.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(256, 256)
        Numbers of (Bernoulli) units of the hidden layers, from the first one to the top; at least
        two layers.

    visible : {"bernoulli", "gaussian", "softmax"}, default="bernoulli"
        Kind of the visible units. Bernoulli units take values in [0, 1] (values in between are
        probabilities), Gaussian units real values, with a variance of each feature that is
        learned (standardise the data), softmax units one-hot groups of columns.

    visible_groups : int, sequence of int or None, default=None
        Sizes of the groups of softmax visible units, or one size for all; None makes one group.

    rbm : RBMTransformer, list of RBMTransformer or None, default=None
        Template of the greedy layers, or one for each: settings but for `n_components`, the kinds
        of units, `backend` and, if `random_state` is given here, the seed. None means
        ``RBMTransformer(centring=False)``, whose hidden units are sparser.

    pretraining : bool, default=True
        Whether joint training starts from greedy layers. False starts at the base-rate model with
        small random weights [2]_. Label units start without weights either way.

    finetuning : {"backprop"}, Backprop or None, default="backprop"
        What follows joint training; an object has the settings, see :class:`Backprop`. A network
        whose inputs are a row and the machine's expected values of the second hidden layer, which
        are held fixed, starts at the machine's weights and descends on the cross-entropy [1]_; the
        machine stays as it was. None: the machine classifies.

    inference : {"auto", "network", "bound", "mean_field", "exact"}, default="auto"
        What classes come from. ``"network"``: the output layer of backpropagation. ``"bound"``: the
        variational bounds on ``log p(x, y)`` of every label, with mean field for each.
        ``"mean_field"``: the label inferred together with the hidden layers, once, which is faster
        where there are many classes and less exact. ``"exact"``: sums over the states of the hidden
        layers, where all odd or all even ones have at most 20 units. ``"auto"`` is the network
        after backpropagation, else bounds.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; rows are repeated in proportion to them. ``"balanced"`` gives every
        class the same total.

    unlabelled : object, default=-1
        Value in `y` of rows without a label: their label is inferred in joint training, and
        backpropagation passes over them. Where `y` has -1 and only one other value, both are
        classes. None: every value is a class.

    transform_layers : {"top", "all"}, default="top"
        What `transform` returns: the machine's expected values of the top hidden layer, or those of
        all hidden layers side by side.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size of the joint ascent; gradients are averaged over rows and over chains.
        ``"auto"`` starts at 0.05, or at 0.2 without pretraining (with ``optimizer="adam"`` at
        0.005 either way), at a tenth of these with Gaussian visible units, and falls to 0 in the
        course of a `fit`; in `partial_fit` it stays there. A sequence gives one value per epoch
        (the last one goes on), a callable is called with the epoch, counted from 0; see
        :mod:`skdeepbm.schedules`.

    momentum : float, sequence or callable, default=0.5
        Share of the last step that is kept. With ``optimizer="adam"`` it is `beta1`.

    weight_decay : float, default=1e-4
        L2 penalty: its gradient ``-weight_decay * W`` is added to that of the weights. Biases are
        never decayed.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights that lead to a hidden or label unit from below.

    norm_cost : float, default=0.0
        Factor of a penalty on unequal norms, ``1/2 sum_j (|w_j| - m)^2`` over the units of
        each hidden layer and over the label units, of the weights from below and with m the mean
        norm of these units: weight decay towards m in place of 0.

    sparsity_target : float or sequence of float, default=0.1
        Mean activity that the sparsity penalty wants of hidden units; of all hidden layers, or of
        each. Without `sparsity_cost` it changes nothing.

    sparsity_cost : float, default=0.0
        Factor of the sparsity penalty in joint training. 0 switches it off.

    sparsity_decay : float, default=0.9
        Decay of the average activity, per batch.

    centring : bool, default=True
        Whether to use centred gradients [2]_, which do not depend on whether a feature is coded
        as `x` or `1 - x`.

    centring_rate : float, default=0.01
        Rate at which the offsets follow the means of the batches. Those of hidden layers begin at
        the means of the first one.

    variance_rate : float, default=0.1
        Learning rate of the variances of Gaussian visible units, as a fraction of
        `learning_rate`.

    optimizer : {"sgd", "nesterov", "adam"}, default="sgd"
        Rule of the ascent: with classical or Nesterov's momentum, or Adam. With `centring`, Adam
        has the centred parameters: biases compensate for every step of the weights, that of weight
        decay included.

    batch_size : int, default=50
        Rows per mini-batch.

    n_iter : int, default=10
        Epochs of joint training; more make a better model, a few are enough for the network. With
        0, fine-tuning starts at the greedy layers.

    algorithm : {"pcd", "pt"}, default="pcd"
        Chains of the negative phase: persistent block Gibbs chains, or parallel tempering, whose
        chains at `n_temperatures` inverse temperatures exchange their states.

    n_chains : int or None, default=None
        Persistent chains; None means `batch_size`. With ``algorithm="pt"`` their number at each
        temperature.

    n_temperatures : int, default=10
        Inverse temperatures of ``algorithm="pt"``, evenly spaced from 1 to 0.

    n_gibbs_steps : int, sequence or callable, default=5
        Gibbs steps of the chains per update.

    max_mean_field_steps : int, default=30
        Mean-field updates of all hidden layers and of unknown labels per batch, at most.

    mean_field_tol : float, default=1e-3
        They end when no expected value changes by more.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch. Without, they are in an
        order that their values decide, not that of X: the order of X changes nothing.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic of joint training; None means that of the data. Fitted arrays
        and results have the precision of the data whatever is chosen here.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute; as in :class:`RBMTransformer`.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters: with fine-tuning, or, without any, with
        joint training.

    verbose : int, default=0
        Print a line per epoch of joint training and of fine-tuning if not 0. Layers print by their
        template's `verbose`.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers. An int gives the same result in every call, None another one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    coefs_ : list of ndarray of shape (n_l, n_{l+1})
        Weights of the machine between neighbours, from the visible layer to the last hidden one.

    intercepts_ : list of ndarray of shape (n_l,)
        Biases of these layers, that of the visible one first.

    label_coef_ : ndarray of shape (n_units, n_classes)
        Weights between the last hidden layer and the label units.

    label_intercept_ : ndarray of shape (n_classes,)
        Biases of the label units.

    log_variance_visible_ : ndarray of shape (n_features,)
        Logarithm of the variance of each visible unit given the first hidden layer. Only with
        ``visible="gaussian"``.

    network_coefs_ : list of ndarray of shape (n_units_below, n_units)
        Weights of the network: of every hidden layer and of the output layer. The first array has a
        row for each feature, then one for each unit of the second hidden layer. Only after
        backpropagation.

    network_intercepts_ : list of ndarray of shape (n_units,)
        Biases of the network. Only after backpropagation.

    rbms_ : list of RBMTransformer
        The greedy layers as pretraining left them, as of :class:`DBM`; none without.

    n_iter_ : int
        Number of epochs of fine-tuning (of joint training, without any).

    history_ : dict of str to ndarray
        One entry per epoch of fine-tuning (of joint training, without any).

    n_joint_iter_ : int
        Number of epochs of joint training (of calls, by `partial_fit`).

    joint_history_ : dict of str to ndarray
        One entry per epoch of joint training, with the keys of ``DBM.history_``, the labels that
        are known clamped, and ``"error"``: the share of labelled rows whose label is not the one
        that mean field infers.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had names that are all strings.

    Raises
    ------
    DivergenceError
        From `fit` and `partial_fit`, when parameters are no longer finite. In joint training and in
        fine-tuning, the estimator then holds those of the last finite epoch; before, what it held
        before.

    Warns
    -----
    DataRangeWarning
        For values that the visible units cannot take (clipped), constant Gaussian columns and
        softmax groups that are not one-hot.
    BaseRateWarning
        When the fitted machine reconstructs the data no better than their means do.
    SilentLayerWarning
        When joint training ends with a hidden layer that has nearly the same values for all rows.

    See Also
    --------
    DBM : The same without a label.
    DBNClassifier : A deep belief net, directed below its top layer.

    References
    ----------
    .. [1] Salakhutdinov, R. and Hinton, G. E. Deep Boltzmann machines. AISTATS 2009.
    .. [2] Montavon, G. and Muller, K.-R. Deep Boltzmann machines and the centering trick.
       Neural Networks: Tricks of the Trade (2012).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeepbm import DBMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> dbm = DBMClassifier((64, 32), n_iter=5, random_state=0).fit(X_train, y_train)
    >>> bool(dbm.score(X_test, y_test) > 0.95)
    True
    >>> dbm.sample(labels=[0, 1, 2], n_gibbs_steps=10).shape
    (3, 64)
    """

    _inner_objects: ClassVar[dict[str, str]] = {
        "rbm": "RBMTransformer(centring=False)",
        "finetuning": "Backprop()",
    }

    _parameter_constraints: dict = {
        **DBM._parameter_constraints,
        # no counts of words: see docs/architecture.md
        **VISIBLE,
        **LABELS,
        "finetuning": [StrOptions({"backprop"}), Backprop, None],
        "inference": [StrOptions({"auto", "network", "bound", "mean_field", "exact"})],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        visible: str = "bernoulli",
        visible_groups: Any = None,
        rbm: Any = None,
        pretraining: bool = True,
        finetuning: Any = "backprop",
        inference: str = "auto",
        class_weight: Any = None,
        unlabelled: Any = -1,
        transform_layers: str = "top",
        learning_rate: Any = "auto",
        momentum: Any = 0.5,
        weight_decay: float = 1e-4,
        max_norm: float | None = None,
        norm_cost: float = 0.0,
        sparsity_target: Any = 0.1,
        sparsity_cost: float = 0.0,
        sparsity_decay: float = 0.9,
        centring: bool = True,
        centring_rate: float = 0.01,
        variance_rate: float = 0.1,
        optimizer: str = "sgd",
        batch_size: int = 50,
        n_iter: int = 10,
        algorithm: str = "pcd",
        n_chains: int | None = None,
        n_temperatures: int = 10,
        n_gibbs_steps: Any = 5,
        max_mean_field_steps: int = 30,
        mean_field_tol: float = 1e-3,
        shuffle: bool = True,
        training_dtype: str | None = "float32",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.visible = visible
        self.visible_groups = visible_groups
        self.rbm = rbm
        self.pretraining = pretraining
        self.finetuning = finetuning
        self.inference = inference
        self.class_weight = class_weight
        self.unlabelled = unlabelled
        self.transform_layers = transform_layers
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self.norm_cost = norm_cost
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.sparsity_decay = sparsity_decay
        self.centring = centring
        self.centring_rate = centring_rate
        self.variance_rate = variance_rate
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.algorithm = algorithm
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.n_gibbs_steps = n_gibbs_steps
        self.max_mean_field_steps = max_mean_field_steps
        self.mean_field_tol = mean_field_tol
        self.shuffle = shuffle
        self.training_dtype = training_dtype
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the layers one on another, then the machine with its labels, then fine-tune.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse; at most a batch is made dense at a time.
        y : array-like of shape (n_samples,)
            Labels, with `unlabelled` for rows that have none.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, which are repeated in proportion to them.

        Returns
        -------
        self : DBMClassifier
            The fitted estimator.
        """
        self._fit(X, y, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Update the model with one mini-batch.

        The machine takes a step of joint training, then the network one of backpropagation, if any
        row has a label, with what the machine now says of the second hidden layer. The first call,
        if there are no layers yet, starts as `fit` does, from greedy layers that are trained on its
        rows. With ``finetuning=None``, ``fit(X, y)`` with ``n_iter=0`` starts from all the data,
        and the batches that `fit` makes then give the same parameters with a learning rate that is
        given.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The batch, of any size.
        y : array-like of shape (n_samples,)
            Labels, with `unlabelled` for rows that have none.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will ever come; needed in the first call.

        Returns
        -------
        self : DBMClassifier
            The estimator.
        """
        self._partial_fit(X, y, classes)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # a model of rows and labels together is no promise of a classifier
        tags.classifier_tags.poor_score = self.finetuning is None
        return tags
