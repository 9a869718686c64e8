"""Links of the HTML repr lead to pages of the reference."""

from pathlib import Path

import pytest

from skdeepbm import DBM, RBMTransformer, estimators

ESTIMATORS = [getattr(estimators, name) for name in estimators.__all__]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_every_estimator_has_a_page_and_a_link_to_it(kind, monkeypatch):
    monkeypatch.delenv("SKDEEPBM_DOCS", raising=False)
    name = kind.__name__
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    assert f"\n   {name}\n" in page
    html = kind()._repr_html_()
    assert f'href="../generated/skdeepbm.{name}.html"' in html
    # what the parameters mean is there without following the link
    assert html.count("param-doc-description") >= len(kind().get_params(deep=False))
    monkeypatch.setenv("SKDEEPBM_DOCS", "file:///docs {1}/html/")
    link = f'href="file:///docs {{1}}/html/generated/skdeepbm.{name}.html"'
    assert link in kind()._repr_html_()


def test_layers_of_a_machine_lead_to_the_page_of_their_template(small):
    dbm = DBM((3, 2), rbm=RBMTransformer(n_iter=1), n_iter=1, random_state=0).fit(small)
    assert [type(layer).__name__ for layer in dbm.rbms_] == ["BottomRBM", "TopRBM"]
    for layer in dbm.rbms_:
        assert "/skdeepbm.RBMTransformer.html" in layer._get_doc_link()


def test_estimators_of_others_have_no_page_here():
    class Mine(RBMTransformer):
        pass

    assert Mine()._get_doc_link() == ""
