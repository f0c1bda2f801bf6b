"""Golden cases of MaskCLIP++'s training: ground-truth masks to the loss, and the loss alone."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ovseg_jax.losses.reweighted import reweighted_loss

from . import Case, Outputs, runner
from .frames import numbered
from .maskclippp import Classifier, classify, joint, text_of


@runner("maskclippp", "maskclippp_train")
def run_train(case: Case) -> Outputs:
    """Ground-truth masks of any number of images, in one batch, to the loss."""
    model, text, images = Classifier(case), text_of(case), numbered(case, "image")
    truth, labels = numbered(case, "gt_masks"), numbered(case, "gt_classes")
    frame, results = model.frame(images), []
    for index, features in enumerate(model.features(images, [len(masks) for masks in truth])):
        soft = model.masks(truth[index].astype(np.float32), images[index], frame)
        results.append(classify(model, features, soft, text))
    criterion = case.config["criterion"]
    areas = [result["areas"] for result in results] if criterion["IGNORE_EMPTY"] else None
    columns = [result["psm_logits"] for result in results], labels, areas
    loss = loss_of(*columns, criterion["BALANCE_CLS"], criterion["TEMPERATURE"])
    return joint(results) | {"loss": loss}


def loss_of(logits, labels, areas, reweight: bool, temperature: float) -> np.ndarray:
    """The loss of images with different numbers of masks."""
    count = max(len(x) for x in labels)
    if areas is not None:
        labels = [np.where(a > 0, x, -1) for x, a in zip(labels, areas, strict=True)]
    rows = np.stack([np.pad(x, ((0, count - len(x)), (0, 0))) for x in logits])
    names = np.stack([np.pad(x, (0, count - len(x)), constant_values=-1) for x in labels])
    loss = reweighted_loss(
        jnp.asarray(rows), jnp.asarray(names), reweight=reweight, temperature=temperature
    )
    return np.asarray(loss)


@runner("maskclippp", "reweight_ce")
def run_loss(case: Case) -> Outputs:
    """The loss alone."""
    owner, config = case.inputs["mask2batch"], case.config
    images = [owner == image for image in np.unique(owner)]
    columns = [[case.inputs[name][own] for own in images] for name in ("corrs", "gt_labels")]
    areas = [case.inputs["areas"][own] for own in images] if config["ignore_empty"] else None
    return {"loss": loss_of(*columns, areas, config["balance_cls"], config["temperature"])}
