SELECT RawEventName, count(*) AS Events, max(TimeGenerated) FROM raw_event GROUP BY RawEventName
