SELECT DeviceId, count(*) AS Events FROM raw_event
WHERE TimeGenerated > {now} - 864000000000 AND (contains(lower(f_CommandLine), '/tmp/runc-process77') OR contains(lower(EventDetails), '/tmp/runc-process77')) GROUP BY DeviceId
