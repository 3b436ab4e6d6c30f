"""The frozen beginning of a classifier: run as inference, or not run at all."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmleaves.cache.border import (
    BorderReached,
    Course,
    follow,
    repeated,
    replaced,
    tensors_in,
    with_tensors,
)
from mmleaves.cache.folded_norms import FoldedNorms, Methods

# What two ways to one result may differ by, of the largest value.
_RTOL = 1e-4


@dataclass(frozen=True)
class Features:
    """What a frozen trunk made of images, given to the model in their place.

    Args:
        tensors: As of `FrozenTrunk.features`.
        image_shape: (C, H, W) of the images.
    """

    tensors: list[Tensor]
    image_shape: tuple[int, int, int]


class FrozenTrunk:
    """What comes before the first trained module, cut off from the rest.

    The border is found by following the model once: it lies behind the last of the
    frozen modules that are called before any that is trained. `extract_feat`, in the
    place of the model's own, has two ways past them. From images, they are run
    without autograd, and with BatchNorm folded into the convolution before it. From
    `Features` they are not run at all.

    The modules stay where they are, so that checkpoints, hooks and hashes see the same
    model as ever. Their weights must not change while this is in use.

    Args:
        model: A classifier of MMPretrain's that has a backbone.
        frozen: Names of the modules of which nothing is trained and which behave as in
            evaluation, those inside of them included.
        images: Two or more as the model gets them, (N, C, H, W), to try the cut with.

    Raises:
        ValueError: If nothing is frozen before what is trained, or the rest of the
            model needs more than what the frozen part gives; says which.
    """

    def __init__(
        self, model: nn.Module, frozen: Collection[str], images: Tensor
    ) -> None:
        self._frozen = frozenset(frozen)
        self._modules = dict(model.named_modules())
        self._extract = model.extract_feat
        self._backbone = type(model.backbone).__name__
        self._courses: dict[tuple[int, ...], Course] = {}
        self._folded = None
        training = model.training
        # To try it must move no statistics.
        model.eval()
        # TF32, to which a GPU rounds unasked, would hide what is looked for.
        exactly = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        try:
            with torch.no_grad(), exactly:
                course = self._course(images)
                names = {module: name for name, module in self._modules.items()}
                self.border: str = names[course.calls[-1].module]
                self._try_the_cut(images)
                self._folded = self._try_to_fold(course, images)
        finally:
            model.train(training)

    @property
    def folds(self) -> bool:
        """Whether BatchNorm is folded into convolutions."""
        return self._folded is not None

    def features(self, images: Tensor) -> list[Tensor]:
        """Return what the frozen modules make of images.

        Args:
            images: As the model gets them, (N, C, H, W).

        Returns:
            One tensor or more, with a row for each image.
        """
        # Those that compute an activation as well, on a CPU, make numbers of NaN.
        folds = self._folded is not None and (
            images.device.type != "cpu"
            or bool(images.sum(dtype=torch.float32).isfinite())
        )
        return self._features(images, self._folded.methods() if folds else {})

    def _features(self, images: Tensor, instead: Methods) -> list[Tensor]:
        course = self._course(images)
        border = course.calls[-1].module
        own = instead.get((border, "forward"), border.forward)
        # A module may be called more than once before the border.
        left = [call.module for call in course.calls].count(border)

        def forward(*args: object, **kwargs: object) -> object:
            nonlocal left
            left -= 1
            output = own(*args, **kwargs)
            if left == 0:
                raise BorderReached(output)
            return output

        try:
            with torch.no_grad(), replaced({**instead, (border, "forward"): forward}):
                self._extract(images)
        except BorderReached as reached:
            return tensors_in(reached.args[0])
        raise AssertionError("a second forward pass took another course")

    def extract_feat(
        self, inputs: Tensor | Features, *args: object, **kwargs: object
    ) -> object:
        """Return what the model's own method does, which this takes the place of.

        Args:
            inputs: Images, (N, C, H, W), or what was made of them.
            *args: As the model's own takes them.
            **kwargs: As the model's own takes them.
        """
        if torch.is_tensor(inputs):
            inputs = Features(self.features(inputs), tuple(inputs.shape[1:]))
        return self._from_features(inputs, 0, *args, **kwargs)

    def _from_features(
        self, inputs: Features, blank: float, *args: object, **kwargs: object
    ) -> object:
        """Return what the rest of the model makes of the border's output.

        Args:
            inputs: That output.
            blank: What stands in for the images, and for all other frozen outputs.
            *args: As of `extract_feat`.
            **kwargs: As of `extract_feat`.
        """
        tensors = inputs.tensors
        if not torch.is_autocast_enabled(tensors[0].device.type):
            # They may have been made where it was.
            tensors = [t.float() if t.is_floating_point() else t for t in tensors]
        course = self._courses[inputs.image_shape]
        count = len(tensors[0])
        # Nothing that counts comes from any but the last.
        outputs = [(c.module, repeated(c.output, count, blank)) for c in course.calls]
        border, output = outputs.pop()
        outputs.append((border, with_tensors(output, tensors)))
        outputs.reverse()

        def replay(module: nn.Module) -> Callable:
            own = module.forward

            def forward(*args: object, **kwargs: object) -> object:
                if outputs and outputs[-1][0] is module:
                    return outputs.pop()[1]
                # Called again behind the border, as an activation may be.
                return own(*args, **kwargs)

            return forward

        # Of the type that images have, which may be resized on their way.
        shape, device = (1, *inputs.image_shape), tensors[0].device
        image = torch.full(shape, blank, dtype=torch.float32, device=device)
        images = image.expand(count, *inputs.image_shape)
        calls = {(c.module, "forward"): replay(c.module) for c in course.calls}
        with replaced(calls):
            return self._extract(images, *args, **kwargs)

    def _course(self, images: Tensor) -> Course:
        """Return the course that images of this size take."""
        shape = tuple(images.shape[1:])
        if shape not in self._courses:
            course = follow(lambda: self._extract(images), self._modules, self._frozen)
            if not course.calls:
                raise ValueError(
                    f"Nothing of {self._backbone} is frozen before what is trained."
                )
            self._courses[shape] = course
        return self._courses[shape]

    def _try_to_fold(self, course: Course, images: Tensor) -> FoldedNorms | None:
        if not course.norms:
            return None
        before = self.features(images)
        # A convolution's output may go elsewhere too, before BatchNorm, and that of
        # BatchNorm before its activation.
        for activations in (course.activations, {}):
            folded = FoldedNorms(course.norms, activations)
            after = self._features(images, folded.methods(marks=True))
            if all(map(near, before, after)):
                return folded
        return None

    def _try_the_cut(self, images: Tensor) -> None:
        whole = tensors_in(self._extract(images))
        features = self.features(images)
        if any(t.ndim == 0 or len(t) != len(images) for t in features):
            raise ValueError(
                f"The output of {self.border}, the last of {self._backbone} that is "
                f"frozen, is of the shapes {[tuple(t.shape) for t in features]}, "
                f"expected a row for each of {len(images)} images."
            )
        given = Features(features, tuple(images.shape[1:]))
        try:
            cut = tensors_in(self._from_features(given, 0))
            # Before it is trained, a branch may give nearly nothing for any image, so
            # that black ones pass for those that it needs. NaN passes for nothing.
            marked = tensors_in(self._from_features(given, torch.nan))
        except RuntimeError:  # of shapes that do not go together
            cut, marked = [], []
        if (
            [t.shape for t in whole] != [t.shape for t in cut]
            or not all(map(near, whole, cut))
            or any(t.isnan().any() for t in marked)
        ):
            raise ValueError(
                f"What is trained of {self._backbone} needs more than the output of "
                f"{self.border}, the last that is frozen, so it cannot do without the "
                "frozen part."
            )


def near(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors of one shape are the same but for rounding."""
    return bool((a - b).abs().max() <= _RTOL * a.abs().max())
