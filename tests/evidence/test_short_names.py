"""What recipes are called in sentences and tables."""

from mmleaves.evidence.short_names import short_for, told_apart


def test_configs_are_called_by_what_they_differ_in():
    names = [
        "mobilenet-v2_probe_b32-adamw-cosine10_busi",
        "mobilenet-v2_all_b32-adamw-cosine10_busi",
        "resnet50_all_b32-adamw-cosine10_busi",
    ]
    assert list(told_apart(names).values()) == [
        "mobilenet-v2_probe",
        "mobilenet-v2_all",
        "resnet50_all",
    ]
    assert list(told_apart(names)) == names
    note = "Recipes are called by what differs in …_…_b32-adamw-cosine10_busi."
    assert short_for(names) == [note]


def test_other_names_stay_whole():
    for names in (["one_recipe"], ["ours.csv", "stock_timm.csv"], ["a", "b"], []):
        assert told_apart(names) == dict(zip(names, names, strict=True))
        assert short_for(names) == []
