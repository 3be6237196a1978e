"""A local market that answers like the documented service and knows the right answer.

It imports nothing of `core`, `market` or `history`: its truth must not share their mistakes.
"""
