"""Big & Small digits keep shape and ink of their sources in every size."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdeepbm.datasets import make_big_and_small_digits

RNG = np.random.RandomState(0)
BLOB = np.outer(np.hanning(9)[1:-1], np.hanning(9)[1:-1]) * RNG.uniform(0.3, 1, (7, 7))


def moments(X):
    """Mass, centre from the middle (right, down), mean squared distance from that centre."""
    size = int(np.sqrt(X.shape[1]))
    images = X.reshape(-1, size, size)
    places = np.arange(size) + 0.5 - size / 2
    mass = images.sum(axis=(1, 2))
    right, down = images.sum(axis=1) @ places / mass, images.sum(axis=2) @ places / mass
    squares = (images.sum(axis=1) + images.sum(axis=2)) @ places**2 / mass
    return mass, np.stack([right, down], axis=1), squares - right**2 - down**2


def test_ink_and_radius_follow_the_scale():
    scales = np.linspace(0.3, 1, 30)[:, None]
    X, _, _ = make_big_and_small_digits([BLOB] * 30, image_size=64, parameters=scales)
    mass, centre, squared_radius = moments(X)
    width = scales[:, 0] * 64 / 8
    np.testing.assert_allclose(mass, width**2 * BLOB.sum())
    _, middle, spread = moments(BLOB.reshape(1, -1))
    np.testing.assert_allclose(centre, width[:, None] * middle, atol=0.02)
    # A tent as wide as two source pixels adds a variance of 1/6 in both directions, the pixels
    # of the new image 1/12.
    np.testing.assert_allclose(squared_radius, width**2 * (spread + 2 / 6) + 2 / 12, rtol=2e-3)


@pytest.mark.parametrize(("side", "image_size", "scale"), [(5, 12, 0.8), (28, 16, 0.45)])
def test_against_a_fine_raster(side, image_size, scale):
    """Interpolated by hand at many points of each pixel and averaged, growing and shrinking."""
    source = RNG.uniform(size=(side, side))
    right, down = 0.7, -0.4
    X, _, _ = make_big_and_small_digits(
        [source], image_size=image_size, shift=True, parameters=[[scale, right, down]]
    )
    fine = 40
    points = (np.arange(image_size * fine) + 0.5) / fine
    width = scale * image_size / (side + 1)
    places = np.arange(side) - (side - 1) / 2

    def tents(shift):
        offset = (points - image_size / 2 - shift)[:, None] / width - places
        return np.maximum(0, 1 - np.abs(offset))

    expected = tents(down) @ source @ tents(right).T
    expected = expected.reshape(image_size, fine, image_size, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(X[0].reshape(expected.shape), expected, atol=1e-3)


def test_shifted_images_are_not_cut_off():
    X, parameters, source = make_big_and_small_digits(n_samples=300, shift=True, random_state=0)
    scales, shifts = parameters[:, 0], parameters[:, 1:]
    inked = load_digits().images[source] / 16
    mass, centre, _ = moments(X)
    np.testing.assert_allclose(mass, (scales * 28 / 9) ** 2 * inked.sum(axis=(1, 2)))
    _, middle, _ = moments(inked.reshape(300, -1))
    expected = shifts + (scales * 28 / 9)[:, None] * middle
    np.testing.assert_allclose(centre, expected, atol=0.05)
    room = (1 - scales) * 14
    assert (np.abs(shifts) <= room[:, None]).all()
    assert np.abs(shifts / room[:, None]).max() > 0.95


def test_flat_and_square_images_are_the_same():
    digits = load_digits()
    flat = make_big_and_small_digits(digits.data / 16, 40, image_size=20, random_state=1)
    square = make_big_and_small_digits(digits.images / 16, 40, image_size=20, random_state=1)
    default = make_big_and_small_digits(None, 40, image_size=20, random_state=1)
    for one, two, three in zip(flat, square, default, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_every_source_once_or_drawn():
    images = RNG.uniform(size=(30, 4, 4))
    X, scales, source = make_big_and_small_digits(images, image_size=8, random_state=0)
    np.testing.assert_array_equal(source, np.arange(30))
    again, _, _ = make_big_and_small_digits(images, image_size=8, parameters=scales)
    np.testing.assert_array_equal(again, X)
    drawn, scales, source = make_big_and_small_digits(images, 900, image_size=8, random_state=0)
    assert set(source) == set(range(30))
    again, _, _ = make_big_and_small_digits(images[source], image_size=8, parameters=scales)
    np.testing.assert_array_equal(again, drawn)


def test_scales_fill_their_range():
    _, scales, _ = make_big_and_small_digits([BLOB], 4000, scale_range=(0.2, 0.6), random_state=0)
    assert scales.min() >= 0.2
    assert scales.max() <= 0.6
    counts, _ = np.histogram(scales, bins=8, range=(0.2, 0.6))
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(500 * 7 / 8))


def test_pixels_are_continuous():
    images = np.repeat(load_digits().images[:1] / 16, 2001, axis=0)
    X, _, _ = make_big_and_small_digits(images, parameters=np.linspace(0.05, 1, 2001)[:, None])
    steps = np.abs(np.diff(X, axis=0)).max(axis=1)
    assert 0 < steps.min()
    assert steps.max() < 0.02


def test_masks_are_images():
    """Booleans and integers 0 and 1 are values in [0, 1]."""
    mask = RNG.uniform(size=(6, 5, 5)) < 0.5
    wanted = make_big_and_small_digits(mask.astype(float), image_size=9, random_state=0)[0]
    for dtype in (bool, np.uint8, np.float32):
        X = make_big_and_small_digits(mask.astype(dtype), image_size=9, random_state=0)[0]
        assert X.dtype == np.float64
        np.testing.assert_array_equal(X, wanted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((3, 10))}, r"images must have the shape .* got \(3, 10\)"),
        ({"images": np.zeros((3, 4, 5))}, "Pad images that are not square"),
        ({"images": np.zeros((0, 4, 4))}, "images must have the shape"),
        ({"images": load_digits().images}, r"values in \[0, 1\]. Divide them"),
        ({"images": [[[np.nan]]]}, r"values in \[0, 1\]"),
        ({"images": [[["a"]]]}, r"values in \[0, 1\]"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1"),
        ({"image_size": 0}, "image_size must be an integer of at least 1"),
        ({"scale_range": (0, 1)}, "0 < least <= greatest <= 1"),
        ({"scale_range": (0.5, 1.2)}, "0 < least <= greatest <= 1"),
        ({"scale_range": (0.8, 0.5)}, r"got \(0.8, 0.5\)"),
        ({"scale_range": (0.5, np.nan)}, "0 < least <= greatest <= 1"),
        ({"scale_range": ("small", "big")}, "scale_range must be two numbers"),
        ({"scale_range": 0.5}, "scale_range must be two numbers"),
        ({"parameters": [[0.5]]}, "a row for each of the 1797 images"),
        ({"images": [BLOB], "n_samples": 1, "parameters": [[0.5]]}, "got 1 rows and n_samples=1"),
        ({"images": [BLOB], "parameters": [[1.1]]}, "row 0 of parameters has 1.1"),
        ({"images": [BLOB], "parameters": [[0.5, 0, 0]]}, "with the columns scale; got"),
        (
            {"images": [BLOB], "shift": True, "parameters": [[0.5, 0, 8]]},
            "row 0 of parameters shifts its image over the edge. .* between -7 and 7 pixels",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_big_and_small_digits(**arguments)
