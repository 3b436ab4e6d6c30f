import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmleaves.models.position_tables import interpolated, mend_position_tables

SWIN = {
    "type": "SwinTransformer",
    "arch": {"embed_dims": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2]},
    "img_size": 64,
    "patch_size": 2,
    "drop_path_rate": 0.0,
}
BEIT = {
    "type": "BEiTViT",
    "arch": {
        **{"embed_dims": 16, "num_layers": 2, "num_heads": 2},
        "feedforward_channels": 32,
    },
    **{"patch_size": 16, "out_type": "avg_featmap", "use_rel_pos_bias": True},
}


def test_a_spline_gives_a_cubic_polynomial_back():
    def polynomial(x, y):
        return x**3 - 2 * x * y[:, None] ** 2 + y[:, None] - 3

    x, y = np.array([-4.0, -2.5, -1, 0, 2, 3]), np.array([-2.0, -1, 0, 1.5, 4])
    spline = interpolated(x, y, polynomial(x, y))
    new_x, new_y = np.array([-3.0, 0.5, 1]), np.array([-1.5, 3])
    np.testing.assert_allclose(spline(new_x, new_y), polynomial(new_x, new_y))


@pytest.mark.parametrize(
    ("backbone", "before", "after"),
    [
        (SWIN, {"window_size": 4}, {"window_size": 8}),
        (BEIT, {"img_size": 64}, {"img_size": 96}),
    ],
    ids=["swin", "beit"],
)
def test_weights_for_another_size_are_loaded_with_their_tables(backbone, before, after):
    init_default_scope("mmpretrain")
    state = MODELS.build(backbone | before).state_dict()
    tables = [name for name in state if name.endswith("relative_position_bias_table")]
    for name in tables:
        # Each head its own value, wherever one looks.
        state[name] = torch.arange(1.0, state[name].shape[1] + 1).expand_as(state[name])
    mend_position_tables()
    mend_position_tables()
    model = MODELS.build(backbone | after)
    model.load_state_dict(state, strict=False)
    loaded = model.state_dict()
    resized = [name for name in tables if loaded[name].shape != state[name].shape]
    assert len(resized) >= 2
    for name in resized:
        heads = torch.arange(1.0, loaded[name].shape[1] + 1)
        torch.testing.assert_close(loaded[name], heads.expand_as(loaded[name]))
