"""
Deep belief nets: few labels, dreams, and what fine-tuning is for
==================================================================

A deep belief net is trained layer by layer without needing labels. This example classifies
handwritten digits of which few have a label, lets the net dream of every digit, and shows what the
up-down algorithm trades when its learning rates favour recognition or generation. Data ship with
scikit-learn.
"""

# %%
# The data: 1797 images of 8 x 8 pixels, scaled to [0, 1]; 597 of them are kept for testing.
import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdeepbm import Backprop, DBNClassifier, RBMTransformer, WakeSleep
from skdeepbm.inspection import SamplesDisplay

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=597, stratify=y, random_state=0)

# %%
# Few labels
# ----------
# Rows whose label is -1 are unlabelled: the layers learn from all rows, backpropagation from the
# labelled ones. The same network from random weights has nothing but the labelled rows, and so has
# a logistic regression. Three draws of the labelled rows.
template = RBMTransformer(centring=False)
accuracy = {"pretrained": [], "random weights": [], "logistic regression": []}
for seed in range(3):
    labelled, _ = train_test_split(
        np.arange(1200), train_size=40, stratify=y_train, random_state=seed
    )
    y_few = np.full(1200, -1)
    y_few[labelled] = y_train[labelled]
    fine = Backprop(n_iter=150)
    net = DBNClassifier((128, 128), rbm=template, finetuning=fine, random_state=seed)
    accuracy["pretrained"].append(net.fit(X_train, y_few).score(X_test, y_test))
    net = DBNClassifier((128, 128), pretraining=False, finetuning=fine, random_state=seed)
    net.fit(X_train[labelled], y_train[labelled])
    accuracy["random weights"].append(net.score(X_test, y_test))
    linear = LogisticRegression(max_iter=1000).fit(X_train[labelled], y_train[labelled])
    accuracy["logistic regression"].append(linear.score(X_test, y_test))
print("accuracy with 40 labels, by draw of the labelled rows")
for name, found in accuracy.items():
    print(f"{name:20s} {np.mean(found):.3f}  ({', '.join(f'{x:.3f}' for x in found)})")

# %%
# Dreams
# ------
# Greedy training alone gives a generative model with label units on top. Up-down training
# (wake-sleep) makes its layers work together. A label is held fixed while the top RBM runs; then
# one pass goes down to the pixels.
greedy = DBNClassifier((100, 100), rbm=template, finetuning=None, warm_start=True, random_state=0)
greedy.fit(X_train, y_train)


def up_down(**settings):
    """The greedy net after up-down training."""
    net = copy.deepcopy(greedy).set_params(finetuning=WakeSleep(n_iter=40, **settings))
    return net.fit(X_train, y_train)


tuned = up_down()
labels = np.repeat(np.arange(10), 6)
figure, axes = plt.subplots(1, 3, figsize=(9, 4.7), layout="constrained")
shown = [
    ("digits", np.concatenate([X_train[y_train == c][:6] for c in range(10)])),
    ("dreams, greedy", greedy.sample(labels=labels, n_gibbs_steps=500)),
    ("dreams, up-down", tuned.sample(labels=labels, n_gibbs_steps=500)),
]
for axis, (title, images) in zip(axes, shown, strict=True):
    SamplesDisplay(images, labels=labels).plot(axis)
    axis.set_title(title)
plt.show()

# %%
# Recognition or generation
# -------------------------
# The recognition weights and the generative ones learn at rates of their own. The accuracy says
# how well the net recognises; the share of its dreams that a classifier trained on real digits
# takes for what they should be says how well it generates, and the bound how probable test rows
# are (nats per row; pixels are read as probabilities).
judge = LogisticRegression(max_iter=2000).fit(X_train, y_train)
labels = np.repeat(np.arange(10), 20)
emphasis = {
    "greedy": greedy,
    "recognition": up_down(generative_rate=0.1),
    "both": tuned,
    "generation": up_down(recognition_rate=0.1),
}
print(f"{'emphasis':12s} accuracy  dreams recognised  bound")
for name, net in emphasis.items():
    dreams = net.sample(labels=labels, n_gibbs_steps=500)
    recognised = np.mean(judge.predict(dreams) == labels)
    bound = net.score_samples(X_test[:100]).mean()
    print(f"{name:12s} {net.score(X_test, y_test):8.3f}  {recognised:17.3f}  {bound:.2f}")
