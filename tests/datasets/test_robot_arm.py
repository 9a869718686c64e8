"""The arm is drawn where forward kinematics puts it, and an image fixes its pose."""

import numpy as np
import pytest
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from skdeepbm.datasets import make_robot_arm

SIZE, WIDTH = 40, 3.0
REACH = SIZE / 2 - (WIDTH + 1) / 2


def turn(axis, angle):
    """Right-handed rotation about an axis of space."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def joints_in_plane(angles):
    """Places of base, elbow and tip in the image, by products of rotations."""
    place, frame, places = np.zeros(2), np.eye(2), [np.zeros(2)]
    for angle in angles:
        frame = frame @ turn(2, angle)[:2, :2]
        place = place + frame @ [0, REACH / len(angles)]
        places.append(place)
    return SIZE / 2 + np.array(places) * [1, -1]


def joints_in_space(angles):
    """Places of base, elbow and tip in the image, and their distance in front of the base."""
    # World: x to the camera, y to the right, z up; the camera looks down by 30 degrees.
    frame, place = turn(2, angles[0]), np.zeros(3)
    places = [place]
    for angle in angles[1:]:
        frame = frame @ turn(1, angle)
        place = place + frame @ [0, 0, REACH / (len(angles) - 1)]
        places.append(place)
    seen = np.array(places) @ turn(1, np.pi / 6).T
    return SIZE / 2 + seen[:, [1, 2]] * [1, -1], seen[:, 0]


def distance_to_links(joints, points):
    """Distance of every point from the nearest link."""
    distances = []
    for begin, end in zip(joints[:-1], joints[1:], strict=True):
        along = np.linspace(begin, end, 400)
        distances.append(np.linalg.norm(points[:, None] - along, axis=2).min(axis=1))
    return np.min(distances, axis=0)


def pixel_centres():
    rows, columns = np.indices((SIZE, SIZE)).reshape(2, -1) + 0.5
    return np.stack([columns, rows], axis=1)


@pytest.mark.parametrize(("n_dims", "n_joints"), [(2, 2), (2, 3), (3, 3), (3, 4)])
def test_pixels_are_where_the_kinematics_say(n_dims, n_joints):
    X, angles = make_robot_arm(
        8, n_dims=n_dims, n_joints=n_joints, image_size=SIZE, link_width=WIDTH, random_state=0
    )
    for image, pose in zip(X, angles, strict=True):
        joints = joints_in_plane(pose) if n_dims == 2 else joints_in_space(pose)[0]
        distance = distance_to_links(joints, pixel_centres())
        edge = np.clip(((WIDTH + 1) ** 2 / 4 - distance**2) / WIDTH, 0, 1)
        assert (image[distance > (WIDTH + 1) / 2] == 0).all()
        if n_dims == 2:
            # Discs half a pixel apart miss up to (1/4)^2 of the squared distance.
            np.testing.assert_allclose(image, edge, atol=(1 / 4) ** 2 / WIDTH + 1e-3)
        else:
            assert image[distance < (WIDTH - 1) / 2 - 0.1].min() >= 0.2


def test_brightness_in_space_is_nearness():
    X, angles = make_robot_arm(300, n_dims=3, image_size=SIZE, link_width=WIDTH, random_state=1)
    images = X.reshape(-1, SIZE, SIZE)
    compared = 0
    for image, pose in zip(images, angles, strict=True):
        joints, near = joints_in_space(pose)
        column, row = np.floor(joints[2]).astype(int)
        fore = joints[2] - joints[1]
        upper = distance_to_links(joints[:2], joints[2:])[0]
        # Tips of links seen from the side, away from the upper arm, show their own brightness.
        if np.linalg.norm(fore) > 0.8 * REACH / 2 and upper > WIDTH + 1:
            assert image[row, column] == pytest.approx(0.6 + 0.4 * near[2] / REACH, abs=0.06)
            compared += 1
    assert compared > 30


def test_nearer_links_hide_farther_ones():
    # The arm leans to the camera, then the forearm folds back over the upper arm or under it.
    angles = [[0.0, np.pi / 2, 3 * np.pi / 4], [0.0, np.pi / 2, -3 * np.pi / 4]]
    X, _ = make_robot_arm(n_dims=3, image_size=SIZE, link_width=WIDTH, parameters=angles)
    for image, pose in zip(X, angles, strict=True):
        joints, near = joints_in_space(pose)
        along = np.linspace(0, 1, 2001)[:, None]
        discs, shades = [], []
        for k in range(2):
            discs.append(joints[k] + along * (joints[k + 1] - joints[k]))
            shades.append(0.6 + 0.4 / REACH * (near[k] + along[:, 0] * (near[k + 1] - near[k])))
        discs, shades = np.concatenate(discs), np.concatenate(shades)
        distance = np.linalg.norm(pixel_centres()[:, None] - discs, axis=2)
        covered = distance < (WIDTH - 1) / 2
        front = np.where(covered, shades, 0).max(axis=1)
        # Discs half a pixel apart in space, whose shade changes by 0.4 / REACH a pixel.
        assert (image >= front - 0.03).all()
        assert np.abs(image - front)[covered.any(axis=1)].max() < 0.1


@pytest.mark.parametrize("n_dims", [2, 3])
def test_pixels_are_continuous(n_dims):
    begin, end = np.array([-2.0, 0.4, -2.0])[-n_dims:], np.array([2.0, 1.5, 2.0])[-n_dims:]
    changes = []
    for n_steps in (4000, 8000):
        path = begin + np.linspace(0, 1, n_steps + 1)[:, None] * (end - begin)
        X, _ = make_robot_arm(n_dims=n_dims, image_size=20, parameters=path)
        changes.append(np.abs(np.diff(X, axis=0)).max())
    assert changes[0] < 0.02
    # Halving the step halves the greatest change; a jump would stay.
    assert changes[1] == pytest.approx(changes[0] / 2, rel=0.05)


def test_continuous_where_a_link_points_at_the_camera():
    # Total tilt of the forearm 60 degrees, base at 0: the line of sight.
    shift = np.linspace(-1e-4, 1e-4, 41)
    path = np.column_stack([shift, np.full(41, 0.5), np.pi / 3 - 0.5 + shift])
    X, _ = make_robot_arm(n_dims=3, image_size=20, parameters=path)
    assert np.abs(np.diff(X, axis=0)).max() < 1e-4


@pytest.mark.parametrize("n_dims", [2, 3])
def test_near_images_have_near_poses(n_dims):
    X, angles = make_robot_arm(20000, n_dims=n_dims, image_size=20, random_state=0)
    distances, neighbours = NearestNeighbors(n_neighbors=2).fit(X).kneighbors(X[:400])
    apart = np.linalg.norm(angles[:400] - angles[neighbours[:, 1]], axis=1)
    # Two poses at random are 2.4 radians apart. Where the arm comes straight to the camera, a bend
    # in depth hardly shows, so that among so few poses an odd neighbour is nearest.
    assert np.quantile(apart, 0.99) < 0.5
    assert np.median(apart) < 0.1


@pytest.mark.parametrize(("n_dims", "least"), [(2, 1.5), (3, 0.2)])
def test_far_poses_look_different(n_dims, least):
    X, angles = make_robot_arm(4000, n_dims=n_dims, image_size=20, random_state=1)
    seen = euclidean_distances(X)
    assert seen[euclidean_distances(angles) > 1].min() > least


@pytest.mark.parametrize("n_dims", [2, 3])
def test_angles_fill_their_ranges(n_dims):
    _, angles = make_robot_arm(5000, n_dims=n_dims, image_size=12, link_width=1, random_state=0)
    turn = 3 * np.pi / 4
    ranges = [(-turn, turn), (-turn, turn)]
    if n_dims == 3:
        ranges[1:] = [(np.pi / 8, np.pi / 2), (-np.pi / 2, np.pi / 2)]
    assert angles.shape == (5000, n_dims)
    for column, (low, high) in zip(angles.T, ranges, strict=True):
        assert low <= column.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < column.max() <= high
        # Five standard errors of the mean of a uniform distribution.
        error = 5 * (high - low) / np.sqrt(12 * 5000)
        assert column.mean() == pytest.approx((low + high) / 2, abs=error)


def test_every_pose_fits_and_the_image_is_used():
    angles = np.column_stack([np.linspace(0, 2 * np.pi, 65), np.zeros(65)])
    X, _ = make_robot_arm(image_size=SIZE, link_width=WIDTH, parameters=angles)
    line = np.arange(-0.5, SIZE + 1)
    low, high = np.full_like(line, -0.5), np.full_like(line, SIZE + 0.5)
    outside = [[line, low], [line, high], [low, line], [high, line]]
    outside = np.stack(outside, axis=1).reshape(2, -1).T
    for pose in angles:
        assert distance_to_links(joints_in_plane(pose), outside).min() >= (WIDTH + 1) / 2
    upper_row = X.reshape(-1, SIZE, SIZE)[0, 0]
    assert upper_row.max() > 0.3


def test_given_poses_are_drawn():
    X, angles = make_robot_arm(50, n_dims=3, random_state=3)
    again, same = make_robot_arm(n_dims=3, parameters=angles)
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(same, angles)
    assert not np.shares_memory(same, angles)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_dims": 4}, "n_dims must be 2 or 3, got 4"),
        ({"n_dims": 2.0}, "n_dims must be an integer of at least 2, got 2.0"),
        ({"n_joints": 0}, "n_joints must be an integer of at least 1"),
        ({"n_dims": 3, "n_joints": 1}, "n_joints must be an integer of at least 2"),
        ({"n_samples": -1}, "n_samples must be an integer of at least 1"),
        ({"link_width": 0}, "link_width must be a number of pixels of at least 1"),
        ({"image_size": 10}, "2 links of width 2 do not fit .* Raise image_size"),
        ({"n_joints": 7}, "7 links"),
        ({"parameters": [[0.0, 1.0, 2.0]]}, "columns angle 0, angle 1; got an array of shape"),
        ({"parameters": [[0.0, 1.0], [np.inf, 0.0]]}, "row 1 is not"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_robot_arm(**arguments)
