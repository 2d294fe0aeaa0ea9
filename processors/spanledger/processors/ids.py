"""Trace and span ids: columns of bytes, as text and as numbers."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.any_value import NO_TEXT

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

NO_PARENT: Final = pa.scalar(bytes(SPAN_ID_BYTES))
NO_ID: Final = pa.scalar(None, pa.binary())

_HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def hex_text(ids: pa.BinaryArray, length: int) -> pa.StringArray:
    """Ids of `length` bytes as lower-case hex; NULL for those of another length (a root has no parent)."""
    count = len(ids)
    lengths = pc.binary_length(ids).fill_null(0).to_numpy(zero_copy_only=False)
    right = lengths == length
    raw = np.zeros((count, length), np.uint8)
    raw[right] = fixed_bytes(ids.filter(pa.array(right)) if not right.all() else ids, length)
    offsets = pa.py_buffer((np.arange(count + 1) * 2 * length).astype(np.int32))
    texts = pa.StringArray.from_buffers(count, offsets, pa.py_buffer(_HEX[raw].view(np.uint8)))
    return texts if right.all() else pc.if_else(pa.array(right), texts, NO_TEXT)


def parents_text(ids: pa.BinaryArray) -> pa.StringArray:
    """Parents as hex; NULL for a root, which some senders write as an id of zeros."""
    root = pc.equal(ids, NO_PARENT)
    return hex_text(pc.if_else(root, NO_ID, ids) if root.true_count else ids, SPAN_ID_BYTES)


def fixed_bytes(ids: pa.BinaryArray, length: int) -> npt.NDArray[np.uint8]:
    """The bytes of ids that all have the same length, as a matrix rows × `length`."""
    first = int(np.frombuffer(ids.buffers()[1], np.int32)[ids.offset]) if len(ids) else 0
    data = np.frombuffer(ids.buffers()[2] or b"", np.uint8)
    return data[first : first + len(ids) * length].reshape(len(ids), length)


def is_id(ids: pa.BinaryArray, length: int) -> npt.NDArray[np.bool_]:
    """Ids of the right length that are not all zero (the specification's definition of a valid id)."""
    lengths = pc.binary_length(ids).fill_null(0).to_numpy(zero_copy_only=False)
    zero = pc.equal(ids, bytes(length)).fill_null(True).to_numpy(zero_copy_only=False)
    return np.asarray((lengths == length) & ~zero)
