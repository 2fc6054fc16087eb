SELECT DeviceId, max(TimeGenerated) AS "Last", count(*) AS Events FROM raw_event GROUP BY DeviceId
HAVING max(TimeGenerated) < {now} - 72000000000
