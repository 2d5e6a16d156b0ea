-- Return the time.
select now()
