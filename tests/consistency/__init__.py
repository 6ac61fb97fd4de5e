"""What people do in tests/test_consistency.py, and how all of it is compared."""
