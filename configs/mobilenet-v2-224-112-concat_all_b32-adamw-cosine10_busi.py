"""Two MobileNetV2, for 224 and 112 px, features joined, all of it trained, on benign
and malignant scans.

They do not say which two backbones; the weights of these come by pip.
Theirs: not given (experiments.md, 5.6). Ours: 77.9 % of 426 scans (mean of 5 folds, sd
3.3), AUROC 89.2; 31 of the 33, AUROC 95.0; both by `repeat`, as docs/configs.md says.
Last epoch, one seed, bfloat16; 3.1 minutes a run on one core of an Intel Xeon with AMX,
beside other work.

python tools/train.py configs/mobilenet-v2-224-112-concat_all_b32-adamw-cosine10_busi.py
"""

_base_ = [
    "_base_/models/mobilenet-v2-224-112.py",
    "_base_/data/busi.py",
    "_base_/schedules/adamw_cosine10_new-parts10x.py",
    "_base_/default_runtime.py",
]
model = dict(
    head=dict(how="concat", loss=dict(type="CrossEntropyLoss", class_weight="auto"))
)
