"""Other machines, by way of dask.distributed: processes are started there, and their bytes carried. Nothing more."""
