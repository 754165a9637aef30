"""The status block: what a client shows on a terminal besides its lines, and the keys that it takes.

``figures`` counts, ``status`` holds all that is shown, and ``layout`` makes rows of it: these three are pure.
``terminal`` writes, ``keyboard`` reads, ``handing`` gives a URL to the clipboard or the browser, and ``screen`` runs it
all.  Imports what the command line may.
"""
