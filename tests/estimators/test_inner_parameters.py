"""Parameters of templates and settings inside an estimator, as a sweep names them."""

import pytest
from sklearn.model_selection import GridSearchCV

from skdeepbm import DBM, Backprop, DBMClassifier, DBNClassifier, DeepAutoencoder, RBMTransformer
from skdeepbm.estimators._dbm_layers import default_layer
from skdeepbm.estimators._layers import default_template

TEMPLATES = [
    (DBM, "rbm", default_layer),
    (DBMClassifier, "rbm", default_template),
    (DBNClassifier, "rbm", default_template),
    (DeepAutoencoder, "pretrainer", default_template),
]


@pytest.mark.parametrize(("kind", "name", "default"), TEMPLATES)
def test_a_sweep_inside_of_a_default_template_says_what_to_give(kind, name, default, small):
    # the template to give is the one that None stands for
    wanted = f"{name}__momentum of {kind.__name__} .* {name}=None .* {name}={default()!r}"
    search = GridSearchCV(kind((4, 2)), {f"{name}__momentum": [0.5]}, cv=2)
    with pytest.raises(ValueError, match=wanted.replace("(", r"\(").replace(")", r"\)")):
        search.fit(small, [0, 1] * (len(small) // 2) + [0] * (len(small) % 2))


@pytest.mark.parametrize("kind", [DBMClassifier, DBNClassifier, DeepAutoencoder])
@pytest.mark.parametrize("given", ["backprop", None])
def test_settings_that_are_a_name(kind, given):
    with pytest.raises(ValueError, match=r"finetuning__n_iter of .* finetuning=Backprop\(\)"):
        kind(finetuning=given).set_params(finetuning__n_iter=3)


def test_a_list_of_templates_has_no_parameters_of_its_own():
    layers = [RBMTransformer(), RBMTransformer()]
    with pytest.raises(ValueError, match="rbm__n_iter of DBM cannot be set"):
        DBM((4, 2), rbm=layers).set_params(rbm__n_iter=3)
    assert [layer.n_iter for layer in layers] == [20, 20]


def test_objects_have_them_also_those_that_come_in_the_same_call():
    dbn = DBNClassifier((4,)).set_params(
        rbm__momentum=0.5, rbm=RBMTransformer(), finetuning=Backprop(), finetuning__dropout=0.2
    )
    assert (dbn.rbm.momentum, dbn.finetuning.dropout) == (0.5, 0.2)


def test_a_parameter_that_is_not_there_is_still_an_error():
    with pytest.raises(ValueError, match="Invalid parameter 'rbms'"):
        DBNClassifier((4,)).set_params(rbms__momentum=0.5)
    with pytest.raises(ValueError, match="Invalid parameter 'momentun'"):
        DBNClassifier((4,), rbm=RBMTransformer()).set_params(rbm__momentun=0.5)
