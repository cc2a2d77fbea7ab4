"""Budgets, rules, locks, differences, and tables that keep documents true.

Stands on the reports: what a budget names is what a command's JSON prints.
"""
