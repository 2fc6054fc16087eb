SELECT DeviceId, count(*) AS Events FROM raw_event
WHERE TimeGenerated > {now} - 864000000000 AND instr(lower(EventDetails), '/tmp/runc-process77') > 0 GROUP BY DeviceId
