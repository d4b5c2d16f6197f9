"""Floor 1: the standard's rules on plain values. No files, no network, no framework, no logging.

What lives here: how objects link, what a grid or a contour is, how masks, doses and DVHs follow from them, and
the codes that tell a person why. What does not: anything that opens, writes, asks or schedules.
"""
