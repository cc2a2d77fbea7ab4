"""The proof that verify gives, and what it must notice."""
