-- Return the sum of what all processes have counted.
select series, value from receiver.totals
