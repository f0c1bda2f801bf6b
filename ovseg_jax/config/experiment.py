"""One experiment: a model, its data, how it is trained and scored."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ovseg_jax.config.data import DataConfig, EvaluationConfig, MaskSourceConfig
from ovseg_jax.config.model import ModelConfig
from ovseg_jax.config.schema import schema


@schema
class LrFactor:
    """A factor on the learning rate of some parameters."""

    pattern: str = ""
    factor: float = 1.0


@schema
class OptimizerConfig:
    """How the trainable part is updated.

    Attributes:
        rule: "adamw", as in all papers; or "muon", which turns the momentum of every matrix of a
            hidden layer into an orthogonal one of AdamW's usual size and leaves the rest to AdamW,
            at the same learning rate. From scratch it needs far fewer steps.
        trainable: Patterns of the parameters that train; the rest is frozen.
        schedule: Shape of the learning rate after the warm-up.
        milestones: Steps at which a "step" schedule divides by ten.
        no_decay: Patterns without weight decay.
        eps: Added to the root of the second moment.
        clip_norm: Largest global gradient norm.
        end_lr: Where a "cosine" schedule ends.
        lr_factors: Patterns of parameters and factors on their learning rate; the first that
            matches counts.
    """

    rule: Literal["adamw", "muon"] = "adamw"
    peak_lr: float = 1e-4
    schedule: Literal["constant", "cosine", "step", "poly"] = "cosine"
    warmup_steps: int = 0
    milestones: tuple[int, ...] = ()
    weight_decay: float = 0.05
    no_decay: tuple[str, ...] = (
        r".*/(bias|scale|layer_scale)",
        r"(.*/)?[a-z_]*embedding",
        r".*logit_scale",
    )
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    clip_norm: float = 1.0
    end_lr: float = 0.0
    lr_factors: tuple[LrFactor, ...] = ()
    trainable: tuple[str, ...] = (r"adapter/.*", r"void_embedding")


@schema
class StepConfig:
    """How one update is computed; none of it changes what is computed.

    Attributes:
        accumulate: Parts that a batch is taken in, one after another: activations of one part are
            held at a time, and the gradient is that of the whole batch.
        remat: What of a block's activations is kept for the gradient: "none" computes nothing
            again; "dots" keeps matrix products; "dots_with_weights" only those with weights, not
            those of attention; "full" keeps a block's input alone.
        transfer_guard: What happens if a step moves arrays between host and device by itself.
        watchdog_seconds: A step that takes longer ends the process, with the stacks of all
            threads; 0 for no limit. Compiling, scoring and saving do not count.
    """

    accumulate: int = 1
    remat: Literal["none", "dots", "dots_with_weights", "full"] = "none"
    transfer_guard: Literal["allow", "log", "disallow"] = "allow"
    watchdog_seconds: float = 1800.0


@schema
class MeshConfig:
    """Devices as a named grid; -1 takes what is left.

    Attributes:
        data: Groups of devices that keep the same parts of the parameters.
        fsdp: Devices of a group: each keeps a part of every large parameter and its moments.
        spread_moments: Whether moments are split over all devices, also where parameters are
            whole (stage 1 of ZeRO): less memory, and parameters are gathered in every step.
        masks: Devices of one host that hold the same pictures and share their masks out, where each
            mask costs a tower (mask cropping, OVSeg): for more devices than pictures.
    """

    data: int = -1
    fsdp: int = 1
    spread_moments: bool = False
    masks: int = 1


@schema
class CheckpointConfig:
    """When to save, and what to keep.

    Attributes:
        every_steps: Save behind every so many steps.
        every_minutes: Save as well when this long nothing was saved; 0 for never.
        keep: The newest so many stay.
        keep_every: Those of steps that this divides stay for ever; 0 for none.
        best: A score by name, "validation/semantic/mIoU": the `keep_best` checkpoints where it was
            highest stay too, and every step that this or another evaluation scores is saved.
        keep_best: How many.
    """

    every_steps: int = 1000
    every_minutes: float = 0.0
    keep: int = 3
    keep_every: int = 0
    best: str = ""
    keep_best: int = 1


@schema
class Config:
    """One experiment, whole.

    Attributes:
        init_from: Weights directory or run to start from; empty trains from scratch.
        init_parts: Pairs of a pattern and another weights directory or run: parameters that the
            pattern matches come from there. The first match wins, the rest is `init_from`'s.
        init_missing: Patterns of parameters that may be absent there and start fresh.
    """

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    masks: MaskSourceConfig = MaskSourceConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    step: StepConfig = StepConfig()
    mesh: MeshConfig = MeshConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    evaluations: tuple[EvaluationConfig, ...] = ()
    num_steps: int = 1000
    log_every: int = 20
    seed: int = 0
    init_from: str = ""
    init_parts: tuple[tuple[str, str], ...] = ()
    init_missing: tuple[str, ...] = ()


def located_evaluations(config: Config) -> tuple[EvaluationConfig, ...]:
    """Returns the evaluations, with the place of their data.

    One that reads the training's data set and does not say where it lies finds it where the
    training does, so that `--data.root`, `--data.prepared` and `--data.config` are given once.
    """

    def located(data: DataConfig) -> DataConfig:
        if data.name != config.data.name:
            return data
        return dataclasses.replace(
            data,
            config=data.config or config.data.config,
            root=data.root or config.data.root,
            prepared=data.prepared or config.data.prepared,
        )

    return tuple(dataclasses.replace(item, data=located(item.data)) for item in config.evaluations)
