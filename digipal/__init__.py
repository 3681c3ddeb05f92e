"""DigiPal: a virtual pet that hatches, learns, grows and remembers, kept in one SQLite file."""

import logging

# what a library logs is for its users to show: without this Python would print it to stderr by itself
logging.getLogger(__name__).addHandler(logging.NullHandler())
