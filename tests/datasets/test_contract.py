"""What all generators of images promise: shapes, ranges and reproducibility."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdeepbm.datasets import (
    make_big_and_small_digits,
    make_robot_arm,
    make_square_and_room,
)

GENERATORS = [
    (make_square_and_room, 2),
    (make_robot_arm, 2),
    (partial(make_robot_arm, n_dims=3), 3),
    (make_big_and_small_digits, 1),
    (partial(make_big_and_small_digits, shift=True), 3),
]
NAMES = ["square", "arm in the plane", "arm in space", "digits", "shifted digits"]
each_generator = pytest.mark.parametrize(("make", "n_parameters"), GENERATORS, ids=NAMES)


@each_generator
def test_shapes_and_range(make, n_parameters):
    X, parameters, *_ = make(n_samples=83, image_size=17, random_state=0)
    assert X.shape == (83, 289)
    assert parameters.shape == (83, n_parameters)
    assert X.dtype == parameters.dtype == np.float64
    assert X.flags.c_contiguous
    assert X.min() == 0
    assert 0.8 < X.max() <= 1
    assert len(np.unique(X, axis=0)) == 83


@each_generator
def test_random_state(make, n_parameters):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = make(n_samples=20, random_state=5)
    second = make(n_samples=20, random_state=np.random.RandomState(5))
    other = make(n_samples=20, random_state=6)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != other[0]).any(axis=1).all()


@each_generator
def test_images_do_not_depend_on_their_company(make, n_parameters):
    """Rows are drawn in chunks; a row is the same wherever its chunk begins."""
    X, parameters, *source = make(n_samples=700, random_state=1)
    if source:
        make = partial(make, load_digits().images[source[0][611:]] / 16)
    tail, *_ = make(parameters=parameters[611:])
    np.testing.assert_array_equal(tail, X[611:])
