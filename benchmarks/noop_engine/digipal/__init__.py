"""An engine whose operations do nothing: what is measured of it is the harness's own cost."""
