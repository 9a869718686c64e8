"""The square of the room is where its parameters say, and moves smoothly."""

import numpy as np
import pytest

from skdeepbm.datasets import make_square_and_room


def squares(X, image_size, wall_width=1):
    """The images without their walls."""
    inside = slice(wall_width, image_size - wall_width)
    return X.reshape(-1, image_size, image_size)[:, inside, inside]


@pytest.mark.parametrize(("image_size", "square_size", "wall_width"), [(28, 6.0, 1), (15, 4.3, 2)])
def test_mass_and_centre(image_size, square_size, wall_width):
    X, centres = make_square_and_room(
        200,
        image_size=image_size,
        square_size=square_size,
        wall_width=wall_width,
        random_state=0,
    )
    inner = squares(X, image_size, wall_width)
    mass = inner.sum(axis=(1, 2))
    np.testing.assert_allclose(mass, square_size**2)
    places = np.arange(wall_width, image_size - wall_width) + 0.5
    found = np.stack([inner.sum(axis=1) @ places, inner.sum(axis=2) @ places], axis=1)
    # A partly covered pixel counts with its centre; for whole sizes both edges cancel out.
    error = 1e-10 if square_size % 1 == 0 else 1 / (8 * square_size)
    np.testing.assert_allclose(found / mass[:, None], centres, atol=error)


def test_against_a_fine_raster():
    X, centres = make_square_and_room(
        20, image_size=9, square_size=3.3, wall_width=2, random_state=1
    )
    fine = 200
    points = (np.arange(9 * fine) + 0.5) / fine
    for image, (x, y) in zip(X.reshape(-1, 9, 9), centres, strict=True):
        drawn = np.outer(np.abs(points - y) < 1.65, np.abs(points - x) < 1.65).astype(float)
        expected = drawn.reshape(9, fine, 9, fine).mean(axis=(1, 3))
        expected[[0, 1, -2, -1]] = expected[:, [0, 1, -2, -1]] = 0.5
        np.testing.assert_allclose(image, expected, atol=2 / fine)


def test_walls_never_change():
    X, _ = make_square_and_room(50, image_size=12, square_size=5, wall_width=2, random_state=2)
    images = X.reshape(-1, 12, 12).copy()
    assert images[:, 2:-2, 2:-2].max() == 1.0
    assert images[:, 2:-2, 2:-2].min() == 0.0
    images[:, 2:-2, 2:-2] = 0.5
    assert (images == 0.5).all()


def test_positions_fill_the_floor():
    _, centres = make_square_and_room(4000, image_size=20, square_size=4, random_state=0)
    assert centres.min() >= 3
    assert centres.max() <= 17
    for column in centres.T:
        counts, _ = np.histogram(column, bins=7, range=(3, 17))
        # Seven bins: five standard deviations of a binomial count.
        np.testing.assert_allclose(counts, 4000 / 7, atol=5 * np.sqrt(4000 / 7 * 6 / 7))


def test_pixels_are_continuous():
    path = np.stack([np.linspace(4, 24, 2001), np.linspace(24, 5, 2001)], axis=1)
    X, _ = make_square_and_room(parameters=path)
    steps = np.abs(np.diff(X, axis=0)).max(axis=1)
    # A pixel's share changes by at most the distance moved; its two edges move 0.01 and 0.0095.
    assert steps.max() <= 0.01 + 0.0095 + 1e-9
    assert steps.min() > 0


def test_given_positions_are_drawn():
    X, centres = make_square_and_room(30, random_state=3)
    again, same = make_square_and_room(parameters=centres.tolist())
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(same, centres)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_samples": 10.0}, "n_samples must be an integer"),
        ({"image_size": True}, "image_size must be an integer"),
        ({"wall_width": 0}, "wall_width must be an integer of at least 1"),
        ({"square_size": 0.5}, "square_size must be a number of pixels of at least 1"),
        ({"square_size": np.nan}, "square_size must be a number"),
        ({"square_size": 26}, "cannot move on a floor of 26 pixels. Lower square_size"),
        ({"parameters": [[14, 14], [14, 3]]}, "row 1 of parameters, .* Keep both .* 4 and 24"),
        ({"parameters": [14, 14]}, "columns horizontal, vertical; got an array of shape"),
        ({"parameters": [[14, np.nan]]}, "row 0 is not"),
        ({"parameters": [["left", "right"]]}, "parameters must be numbers"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_square_and_room(**arguments)
