"""Bytes on disk: written completely or not at all, locked, and checked before they are trusted.

`writing` writes to a temporary name and renames; every file that a command writes goes through it. `lock` keeps a
second process on this machine out of a work folder; `archive` checks .keras archives from strangers;
`tensorflow_errors` translates TensorFlow's errors of a full disk.

Start with `writing.replacing`.
May import: errors.
"""
