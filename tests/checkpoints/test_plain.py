from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmleaves.checkpoints.plain import from_plain, to_plain


def test_a_plain_checkpoint_loads_with_nothing_allowed(tmp_path):
    buffer = HistoryBuffer([0.5, 0.25], [8, 4])
    checkpoint = {
        "meta": {"classes": ("a", "b"), "score": np.float64(0.1), "best": None},
        "state_dict": OrderedDict(w=torch.ones(2)),
        "message_hub": {"log_scalars": OrderedDict(loss=buffer), "array": np.eye(2)},
        3: [np.int64(4), np.str_("text"), True],
    }
    torch.save(to_plain(checkpoint), tmp_path / "x.pth")
    needed = torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "x.pth")
    assert needed == []
    read = from_plain(torch.load(tmp_path / "x.pth", weights_only=True))
    assert read["meta"] == {"classes": ("a", "b"), "score": 0.1, "best": None}
    assert read["state_dict"]["w"].tolist() == [1, 1]
    assert read["message_hub"]["array"].tolist() == [[1, 0], [0, 1]]
    assert read[3] == [4, "text", True]
    restored = read["message_hub"]["log_scalars"]["loss"]
    assert isinstance(restored, HistoryBuffer)
    assert [array.tolist() for array in restored.data] == [[0.5, 0.25], [8, 4]]
    restored.update(1.0, 2)
    assert restored.current() == 1.0


def test_an_empty_history_survives():
    assert from_plain(to_plain(HistoryBuffer())).data[0].size == 0


def test_what_is_not_plain_is_refused_with_its_place():
    with pytest.raises(TypeError, match=r"checkpoint\.meta\.hook\[1\] is of type set"):
        to_plain({"meta": {"hook": [0, {1}]}})
