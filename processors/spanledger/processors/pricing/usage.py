"""What a call used, as arrays of counts, and whether the counts can be true.

Counts are inclusive (`schema`). A count that was not said reads 0; where that is not enough, the call is `missing`.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.schema import Batch

Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

COUNT_MAX: Final = 10**15
"""No call has a quadrillion tokens; below it, sums of all counts of a call are far from overflowing 64 bits."""

SUM: Final = r"(^|,)sum(,|$)"
"""How `flags` says that a row adds up several calls."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The counts of a batch of calls, each an array with one entry per call.

    `missing`: too little was said to price the call. `impossible`: the counts contradict each other or the world.
    `overlap_unsaid`: nothing says how much of the audio, or of the images, was read from the cache. `is_sum`: it is
    what several calls used; `prompt` is the size of the prompt by which a price is chosen, then not known, and 0.
    """

    input: Integers
    prompt: Integers
    cache_read: Integers
    cache_write: Integers
    cache_write_5m: Integers
    cache_write_1h: Integers
    input_audio: Integers
    cache_read_audio: Integers
    input_image: Integers
    output: Integers
    reasoning: Integers
    output_audio: Integers
    output_image: Integers
    web_searches: Integers
    audio_seconds: Integers
    missing: Mask
    impossible: Mask
    overlap_unsaid: Mask
    is_sum: Mask


def read_usage(batch: Batch, audio_seconds_min: Integers | None = None) -> Usage:
    """Read the counts of a batch and check them; of audio at least `audio_seconds_min` are charged, if any.

    All cache writes default to those of a known lifetime, all audio to the cached audio. The prompt's size is needed
    always, or how long it takes to listen to; the output's is not (embeddings have none, a failed call may have none)
    unless parts of it are said. A record that says it is incomplete is believed: a stream that was left early reports
    fewer tokens than are billed. Reasoning above the output is impossible: it proves an output without reasoning, which
    would be priced too low.
    """
    input_tokens, input_said = _counts(batch, "input_tokens")
    cache_read, _ = _counts(batch, "cache_read_tokens")
    cache_write, cache_write_said = _counts(batch, "cache_write_tokens")
    cache_write_5m, _ = _counts(batch, "cache_write_5m_tokens")
    cache_write_1h, _ = _counts(batch, "cache_write_1h_tokens")
    input_audio, input_audio_said = _counts(batch, "input_audio_tokens")
    cache_read_audio, cache_read_audio_said = _counts(batch, "cache_read_audio_tokens")
    input_image, _ = _counts(batch, "input_image_tokens")
    output, output_said = _counts(batch, "output_tokens")
    reasoning, _ = _counts(batch, "reasoning_tokens")
    output_audio, _ = _counts(batch, "output_audio_tokens")
    output_image, _ = _counts(batch, "output_image_tokens")
    web_searches, _ = _counts(batch, "web_searches")
    audio_seconds, audio_seconds_said = _counts(batch, "audio_seconds")

    if audio_seconds_min is not None and audio_seconds_min.any():
        audio_seconds = np.where(audio_seconds > 0, np.maximum(audio_seconds, audio_seconds_min), audio_seconds)
    counts = np.stack(
        (
            *(input_tokens, cache_read, cache_write, cache_write_5m, cache_write_1h),
            *(input_audio, cache_read_audio, input_image),
            *(output, reasoning, output_audio, output_image, web_searches, audio_seconds),
        )
    )
    absurd = (counts.min(axis=0) < 0) | (counts.max(axis=0) > COUNT_MAX)
    cache_write = np.where(cache_write_said, cache_write, cache_write_5m + cache_write_1h)
    input_audio = np.where(input_audio_said, input_audio, cache_read_audio)
    incomplete: Mask = batch.column("partial").fill_null(False).to_numpy()
    is_sum = _sums(batch)
    output_parts_only = (reasoning + output_audio + output_image) > 0
    return Usage(
        input=input_tokens,
        prompt=np.where(is_sum, 0, input_tokens),
        cache_read=cache_read,
        cache_write=cache_write,
        cache_write_5m=cache_write_5m,
        cache_write_1h=cache_write_1h,
        input_audio=input_audio,
        cache_read_audio=cache_read_audio,
        input_image=input_image,
        output=output,
        reasoning=reasoning,
        output_audio=output_audio,
        output_image=output_image,
        web_searches=web_searches,
        audio_seconds=audio_seconds,
        missing=incomplete | ~(input_said | audio_seconds_said) | (~output_said & output_parts_only),
        impossible=absurd
        | (cache_read + cache_write > input_tokens)
        | (cache_write_5m + cache_write_1h > cache_write)
        | (cache_read_audio > cache_read)
        | (cache_read_audio > input_audio)
        | (input_audio + input_image > input_tokens)
        | (reasoning > output)
        | (output_audio + output_image > output),
        overlap_unsaid=(cache_read > 0) & ((~cache_read_audio_said & (input_audio > 0)) | (input_image > 0)),
        is_sum=is_sum,
    )


def _counts(batch: Batch, name: str) -> tuple[Integers, Mask]:
    """A column as (counts with 0 for NULL, whether a count was said)."""
    column: pa.ChunkedArray = batch.column(name)
    if not column.null_count:
        return column.to_numpy(), np.ones(len(column), dtype=np.bool_)
    return column.fill_null(0).to_numpy(), column.is_valid().to_numpy()


def _sums(batch: Batch) -> Mask:
    """The rows whose flags say that they are sums."""
    flags: pa.ChunkedArray = batch.column("flags")
    if flags.null_count == len(flags):
        return np.zeros(len(flags), dtype=np.bool_)
    said = pc.match_substring_regex(flags.cast(pa.string()), SUM).fill_null(False)
    return np.asarray(said.to_numpy(), dtype=np.bool_)
