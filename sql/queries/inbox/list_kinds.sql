-- List the kinds of events that there are: type, source and account. The type is empty for those in quarantine.
select type, source, account from receiver.kinds order by type, source, account
