"""The city's plan: its numbers and what they come to. Pure; rows are `cases.plan_rows`."""
