"""DeepAutoencoder: pretrained layers, unrolled and fine-tuned, as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._autoencoder_coding import AutoencoderCodingMixin
from skdeepbm.estimators._autoencoder_model import CODES
from skdeepbm.estimators._autoencoder_training import (
    FINETUNING,
    INTERMEDIATE,
    AutoencoderTrainingMixin,
)
from skdeepbm.estimators._constraints import COUNT, NOT_NEGATIVE, PENALTIES, RUNNING
from skdeepbm.estimators.finetuning import Backprop


class DeepAutoencoder(AutoencoderCodingMixin, AutoencoderTrainingMixin):
    """Deep autoencoder: a stack of layers, unrolled into encoder and decoder and fine-tuned.

    Every layer is trained on the values of the layer below, by a template that models them. Then
    the stack is unrolled: the decoder begins with the transposed weights of the encoder in the
    reverse order and the layers' visible biases, and backpropagation fine-tunes both, untied, to
    reproduce the rows [1]_.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 32)
        Number of units of each layer of the encoder; the last ones are the code.

    pretrainer : RBMTransformer, ShallowAutoencoder, ReplicatedSoftmax, list or None, default=None
        Template of the layers: each gets its settings but `n_components`, `backend`, the kind of
        its visible units (that of the hidden units below) and, if `random_state` is given here, its
        seed. A list has a template for each layer; the first may be a :class:`ReplicatedSoftmax`,
        or a :class:`ShallowAutoencoder` of counts, whose outputs are a softmax over words. None
        means ``RBMTransformer(centring=False)``, whose hidden units are sparser.

    pretraining : bool, default=True
        Whether the templates are trained. False starts at random weights (Glorot & Bengio 2010)
        and output biases at the mean of the data; the templates then only say which units there
        are.

    code : {"linear", "sigmoid", "relu", "binary"}, default="linear"
        Kind of the code units. ``"relu"`` are noisy rectified linear units, with the expected value
        softplus. ``"binary"`` are sigmoid units whose inputs get noise in fine-tuning, so that
        their values move to 0 and 1 [2]_; see :meth:`binary_codes`. Where the last template has
        another kind of hidden units, it gets this one, with ``learning_rate="auto"`` and, unless
        they are sigmoid, without its sparsity penalty.

    code_noise : float, default=4.0
        Standard deviation of the noise of ``code="binary"``. Encoding is without it.

    sparsity : {"bottleneck", "all", "alternate"}, sequence of bool or None, default=None
        Which layers of the encoder are mostly silent, in pretraining and in fine-tuning: the code
        alone, all layers, or every second one from the bottom [3]_; a sequence says it of each.
        None constrains no layer and leaves the templates as they are; otherwise they get
        `sparsity_target` and, where sparse, `sparsity_cost`.

    sparsity_target : float, default=0.1
        Mean activity that sparse sigmoid units should have.

    sparsity_cost : float, default=0.1
        Weight of the penalty, in nats for each row: the divergence of the target from the mean
        activity of sigmoid units, summed over units; of other units, which have no target, the
        mean absolute value, and in fine-tuning only.

    intermediate_finetuning : "backprop", Backprop or None, default=None
        What follows each layer but the last one: backpropagation of the layers so far, unrolled,
        before the next one is added [3]_. ``"backprop"`` means
        ``Backprop(n_iter=10)``.

    finetuning : "backprop", Backprop or None, default="backprop"
        What follows the last layer. ``"backprop"`` means ``Backprop()``, 30 epochs of gradient
        descent with momentum; an object has other settings, with Adam, conjugate gradients and
        L-BFGS among them, see :class:`Backprop`.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute; as in :class:`RBMTransformer`.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters with fine-tuning alone.

    verbose : int, default=0
        Print a line per epoch of fine-tuning if not 0. Layers print by their template's `verbose`.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_units_below, n_units)
        Weights: of the encoder from the features to the code, then of the decoder from the code to
        the features. Twice as many as hidden layers.

    intercepts_ : list of ndarray of shape (n_units,)
        Biases in the same order.

    pretrainers_ : list of estimators
        The layers as pretraining left them, with their own ``history_``; empty without pretraining.

    intermediate_history_ : list of dict of str to ndarray
        For each intermediate fine-tuning, one entry per epoch.

    n_iter_ : int
        Number of epochs of fine-tuning.

    history_ : dict of str to ndarray
        One entry per epoch of fine-tuning: ``loss``, minus the log-density of the rows in nats per
        row (of counts, per word: of the shares of words in each document), ``squared_error``,
        summed over features and averaged over rows (of counts, of the shares of words too), both
        of some training rows without noise and penalties;
        ``validation_loss`` and ``validation_squared_error`` of held-out rows; ``weight_norm`` of
        each layer, ``weights_moved`` and ``epoch_time`` in seconds.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had names that are all strings.

    Raises
    ------
    DivergenceError
        From `fit` and `partial_fit`, when parameters are no longer finite. In fine-tuning, the
        estimator then holds those of the last finite epoch; before, what it held before.

    See Also
    --------
    HammingNeighbors : Search among binary codes.
    ShallowAutoencoder : A single layer.
    sklearn.decomposition.PCA : The best linear code.

    References
    ----------
    .. [1] Hinton, G. E. and Salakhutdinov, R. Reducing the dimensionality of data with neural
       networks. Science 313 (2006).
    .. [2] Salakhutdinov, R. and Hinton, G. E. Semantic hashing. International Journal of
       Approximate Reasoning 50 (2009).
    .. [3] Bhutani, S. Alternate layer sparsity and intermediate fine-tuning for deep autoencoders.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdeepbm import DeepAutoencoder
    >>> X = load_digits().data / 16
    >>> train, test = X[:1500], X[1500:]
    >>> model = DeepAutoencoder((128, 32, 5), random_state=0).fit(train)
    >>> model.transform(test).shape
    (297, 5)
    >>> pca = PCA(5).fit(train)
    >>> linear = pca.inverse_transform(pca.transform(test))
    >>> bool(((test - model.reconstruct(test)) ** 2).sum() < ((test - linear) ** 2).sum())
    True
    """

    _inner_objects: ClassVar[dict[str, str]] = {
        "pretrainer": "RBMTransformer(centring=False)",
        "finetuning": "Backprop()",
        "intermediate_finetuning": "Backprop()",
    }

    _parameter_constraints: dict = {
        **RUNNING,
        "hidden_layer_sizes": [COUNT, "array-like"],
        "pretrainer": [object],
        "pretraining": ["boolean"],
        "code": [StrOptions(set(CODES))],
        "code_noise": [NOT_NEGATIVE],
        "sparsity": [StrOptions({"bottleneck", "all", "alternate"}), "array-like", None],
        "sparsity_target": PENALTIES["sparsity_target"],
        "sparsity_cost": PENALTIES["sparsity_cost"],
        "intermediate_finetuning": [StrOptions(set(INTERMEDIATE)), Backprop, None],
        "finetuning": [StrOptions(set(FINETUNING)), Backprop, None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 32),
        *,
        pretrainer: Any = None,
        pretraining: bool = True,
        code: str = "linear",
        code_noise: float = 4.0,
        sparsity: Any = None,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.1,
        intermediate_finetuning: Any = None,
        finetuning: Any = "backprop",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.pretrainer = pretrainer
        self.pretraining = pretraining
        self.code = code
        self.code_noise = code_noise
        self.sparsity = sparsity
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.intermediate_finetuning = intermediate_finetuning
        self.finetuning = finetuning
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the layers one on another, unroll them, and fine-tune.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse; at most a batch is made dense at a time.
        y : object
            Ignored.

        Returns
        -------
        self : DeepAutoencoder
            The fitted estimator.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Fine-tune the network with one mini-batch.

        The first call, if the network is not there yet, pretrains the layers on its rows as `fit`
        does, intermediate fine-tuning included. With ``finetuning=None`` later calls change
        nothing.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The batch, of any size.
        y : object
            Ignored.

        Returns
        -------
        self : DeepAutoencoder
            The estimator.
        """
        self._partial_fit(X)
        return self
