"""Whether copies are found, and other pictures of the same things are not."""

import cv2
import numpy as np
import pytest

from mmleaves.audit.descriptors import TURNS, frequencies, turned, vectors
from mmleaves.audit.image_facts import shrunk, squeeze
from mmleaves.audit.near_duplicates import ENOUGH_PX, SIDES_PX, near_duplicates
from mmleaves.audit.reading import read_images
from mmleaves.audit.registration import agreement, grey, register, rescaled
from mmleaves.transforms.load_image import read_image


def search(paths):
    facts, problems = read_images(map(str, paths))
    assert not problems
    found = near_duplicates([str(p) for p in paths], [facts[str(p)] for p in paths])
    return {(pair.first, pair.second): pair.turn for pair in found.pairs}


def resized(img):
    return cv2.resize(img, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    ("change", "turn"),
    [
        (lambda img: img, ""),
        (resized, ""),
        (lambda img: img[:, ::-1], "flipped left to right"),
        (lambda img: img[::-1], "flipped upside down"),
        (lambda img: img[::-1, ::-1], "turned by 180 degrees"),
        (np.rot90, "turned by 90 degrees anticlockwise"),
        (lambda img: np.rot90(img, 3), "turned by 90 degrees clockwise"),
        (lambda img: cv2.resize(img, (224, 224)), ""),
        (lambda img: img[: round(len(img) * 0.95), round(len(img[0]) * 0.05) :], ""),
    ],
    ids=[
        "q60",
        "resized",
        "flipped",
        "upside down",
        "180",
        "90",
        "270",
        "squashed",
        "cropped",
    ],
)
def test_a_changed_copy_is_found_with_its_turn(tmp_path, photos, store, change, turn):
    copy = store(photos[25], tmp_path / "copy.jpg", change)
    assert search([*photos, copy]) == {(25, 40): turn}


def test_the_turn_leads_from_the_first_to_the_second(tmp_path, photos, store):
    copy = store(photos[25], tmp_path / "copy.jpg", np.rot90)
    assert search([copy, *photos]) == {(0, 26): "turned by 90 degrees clockwise"}


def test_different_photographs_are_no_pair(photos):
    assert search(photos) == {}


def test_leaves_of_one_species_are_no_copies_of_each_other(real_data, store, tmp_path):
    leaves = sorted((real_data / "leaves" / "images").glob("*.jpg"))[:120]
    copy = store(leaves[7], tmp_path / "copy.jpg", lambda img: img[:, ::-1])
    assert set(search([*leaves, copy])) == {(7, 120)}


def test_pairs_of_ultrasound_images_that_differ_in_markings_alone_are_found(real_data):
    train = real_data / "busi" / "train"
    pair = [train / "benign/benign (131).png", train / "malignant/malignant (51).png"]
    assert set(search(pair)) == {(0, 1)}


def test_blank_images_are_counted_and_not_compared(tmp_path, photos):
    blank = []
    for value in (250, 251):
        path = tmp_path / f"{value}.png"
        cv2.imwrite(str(path), np.full((64, 64, 3), value, np.uint8))
        blank.append(path)
    paths = [str(path) for path in (*photos[:3], *blank)]
    facts, _ = read_images(paths)
    found = near_duplicates(paths, [facts[path] for path in paths])
    assert (found.pairs, found.plain) == ([], [3, 4])


@pytest.mark.parametrize("turn", TURNS)
def test_the_vector_of_a_turned_picture_needs_no_second_transform(photos, turn):
    thumbnail = cv2.resize(read_image(photos[0]), (32, 32))
    direct = vectors(frequencies(turned(thumbnail, turn)[None]))
    assert np.allclose(vectors(frequencies(thumbnail[None]), turn), direct, atol=1e-5)


def test_registration_gives_back_a_known_zoom_and_shift(photos):
    whole = cv2.resize(read_image(photos[0]), (128, 128))
    known = np.float32([[0.95, 0, 4], [0, 0.95, 2]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    piece = cv2.warpAffine(whole, known, (128, 128), flags=flags)
    start = np.float32([[0.96, 0, 3], [0, 0.96, 1.5]])
    warp, value = register(grey(piece), grey(whole), start)
    assert np.abs(warp - known).max() < 0.1  # pixels
    assert value > 0.95 > agreement(grey(piece), grey(whole), start)


def test_a_map_means_the_same_at_another_size():
    # Half the size: the corner at -0.5 stays, and 4 pixels are 2.
    warp = rescaled(np.float32([[1, 0, 4], [0, 1, 0]]), 0.5)
    assert np.allclose(warp, [[1, 0, 2], [0, 1, 0]])
    zoom = rescaled(np.float32([[0.5, 0, 7.75], [0, 0.5, 7.75]]), 2)
    assert np.allclose(zoom, [[0.5, 0, 15.75], [0, 0.5, 15.75]])


def test_a_picture_that_was_made_smaller_before_is_squeezed_to_the_same(photos):
    large = cv2.resize(read_image(photos[0]), (1300, 1100))
    small = shrunk(large, ENOUGH_PX)
    assert small.shape == (384, 384, 3)
    for side in SIDES_PX:
        apart = np.abs(squeeze(small, side).astype(int) - squeeze(large, side))
        assert apart.max() <= 2  # of 255, by rounding twice
    assert shrunk(large[:200], 384).shape == (200, 384, 3)
    assert shrunk(large[:200, :300], 384).shape == (200, 300, 3)
