"""Pictures, label maps and data sets that tests in several folders build upon."""
