"""The weights store: checkpoints come in whole and known, or not at all.

`WeightsStore` does everything that can be done with the files; beside them it keeps, in the folder `.store`, what was
seen of each (`record.py`), what has come so far of a download (`part.py`), and a lock per file (`locking.py`).
"""
