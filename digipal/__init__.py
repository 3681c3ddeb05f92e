"""DigiPal: a virtual pet that hatches, learns, grows and remembers, kept in one SQLite file."""
