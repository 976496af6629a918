"""Runtime client for Python functions.

Modules that run on every cold start (`main`, `environment`, `output`, `handler`, `client`, `payload`, `context`)
import built-in C modules only: `os` costs 1 ms, `json` 7 ms, `traceback` 8 ms, `logging` 13 ms. What is needed for
errors, log records or snapshots alone is imported when it happens (`faults`, `records`, `exotic`, `snapshot`, `renewal`).
A process that waits for a function (`cell`) has time to load all that and more (`preload`).
"""
