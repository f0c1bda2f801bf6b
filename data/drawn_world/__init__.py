"""The drawn world: procedurally drawn scenes with exact masks and captions (no TensorFlow here).

`world` holds the classes, `scenes.make_scene` draws one picture, `drawn_world_dataset_builder`
is the TFDS builder (the only module of this folder that imports TensorFlow Datasets).
"""
