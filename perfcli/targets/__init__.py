"""What is driven: one protocol, one file per target; the only room that imports digipal."""
