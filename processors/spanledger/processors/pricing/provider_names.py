"""Whose price list a provider's name means: the names of the conventions and those seen in the wild.

The names are data (`overlay.toml`). They are compared without case and without `_`, `-` and blanks (`x_ai`, `x-ai` and
`xAI` are one name). What follows a dot is a flavour of the interface (`openai.responses`, `aws.bedrock`,
`azure.ai.openai`) and is cut off from the right until a name is known. There is no search for similar names: a name
not listed is unknown.
"""

from collections.abc import Mapping
from typing import Final

_LENGTH_MAX: Final = 100
"""No provider has a longer name. It bounds the work that a name of a million dots makes."""
_SEPARATORS: Final = str.maketrans("", "", "_- ")


def comparable(name: str) -> str:
    """Reduce a provider's name to the form in which names are compared."""
    return name.casefold().translate(_SEPARATORS)


def find_provider(name: str, known: Mapping[str, str]) -> str | None:
    """Find the provider a name means, or None for a name nobody listed.

    `known`: id of a provider by each of its names, in the form in which they are compared.
    """
    part = comparable(name) if len(name) <= _LENGTH_MAX else ""
    while part:
        if (provider := known.get(part)) is not None:
            return provider
        part = part.rpartition(".")[0]
    return None
