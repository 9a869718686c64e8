"""DBNClassifier: the deep belief net as a scikit-learn classifier that can also dream."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions

from skdeepbm.estimators._constraints import COUNT, LABELS, RUNNING
from skdeepbm.estimators._dbn_generative import DBNGenerativeMixin
from skdeepbm.estimators._dbn_inference import DBNInferenceMixin
from skdeepbm.estimators._dbn_training import FINETUNING, DBNTrainingMixin
from skdeepbm.estimators.finetuning import Backprop, WakeSleep


class DBNClassifier(ClassifierMixin, DBNInferenceMixin, DBNGenerativeMixin, DBNTrainingMixin):
    """Deep belief net: RBMs trained one on another, label units on top, then fine-tuning.

    Every layer is an RBM that learns the values of the layer below; the top one also has a softmax
    group of label units (a :class:`ClassificationRBM` trained generatively). The stack classifies
    and generates as it is; fine-tuning makes it a better classifier (``"backprop"``) or a better
    model of rows and labels together (``"wake-sleep"``).

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(256, 256)
        Number of units of each hidden layer, from the bottom to the top.

    rbm : RBMTransformer, list or None, default=None
        Template of the layers: each gets its settings but `n_components`, `backend`, the kind of
        its visible units (that of the hidden units below) and, if `random_state` is given here, its
        seed. A list has a template for each layer; the first may be a :class:`ReplicatedSoftmax`.
        None means ``RBMTransformer(centring=False)``, whose hidden units are sparser.

    pretraining : bool, default=True
        Whether the RBMs are trained. False starts backpropagation at random weights
        (Glorot & Bengio 2010), to compare with.

    finetuning : {"backprop", "wake-sleep"}, Backprop, WakeSleep or None, default="backprop"
        What follows pretraining; an object has the settings, see :class:`Backprop` and
        :class:`WakeSleep`. ``"backprop"`` adds a softmax output layer and descends on the
        cross-entropy; the generative model stays what pretraining made it.

    inference : {"auto", "network", "free_energy", "gibbs"}, default="auto"
        What classes come from. ``"network"``: the output layer of backpropagation.
        ``"free_energy"``: the exact free energy of the top RBM with every label, given the means
        of the penultimate layer. ``"gibbs"``: label units recovered by Gibbs sampling from the
        uniform prior. ``"auto"`` is the network after backpropagation, else free energies.

    n_inference_steps : int, default=50
        Gibbs steps of ``inference="gibbs"``; the second half counts.

    transform_layer : int, default=-1
        Hidden layer whose expected values `transform` returns; 0 is the bottom one.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; rows are repeated in proportion to them. ``"balanced"`` gives every
        class the same total.

    unlabelled : object, default=-1
        Value in `y` of rows without a label: pretraining uses them, their label units are drawn
        from what the top RBM makes of them. Where `y` has -1 and only one other value, both are
        classes. None: every value is a class.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute; as in :class:`RBMTransformer`.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters: with fine-tuning, or, without any, with
        the training of every layer.

    verbose : int, default=0
        Print a line per epoch of fine-tuning if not 0. Layers print by their template's `verbose`.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    rbms_ : list of estimators
        The generative model: fitted RBMs from the bottom to the top. Down from layer l + 1 to l
        lead ``rbms_[l].components_`` and ``rbms_[l].intercept_visible_``; the last one is a
        :class:`ClassificationRBM` whose labels are positions in `classes_`. The epochs of its
        training are in ``rbms_[l].history_``.

    coefs_ : list of ndarray of shape (n_units_below, n_units)
        Weights of the upward pass. After backpropagation those of all hidden layers and of the
        output layer; otherwise recognition weights, up to the penultimate layer.

    intercepts_ : list of ndarray of shape (n_units,)
        Biases of the upward pass.

    recognition_coefs_, recognition_intercepts_ : list of ndarray
        Recognition weights and biases of the generative model, up to the penultimate layer. Only
        where `coefs_` are those of backpropagation and the net was trained by the up-down algorithm
        before; else the recognition weights are `coefs_`, or those of ``rbms_``.

    n_iter_ : int
        Number of epochs of fine-tuning (of the top RBM, without any).

    history_ : dict of str to ndarray
        One entry per epoch of fine-tuning (of the top RBM, without any).

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had names that are all strings.

    Raises
    ------
    DivergenceError
        From `fit` and `partial_fit`, when parameters are no longer finite. In fine-tuning, the
        estimator then holds those of the last finite epoch; in pretraining, what it held before.

    See Also
    --------
    ClassificationRBM : One layer, also with discriminative training.
    sklearn.neural_network.MLPClassifier : Backpropagation from random weights.

    References
    ----------
    .. [1] Hinton, G. E., Osindero, S. and Teh, Y.-W. A fast learning algorithm for deep belief
       nets. Neural Computation 18 (2006).
    .. [2] Hinton, G. E. and Salakhutdinov, R. Reducing the dimensionality of data with neural
       networks. Science 313 (2006).
    .. [3] Salakhutdinov, R. and Murray, I. On the quantitative analysis of deep belief networks.
       ICML 2008.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeepbm import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> dbn = DBNClassifier((128, 128), random_state=0).fit(X_train, y_train)
    >>> bool(dbn.score(X_test, y_test) > 0.95)
    True
    >>> dbn.sample(labels=[0, 1, 2], n_gibbs_steps=10).shape
    (3, 64)
    """

    _inner_objects: ClassVar[dict[str, str]] = {
        "rbm": "RBMTransformer(centring=False)",
        "finetuning": "Backprop() or WakeSleep()",
    }

    _parameter_constraints: dict = {
        **LABELS,
        **RUNNING,
        "hidden_layer_sizes": [COUNT, "array-like"],
        "rbm": [object],
        "pretraining": ["boolean"],
        "finetuning": [StrOptions(set(FINETUNING)), Backprop, WakeSleep, None],
        "inference": [StrOptions({"auto", "network", "free_energy", "gibbs"})],
        "n_inference_steps": [COUNT],
        "transform_layer": [Integral],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256),
        *,
        rbm: Any = None,
        pretraining: bool = True,
        finetuning: Any = "backprop",
        inference: str = "auto",
        n_inference_steps: int = 50,
        transform_layer: int = -1,
        class_weight: Any = None,
        unlabelled: Any = -1,
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.rbm = rbm
        self.pretraining = pretraining
        self.finetuning = finetuning
        self.inference = inference
        self.n_inference_steps = n_inference_steps
        self.transform_layer = transform_layer
        self.class_weight = class_weight
        self.unlabelled = unlabelled
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the layers one on another, then fine-tune.

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
        self : DBNClassifier
            The fitted estimator.
        """
        self._fit(X, y, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Update the model with one mini-batch.

        Every RBM takes a step on the values that the layer below gives it, then the upward pass a
        step of backpropagation, if any row has a label. After `fit` with
        ``finetuning="wake-sleep"``, and after the first call, it is a step of the up-down algorithm
        alone; with ``pretraining=False``, a step of fine-tuning alone.

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
        self : DBNClassifier
            The estimator.
        """
        self._partial_fit(X, y, classes)
        return self
