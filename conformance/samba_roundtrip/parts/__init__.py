"""What is compared, a file for each subject: every function `check_...` of it is run in both directions."""
