"""ReplicatedSoftmax: a topic model of counts of words as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skdeepbm.estimators._constraints import (
    AUTO,
    CHAINS,
    COUNT,
    COUNT_OR_ZERO,
    LOOP,
    NOT_NEGATIVE,
    PENALTIES,
    RUNNING,
    SHARE,
)
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._ranking import heaviest, names_of_features
from skdeepbm.estimators._word_generation import WordGenerationMixin
from skdeepbm.estimators._word_likelihood import WordLikelihoodMixin
from skdeepbm.estimators._word_training import WordTrainingMixin
from skdeepbm.training.word_phases import WORD_PHASES


class ReplicatedSoftmax(WordLikelihoodMixin, WordGenerationMixin, WordTrainingMixin):
    """Replicated softmax: a Boltzmann machine of the counts of words in documents.

    A topic model [1]_ in which topics multiply instead of mixing: the words of a document come from
    one distribution, ``softmax(b + h.W)``, to which all its topics contribute. Documents may have
    different lengths; the energy of counts `v` of D words and topics `h` (0 or 1) is
    ``E(v, h) = -b.v - v.W h - D a.h``. With `n_hidden_words` some of these words are hidden.

    Parameters
    ----------
    n_components : int, default=50
        Number of hidden units, the topics.

    n_hidden_words : int, default=0
        Hidden words that every document has beside its own, the over-replicated softmax [2]_: a
        prior of topics that short documents follow more than long ones. What was a posterior in
        closed form becomes mean field, and the log-likelihood a lower bound; see Notes.

    n_mean_field_steps : int, sequence or callable, default=2
        Mean-field steps of the positive phase, with `n_hidden_words`; the methods take as many as
        it needs. With 0, hidden words are distributed as those of the document, which is the
        pretraining of [2]_: ``[0] * 20 + [2]`` pretrains for 20 epochs.

    learning_rate : "auto", float, sequence or callable, default="auto"
        Step size of the ascent. ``"auto"`` is 0.03, and 0.003 with ``optimizer="adam"``; Adam's is
        multiplied by ``(100 / n) ** 0.5`` where documents have n > 100 words on average. Where some
        words are hidden, it is multiplied by the share of the visible ones. `partial_fit`, which
        cannot average, takes a third. A sequence gives one value per epoch, a callable is called
        with the epoch, counted from 0; see :mod:`skdeepbm.schedules`.

    momentum : float, sequence or callable, default=0.9
        Share of the last step that is kept; `beta1` of Adam.

    weight_decay : float, default=1e-5
        L2 penalty: its gradient ``-weight_decay * W`` is added to that of the weights.

    l1_penalty : float, default=0.0
        L1 penalty of the weights.

    max_norm : float or None, default=None
        Largest Euclidean norm of the weights of one topic.

    sparsity_target : float, default=0.1
        Mean activity that the sparsity penalty wants of every topic. Without `sparsity_cost` it
        changes nothing.

    sparsity_cost : float, default=0.0
        Factor of the sparsity penalty. 0 switches it off.

    sparsity_decay : float, default=0.9
        Decay of the average activity, per batch.

    length_power : float, default=0.5
        A document of D words, hidden ones included, enters the gradient with the weight
        ``D ** -length_power``. With 0 the longest documents decide, with 1 all count the same.

    batch_size : int or "auto", default="auto"
        Documents per mini-batch. ``"auto"`` is a hundredth of the documents, but at least 10 and at
        most 100, so that an epoch has 100 updates and more.

    n_iter : int, default=80
        Epochs: passes over the data. With 0, `fit` only sets the starting parameters.

    averaging : float, default=0.75
        Share of the epochs, the last ones, whose parameters are averaged by `fit`. Parameters
        wander about the maximum of the likelihood; their mean is much nearer to it. 0 keeps those
        of the last epoch.

    algorithm : {"pt", "pcd", "cd"}, default="pt"
        Estimator of the negative phase. ``"pt"``: persistent chains of documents as long as those
        of the batch, which exchange their topics. The length acts as an inverse temperature, so
        that long documents, whose chains alone stay where they are, are drawn from all modes.
        ``"pcd"``: the same without exchanges. ``"cd"``: chains that start at the batch.

    n_gibbs_steps : int, sequence or callable, default=1
        Gibbs steps per update; a growing `k` of CD-k is ``skdeepbm.schedules.Step(1, 1, 10)``.

    n_chains : int or None, default=100
        Persistent chains; None means as many as there are documents in a batch.

    n_temperatures : int, default=20
        Further chains of ``algorithm="pt"`` with documents shorter than those of the batch.

    centring : bool, default=True
        Whether to use centred gradients.

    centring_rate : float, default=0.01
        Rate at which the offsets of the topics follow the means of the batches.

    optimizer : {"adam", "sgd", "nesterov"}, default="adam"
        Rule of the ascent. Adam gives rare words steps as large as those of frequent ones. With
        `centring`, Adam has the centred parameters: biases compensate for every step of the
        weights, that of weight decay included.

    shuffle : bool, default=True
        Whether documents are visited in a new random order in every epoch.

    training_dtype : {"float32", "float64"} or None, default="float32"
        Precision of the arithmetic inside `fit`; None means that of the data.

    backend : {"auto", "numpy", "cupy"}, default="auto"
        Where to compute; see :class:`RBMTransformer`.

    warm_start : bool, default=False
        Whether `fit` goes on from the current parameters.

    verbose : int, default=0
        Print a line per epoch if not 0.

    random_state : int, RandomState instance or None, default=None
        Source of all random numbers.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights. This and the biases are the model: to set them is to change it.

    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the topics, for one word.

    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the words.

    h_samples_ : ndarray of shape (n_chains, n_components)
        Topics of the persistent chains; with ``algorithm="pt"`` there are `n_temperatures` more.
        Not with ``"cd"``.

    mean_n_words_ : float
        Mean number of words of the documents of `fit` (of the first call of `partial_fit`) that
        have words; `sample` draws documents of this length.

    n_iter_ : int
        Number of epochs run (of calls, by `partial_fit`).

    history_ : dict of str to ndarray
        One entry per epoch, measured on at most 1000 documents of the training data:
        ``"reconstruction_error"`` (cross-entropy of the words of a document under the distribution
        of one deterministic pass up and down, nats per word; this is not the perplexity),
        ``"free_energy"`` (nats, divided by the number of words, averaged over documents;
        variational with hidden words, as are topics after `n_mean_field_steps`),
        ``"mean_hidden_activity"``, ``"weight_norm"`` (of shape (n_epochs, n_components)),
        ``"weights_moved"`` (fraction of weights that moved by more than 1e-3) and ``"epoch_time"``
        (seconds). Keys that begin with ``"validation"`` or ``"free_energy_gap"`` are NaN.

    n_features_in_ : int
        Number of words of the vocabulary.

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
        For fractional counts, as a TfidfVectorizer makes. They are used as they are: the length of
        a document is their sum, rounded (to at least one) where words are drawn.
    BaseRateWarning
        When the fitted model reconstructs documents no better than the shares of the words in
        the whole data do.

    See Also
    --------
    sklearn.decomposition.LatentDirichletAllocation : Topics that mix.

    Notes
    -----
    Documents without a word are left out of training, have the likelihood 1 and topics of 0.5, the
    uninformed answer. A word that never occurs in training gets half the probability of the
    rarest one. New data must have the columns of the training data: give CountVectorizer its
    `vocabulary`, or put both in one Pipeline.

    With M hidden words, a document of D words is one of ``D + M`` words of the same model, of which
    M are summed out: ``p(words) = sum_h exp(v.(b + W h) + D a.h + M f(h)) / Z_{D + M}``, where
    ``f(h) = a.h + log sum_k exp(b_k + W_k.h)``. `log_partition` is that of ``D + M`` words,
    `transform` and `reconstruct` use mean field, and `free_energy`, `score_samples` and
    `perplexity` are exact with at most 12 topics and variational otherwise. `n_hidden_words` is
    read by all of them: to set it is to change the model.

    References
    ----------
    .. [1] Salakhutdinov, R. and Hinton, G. Replicated softmax: an undirected topic model.
       NIPS 2009.
    .. [2] Srivastava, N., Salakhutdinov, R. and Hinton, G. Modeling documents with a deep
       Boltzmann machine. UAI 2013.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from skdeepbm import ReplicatedSoftmax
    >>> texts = ["cats and dogs", "dogs and cats", "stars and planets", "planets, stars"] * 20
    >>> counts = CountVectorizer()
    >>> X = counts.fit_transform(texts)
    >>> model = ReplicatedSoftmax(2, learning_rate=0.03, random_state=0).fit(X)
    >>> model.transform(X).shape
    (80, 2)
    >>> bool(model.perplexity(X) < 4.5)  # with the shares of the words alone: 4.97
    True
    """

    _fitted_names = ("components_", "intercept_hidden_", "intercept_visible_")

    _parameter_constraints: dict = {
        **LOOP,
        **PENALTIES,
        **CHAINS,
        **RUNNING,
        "n_components": [COUNT],
        "n_hidden_words": [COUNT_OR_ZERO],
        "n_mean_field_steps": [COUNT_OR_ZERO, "array-like", callable],
        "l1_penalty": [NOT_NEGATIVE],
        "length_power": [SHARE],
        "batch_size": [AUTO, *LOOP["batch_size"]],
        "averaging": [SHARE],
        "algorithm": [StrOptions(set(WORD_PHASES))],
        "n_temperatures": [COUNT_OR_ZERO],
    }

    def __init__(
        self,
        n_components: int = 50,
        *,
        n_hidden_words: int = 0,
        n_mean_field_steps: Any = 2,
        learning_rate: Any = "auto",
        momentum: Any = 0.9,
        weight_decay: float = 1e-5,
        l1_penalty: float = 0.0,
        max_norm: float | None = None,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        sparsity_decay: float = 0.9,
        length_power: float = 0.5,
        batch_size: Any = "auto",
        n_iter: int = 80,
        averaging: float = 0.75,
        algorithm: str = "pt",
        n_gibbs_steps: Any = 1,
        n_chains: int | None = 100,
        n_temperatures: int = 20,
        centring: bool = True,
        centring_rate: float = 0.01,
        optimizer: str = "adam",
        shuffle: bool = True,
        training_dtype: str | None = "float32",
        backend: str = "auto",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.n_hidden_words = n_hidden_words
        self.n_mean_field_steps = n_mean_field_steps
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.l1_penalty = l1_penalty
        self.max_norm = max_norm
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.sparsity_decay = sparsity_decay
        self.length_power = length_power
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.averaging = averaging
        self.algorithm = algorithm
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.centring = centring
        self.centring_rate = centring_rate
        self.optimizer = optimizer
        self.shuffle = shuffle
        self.training_dtype = training_dtype
        self.backend = backend
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # -- fitting -------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Counts of words. Sparse data stay sparse.
        y : None
            Ignored.

        Returns
        -------
        self : ReplicatedSoftmax
            The fitted estimator.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Update the model with one mini-batch of documents, for data that come as a stream.

        The first call starts from the shares of the words in its own batch: make that one large.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Counts of words.
        y : None
            Ignored.

        Returns
        -------
        self : ReplicatedSoftmax
            The estimator.
        """
        self._partial_fit(X)
        return self

    # -- the fitted model ----------------------------------------------------------------

    def transform(self, X: Any) -> Any:
        """Probability of each topic given the words of a document.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            They do not sum to one: topics are there or not, each for itself. With hidden words,
            those of the mean field, in which no topic has changed by more than 1e-4 in the last
            step (of at most 100).
        """
        return self._documents(X, lambda model, v, n_words: model.hidden_mean(v, n_words))

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the model to documents and return the probabilities of their topics.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
        """
        return self.fit(X, y)._documents(
            X, lambda model, v, n_words: model.hidden_mean(v, n_words), warn=False
        )

    def top_words(self, feature_names: Any = None, n: int = 10) -> list[list[str]]:
        """Words that a topic makes likelier than any others.

        Parameters
        ----------
        feature_names : array-like of str of shape (n_features,) or None, default=None
            For example ``vectorizer.get_feature_names_out()``; None means `feature_names_in_`, or
            the numbers of the columns.
        n : int, default=10
            Words per topic.

        Returns
        -------
        words : list of n_components lists of str
            The words of largest weight, the largest first.

        Examples
        --------
        >>> from skdeepbm import ReplicatedSoftmax
        >>> model = ReplicatedSoftmax(1, n_iter=0, random_state=0).fit([[3, 1, 0]])
        >>> model.components_[:] = [[0.5, -1.0, 2.0]]
        >>> model.top_words(["sun", "moon", "stars"], n=2)
        [['stars', 'sun']]
        """
        check_is_fitted(self, self._fitted_names)
        where = f"{type(self).__name__}.top_words"
        names = names_of_features(self, feature_names, self._n_visible, where, "words")
        check_count(self, "n", n)
        return [[str(names[k]) for k in row] for row in heaviest(np.asarray(self.components_), n)]
