-- A job knows the trace of the delivery that made it, if deliveries are traced.
--
-- Processes of version 0.9 neither write nor read this.
alter table receiver.jobs
    -- A `traceparent` of W3C Trace Context: the span of the delivery. The first attempt continues its trace.
    add column if not exists traceparent text;
