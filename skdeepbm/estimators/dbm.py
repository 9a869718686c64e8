"""DBM: the deep Boltzmann machine as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import (
    CHAINS,
    COUNT_OR_ZERO,
    HELD_OUT,
    LOOP,
    NOT_NEGATIVE,
    PENALTIES,
    RUNNING,
    VISIBLE,
)
from skdeepbm.estimators._dbm_generative import DBMGenerativeMixin
from skdeepbm.estimators._dbm_inference import DBMInferenceMixin
from skdeepbm.estimators._dbm_training import DBMTrainingMixin
from skdeepbm.estimators._early_stopping import MACHINE_CRITERIA
from skdeepbm.training.layer_phases import LAYER_PHASES


class DBM(DBMGenerativeMixin, DBMInferenceMixin, DBMTrainingMixin):
    """Deep Boltzmann machine: layers of units with undirected weights between neighbours.

    The energy of a visible state `x_0` and hidden states `x_1` to `x_L` is (Bernoulli units)
    ``E = -sum_l b_l.x_l - sum_l x_l.W_l x_{l+1}``. Other than in a deep belief net, what a hidden
    layer says of a row depends on the layers above it as well as on those below: features are the
    expected values of the mean-field posterior. RBMs trained one on top of the other give a start;
    then all layers are trained jointly, with mean field in the positive phase and persistent
    chains in the negative one [1]_.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Numbers of (Bernoulli) units of the hidden layers, from the first one to the top; at least
        two layers.

    visible : {"bernoulli", "gaussian", "softmax", "multinomial"}, default="bernoulli"
        Kind of the visible units. Bernoulli units take values in [0, 1] (values in between are
        probabilities), Gaussian units real values, with a variance of each feature that is
        learned (standardise the data), softmax units one-hot groups of columns. Multinomial units
        are counts of words in documents of any length, the replicated softmax [4]_; see Notes.

    visible_groups : int, sequence of int or None, default=None
        Sizes of the groups of softmax visible units, or one size for all; None makes one group.

    rbm : RBMTransformer, list of RBMTransformer or None, default=None
        Template of the greedy layers, or one for each: settings but for `n_components`, the kinds
        of units, `backend` and, if `random_state` is given here, the seed. None means
        ``RBMTransformer(visible_states="draw")``, whose layers make a better start than those that
        reconstruct with expected values. With ``visible="multinomial"`` the first layer is a
        ReplicatedSoftmax: of a list it is the first, a single template is that of the layers whose
        kind it is.

    pretraining : bool, default=True
        Whether joint training starts from greedy layers. False starts at the base-rate model with
        small random weights [2]_.

    validation_fraction : float, default=0.0
        Fraction of the rows that `fit` keeps from training, greedy layers included, to measure on
        them. Equal rows are held out all or not at all.

    early_stopping : {"reconstruction_error", "free_energy_gap"} or None, default=None
        Stop the joint training of `fit` by what is measured on the held-out rows, and go back to
        the parameters of the best epoch. ``"reconstruction_error"`` wants theirs to fall;
        ``"free_energy_gap"`` wants the gap of `history_`, which needs no log Z, to stay under three
        standard errors.

    n_iter_no_change : int, default=5
        Epochs without a better one after which early stopping ends training.

    transform_layers : {"top", "all"}, default="top"
        What `transform` returns: the expected values of the top layer, or those of all hidden
        layers side by side.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size of the joint ascent; gradients are averaged over rows and over chains.
        ``"auto"`` starts at 0.05, or at 0.2 without pretraining (with ``optimizer="adam"`` at
        0.005 either way), at a tenth of these with Gaussian visible units, and falls to 0 in the
        course of a `fit`; in `partial_fit` it stays there. Of counts it starts at
        0.05, and at 0.002 with ``optimizer="adam"``. A sequence gives one value per epoch
        (the last one goes on), a callable is called with the epoch, counted from 0; see
        :mod:`skdeepbm.schedules`.

    momentum : float, sequence or callable, default=0.5
        Share of the last step that is kept. With ``optimizer="adam"`` it is `beta1`.

    weight_decay : float, default=1e-4
        L2 penalty: its gradient ``-weight_decay * W`` is added to that of the weights. Biases are
        never decayed.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights that lead to a hidden unit from below.

    norm_cost : float, default=0.0
        Factor of a penalty on unequal norms, ``1/2 sum_j (|w_j| - m)^2`` over the units of
        each hidden layer, of the weights from below and with m the layer's mean norm: weight decay
        towards m in place of 0.

    sparsity_target : float or sequence of float, default=0.1
        Mean activity that the sparsity penalty wants of hidden units; of all layers, or of each.
        Without `sparsity_cost` it changes nothing.

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

    n_iter : int, default=30
        Epochs of joint training. With 0, `fit` only sets the starting parameters.

    algorithm : {"pcd", "pt"}, default="pcd"
        Chains of the negative phase: persistent block Gibbs chains, or parallel tempering [3]_,
        whose chains at `n_temperatures` inverse temperatures exchange their states; it crosses
        between modes that are far apart, at `n_temperatures` times the cost of the negative phase.
        Of counts, chains are as long as the documents of the batch, and with ``"pt"`` they exchange
        their states, which costs little: see `n_temperatures`.

    n_chains : int or None, default=None
        Persistent chains; None means `batch_size`. With ``algorithm="pt"`` their number at each
        temperature.

    n_temperatures : int, default=10
        Inverse temperatures of ``algorithm="pt"``, evenly spaced from 1 to 0. Of counts, further
        chains of documents shorter than those of the batch.

    n_gibbs_steps : int, sequence or callable, default=5
        Gibbs steps of the chains per update.

    max_mean_field_steps : int, default=30
        Mean-field updates of all hidden layers per batch, at most.

    mean_field_tol : float, default=1e-3
        They end when no expected value changes by more.

    shuffle : bool, default=True
        Whether the rows are visited in a new random order in every epoch.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic of joint training; None means that of the data. Fitted arrays
        and results have the precision of the data whatever is chosen here.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute; as in :class:`RBMTransformer`.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters, with joint training alone.

    verbose : int, default=0
        Print a line per epoch of joint training if not 0. Layers print by their template's
        `verbose`.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers. An int gives the same result in every call, None another one.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_l, n_{l+1})
        Weights between neighbours: the first array leads from the visible layer to the first
        hidden one. These and the biases are the model: to set them is to change it.

    intercepts_ : list of ndarray of shape (n_l,)
        Biases of every layer, that of the visible one first.

    log_variance_visible_ : ndarray of shape (n_features,)
        Logarithm of the variance of each visible unit given the first hidden layer. Only with
        ``visible="gaussian"``.

    mean_n_words_ : float
        Mean number of words of the documents of `fit` (of the first call of `partial_fit`) that
        have words. Only with ``visible="multinomial"``.

    rbms_ : list of RBMTransformer
        The greedy layers as pretraining left them; none without. The first has two copies of its
        visible units, the last two of its hidden ones [1]_: their likelihoods are of no use.

    n_iter_ : int
        Number of epochs of joint training (of calls, by `partial_fit`).

    history_ : dict of str to ndarray
        One entry per epoch, measured on 1 % of the training rows, but on at least 100 and at most
        1000: ``"reconstruction_error"`` (squared error of the expected values given the first
        hidden layer, averaged over rows and features), ``"free_energy"`` (minus the variational
        bound but for log Z, in nats, averaged over rows), ``"mean_hidden_activity"`` (of shape
        (n_epochs, n_layers)), ``"dead_units"`` (share of units whose expected value has a standard
        deviation under 0.01 over these rows, of the same shape), ``"weight_norm"`` (of every hidden
        unit's weights from below, of shape (n_epochs, n_units), the first layer's units first:
        ``np.split(norms, np.cumsum(hidden_layer_sizes)[:-1], axis=1)`` is one array a layer),
        ``"weights_moved"`` (fraction of weights that moved by more than 1e-3),
        ``"mean_field_steps"`` (per batch) and ``"epoch_time"`` (seconds). Of counts,
        the first is the cross-entropy of a word given the expected first hidden layer, and free
        energies are divided by the number of words; both are in nats, averaged over documents. Of
        the rows that `validation_fraction` keeps (at most 1000 of them)
        ``"validation_reconstruction_error"``, ``"validation_free_energy"``, ``"free_energy_gap"``
        (that minus ``"free_energy"``: it grows when training rows are learned by heart) and
        ``"free_energy_gap_error"`` (standard error of the gap); NaN without such rows.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had names that are all strings.

    Raises
    ------
    DivergenceError
        From `fit` and `partial_fit`, when parameters are no longer finite. In joint training, the
        estimator then holds those of the last finite epoch; before, what it held before.

    Warns
    -----
    DataRangeWarning
        For values that the visible units cannot take (clipped), constant Gaussian columns, softmax
        groups that are not one-hot, and fractional counts.
    BaseRateWarning
        When the fitted model reconstructs the data no better than their means do.
    SilentLayerWarning
        When joint training ends with a hidden layer that has nearly the same values for all rows.

    See Also
    --------
    RBMTransformer : One hidden layer.
    ReplicatedSoftmax : One hidden layer on counts of words.
    DBNClassifier : A deep belief net, directed below its top layer.

    Notes
    -----
    With ``visible="multinomial"`` a document of D words has the energy
    ``-b_0.v - D b_1.x_1 - v.W_0 x_1 - sum_{l>1} (b_l.x_l + x_{l-1}.W_{l-1} x_l)``: words and first
    layer are a replicated softmax, whose part counts once for every word; what hidden layers say to
    each other does not, and is a prior of topics that short documents follow more than long ones.
    `score_samples` is of the sequence of words, `log_partition` takes the lengths and `perplexity`
    is that of a word. Documents without a word are left out of training, have hidden values of 0.5
    and the log-likelihood 0. Weights of documents in the gradient are ``D ** -0.5``.

    References
    ----------
    .. [1] Salakhutdinov, R. and Hinton, G. E. Deep Boltzmann machines. AISTATS 2009.
    .. [2] Montavon, G. and Muller, K.-R. Deep Boltzmann machines and the centering trick.
       Neural Networks: Tricks of the Trade (2012).
    .. [3] Cho, K., Raiko, T. and Ilin, A. Parallel tempering is efficient for learning restricted
       Boltzmann machines. IJCNN 2010.
    .. [4] Salakhutdinov, R. and Hinton, G. Replicated softmax: an undirected topic model.
       NIPS 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm import DBM
    >>> X = load_digits().data[:300] / 16
    >>> dbm = DBM((32, 16), n_iter=5, random_state=0).fit(X)
    >>> dbm.transform(X).shape
    (300, 16)
    >>> [w.shape for w in dbm.coefs_], [b.shape for b in dbm.intercepts_]
    ([(64, 32), (32, 16)], [(64,), (32,), (16,)])
    """

    _inner_objects: ClassVar[dict[str, str]] = {"rbm": "RBMTransformer(visible_states='draw')"}

    _parameter_constraints: dict = {
        **LOOP,
        **PENALTIES,
        **CHAINS,
        **VISIBLE,
        **RUNNING,
        "hidden_layer_sizes": ["array-like"],
        "visible": [StrOptions({"bernoulli", "gaussian", "softmax", "multinomial"})],
        "rbm": [object],
        **HELD_OUT,
        "early_stopping": [StrOptions(set(MACHINE_CRITERIA)), None],
        "pretraining": ["boolean"],
        "transform_layers": [StrOptions({"top", "all"})],
        "norm_cost": [NOT_NEGATIVE],
        "sparsity_target": [*PENALTIES["sparsity_target"], "array-like"],
        "variance_rate": [NOT_NEGATIVE],
        "algorithm": [StrOptions(set(LAYER_PHASES))],
        "max_mean_field_steps": [COUNT_OR_ZERO],
        "mean_field_tol": [NOT_NEGATIVE],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 128),
        *,
        visible: str = "bernoulli",
        visible_groups: Any = None,
        rbm: Any = None,
        pretraining: bool = True,
        validation_fraction: float = 0.0,
        early_stopping: str | None = None,
        n_iter_no_change: int = 5,
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
        n_iter: int = 30,
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
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
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
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the layers one on another, then all of them jointly.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse; at most a batch is made dense at a time.
        y : None
            Ignored.

        Returns
        -------
        self : DBM
            The fitted estimator.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train all layers jointly with one mini-batch: one step of the mathematics of `fit`.

        The first call, if there are no layers yet, starts as `fit` does, from greedy layers that
        are trained on its rows. ``fit(X)`` with ``n_iter=0`` starts from all the data, and the
        same batches in the same order then give the same parameters as `fit` with more epochs,
        ``shuffle=False`` and a learning rate that is given.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The batch, of any size.
        y : None
            Ignored.

        Returns
        -------
        self : DBM
            The estimator.
        """
        self._partial_fit(X)
        return self
