"""Budgets, rules, locks, differences, claims: what a design may cost and what changed.

Stands on the reports: what a budget names is what a command's JSON prints.
"""
