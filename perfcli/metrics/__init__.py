"""What is measured and how it is computed: pure functions, no I/O, no clock."""
