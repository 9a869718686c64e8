"""Images of a robot arm in the plane or in space."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skdeepbm.datasets._arguments import check_integer, check_length, check_parameters

# A full turn would close the data to a ring, which no single number can chart; and an elbow folded
# flat would hide a link.
_TURN = 3 * np.pi / 4
# The first link in space never stands upright, where the base could turn unseen. With a sharper
# bend than a right one the tip can come as near to the base as the elbow is; seen from a side where
# the second link hides the first, the two could change places.
_FIRST_TILT = (np.pi / 8, np.pi / 2)
_BEND = np.pi / 2
_CAMERA_ELEVATION = np.pi / 6
_SHADE_MIDDLE, _SHADE_RANGE = 0.6, 0.4


def make_robot_arm(
    n_samples: int = 1000,
    *,
    n_dims: int = 2,
    n_joints: int | None = None,
    image_size: int = 28,
    link_width: float = 2.0,
    parameters: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Images of a robot arm, whose true parameters are the angles of its joints.

    The arm stands in the middle of the image. Its links are equally long, and as long as lets
    every pose fit into the image. Edges are smooth over one pixel, so that all pixels change
    continuously with the angles. In pixel space the images form a strongly curved manifold: two
    poses a few link widths apart have hardly a pixel in common.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. Ignored if ``parameters`` are given.

    n_dims : {2, 3}, default=2
        2 for an arm in the plane of the image, with one link for each joint. 3 for an arm in
        space: the first joint turns the base about the vertical, every other one tilts a link
        in the vertical plane of the arm.

    n_joints : int, default=None
        Number of joints and of true parameters, at least 1 in the plane and 2 in space. If None,
        ``n_dims``; both arms have two links then.

    image_size : int, default=28
        Images have ``image_size`` x ``image_size`` pixels.

    link_width : float, default=2.0
        Width of the links in pixels, at least 1.

    parameters : array-like of shape (n_samples, n_joints), default=None
        Poses to draw, any angles in radians. If None, they are uniform: in the plane all joints
        between :math:`-3\pi/4` and :math:`3\pi/4`; in space the base between :math:`-3\pi/4` and
        :math:`3\pi/4`, the tilt of the first link between :math:`\pi/8` and :math:`\pi/2`, and
        those of the others between :math:`-\pi/2` and :math:`\pi/2`. Within these ranges no two
        poses of the arms with two links have the same image.

    random_state : int, RandomState instance or None, default=None
        Draws the poses. Pass an int for the same images in every call.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size ** 2)
        One image a row, its pixels row by row from the top; float64 in [0, 1].

    parameters : ndarray of shape (n_samples, n_joints)
        The angles of the joints in radians, from the base to the tip. An arm whose angles are all
        0 points straight up; each angle is relative to the link before. In the plane, positive
        angles turn counter-clockwise. In space, the first one turns the base counter-clockwise
        as seen from above, and at 0 positive tilts lean towards the camera.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the links would be shorter than wide.

    See Also
    --------
    make_square_and_room : Images with two true parameters on a square.

    Notes
    -----
    In space the arm is seen by a distant camera (orthographic projection) 30 degrees above the
    horizon. The nearer a point, the brighter it is drawn: 0.6 at the distance of the base,
    between 0.2 and 1 elsewhere. So an image fixes the pose: its plane gives two coordinates of
    every point, the brightness the third. Nearer links hide farther ones; where the arm comes
    straight at the camera, a bend in depth changes little else than the brightness, and poses are
    harder to tell apart than elsewhere.

    Data of this name were used to compare ways of training deep autoencoders. No exact recipe of
    those is at hand: numbers obtained with these images compare with each other only.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbm.datasets import make_robot_arm
    >>> X, angles = make_robot_arm(100, n_dims=3, random_state=0)
    >>> X.shape, angles.shape
    ((100, 784), (100, 3))
    >>> X, angles = make_robot_arm(image_size=12, parameters=[[0.0, -np.pi / 2]])
    >>> print(X.reshape(12, 12).round().astype(int))
    [[0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 1 1 1 1 0 0 0]
     [0 0 0 0 0 1 1 1 1 0 0 0]
     [0 0 0 0 0 1 1 0 0 0 0 0]
     [0 0 0 0 0 1 1 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 0 0 0 0 0 0 0 0 0 0]]
    """
    function = "make_robot_arm"
    if check_integer(function, "n_dims", n_dims, 2) > 3:
        raise ValueError(f"{function}: n_dims must be 2 or 3, got {n_dims!r}.")
    n_joints = check_integer(
        function, "n_joints", n_dims if n_joints is None else n_joints, n_dims - 1
    )
    image_size = check_integer(function, "image_size", image_size, 1)
    link_width = check_length(function, "link_width", link_width, 1)
    n_links = n_joints if n_dims == 2 else n_joints - 1
    # What a link's end needs around it: half its width and half a pixel of smooth edge.
    reach = image_size / 2 - (link_width + 1) / 2
    if reach < n_links * link_width:
        raise ValueError(
            f"{function}: {n_links} links of width {link_width:g} do not fit into half of "
            f"image_size={image_size}. Raise image_size, or lower link_width or n_joints."
        )
    if parameters is None:
        n_samples = check_integer(function, "n_samples", n_samples, 1)
        limits = np.tile([-_TURN, _TURN], (n_joints, 1))
        if n_dims == 3:
            limits[1] = _FIRST_TILT
            limits[2:] = -_BEND, _BEND
        draw = check_random_state(random_state).uniform
        angles = draw(limits[:, 0], limits[:, 1], (n_samples, n_joints))
    else:
        names = tuple(f"angle {joint}" for joint in range(n_joints))
        angles = check_parameters(function, parameters, names)

    joints = (_joints_in_plane if n_dims == 2 else _joints_in_space)(angles) * (reach / n_links)
    x = image_size / 2 + joints[..., 0]
    y = image_size / 2 - joints[..., 1]
    shades = np.ones_like(x)
    if n_dims == 3:
        shades = _SHADE_MIDDLE + _SHADE_RANGE / reach * joints[..., 2]
    # Discs half a pixel apart.
    n_discs = int(np.ceil(2 * reach / n_links)) + 1
    steps = np.linspace(0.0, 1.0, n_discs)
    discs = np.stack([_along_links(values, steps) for values in (x, y, shades)])
    return _draw_discs(discs, link_width / 2, image_size), angles


def _joints_in_plane(angles: np.ndarray) -> np.ndarray:
    """Right and up of the base and of the end of every link, in lengths of a link."""
    directions = np.cumsum(angles, axis=1)
    return _chain(np.stack([-np.sin(directions), np.cos(directions)], axis=-1))


def _joints_in_space(angles: np.ndarray) -> np.ndarray:
    """Right, up and towards the camera, of the base and of the end of every link."""
    tilts = np.cumsum(angles[:, 1:], axis=1)
    outward, height = np.sin(tilts), np.cos(tilts)
    front = outward * np.cos(angles[:, :1])
    right = outward * np.sin(angles[:, :1])
    sine, cosine = np.sin(_CAMERA_ELEVATION), np.cos(_CAMERA_ELEVATION)
    up = cosine * height - sine * front
    near = cosine * front + sine * height
    return _chain(np.stack([right, up, near], axis=-1))


def _chain(links: np.ndarray) -> np.ndarray:
    """Positions of the joints of a chain of links that starts at the origin."""
    return np.pad(np.cumsum(links, axis=1), ((0, 0), (1, 0), (0, 0)))


def _along_links(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Values at the joints, interpolated at some steps along every link."""
    begin, change = values[:, :-1, None], np.diff(values, axis=1)[:, :, None]
    return (begin + steps * change).reshape(len(values), -1)


def _draw_discs(discs: np.ndarray, radius: float, image_size: int) -> np.ndarray:
    """Images of discs (x, y, shade; image; disc), each pixel as bright as its brightest disc.

    The edge falls off with the squared distance, from `radius` - 1/2 to `radius` + 1/2. Each disc
    changes continuously with its place and shade, and so does their maximum, also where a link
    points at the camera and its direction in the image turns over; the distance from the link
    would give the pixels there shades that jump.
    """
    n_samples, n_discs = discs.shape[1:]
    X = np.empty((n_samples, image_size, image_size))
    centres = np.arange(image_size) + 0.5
    # Few enough at a time for their pixels to stay in the cache of a core.
    n_rows = max(1, 2**15 // image_size**2)
    for begin in range(0, n_samples, n_rows):
        x, y, shade = discs[:, begin : begin + n_rows, :, None]
        image = X[begin : begin + n_rows]
        image[:] = 0.0
        value = np.empty_like(image)
        across = (centres - x) ** 2
        height = (radius + 0.5) ** 2 - (centres - y) ** 2
        for disc in range(n_discs):
            np.subtract(height[:, disc, :, None], across[:, disc, None, :], out=value)
            value *= 1 / (2 * radius)
            np.minimum(value, 1.0, out=value)
            value *= shade[:, disc, :, None]
            np.maximum(image, value, out=image)
    return np.minimum(X, 1.0, out=X).reshape(n_samples, -1)
