"""Where the HTML repr of an estimator leads to."""

from __future__ import annotations

import os


class DocLinkMixin:
    """Links of scikit-learn's HTML repr to the pages of the reference.

    Without a link it would not show what the parameters mean either. There is no public site:
    links are relative, as the pages of the gallery need them, unless the environment variable
    ``SKDEEPBM_DOCS`` is the address of the documentation. Goes before `BaseEstimator`.
    """

    _doc_link_module = "skdeepbm"
    _doc_link_template = "{base}/generated/skdeepbm.{estimator_name}.html"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        base = os.environ.get("SKDEEPBM_DOCS") or ".."
        # layers of a machine are of classes that have no page
        public = next(kind for kind in type(self).__mro__ if "._" not in kind.__module__)
        return {"base": base.rstrip("/"), "estimator_name": public.__name__}
