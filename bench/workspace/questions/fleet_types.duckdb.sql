SELECT RawEventName, count(*) AS Events, max(TimeGenerated) AS "Last" FROM raw_event GROUP BY RawEventName
