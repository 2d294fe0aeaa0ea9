"""Providers as sources name them."""

from typing import Final

UNSAID: Final = "_OTHER"
"""For logs that name a model and not whose it is: the conventions' word for a provider that is none of theirs, by which
a ledger lets the model's name tell."""
