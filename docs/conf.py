"""Configuration of the Sphinx documentation; `make docs` builds it."""

import os
import re

import matplotlib

import skdeepbm

matplotlib.use("agg")

project = "skdeepbm"
author = "The skdeepbm developers"
project_copyright = "The skdeepbm developers"
release = skdeepbm.__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
nitpicky = False

# The build needs no network. SKDEEPBM_DOCS_ONLINE=1 adds links into the
# documentation of the libraries below.
if os.environ.get("SKDEEPBM_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "amsmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/]plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = f"skdeepbm {release}"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}


def unlink_foreign_labels(app, what, name, obj, options, lines):
    """Turn the labels in docstrings inherited from scikit-learn into plain text."""
    if "sphinx.ext.intersphinx" in app.extensions:
        return
    if (getattr(obj, "__module__", None) or "").split(".")[0] == "sklearn":
        text = "\n".join(lines)
        lines[:] = re.sub(r":ref:`([^`<]*?)\s*(?:<[^`>]*>)?`", r"*\1*", text).split("\n")


def setup(app):
    """Register the hooks of this file."""
    app.connect("autodoc-process-docstring", unlink_foreign_labels)
