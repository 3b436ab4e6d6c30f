"""Rows of tensors on disk, found again by key, whatever happens to the process."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmleaves.whole_files import sweep, write_whole

KEY_BYTES = 20


class FeatureStore:
    """A folder of files that each hold some rows, and are never changed.

    A file comes to its name when it is whole and on the disk, so that a process that is
    killed leaves no half of one. Each process writes files of its own. What two
    processes compute at once stands there twice, and does no harm.

    Args:
        folder: Where the files are; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[Path, list[Tensor]] = {}
        self._rows: dict[bytes, tuple[Path, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    @property
    def nbytes(self) -> int:
        """Size of all the files."""
        return sum(path.stat().st_size for path in self._files)

    def refresh(self) -> None:
        """Find what other processes have added."""
        for path in sorted(self.folder.glob("*.safetensors")):
            if path not in self._files:
                self._open(path)

    def _open(self, path: Path) -> None:
        try:
            with safe_open(path, "pt") as file:
                keys = file.get_tensor("keys")
                names = sorted(set(file.keys()) - {"keys"})
                # Mapped, not read: a row comes from the disk when it is asked for.
                self._files[path] = [file.get_tensor(name) for name in names]
        except SafetensorError as error:
            raise ValueError(
                f"{path}: found a damaged file of features ({error}). Delete it; what "
                "it held is computed again."
            ) from error
        packed = keys.numpy().tobytes()
        for row in range(len(keys)):
            key = packed[row * KEY_BYTES : (row + 1) * KEY_BYTES]
            self._rows.setdefault(key, (path, row))

    def add(self, keys: Sequence[bytes], tensors: Sequence[Tensor]) -> None:
        """Write rows to the disk.

        Args:
            keys: One of `KEY_BYTES` for each row.
            tensors: With a row for each key; of the same shapes and types at each call.
        """
        packed = torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8)
        contents = {"keys": packed.view(len(keys), KEY_BYTES)}
        for i, tensor in enumerate(tensors):
            contents[f"features{i:02}"] = tensor.contiguous()
        path = self.folder / f"{uuid4().hex}.safetensors"
        content = save(contents)
        write_whole(
            path, lambda file: file.write_bytes(content), size_bytes=len(content)
        )
        self._open(path)

    def take(self, keys: Iterable[bytes]) -> list[Tensor]:
        """Return the rows of the keys, in their order, one tensor for each of `add`'s.

        Raises:
            KeyError: If there is no such row.
        """
        places = [self._rows[key] for key in keys]
        count = len(self._files[places[0][0]])
        return [
            torch.stack([self._files[path][i][row] for path, row in places])
            for i in range(count)
        ]

    def sweep(self) -> None:
        """Delete what processes that are gone have left unfinished."""
        sweep(self.folder)
