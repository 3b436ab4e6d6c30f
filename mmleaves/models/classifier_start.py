"""How the last layer of our heads begins, unless `init_cfg` says otherwise."""

# As that of mmpretrain's LinearClsHead, to whose models they are compared.
CLASSIFIER_START = {"type": "Normal", "std": 0.01, "override": {"name": "fc"}}
